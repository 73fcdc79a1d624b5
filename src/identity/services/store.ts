/** Rows of `identity.services`. */
import type { Sql } from '../../database/database.ts'
import type { Attributes } from '../attributes.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface Service {
  readonly id: string
  readonly type: string
  readonly name: string | null
  readonly description: string | null
  readonly enabled: boolean
  readonly extra: Attributes
}

export const SERVICE_FILTERS: Filterable = {
  type: { column: 's.type', type: 'text' },
  name: { column: 's.name', type: 'text' },
}

const columns = (sql: Sql) => sql`s.id, s.type, s.name, s.description, s.enabled, s.extra`

export async function findService(sql: Sql, id: string): Promise<Service | undefined> {
  const [found] = await sql<Service[]>`select ${columns(sql)} from identity.services s where s.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockService(sql: Sql, id: string): Promise<Service | undefined> {
  const [found] = await sql<Service[]>`select ${columns(sql)} from identity.services s where s.id = ${id} for update`
  return found
}

export async function listServices(sql: Sql, list: ListQuery): Promise<readonly Service[]> {
  return await sql<Service[]>`
    select ${columns(sql)} from identity.services s where true ${matching(sql, list)} ${paged(sql, list, 's.id')}`
}

export async function insertService(sql: Sql, service: Service): Promise<void> {
  await sql`
    insert into identity.services (id, type, name, description, enabled, extra)
    values (${service.id}, ${service.type}, ${service.name}, ${service.description}, ${service.enabled},
            ${sql.json(service.extra as never)})`
}

export async function updateService(sql: Sql, service: Service): Promise<void> {
  await sql`
    update identity.services
       set type = ${service.type}, name = ${service.name}, description = ${service.description},
           enabled = ${service.enabled}, extra = ${sql.json(service.extra as never)}
     where id = ${service.id}`
}

/** With its endpoints. */
export async function deleteService(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.services where id = ${id}`
  return gone.count > 0
}
