/** Quotas in SQL. They are counted and enforced by triggers: migrations/0002-quotas.sql. */
import type { Sql } from '../../database/database.ts'

export interface QuotaRow {
  readonly resource: string
  readonly limit: number
  readonly used: number
}

/** Every resource's limit and use in one project. */
export async function ofProject(sql: Sql, projectId: string): Promise<readonly QuotaRow[]> {
  return await sql<QuotaRow[]>`
    select preset.resource, coalesce(own.max_count, preset.max_count) as limit, coalesce(usage.used, 0) as used
      from network.quota_defaults preset
      left join network.quotas own on own.resource = preset.resource and own.project_id = ${projectId}
      left join network.quota_usages usage on usage.resource = preset.resource and usage.project_id = ${projectId}
     order by preset.resource`
}

export async function defaults(sql: Sql): Promise<readonly { resource: string; limit: number }[]> {
  return await sql<{ resource: string; limit: number }[]>`
    select resource, max_count as limit from network.quota_defaults order by resource`
}

/** Projects with limits of their own. */
export async function projectsWithOwn(sql: Sql): Promise<readonly string[]> {
  const rows = await sql<{ projectId: string }[]>`select distinct project_id from network.quotas order by project_id`
  return rows.map(({ projectId }) => projectId)
}

export async function set(sql: Sql, projectId: string, limits: Readonly<Record<string, number>>): Promise<void> {
  await sql`
    insert into network.quotas (project_id, resource, max_count)
    select ${projectId}, own.resource, own.max_count
      from unnest(${Object.keys(limits)}::text[], ${Object.values(limits)}::integer[]) as own(resource, max_count)
    on conflict (project_id, resource) do update set max_count = excluded.max_count`
}

export async function forget(sql: Sql, projectId: string): Promise<void> {
  await sql`delete from network.quotas where project_id = ${projectId}`
}
