/** The SQL of usages: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export async function usageOfProvider(sql: Sql, providerId: string): Promise<Readonly<Record<string, number>>> {
  const rows = await sql<{ resourceClass: string; used: number }[]>`
    select resource_class, used from placement.inventories where provider_id = ${providerId} order by resource_class`
  return Object.fromEntries(rows.map(({ resourceClass, used }) => [resourceClass, used]))
}

export interface ProjectUsage {
  /** Null where types are not told apart, or the consumers have none. */
  readonly type: string | null
  readonly resourceClass: string
  readonly used: number
  /** Consumers of that type, whatever they use. */
  readonly consumers: number
}

/**
 * @param byType one row a type and class; one a class otherwise
 * @param type only consumers of this type; null is those without one
 */
export async function usageOfProject(
  sql: Sql,
  { projectId, userId, byType, type }: { projectId: string; userId?: string; byType: boolean; type?: string | null },
): Promise<readonly ProjectUsage[]> {
  const grouping = byType ? sql`c.type` : sql`null::text`
  return await sql<ProjectUsage[]>`
    with mine as (
      select c.id, ${grouping} as type from placement.consumers c
       where c.project_id = ${projectId}
         ${userId === undefined ? sql`` : sql`and c.user_id = ${userId}`}
         ${type === undefined ? sql`` : sql`and c.type is not distinct from ${type}`}
    )
    select mine.type, a.resource_class, sum(a.used)::bigint as used,
           (select count(*) from mine same where same.type is not distinct from mine.type) as consumers
      from mine join placement.allocations a on a.consumer_id = mine.id
     group by mine.type, a.resource_class order by mine.type nulls last, a.resource_class`
}
