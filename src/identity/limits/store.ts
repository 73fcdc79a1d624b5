/** Rows of `identity.registered_limits` and `identity.limits`. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import { invalid, limitTaken } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

/** What every project has of a resource, unless a limit says otherwise. */
export interface RegisteredLimit {
  readonly id: string
  readonly serviceId: string
  readonly regionId: string | null
  readonly resourceName: string
  readonly defaultLimit: number
  readonly description: string | null
}

/** What one project or domain has. */
export interface Limit {
  readonly id: string
  readonly registeredLimitId: string
  readonly serviceId: string
  readonly regionId: string | null
  readonly resourceName: string
  readonly projectId: string | null
  readonly domainId: string | null
  readonly resourceLimit: number
  readonly description: string | null
}

export const REGISTERED_LIMIT_FILTERS: Filterable = {
  service_id: { column: 'r.service_id', type: 'text' },
  region_id: { column: 'r.region_id', type: 'text' },
  resource_name: { column: 'r.resource_name', type: 'text' },
}

export const LIMIT_FILTERS: Filterable = {
  ...REGISTERED_LIMIT_FILTERS,
  project_id: { column: 'l.project_id', type: 'text' },
  domain_id: { column: 'l.domain_id', type: 'text' },
}

const registeredColumns = (sql: Sql) => sql`
  r.id, r.service_id, r.region_id, r.resource_name, r.default_limit, r.description`

const columns = (sql: Sql) => sql`
  l.id, l.registered_limit_id, r.service_id, r.region_id, r.resource_name, l.project_id, l.domain_id, l.resource_limit,
  l.description`

export async function findRegisteredLimit(sql: Sql, id: string): Promise<RegisteredLimit | undefined> {
  const [found] = await sql<RegisteredLimit[]>`
    select ${registeredColumns(sql)} from identity.registered_limits r where r.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockRegisteredLimit(sql: Sql, id: string): Promise<RegisteredLimit | undefined> {
  const [found] = await sql<RegisteredLimit[]>`
    select ${registeredColumns(sql)} from identity.registered_limits r where r.id = ${id} for update`
  return found
}

export async function listRegisteredLimits(sql: Sql, list: ListQuery): Promise<readonly RegisteredLimit[]> {
  return await sql<RegisteredLimit[]>`
    select ${registeredColumns(sql)} from identity.registered_limits r
     where true ${matching(sql, list)} ${paged(sql, list, 'r.id')}`
}

/** The default that a limit would differ from; it stays, and stays what it is for, until the transaction ends. */
export async function findReference(
  sql: Sql,
  { serviceId, regionId, resourceName }: Pick<RegisteredLimit, 'serviceId' | 'regionId' | 'resourceName'>,
): Promise<RegisteredLimit | undefined> {
  const [found] = await sql<RegisteredLimit[]>`
    select ${registeredColumns(sql)} from identity.registered_limits r
     where r.service_id = ${serviceId} and r.region_id is not distinct from ${regionId}
       and r.resource_name = ${resourceName} for key share`
  return found
}

export async function insertRegisteredLimit(sql: Sql, limit: RegisteredLimit): Promise<void> {
  await guarded(async () => {
    await sql`
      insert into identity.registered_limits (id, service_id, region_id, resource_name, default_limit, description)
      values (${limit.id}, ${limit.serviceId}, ${limit.regionId}, ${limit.resourceName}, ${limit.defaultLimit},
              ${limit.description})`
  })
}

export async function updateRegisteredLimit(sql: Sql, limit: RegisteredLimit): Promise<void> {
  await guarded(async () => {
    await sql`
      update identity.registered_limits
         set service_id = ${limit.serviceId}, region_id = ${limit.regionId}, resource_name = ${limit.resourceName},
             default_limit = ${limit.defaultLimit}, description = ${limit.description}
       where id = ${limit.id}`
  })
}

/** With the limits that differ from it. */
export async function deleteRegisteredLimit(sql: Sql, id: string): Promise<void> {
  await sql`delete from identity.registered_limits where id = ${id}`
}

export async function hasLimits(sql: Sql, registeredLimitId: string): Promise<boolean> {
  const rows = await sql`select 1 from identity.limits where registered_limit_id = ${registeredLimitId} limit 1`
  return rows.length > 0
}

export interface LimitWithDomain extends Limit {
  /** The domain of the limited project; null for a domain's limit. */
  readonly projectDomainId: string | null
}

export async function findLimit(sql: Sql, id: string): Promise<LimitWithDomain | undefined> {
  const [found] = await sql<LimitWithDomain[]>`
    select ${columns(sql)}, p.domain_id as project_domain_id
      from identity.limits l
      join identity.registered_limits r on r.id = l.registered_limit_id
      left join identity.projects p on p.id = l.project_id
     where l.id = ${id}`
  return found
}

/** @param only of one project, or of one domain and the projects in it */
export async function listLimits(
  sql: Sql,
  list: ListQuery,
  only: { projectId?: string | undefined; domainId?: string | undefined },
): Promise<readonly Limit[]> {
  const inDomain = sql`
    and (l.domain_id = ${only.domainId ?? null} or l.project_id in (
         select id from identity.projects where domain_id = ${only.domainId ?? null}))`
  return await sql<Limit[]>`
    select ${columns(sql)} from identity.limits l join identity.registered_limits r on r.id = l.registered_limit_id
     where true
       ${only.projectId === undefined ? sql`` : sql`and l.project_id = ${only.projectId}`}
       ${only.domainId === undefined ? sql`` : inDomain}
       ${matching(sql, list)} ${paged(sql, list, 'l.id')}`
}

/** Those of projects, by project. */
export async function listLimitsOf(sql: Sql, projectIds: readonly string[]): Promise<readonly Limit[]> {
  return await sql<Limit[]>`
    select ${columns(sql)} from identity.limits l join identity.registered_limits r on r.id = l.registered_limit_id
     where l.project_id = any(${[...projectIds]}) order by l.id`
}

export async function insertLimit(sql: Sql, limit: Limit): Promise<void> {
  await guarded(async () => {
    await sql`
      insert into identity.limits (id, registered_limit_id, project_id, domain_id, resource_limit, description)
      values (${limit.id}, ${limit.registeredLimitId}, ${limit.projectId}, ${limit.domainId}, ${limit.resourceLimit},
              ${limit.description})`
  })
}

/** Whether there is such a limit. */
export async function updateLimit(
  sql: Sql,
  id: string,
  change: { resourceLimit?: number | undefined; description?: string | null | undefined },
): Promise<boolean> {
  const changed = await sql`
    update identity.limits
       set resource_limit = coalesce(${change.resourceLimit ?? null}, resource_limit),
           description = case when ${change.description === undefined} then description else ${change.description ?? null} end
     where id = ${id}`
  return changed.count > 0
}

export async function deleteLimit(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.limits where id = ${id}`
  return gone.count > 0
}

async function guarded(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'registered_limits_once':
        throw limitTaken('registered limit')
      case 'limits_once':
        throw limitTaken('limit')
      case 'limits_project_id_fkey':
      case 'limits_domain_id_fkey':
        throw invalid('limit.target-unknown', 'The project or domain of the limit is gone.')
      default:
        throw error
    }
  }
}
