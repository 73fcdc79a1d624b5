/** The SQL of quotas: one function, one statement. */
import type { Sql } from '../../database/database.ts'
import type { Usage } from './resources.ts'

/** Whose limit a row is: a user's in a project, a project's, or everybody's. */
export interface LimitRow {
  readonly owner: 'user' | 'project' | 'default'
  readonly resource: string
  readonly hardLimit: number
}

export async function limitsOf(sql: Sql, projectId: string, userId: string): Promise<readonly LimitRow[]> {
  return await sql<LimitRow[]>`
    select case when user_id = '' then 'project' else 'user' end as owner, resource, hard_limit
      from compute.quotas where project_id = ${projectId} and user_id in ('', ${userId})
    union all
    select 'default', resource, hard_limit from compute.quota_classes where class = 'default'`
}

export async function limitsOfClass(sql: Sql, name: string): Promise<readonly LimitRow[]> {
  return await sql<LimitRow[]>`
    select 'default' as owner, resource, hard_limit from compute.quota_classes where class = ${name}`
}

/** @param userId only what this user has in the project */
export async function usageOf(sql: Sql, projectId: string, userId?: string): Promise<Usage> {
  const whose = sql`project_id = ${projectId} ${userId === undefined ? sql`` : sql`and user_id = ${userId}`}`
  const [row] = await sql<[{ instances: number; cores: number; ram: number; groups: number }]>`
    select count(*) as instances, coalesce(sum(vcpus), 0)::bigint as cores, coalesce(sum(ram_mib), 0)::bigint as ram,
           (select count(*) from compute.server_groups where ${whose}) as groups
      from compute.servers where ${whose} and deleted_at is null`
  const { groups, ...counted } = row
  return { ...counted, server_groups: groups }
}

/** What two requests of one project must not both count before the other has written; until the transaction ends. */
export async function lockProject(sql: Sql, projectId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('compute.quotas'), hashtext(${projectId}))`
}

export async function setLimits(
  sql: Sql,
  projectId: string,
  userId: string,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  await sql`
    insert into compute.quotas (project_id, user_id, resource, hard_limit)
    select ${projectId}, ${userId}, resource, hard_limit
      from unnest(${Object.keys(limits)}::text[], ${Object.values(limits)}::integer[]) as l (resource, hard_limit)
    on conflict (project_id, user_id, resource) do update set hard_limit = excluded.hard_limit`
}

/** @param userId only this user's; all of the project, users' too, where none is given */
export async function resetLimits(sql: Sql, projectId: string, userId?: string): Promise<void> {
  await sql`
    delete from compute.quotas
     where project_id = ${projectId} ${userId === undefined ? sql`` : sql`and user_id = ${userId}`}`
}

export async function setClassLimits(sql: Sql, name: string, limits: Readonly<Record<string, number>>): Promise<void> {
  await sql`
    insert into compute.quota_classes (class, resource, hard_limit)
    select ${name}, resource, hard_limit
      from unnest(${Object.keys(limits)}::text[], ${Object.values(limits)}::integer[]) as l (resource, hard_limit)
    on conflict (class, resource) do update set hard_limit = excluded.hard_limit`
}
