/**
 * Inventories and allocations replaced together, so that room can move between providers without ever being free.
 * Source: placement/objects/reshaper.py; generations move as often as they do there.
 */
import type { Database, Sql } from '../../database/database.ts'
import { isUuid } from '../../ids.ts'
import { type ConsumerOrder, orChanged, replaceAllocations } from '../allocations/allocations.ts'
import { lockConsumers } from '../allocations/store.ts'
import { noProviderForInventory, staleProvider } from '../errors.ts'
import { checkCapacity, type Inventory, knownClasses, replaceInventories } from '../inventories/inventories.ts'
import { putInventories } from '../inventories/store.ts'
import { lockProviders, moveGeneration } from '../providers/store.ts'
import { dashed } from '../query.ts'

export interface ShapeOrder {
  readonly providerId: string
  /** That the caller has seen. */
  readonly generation: number
  readonly inventories: readonly Inventory[]
}

export async function reshape(
  db: Database,
  shapes: readonly ShapeOrder[],
  consumers: readonly ConsumerOrder[],
): Promise<void> {
  const writing = db.begin(async (tx) => {
    await lockConsumers(
      tx,
      consumers.map(({ consumerId }) => consumerId),
    )
    await lockShapes(tx, shapes, consumers)
    // What is to go has to stay until nothing is allocated from it, what is to come has to be there before.
    for (const { providerId, inventories } of shapes) {
      checkCapacity('update', inventories, providerId, { mayReserveAll: true })
      await knownClasses(
        tx,
        providerId,
        inventories.map(({ resourceClass }) => resourceClass),
      )
      if (inventories.length === 0) continue
      await putInventories(tx, providerId, inventories)
      await moveGeneration(tx, providerId)
    }
    await replaceAllocations(tx, consumers)
    for (const { providerId, inventories } of shapes) {
      await replaceInventories(tx, providerId, inventories)
      await moveGeneration(tx, providerId)
    }
  })
  await orChanged(writing)
}

/** All providers of the request at once, in the one order in which they are locked everywhere. */
async function lockShapes(tx: Sql, shapes: readonly ShapeOrder[], consumers: readonly ConsumerOrder[]): Promise<void> {
  const unknown = shapes.find(({ providerId }) => !isUuid(providerId))
  if (unknown !== undefined) throw noProviderForInventory(unknown.providerId)
  const others = consumers.flatMap(({ allocations }) => Object.keys(allocations).map(dashed))
  const locked = await lockProviders(tx, [...new Set([...shapes.map(({ providerId }) => providerId), ...others])])
  for (const { providerId, generation } of shapes) {
    const provider = locked.find(({ id }) => id === providerId)
    if (provider === undefined) throw noProviderForInventory(providerId)
    if (provider.generation !== generation) {
      throw staleProvider(
        `resource provider generation conflict for provider ${providerId}: actual: ${provider.generation}, given: ${generation}`,
      )
    }
  }
}
