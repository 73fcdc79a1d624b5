/** The SQL of server groups: one function, one statement. A member is a server whose hint names the group. */
import type { Sql } from '../../database/database.ts'
import type { ScheduleGroup } from '../scheduler/index.ts'

export interface ServerGroup {
  readonly id: string
  readonly projectId: string
  readonly userId: string
  readonly name: string
  readonly policy: ScheduleGroup['policy']
  /** `max_server_per_host`, of anti-affinity. */
  readonly rules: { readonly max_server_per_host?: number }
  /** Ids of servers that are not deleted. */
  readonly members: readonly string[]
}

const columns = (sql: Sql) => sql`
  g.id, g.project_id, g.user_id, g.name, g.policy, g.rules,
  array(select s.id from compute.servers s
         where s.scheduler_hints ->> 'group' = g.id::text and s.deleted_at is null order by s.created_at, s.id) as members`

export async function findGroup(sql: Sql, id: string): Promise<ServerGroup | undefined> {
  const [found] = await sql<ServerGroup[]>`select ${columns(sql)} from compute.server_groups g where g.id = ${id}`
  return found
}

/** In the order in which they were made. */
export async function listGroups(
  sql: Sql,
  { projectId, limit, offset }: { projectId?: string; limit: number; offset: number },
): Promise<readonly ServerGroup[]> {
  return await sql<ServerGroup[]>`
    select ${columns(sql)} from compute.server_groups g
     ${projectId === undefined ? sql`` : sql`where g.project_id = ${projectId}`}
     order by g.number limit ${limit} offset ${offset}`
}

export async function insertGroup(sql: Sql, group: Omit<ServerGroup, 'members'>): Promise<void> {
  await sql`
    insert into compute.server_groups (id, project_id, user_id, name, policy, rules)
    values (${group.id}, ${group.projectId}, ${group.userId}, ${group.name}, ${group.policy}, ${sql.json(group.rules)})`
}

/** @returns whether it was there */
export async function deleteGroup(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from compute.server_groups where id = ${id}`
  return gone.count > 0
}

/** How many servers of a group are on each host, `without` one. */
export async function membersByHost(sql: Sql, id: string, without: string): Promise<Readonly<Record<string, number>>> {
  const rows = await sql<{ host: string; members: number }[]>`
    select host, count(*) as members from compute.servers
     where scheduler_hints ->> 'group' = ${id} and deleted_at is null and host is not null and id <> ${without}
     group by host`
  return Object.fromEntries(rows.map(({ host, members }) => [host, members]))
}

/** So that two requests do not both fill the last place; until the transaction ends. */
export async function lockGroup(sql: Sql, id: string): Promise<void> {
  await sql`select from compute.server_groups where id = ${id} for update`
}
