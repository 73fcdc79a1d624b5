/** Rows of `identity.policy_associations`: which stored policy is for which endpoints. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import { type Endpoint, endpointColumns } from '../endpoints/store.ts'
import { notFound } from '../errors.ts'
import { policyColumns, type StoredPolicy } from '../stored-policies/store.ts'

/** What a policy is for: an endpoint, a service, or a service in one region. */
export interface Place {
  readonly endpointId?: string
  readonly serviceId?: string
  readonly regionId?: string
}

const at = (sql: Sql, { endpointId = null, serviceId = null, regionId = null }: Partial<Nullable<Place>>) => sql`
  endpoint_id is not distinct from ${endpointId} and service_id is not distinct from ${serviceId}
  and region_id is not distinct from ${regionId}`
type Nullable<T> = { readonly [K in keyof T]: T[K] | null }

/** In place of the policy that was for it before. @throws DomainError not-found when one of the things is gone meanwhile */
export async function putAssociation(sql: Sql, policyId: string, place: Place): Promise<void> {
  const { endpointId = null, serviceId = null, regionId = null } = place as Partial<Nullable<Place>>
  try {
    await sql`
      insert into identity.policy_associations (policy_id, endpoint_id, service_id, region_id)
      values (${policyId}, ${endpointId}, ${serviceId}, ${regionId})
      on conflict on constraint policy_associations_once do update set policy_id = excluded.policy_id`
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'policy_associations_policy_id_fkey':
        throw notFound('policy', policyId)
      case 'policy_associations_endpoint_id_fkey':
        throw notFound('endpoint', endpointId!)
      case 'policy_associations_service_id_fkey':
        throw notFound('service', serviceId!)
      case 'policy_associations_region_id_fkey':
        throw notFound('region', regionId!)
      default:
        throw error
    }
  }
}

export async function hasAssociation(sql: Sql, policyId: string, place: Place): Promise<boolean> {
  const rows = await sql`
    select 1 from identity.policy_associations where policy_id = ${policyId} and ${at(sql, place)}`
  return rows.length > 0
}

/** Removing what is not there changes nothing. */
export async function deleteAssociation(sql: Sql, policyId: string, place: Place): Promise<void> {
  await sql`delete from identity.policy_associations where policy_id = ${policyId} and ${at(sql, place)}`
}

/** Endpoints that a policy is for: named themselves, or of its service, in its region or one below. */
export async function listEndpointsOfPolicy(sql: Sql, policyId: string): Promise<readonly Endpoint[]> {
  return await sql<Endpoint[]>`
    with recursive
    mine as (select endpoint_id, service_id, region_id from identity.policy_associations where policy_id = ${policyId}),
    reach as (
      select service_id, region_id from mine where region_id is not null
      union
      select reach.service_id, r.id from reach join identity.regions r on r.parent_region_id = reach.region_id)
    select ${endpointColumns(sql)} from identity.endpoints e
     where e.id in (select endpoint_id from mine)
        or e.service_id in (select service_id from mine where region_id is null)
        or (e.service_id, e.region_id) in (select service_id, region_id from reach)
     order by e.id`
}

/**
 * The policy for an endpoint: its own; else that of its service in its region, or in the nearest region above that has
 * one; else that of its service.
 */
export async function findPolicyOfEndpoint(sql: Sql, endpointId: string): Promise<StoredPolicy | undefined> {
  const [found] = await sql<StoredPolicy[]>`
    with recursive
    e as (select id, service_id, region_id from identity.endpoints where id = ${endpointId}),
    -- Upwards, and once each: nothing keeps a region from being its own ancestor.
    above (region_id, depth) as (
      select region_id, 1 from e where region_id is not null
      union all
      select r.parent_region_id, above.depth + 1 from above join identity.regions r on r.id = above.region_id
       where r.parent_region_id is not null) cycle region_id set looped using path,
    candidates (policy_id, rank) as (
      select a.policy_id, 0 from identity.policy_associations a join e on a.endpoint_id = e.id
      union all
      select a.policy_id, above.depth from identity.policy_associations a
        join e on a.service_id = e.service_id join above on above.region_id = a.region_id
      union all
      select a.policy_id, 1000000 from identity.policy_associations a
        join e on a.service_id = e.service_id and a.region_id is null)
    select ${policyColumns(sql)} from candidates c join identity.policies y on y.id = c.policy_id
     order by c.rank limit 1`
  return found
}
