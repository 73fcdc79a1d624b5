/** The SQL of hosts: one function, one statement. */
import type { HostFacts } from '../../agent/contract.ts'
import type { Sql } from '../../database/database.ts'
import type { HostName, ProviderId } from '../../ids.ts'

/** A host that was not heard of for so long is down. Source: nova's option service_down_time */
export const DOWN_AFTER_SECONDS = 60
/** The zone of hosts that are in no aggregate with a zone. Source: nova's option default_availability_zone */
export const DEFAULT_ZONE = 'nova'

export interface Host {
  readonly name: HostName
  readonly number: number
  readonly serviceId: string
  readonly providerId: ProviderId
  readonly enabled: boolean
  readonly disabledReason: string | null
  readonly forcedDown: boolean
  /** Heard of lately, and not forced down. */
  readonly up: boolean
  readonly lastSeenAt: Date | null
  readonly facts: HostFacts
  readonly availabilityZone: string
  readonly aggregateMetadata: readonly Readonly<Record<string, string>>[]
  /** Servers that are on it, and those of them with a task under way. */
  readonly servers: number
  readonly busyServers: number
  readonly updatedAt: Date
}

const hostColumns = (sql: Sql) => sql`
  h.name, h.number, h.service_id, h.provider_id, h.enabled, h.disabled_reason, h.forced_down, h.last_seen_at, h.facts,
  h.updated_at,
  not h.forced_down and coalesce(h.last_seen_at > now() - make_interval(secs => ${DOWN_AFTER_SECONDS}), false) as up`

/** By name; only those named where names are given. */
export async function listHosts(sql: Sql, names?: readonly string[]): Promise<readonly Host[]> {
  return await sql<Host[]>`
    select ${hostColumns(sql)},
           coalesce(a.zone, ${DEFAULT_ZONE}) as availability_zone, coalesce(a.metadata, '[]') as aggregate_metadata,
           coalesce(s.servers, 0) as servers, coalesce(s.busy, 0) as busy_servers
      from compute.hosts h
      left join (
        select m.host, max(g.metadata ->> 'availability_zone') as zone, jsonb_agg(g.metadata order by g.id) as metadata
          from compute.aggregate_hosts m join compute.aggregates g on g.id = m.aggregate_id group by m.host
      ) a on a.host = h.name
      left join (
        select host, count(*) as servers, count(task_state) as busy
          from compute.servers where deleted_at is null and host is not null group by host
      ) s on s.host = h.name
     ${names === undefined ? sql`` : sql`where h.name = any(${[...names]})`}
     order by h.name`
}

export interface SeenHost {
  readonly name: HostName
  readonly serviceId: string
  readonly providerId: ProviderId
  readonly enabled: boolean
}

/** Notes that a host lives and what it says of itself. The ids are used when it is new. */
export async function hostSeen(
  sql: Sql,
  host: { name: HostName; serviceId: string; providerId: ProviderId; facts: HostFacts },
): Promise<SeenHost> {
  const [seen] = await sql<[SeenHost]>`
    insert into compute.hosts (name, service_id, provider_id, facts, last_seen_at)
    values (${host.name}, ${host.serviceId}, ${host.providerId}, ${sql.json(host.facts as never)}, now())
    on conflict (name) do update set facts = excluded.facts, last_seen_at = now()
    returning name, service_id, provider_id, enabled`
  return seen
}

export interface HostChange {
  readonly enabled?: boolean
  readonly disabledReason?: string | null
  readonly forcedDown?: boolean
}

/** @returns whether there is such a host */
export async function changeHost(sql: Sql, name: HostName, change: HostChange): Promise<boolean> {
  const changed = await sql`
    update compute.hosts
       set enabled = ${change.enabled ?? sql`enabled`},
           disabled_reason = ${change.disabledReason === undefined ? sql`disabled_reason` : change.disabledReason},
           forced_down = ${change.forcedDown ?? sql`forced_down`},
           updated_at = now()
     where name = ${name}`
  return changed.count > 0
}

/** @returns whether there was such a host; none is removed while servers are on it */
export async function removeHost(sql: Sql, name: HostName): Promise<boolean> {
  const gone = await sql`
    delete from compute.hosts h
     where name = ${name}
       and not exists (select from compute.servers s where s.host = h.name and s.deleted_at is null)`
  return gone.count > 0
}

export async function serversOnHosts(
  sql: Sql,
  hosts: readonly HostName[],
): Promise<readonly { host: HostName; id: string; name: string }[]> {
  return await sql<{ host: HostName; id: string; name: string }[]>`
    select host, id, name from compute.servers
     where host = any(${[...hosts]}) and deleted_at is null order by created_at, id`
}

export interface ProjectOnHost {
  readonly projectId: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly diskGiB: number
}

/** What the servers of each project take on a host, by their flavors. */
export async function projectsOnHost(sql: Sql, host: string): Promise<readonly ProjectOnHost[]> {
  return await sql<ProjectOnHost[]>`
    select project_id, sum(vcpus)::bigint as vcpus, sum(ram_mib)::bigint as "ramMiB",
           sum(root_gib + ephemeral_gib)::bigint as "diskGiB"
      from compute.servers where host = ${host} and deleted_at is null group by project_id order by project_id`
}
