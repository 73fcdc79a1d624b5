/** The SQL of quotas. */
import type { Sql } from '../../database/database.ts'

/**
 * From here to the end of the transaction nobody else changes what the project uses: two creates cannot both take the
 * last unit.
 */
export async function lockUsage(tx: Sql, projectId: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`volume.quota ${projectId}`}, 0))`
}

export interface TypeUsage {
  readonly typeName: string
  readonly volumes: number
  readonly snapshots: number
  /** Of volumes and snapshots. */
  readonly gigabytes: number
}

/** What a project uses, by type. A volume being extended counts with the size it will have. */
export async function usageByType(sql: Sql, projectId: string): Promise<readonly TypeUsage[]> {
  return await sql<TypeUsage[]>`
    with used as (
      select type_id, 1 as volumes, 0 as snapshots, coalesce(extending_to_gib, size_gib) as gigabytes
        from volume.volumes where project_id = ${projectId}
      union all select type_id, 0, 1, size_gib from volume.snapshots where project_id = ${projectId})
    select t.name as type_name, sum(volumes)::int as volumes, sum(snapshots)::int as snapshots,
           sum(gigabytes)::float8 as gigabytes
      from used join volume.types t on t.id = used.type_id group by t.name`
}

export async function typeNames(sql: Sql): Promise<readonly string[]> {
  return (await sql<{ name: string }[]>`select name from volume.types order by created_at`).map((row) => row.name)
}

export interface LimitRow {
  readonly resource: string
  readonly hardLimit: number
}

export async function projectLimits(sql: Sql, projectId: string): Promise<readonly LimitRow[]> {
  return await sql<LimitRow[]>`select resource, hard_limit from volume.quotas where project_id = ${projectId}`
}

export async function classLimits(sql: Sql, className: string): Promise<readonly LimitRow[]> {
  return await sql<LimitRow[]>`select resource, hard_limit from volume.quota_classes where class_name = ${className}`
}

export async function setProjectLimits(sql: Sql, projectId: string, limits: readonly LimitRow[]): Promise<void> {
  const rows = limits.map(({ resource, hardLimit }) => ({ project_id: projectId, resource, hard_limit: hardLimit }))
  await sql`
    insert into volume.quotas ${sql(rows)}
    on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit`
}

export async function setClassLimits(sql: Sql, className: string, limits: readonly LimitRow[]): Promise<void> {
  const rows = limits.map(({ resource, hardLimit }) => ({ class_name: className, resource, hard_limit: hardLimit }))
  await sql`
    insert into volume.quota_classes ${sql(rows)}
    on conflict (class_name, resource) do update set hard_limit = excluded.hard_limit`
}

export async function removeProjectLimits(sql: Sql, projectId: string): Promise<void> {
  await sql`delete from volume.quotas where project_id = ${projectId}`
}
