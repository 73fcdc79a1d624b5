/** The SQL of aggregates: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export interface Aggregate {
  readonly id: number
  readonly uuid: string
  readonly name: string
  /** With `availability_zone`, if it is a zone. */
  readonly metadata: Readonly<Record<string, string>>
  readonly hosts: readonly string[]
  readonly createdAt: Date
  readonly updatedAt: Date | null
}

const columns = (sql: Sql) => sql`
  a.id, a.uuid, a.name, a.metadata, a.created_at, a.updated_at,
  array(select h.host from compute.aggregate_hosts h where h.aggregate_id = a.id order by h.added_at, h.host) as hosts`

export async function findAggregate(sql: Sql, id: number): Promise<Aggregate | undefined> {
  const [found] = await sql<Aggregate[]>`select ${columns(sql)} from compute.aggregates a where a.id = ${id}`
  return found
}

export async function listAggregates(sql: Sql): Promise<readonly Aggregate[]> {
  return await sql<Aggregate[]>`select ${columns(sql)} from compute.aggregates a order by a.id`
}

/** Changes of zones wait for each other, so that no host ends up in two; until the transaction ends. */
export async function lockZones(sql: Sql): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('compute.aggregates'))`
}

export async function insertAggregate(
  sql: Sql,
  { uuid, name, metadata }: Pick<Aggregate, 'uuid' | 'name' | 'metadata'>,
): Promise<number> {
  const [row] = await sql<[{ id: number }]>`
    insert into compute.aggregates (uuid, name, metadata) values (${uuid}, ${name}, ${sql.json(metadata)})
    returning id`
  return row.id
}

export async function changeAggregate(
  sql: Sql,
  id: number,
  { name, metadata }: Partial<Pick<Aggregate, 'name' | 'metadata'>>,
): Promise<void> {
  await sql`
    update compute.aggregates
       set name = ${name ?? sql`name`}, metadata = ${metadata === undefined ? sql`metadata` : sql.json(metadata)},
           updated_at = now()
     where id = ${id}`
}

export async function deleteAggregate(sql: Sql, id: number): Promise<void> {
  await sql`delete from compute.aggregates where id = ${id}`
}

export async function addHost(sql: Sql, id: number, host: string): Promise<void> {
  await sql`insert into compute.aggregate_hosts (aggregate_id, host) values (${id}, ${host})`
}

/** @returns whether it was a member */
export async function removeHost(sql: Sql, id: number, host: string): Promise<boolean> {
  const gone = await sql`delete from compute.aggregate_hosts where aggregate_id = ${id} and host = ${host}`
  return gone.count > 0
}

/** Zones that hosts are in by other aggregates than this one. */
export async function otherZones(sql: Sql, id: number, hosts: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ zone: string }[]>`
    select distinct a.metadata ->> 'availability_zone' as zone
      from compute.aggregate_hosts h join compute.aggregates a on a.id = h.aggregate_id
     where h.host = any(${[...hosts]}) and a.id <> ${id} and a.metadata ? 'availability_zone' order by 1`
  return rows.map(({ zone }) => zone)
}

export async function haveServers(sql: Sql, hosts: readonly string[]): Promise<boolean> {
  const [row] = await sql<[{ any: boolean }]>`
    select exists (select from compute.servers
                    where host = any(${[...hosts]}) and deleted_at is null) as any`
  return row.any
}
