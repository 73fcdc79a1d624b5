/** The SQL of providers: one function, one statement. */
import type { Sql } from '../../database/database.ts'
import type { ProviderId } from '../../ids.ts'
import type { Filter } from '../query.ts'

export interface Provider {
  readonly id: ProviderId
  readonly name: string
  readonly generation: number
  readonly parentId: ProviderId | null
  readonly rootId: ProviderId
  readonly updatedAt: Date
}

const columns = (sql: Sql) => sql`p.id, p.name, p.generation, p.parent_id, p.root_id, p.updated_at`

export async function findProvider(sql: Sql, id: string): Promise<Provider | undefined> {
  const [found] = await sql<Provider[]>`select ${columns(sql)} from placement.providers p where p.id = ${id}`
  return found
}

/** In the order of their ids, which is the order in which all writers lock; until the transaction ends. */
export async function lockProviders(sql: Sql, ids: readonly string[]): Promise<readonly Provider[]> {
  return await sql<Provider[]>`
    select ${columns(sql)} from placement.providers p
     where p.id = any(${[...ids]}::uuid[]) order by p.id for no key update`
}

export interface ProviderFilter {
  readonly name?: string
  readonly id?: string
  /** Providers of the tree that this one is in. */
  readonly inTree?: string
  readonly traits: Filter
  readonly aggregates: Filter
  readonly resources: Readonly<Record<string, number>>
}

export async function listProviders(sql: Sql, filter: ProviderFilter): Promise<readonly Provider[]> {
  const { name, id, inTree, traits, aggregates, resources } = filter
  const having = (any: readonly string[]) => sql`
    exists (select from placement.provider_traits t where t.provider_id = p.id and t.trait = any(${[...any]}))`
  const within = (any: readonly string[]) => sql`
    exists (select from placement.provider_aggregates a
             where a.provider_id = p.id and a.aggregate_id = any(${[...any]}::uuid[]))`
  const room = ([resourceClass, amount]: [string, number]) => sql`
    exists (select from placement.inventories i
             where i.provider_id = p.id and i.resource_class = ${resourceClass}
               and i.used + ${amount}::bigint <= floor((i.total - i.reserved) * i.allocation_ratio)
               and ${amount}::bigint between i.min_unit and i.max_unit and ${amount}::bigint % i.step_size = 0)`
  const conditions = [
    ...(name === undefined ? [] : [sql`p.name = ${name}`]),
    ...(id === undefined ? [] : [sql`p.id = ${id}`]),
    ...(inTree === undefined
      ? []
      : [sql`p.root_id = (select one.root_id from placement.providers one where one.id = ${inTree})`]),
    ...traits.required.map(having),
    ...(traits.forbidden.length === 0 ? [] : [sql`not ${having(traits.forbidden)}`]),
    ...aggregates.required.map(within),
    ...(aggregates.forbidden.length === 0 ? [] : [sql`not ${within(aggregates.forbidden)}`]),
    ...Object.entries(resources).map(room),
  ]
  return await sql<Provider[]>`
    select ${columns(sql)} from placement.providers p
     where ${conditions.reduce((all, condition) => sql`${all} and ${condition}`, sql`true`)}
     order by p.created_at, p.id`
}

export async function insertProvider(
  sql: Sql,
  provider: Pick<Provider, 'id' | 'name' | 'parentId' | 'rootId'>,
): Promise<Provider> {
  const [made] = await sql<[Provider]>`
    insert into placement.providers as p (id, name, parent_id, root_id)
    values (${provider.id}, ${provider.name}, ${provider.parentId}, ${provider.rootId})
    returning ${columns(sql)}`
  return made
}

export async function changeProvider(
  sql: Sql,
  id: string,
  change: Pick<Provider, 'name' | 'parentId'>,
): Promise<Provider | undefined> {
  const [changed] = await sql<Provider[]>`
    update placement.providers p set name = ${change.name}, parent_id = ${change.parentId}, updated_at = now()
     where p.id = ${id} returning ${columns(sql)}`
  return changed
}

/** Trees change one at a time, so that no loop can close; until the transaction ends. */
export async function lockTrees(sql: Sql): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('placement.trees'))`
}

/** A provider and all below it. */
export async function subtreeOf(sql: Sql, id: string): Promise<readonly ProviderId[]> {
  const rows = await sql<{ id: ProviderId }[]>`
    with recursive below as (
      select p.id from placement.providers p where p.id = ${id}
      union
      select p.id from placement.providers p join below on p.parent_id = below.id
    )
    select id from below`
  return rows.map((row) => row.id)
}

export async function setRoot(sql: Sql, ids: readonly string[], rootId: string): Promise<void> {
  await sql`update placement.providers set root_id = ${rootId} where id = any(${[...ids]}::uuid[])`
}

/** @returns whether it was there */
export async function deleteProvider(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from placement.providers where id = ${id}`
  return gone.count > 0
}

/**
 * Moves a provider's generation on from the one that the writer has seen; the row stays locked until the transaction
 * ends.
 * @returns the new one; undefined when somebody else was there first
 */
export async function moveGeneration(sql: Sql, id: string, from?: number): Promise<number | undefined> {
  const [row] = await sql<{ generation: number }[]>`
    update placement.providers set generation = generation + 1, updated_at = now()
     where id = ${id} ${from === undefined ? sql`` : sql`and generation = ${from}`} returning generation`
  return row?.generation
}

/** Those of `names` that are no resource class. */
export async function unknownClasses(sql: Sql, names: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    select name from unnest(${[...names]}::text[]) as n (name)
    except select name from placement.resource_classes order by name`
  return rows.map((row) => row.name)
}

/** Those of `names` that are no trait. */
export async function unknownTraits(sql: Sql, names: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    select name from unnest(${[...names]}::text[]) as n (name)
    except select name from placement.traits order by name`
  return rows.map((row) => row.name)
}
