/** Rows of `identity.endpoints`. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { Attributes } from '../attributes.ts'
import { invalid, notFound } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface Endpoint {
  readonly id: string
  readonly serviceId: string
  readonly regionId: string | null
  readonly interface: 'public' | 'internal' | 'admin'
  readonly url: string
  readonly enabled: boolean
  readonly name: string | null
  readonly description: string | null
  readonly extra: Attributes
}

export const ENDPOINT_FILTERS: Filterable = {
  interface: { column: 'e.interface', type: 'text' },
  service_id: { column: 'e.service_id', type: 'text' },
  region_id: { column: 'e.region_id', type: 'text' },
}

/** What a row of `identity.endpoints e` is read as. */
export const endpointColumns = (sql: Sql) => sql`
  e.id, e.service_id, e.region_id, e.interface, e.url, e.enabled, e.name, e.description, e.extra`

export async function findEndpoint(sql: Sql, id: string): Promise<Endpoint | undefined> {
  const [found] = await sql<Endpoint[]>`select ${endpointColumns(sql)} from identity.endpoints e where e.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockEndpoint(sql: Sql, id: string): Promise<Endpoint | undefined> {
  const [found] = await sql<
    Endpoint[]
  >`select ${endpointColumns(sql)} from identity.endpoints e where e.id = ${id} for update`
  return found
}

export async function listEndpoints(sql: Sql, list: ListQuery): Promise<readonly Endpoint[]> {
  return await sql<Endpoint[]>`
    select ${endpointColumns(sql)} from identity.endpoints e where true ${matching(sql, list)} ${paged(sql, list, 'e.id')}`
}

export async function insertEndpoint(sql: Sql, endpoint: Endpoint): Promise<void> {
  await guarded(endpoint, async () => {
    await sql`
      insert into identity.endpoints (id, service_id, region_id, interface, url, enabled, name, description, extra)
      values (${endpoint.id}, ${endpoint.serviceId}, ${endpoint.regionId}, ${endpoint.interface}, ${endpoint.url},
              ${endpoint.enabled}, ${endpoint.name}, ${endpoint.description}, ${sql.json(endpoint.extra as never)})`
  })
}

export async function updateEndpoint(sql: Sql, endpoint: Endpoint): Promise<void> {
  await guarded(endpoint, async () => {
    await sql`
      update identity.endpoints
         set service_id = ${endpoint.serviceId}, region_id = ${endpoint.regionId}, interface = ${endpoint.interface},
             url = ${endpoint.url}, enabled = ${endpoint.enabled}, name = ${endpoint.name},
             description = ${endpoint.description}, extra = ${sql.json(endpoint.extra as never)}
       where id = ${endpoint.id}`
  })
}

export async function deleteEndpoint(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.endpoints where id = ${id}`
  return gone.count > 0
}

async function guarded(endpoint: Endpoint, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'endpoints_service_id_fkey':
        throw notFound('service', endpoint.serviceId)
      case 'endpoints_region_id_fkey':
        throw invalid('endpoint.region-unknown', `There is no region ${endpoint.regionId}.`)
      default:
        throw error
    }
  }
}
