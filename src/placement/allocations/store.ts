/** The SQL of allocations and their consumers: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export interface Allocation {
  readonly consumerId: string
  readonly providerId: string
  readonly resourceClass: string
  readonly used: number
}

export interface Consumer {
  readonly id: string
  readonly projectId: string
  readonly userId: string
  /** Null for one that was written before consumers had types. */
  readonly type: string | null
  readonly generation: number
}

export interface AllocationOfConsumer extends Allocation {
  readonly providerGeneration: number
  readonly projectId: string
  readonly userId: string
  readonly type: string | null
  readonly consumerGeneration: number
  readonly updatedAt: Date
}

export async function allocationsOfConsumer(sql: Sql, consumerId: string): Promise<readonly AllocationOfConsumer[]> {
  return await sql<AllocationOfConsumer[]>`
    select a.consumer_id, a.provider_id, a.resource_class, a.used, a.created_at as updated_at,
           p.generation as provider_generation, c.project_id, c.user_id, c.type, c.generation as consumer_generation
      from placement.allocations a
      join placement.consumers c on c.id = a.consumer_id
      join placement.providers p on p.id = a.provider_id
     where a.consumer_id = ${consumerId} order by a.provider_id, a.resource_class`
}

export async function allocationsOnProvider(
  sql: Sql,
  providerId: string,
): Promise<readonly (Allocation & { consumerGeneration: number; updatedAt: Date })[]> {
  return await sql<(Allocation & { consumerGeneration: number; updatedAt: Date })[]>`
    select a.consumer_id, a.provider_id, a.resource_class, a.used, a.created_at as updated_at,
           c.generation as consumer_generation
      from placement.allocations a join placement.consumers c on c.id = a.consumer_id
     where a.provider_id = ${providerId} order by a.consumer_id, a.resource_class`
}

/** In the order of their ids; until the transaction ends. */
export async function lockConsumers(sql: Sql, ids: readonly string[]): Promise<readonly Consumer[]> {
  return await sql<Consumer[]>`
    select id, project_id, user_id, type, generation from placement.consumers
     where id = any(${[...ids]}::uuid[]) order by id for update`
}

export async function allocationsOfConsumers(sql: Sql, ids: readonly string[]): Promise<readonly Allocation[]> {
  return await sql<Allocation[]>`
    select consumer_id, provider_id, resource_class, used from placement.allocations
     where consumer_id = any(${[...ids]}::uuid[])`
}

type NewConsumer = Omit<Consumer, 'generation'>

const consumerRows = (sql: Sql, consumers: readonly NewConsumer[]) => sql`
  jsonb_to_recordset(${sql.json(
    consumers.map(({ id, projectId, userId, type }) => ({ id, project_id: projectId, user_id: userId, type })),
  )}) as w (id uuid, project_id text, user_id text, type text)`

/** They begin at generation 1. Violates `consumers_pkey` where one is not new any more. */
export async function insertConsumers(sql: Sql, consumers: readonly NewConsumer[]): Promise<void> {
  if (consumers.length === 0) return
  await sql`
    insert into placement.consumers (id, project_id, user_id, type, generation)
    select id, project_id, user_id, type, 1 from ${consumerRows(sql, consumers)}`
}

/** One generation on; a type stays where none is given. */
export async function updateConsumers(sql: Sql, consumers: readonly NewConsumer[]): Promise<void> {
  if (consumers.length === 0) return
  await sql`
    update placement.consumers c
       set project_id = w.project_id, user_id = w.user_id, type = coalesce(w.type, c.type),
           generation = c.generation + 1, updated_at = now()
      from ${consumerRows(sql, consumers)} where c.id = w.id`
}

export async function deleteConsumers(sql: Sql, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await sql`delete from placement.consumers where id = any(${[...ids]}::uuid[])`
}

/** All of these consumers' allocations, given back to their inventories. */
export async function giveBackAll(sql: Sql, consumerIds: readonly string[]): Promise<void> {
  await sql`
    with gone as (
      delete from placement.allocations where consumer_id = any(${[...consumerIds]}::uuid[])
      returning provider_id, resource_class, used
    ), sums as (
      select provider_id, resource_class, sum(used) as used from gone group by provider_id, resource_class
    )
    update placement.inventories i set used = i.used - sums.used
      from sums where i.provider_id = sums.provider_id and i.resource_class = sums.resource_class`
}

export interface InventoryBefore {
  readonly providerId: string
  readonly resourceClass: string
  readonly used: number
  readonly capacity: number
  readonly minUnit: number
  readonly maxUnit: number
  readonly stepSize: number
}

/** Of providers that the transaction holds. */
export async function inventoriesOfProviders(
  sql: Sql,
  providerIds: readonly string[],
): Promise<readonly InventoryBefore[]> {
  return await sql<InventoryBefore[]>`
    select provider_id, resource_class, used, floor((total - reserved) * allocation_ratio) as capacity, min_unit,
           max_unit, step_size
      from placement.inventories where provider_id = any(${[...providerIds]}::uuid[])`
}

export async function insertAllocations(sql: Sql, allocations: readonly Allocation[]): Promise<void> {
  if (allocations.length === 0) return
  await sql`
    with made as (
      insert into placement.allocations (consumer_id, provider_id, resource_class, used)
      select * from unnest(${allocations.map((a) => a.consumerId)}::uuid[], ${allocations.map((a) => a.providerId)}::uuid[],
                           ${allocations.map((a) => a.resourceClass)}::text[], ${allocations.map((a) => a.used)}::bigint[])
      returning provider_id, resource_class, used
    ), sums as (
      select provider_id, resource_class, sum(used) as used from made group by provider_id, resource_class
    )
    update placement.inventories i set used = i.used + sums.used
      from sums where i.provider_id = sums.provider_id and i.resource_class = sums.resource_class`
}
