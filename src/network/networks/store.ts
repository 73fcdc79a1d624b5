/** Networks in SQL. */
import { type Sql, type Transaction, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { NetworkId, PortId, ProjectId, SubnetId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { Fragment } from '../resources/filters.ts'
import { behindMarker, type Listing, matching, ordered } from '../resources/listing.ts'
import { ofRevision } from '../resources/revision.ts'
import { type StandardRow, standardColumns } from '../resources/standard-attributes.ts'

export interface NetworkRow extends StandardRow {
  readonly id: NetworkId
  readonly name: string
  readonly adminStateUp: boolean
  readonly shared: boolean
  readonly external: boolean
  readonly mtu: number
  readonly segment: number
  readonly portSecurityEnabled: boolean
  readonly dnsDomain: string
  readonly availabilityZoneHints: readonly string[]
  readonly subnetIds: readonly SubnetId[]
  readonly hasDhcp: boolean
}

const SOURCE = 'network.networks n'
const COLUMNS = `${standardColumns('n')}, n.name, n.admin_state_up, n.shared, n.external, n.mtu, n.segment,
  n.port_security_enabled, n.dns_domain, n.availability_zone_hints,
  array(select s.id from network.subnets s where s.network_id = n.id order by s.created_at, s.id) as subnet_ids,
  exists (select from network.ports p where p.network_id = n.id and p.device_owner = 'network:dhcp') as has_dhcp`

/** Networks that a caller may see, by the alias `n`. Source: neutron/conf/policies/network.py get_network. */
export function visibleNetworks(sql: Sql, caller: Caller): Fragment {
  if (caller.isAdmin || caller.roles.includes('service')) return sql`true`
  const own = caller.roles.includes('reader') ? (caller.projectId ?? null) : null
  return sql`(n.project_id = ${own} or n.shared or n.external)`
}

export async function list(sql: Sql, caller: Caller, listing: Listing): Promise<readonly NetworkRow[]> {
  return await sql<NetworkRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where ${visibleNetworks(sql, caller)} and ${matching(sql, listing)} and (${behindMarker(sql, listing, SOURCE)})
     ${ordered(sql, listing)}`
}

export async function find(sql: Sql, ids: readonly string[], caller?: Caller): Promise<readonly NetworkRow[]> {
  return await sql<NetworkRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where n.id = any(${ids as string[]}::uuid[]) and ${caller === undefined ? sql`true` : visibleNetworks(sql, caller)}`
}

export interface NewNetwork {
  readonly id: NetworkId
  readonly projectId: ProjectId
  readonly name: string
  readonly description: string
  readonly adminStateUp: boolean
  readonly shared: boolean
  readonly external: boolean
  readonly mtu: number
  /** Absent: the next one. */
  readonly segment?: number
  readonly portSecurityEnabled: boolean
  readonly dnsDomain: string
  readonly availabilityZoneHints: readonly string[]
}

/**
 * One statement a network: an id of a segment that an administrator chose may stand in the sequence's way, and then the
 * next one is drawn.
 * @throws DomainError `network.network.segment-taken`, `network.quota.exceeded`
 */
export async function insert(tx: Transaction, network: NewNetwork): Promise<void> {
  for (;;) {
    const added = await tx`
      insert into network.networks (id, project_id, name, description, admin_state_up, shared, external, mtu, segment,
        port_security_enabled, dns_domain, availability_zone_hints)
      values (${network.id}, ${network.projectId}, ${network.name}, ${network.description}, ${network.adminStateUp},
        ${network.shared}, ${network.external}, ${network.mtu},
        ${network.segment === undefined ? tx`nextval('network.segments')` : network.segment},
        ${network.portSecurityEnabled}, ${network.dnsDomain}, ${network.availabilityZoneHints as string[]})
      on conflict on constraint networks_segment_taken do nothing`
    if (added.count === 1) return
    if (network.segment !== undefined) throw refusal('network.network.segment-taken', network.segment)
  }
}

export type NetworkChanges = Partial<
  Pick<
    NewNetwork,
    'name' | 'description' | 'adminStateUp' | 'shared' | 'external' | 'mtu' | 'portSecurityEnabled' | 'dnsDomain'
  >
>

/** @returns whether the network was there, in the revision that is wanted */
export async function update(
  tx: Transaction,
  id: NetworkId,
  changes: NetworkChanges,
  revision: number | undefined,
): Promise<boolean> {
  const written = await tx`
    update network.networks set ${tx(changes as Record<string, string>)},
           revision_number = revision_number + 1, updated_at = now()
     where id = ${id} and ${ofRevision(tx, revision)}`
  return written.count === 1
}

/** Ports that keep a network from being deleted: all but those that the cloud makes for itself. */
export async function portsOfUsers(tx: Transaction, id: NetworkId): Promise<readonly PortId[]> {
  const ports = await tx<{ id: PortId }[]>`
    select id from network.ports where network_id = ${id} and device_owner <> 'network:dhcp' order by id limit 100`
  return ports.map((port) => port.id)
}

export async function removeDhcpPort(tx: Transaction, id: NetworkId): Promise<void> {
  await tx`delete from network.ports where network_id = ${id} and device_owner = 'network:dhcp'`
}

/** The network with its subnets; its ports are gone. @throws DomainError `network.network.in-use` when one came meanwhile */
export async function remove(tx: Transaction, id: NetworkId, revision: number | undefined): Promise<boolean> {
  try {
    await tx`delete from network.subnets where network_id = ${id}`
    const gone = await tx`delete from network.networks where id = ${id} and ${ofRevision(tx, revision)}`
    return gone.count === 1
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === 'ports_network' || constraint === 'ip_allocations_subnet') {
      throw refusal('network.network.in-use', id, 'one that has just been made')
    }
    throw error
  }
}

/** Whether others than the owner have ports or subnets on the network. */
export async function usedByOthers(tx: Transaction, id: NetworkId): Promise<boolean> {
  const [row] = await tx<{ used: boolean }[]>`
    select exists (
      select from network.ports p join network.networks n on n.id = p.network_id
       where n.id = ${id} and p.project_id <> n.project_id and p.device_owner not like 'network:%'
      union all
      select from network.subnets s join network.networks n on n.id = s.network_id
       where n.id = ${id} and s.project_id <> n.project_id) as used`
  return row!.used
}

/** The highest IP version among a network's subnets; absent without any. */
export async function highestIpVersion(tx: Transaction, id: NetworkId): Promise<4 | 6 | undefined> {
  const [row] = await tx<{ version: 4 | 6 | null }[]>`
    select max(ip_version) as version from network.subnets where network_id = ${id}`
  return row?.version ?? undefined
}

/** The oldest network of a project with this name. */
export async function named(sql: Sql, name: string, projectId: ProjectId): Promise<NetworkRow | undefined> {
  const [row] = await sql<NetworkRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where n.name = ${name} and n.project_id = ${projectId} order by n.created_at limit 1`
  return row
}
