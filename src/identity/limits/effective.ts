/**
 * What a project may have of a service's resources: its own limit, or the default that is registered. For services that
 * enforce them. Source: oslo_limit/limit.py, whose flat model this is
 */
import type { Sql } from '../../database/database.ts'

/** Limits by name of the resource; what is not registered is missing. -1 is unlimited. */
export async function effectiveLimits(
  sql: Sql,
  { serviceType, region, projectId }: { serviceType: string; region: string; projectId: string },
): Promise<ReadonlyMap<string, number>> {
  // A limit of the region comes last, and so counts, where there is one of no region, too.
  const rows = await sql<{ resourceName: string; most: number }[]>`
    select r.resource_name, coalesce(l.resource_limit, r.default_limit) as most
      from identity.registered_limits r
      join identity.services s on s.id = r.service_id and s.type = ${serviceType}
      left join identity.limits l on l.registered_limit_id = r.id and l.project_id = ${projectId}
     where r.region_id is null or r.region_id = ${region}
     order by r.region_id nulls first`
  return new Map(rows.map(({ resourceName, most }) => [resourceName, most]))
}
