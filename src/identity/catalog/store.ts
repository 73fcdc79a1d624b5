/** The whole catalog in one statement, and what of it a project is given. */
import type { Sql } from '../../database/database.ts'

export interface CatalogRow {
  readonly serviceId: string
  readonly serviceType: string
  readonly serviceName: string | null
  /** Null where a service has no enabled endpoint; the other endpoint fields then are too. */
  readonly endpointId: string | null
  readonly interface: 'public' | 'internal' | 'admin' | null
  readonly regionId: string | null
  readonly url: string | null
}

/** Enabled services in the order of their making, each with its enabled endpoints: public, internal, admin. */
export async function listCatalog(sql: Sql): Promise<readonly CatalogRow[]> {
  return await sql<CatalogRow[]>`
    select s.id as service_id, s.type as service_type, s.name as service_name,
           e.id as endpoint_id, e.interface, e.region_id, e.url
      from identity.services s
      left join identity.endpoints e on e.service_id = s.id and e.enabled
     where s.enabled
     order by s.position, array_position(array['public', 'internal', 'admin'], e.interface), e.position`
}
