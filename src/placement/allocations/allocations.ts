/**
 * The rules of allocations: a consumer's are replaced whole, several consumers' at once or not at all. Locks are taken
 * in one order (consumers, providers, inventories), and the room is looked at only while the provider is held, so that
 * what was counted is still so when it is written. Source: placement/objects/allocation.py, handlers/util.py
 */
import { type Database, type Sql, violatedConstraint } from '../../database/database.ts'
import { isUuid } from '../../ids.ts'
import {
  allocationsChanged,
  amountRefused,
  badConsumerId,
  inventoryFull,
  noAllocations,
  noInventoryToAllocate,
  noProviderToAllocate,
  staleConsumer,
  unknownClass,
} from '../errors.ts'
import { getProvider } from '../providers/providers.ts'
import { lockProviders, moveGeneration, unknownClasses } from '../providers/store.ts'
import { dashed } from '../query.ts'
import { giveBack } from '../claims/store.ts'
import * as store from './store.ts'

/** What one consumer shall have: nothing at all where `allocations` is empty. */
export interface ConsumerOrder {
  readonly consumerId: string
  readonly projectId: string
  readonly userId: string
  /** Undefined before 1.38: an existing type stays, a new consumer has none. */
  readonly type: string | undefined
  /** Undefined before 1.28: any will do. Null for a consumer that must be new. */
  readonly generation: number | null | undefined
  /** By provider, then by resource class. */
  readonly allocations: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface Allocations {
  ofConsumer(id: string): Promise<readonly store.AllocationOfConsumer[]>
  onProvider(id: string): Promise<{
    generation: number
    allocations: Awaited<ReturnType<typeof store.allocationsOnProvider>>
  }>
  replace(orders: readonly ConsumerOrder[]): Promise<void>
  /** @throws DomainError not-found `placement.allocations.none` */
  remove(consumerId: string): Promise<void>
}

export function openAllocations(db: Database): Allocations {
  return {
    async ofConsumer(id) {
      return isUuid(id) ? await store.allocationsOfConsumer(db, id) : []
    },

    async onProvider(id) {
      const { id: providerId, generation } = await getProvider(db, id)
      return { generation, allocations: await store.allocationsOnProvider(db, providerId) }
    },

    async replace(orders) {
      await orChanged(db.begin((tx) => replaceAllocations(tx, orders)))
    },

    async remove(consumerId) {
      if (!isUuid(consumerId) || (await store.allocationsOfConsumers(db, [consumerId])).length === 0) {
        throw noAllocations(consumerId)
      }
      await giveBack(db, consumerId)
    },
  }
}

/** @throws DomainError invalid `placement.consumer.malformed` */
export function consumerIdOf(text: string): string {
  if (!isUuid(text)) throw badConsumerId(text)
  return dashed(text)
}

/** A consumer that was new to two requests at once, or locks that crossed: the loser may read again and try again. */
export async function orChanged(writing: Promise<unknown>): Promise<void> {
  try {
    await writing
  } catch (error) {
    const crossed = (error as { code?: string }).code === '40P01'
    if (crossed || violatedConstraint(error) === 'consumers_pkey') throw allocationsChanged()
    throw error
  }
}

/** In the caller's transaction. Each provider that is touched moves its generation on by one. */
export async function replaceAllocations(tx: Sql, orders: readonly ConsumerOrder[]): Promise<void> {
  const ids = orders.map(({ consumerId }) => consumerId)
  const standing = new Map((await store.lockConsumers(tx, ids)).map((consumer) => [consumer.id, consumer]))
  for (const { consumerId, generation } of orders) checkGeneration(standing.get(consumerId), generation)

  const before = await store.allocationsOfConsumers(tx, ids)
  const wanted = orders.flatMap(allocationsOf)
  const locked = new Set(
    (await lockProviders(tx, [...new Set([...before, ...wanted].map((each) => each.providerId))])).map(
      ({ id }) => id as string,
    ),
  )
  const missing = wanted.find(({ providerId }) => !locked.has(providerId))
  if (missing !== undefined) throw noProviderToAllocate(missing.providerId)
  const unknown = await unknownClasses(tx, [...new Set(wanted.map(({ resourceClass }) => resourceClass))])
  if (unknown.length > 0) {
    const whom = orders.length === 1 ? ` for consumer ${ids[0]}` : ''
    throw unknownClass(`Unable to allocate inventory${whom}`, unknown.join(', '))
  }

  checkRoom(await store.inventoriesOfProviders(tx, [...locked]), before, wanted)
  await store.giveBackAll(tx, ids)
  const emptied = orders.filter((order) => !wanted.some(({ consumerId }) => consumerId === order.consumerId))
  const kept = orders
    .filter((order) => !emptied.includes(order))
    .map(({ consumerId, projectId, userId, type }) => ({ id: consumerId, projectId, userId, type: type ?? null }))
  await store.insertConsumers(
    tx,
    kept.filter(({ id }) => !standing.has(id)),
  )
  await store.updateConsumers(
    tx,
    kept.filter(({ id }) => standing.has(id)),
  )
  await store.insertAllocations(tx, wanted)
  await store.deleteConsumers(
    tx,
    emptied.map(({ consumerId }) => consumerId),
  )

  const emptiedIds = new Set(emptied.map(({ consumerId }) => consumerId))
  const touched = new Set([
    ...wanted.map(({ providerId }) => providerId),
    ...before.filter(({ consumerId }) => emptiedIds.has(consumerId)).map(({ providerId }) => providerId),
  ])
  for (const providerId of touched) await moveGeneration(tx, providerId)
}

function checkGeneration(consumer: store.Consumer | undefined, seen: number | null | undefined): void {
  if (seen === undefined) return
  if (consumer === undefined ? seen !== null : seen !== consumer.generation) {
    throw staleConsumer(consumer?.generation ?? null, seen)
  }
}

function allocationsOf({ consumerId, allocations }: ConsumerOrder): store.Allocation[] {
  return Object.entries(allocations).flatMap(([providerId, resources]) =>
    Object.entries(resources).map(([resourceClass, used]) => ({
      consumerId,
      providerId: dashed(providerId),
      resourceClass,
      used,
    })),
  )
}

/**
 * Whether all of `wanted` fits once all of `before` is given back. An inventory that is over its capacity may stay so,
 * as long as it does not get worse.
 */
function checkRoom(
  inventories: readonly store.InventoryBefore[],
  before: readonly store.Allocation[],
  wanted: readonly store.Allocation[],
): void {
  const key = (of: { providerId: string; resourceClass: string }) => `${of.providerId} ${of.resourceClass}`
  const sums = (allocations: readonly store.Allocation[]) => {
    const sum = new Map<string, number>()
    for (const each of allocations) sum.set(key(each), (sum.get(key(each)) ?? 0) + each.used)
    return sum
  }
  const known = new Map(inventories.map((inventory) => [key(inventory), inventory]))
  const [given, taken] = [sums(before), sums(wanted)]
  for (const { providerId, resourceClass, used } of wanted) {
    const inventory = known.get(`${providerId} ${resourceClass}`)
    if (inventory === undefined) throw noInventoryToAllocate(resourceClass, providerId)
    if (used < inventory.minUnit || used > inventory.maxUnit || used % inventory.stepSize !== 0) {
      throw amountRefused(resourceClass, providerId)
    }
    const after = inventory.used - (given.get(key(inventory)) ?? 0) + taken.get(key(inventory))!
    if (after > inventory.capacity && after > inventory.used) throw inventoryFull(resourceClass, providerId)
  }
}
