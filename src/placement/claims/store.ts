/**
 * What a boot asks of placement, one statement each. All writers lock in one order: consumers, then providers by id,
 * then inventories; the lock on the provider is what keeps two claims apart.
 */
import type { Sql } from '../../database/database.ts'
import type { ProviderId } from '../../ids.ts'
import type { Candidate, ClaimOrder, InventoryOrder } from '../index.ts'

export interface ClaimOutcome {
  readonly taken: boolean
  /** The consumer has allocations on this provider already; nothing was changed. */
  readonly standing: boolean
  /** Resource classes that did not fit, or that the provider does not have. */
  readonly short: readonly string[]
}

/**
 * Takes `resources` whole or not at all. The room check lives in the statement that takes: `room` waits for the rows
 * and sees them as they are then, so two consumers cannot both take the last unit.
 */
export async function take(sql: Sql, order: ClaimOrder): Promise<ClaimOutcome> {
  const wanted = Object.entries(order.resources).filter(([, amount]) => amount > 0)
  const [outcome] = await sql<[ClaimOutcome]>`
    with wanted as materialized (
      select * from unnest(${wanted.map(([name]) => name)}::text[], ${wanted.map(([, amount]) => amount)}::bigint[])
        as w (resource_class, amount)
    ), provider as (
      select id from placement.providers where id = ${order.providerId} for no key update
    ), standing as (
      select exists (
        select from placement.allocations where consumer_id = ${order.consumerId} and provider_id = ${order.providerId}
      ) as already
    ), room as (
      select i.resource_class, w.amount,
             i.used + w.amount <= floor((i.total - i.reserved) * i.allocation_ratio)
               and w.amount between i.min_unit and i.max_unit and w.amount % i.step_size = 0 as fits
        from provider
        join placement.inventories i on i.provider_id = provider.id
        join wanted w on w.resource_class = i.resource_class
         for no key update of i
    ), verdict as (
      select not already and exists (select from provider)
             and (select count(*) from room where fits) = (select count(*) from wanted) as go
        from standing
    ), consumer as (
      insert into placement.consumers (id, project_id, user_id, type, generation)
      select ${order.consumerId}, ${order.projectId}, ${order.userId}, ${order.consumerType ?? 'INSTANCE'}, 1
        from verdict where go
      on conflict (id) do update set generation = consumers.generation + 1, updated_at = now()
    ), taken as (
      update placement.inventories i set used = i.used + room.amount
        from room, verdict
       where verdict.go and i.provider_id = ${order.providerId} and i.resource_class = room.resource_class
    ), allocated as (
      insert into placement.allocations (consumer_id, provider_id, resource_class, used)
      select ${order.consumerId}, ${order.providerId}, resource_class, amount from wanted, verdict where verdict.go
    ), moved as (
      update placement.providers p set generation = p.generation + 1, updated_at = now()
        from verdict where verdict.go and p.id = ${order.providerId}
    )
    select verdict.go as taken, standing.already as standing,
           array(select resource_class from wanted except select resource_class from room where fits) as short
      from verdict, standing`
  return outcome
}

/** Gives back all that a consumer has taken. As upstream, that moves no provider's generation. */
export async function giveBack(sql: Sql, consumerId: string): Promise<void> {
  await sql`
    with provider as (
      select id from placement.providers
       where id in (select provider_id from placement.allocations where consumer_id = ${consumerId})
       order by id for no key update
    ), gone as (
      delete from placement.allocations a using provider
       where a.consumer_id = ${consumerId} and a.provider_id = provider.id
      returning a.provider_id, a.resource_class, a.used
    ), freed as (
      update placement.inventories i set used = i.used - gone.used
        from gone where i.provider_id = gone.provider_id and i.resource_class = gone.resource_class
    )
    delete from placement.consumers where id = ${consumerId}`
}

export async function consumersOn(sql: Sql, providerId: ProviderId): Promise<readonly string[]> {
  const rows = await sql<{ consumerId: string }[]>`
    select distinct consumer_id from placement.allocations where provider_id = ${providerId}`
  return rows.map((row) => row.consumerId)
}

/** Providers with their whole inventory and traits; those that have room for all of `resources` and suit the traits. */
export async function candidates(
  sql: Sql,
  {
    resources,
    required,
    forbidden,
  }: {
    resources: Readonly<Record<string, number>>
    required: readonly string[]
    forbidden: readonly string[]
  },
): Promise<readonly Candidate[]> {
  return await sql<Candidate[]>`
    select p.id as provider_id, p.name,
           array(select trait from placement.provider_traits t where t.provider_id = p.id order by trait) as traits,
           (select coalesce(jsonb_object_agg(i.resource_class, jsonb_build_object(
                     'total', i.total, 'reserved', i.reserved, 'used', i.used, 'allocationRatio', i.allocation_ratio,
                     'minUnit', i.min_unit, 'maxUnit', i.max_unit, 'stepSize', i.step_size)), '{}')
              from placement.inventories i where i.provider_id = p.id) as inventories
      from placement.providers p
     where (select count(*)
              from placement.inventories i
              join unnest(${Object.keys(resources)}::text[], ${Object.values(resources)}::bigint[])
                as w (resource_class, amount) on w.resource_class = i.resource_class
             where i.provider_id = p.id
               and i.used + w.amount <= floor((i.total - i.reserved) * i.allocation_ratio)
               and w.amount between i.min_unit and i.max_unit and w.amount % i.step_size = 0
           ) = ${Object.keys(resources).length}
       and (select count(*) from placement.provider_traits t
             where t.provider_id = p.id and t.trait = any(${[...required]})) = ${required.length}
       and not exists (select from placement.provider_traits t
             where t.provider_id = p.id and t.trait = any(${[...forbidden]}))
     order by p.name`
}

// --- A host's provider --------------------------------------------------------------------------------------------

/** @returns whether it was made or renamed */
export async function putProvider(sql: Sql, id: ProviderId, name: string): Promise<boolean> {
  const changed = await sql`
    insert into placement.providers as p (id, name, root_id) values (${id}, ${name}, ${id})
    on conflict (id) do update set name = excluded.name, updated_at = now() where p.name <> excluded.name`
  return changed.count > 0
}

export async function lockProvider(sql: Sql, id: ProviderId): Promise<void> {
  await sql`select from placement.providers where id = ${id} for no key update`
}

/** With its inventories, traits and aggregates; nothing may be allocated on it. */
export async function deleteProvider(sql: Sql, id: ProviderId): Promise<void> {
  await sql`delete from placement.providers where id = ${id}`
}

/** @returns whether anything changed */
export async function putInventories(
  sql: Sql,
  id: ProviderId,
  inventories: Readonly<Record<string, InventoryOrder>>,
): Promise<boolean> {
  const rows = Object.entries(inventories).map(([resourceClass, order]) => ({
    resource_class: resourceClass,
    total: order.total,
    reserved: order.reserved ?? 0,
    min_unit: order.minUnit ?? 1,
    max_unit: order.maxUnit ?? order.total,
    step_size: order.stepSize ?? 1,
    allocation_ratio: order.allocationRatio ?? 1,
  }))
  const changed = await sql`
    insert into placement.inventories as i
           (provider_id, resource_class, total, reserved, min_unit, max_unit, step_size, allocation_ratio)
    select ${id}, w.*
      from jsonb_to_recordset(${sql.json(rows)}) as w (resource_class text, total bigint, reserved bigint,
           min_unit bigint, max_unit bigint, step_size bigint, allocation_ratio double precision)
    on conflict (provider_id, resource_class) do update
       set total = excluded.total, reserved = excluded.reserved, min_unit = excluded.min_unit,
           max_unit = excluded.max_unit, step_size = excluded.step_size,
           allocation_ratio = excluded.allocation_ratio, updated_at = now()
     where (i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio) is distinct from
           (excluded.total, excluded.reserved, excluded.min_unit, excluded.max_unit, excluded.step_size,
            excluded.allocation_ratio)`
  return changed.count > 0
}

/** @returns whether any was there to remove */
export async function removeOtherInventories(sql: Sql, id: ProviderId, keep: readonly string[]): Promise<boolean> {
  const gone = await sql`
    delete from placement.inventories where provider_id = ${id} and not (resource_class = any(${[...keep]}))`
  return gone.count > 0
}

/** Custom traits come into being when a host has them; standard ones are there or unknown. */
export async function putCustomTraits(sql: Sql, names: readonly string[]): Promise<void> {
  await sql`insert into placement.traits (name) select unnest(${[...names]}::text[]) on conflict do nothing`
}

/** @returns whether anything changed */
export async function putTraits(sql: Sql, id: ProviderId, names: readonly string[]): Promise<boolean> {
  const [row] = await sql<[{ changes: number }]>`
    with gone as (
      delete from placement.provider_traits where provider_id = ${id} and not (trait = any(${[...names]})) returning 1
    ), come as (
      insert into placement.provider_traits (provider_id, trait) select ${id}, unnest(${[...names]}::text[])
      on conflict do nothing returning 1
    )
    select (select count(*) from gone) + (select count(*) from come) as changes`
  return row.changes > 0
}

export async function moveGeneration(sql: Sql, id: ProviderId): Promise<void> {
  await sql`update placement.providers set generation = generation + 1, updated_at = now() where id = ${id}`
}
