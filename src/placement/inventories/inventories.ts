/**
 * The rules of inventories: what a provider has to give. Each change moves the provider's generation on, and holds its
 * row from the first statement, as every writer does. Source: placement/objects/resource_provider.py
 */
import { type Database, type Sql, violatedConstraint } from '../../database/database.ts'
import { removeOtherInventories } from '../claims/store.ts'
import {
  badCapacity,
  inventoryExists,
  inventoryInUse,
  noClass,
  noInventory,
  noInventoryToDelete,
  noInventoryToUpdate,
  singleInventoryInUse,
  staleProvider,
  unknownClass,
} from '../errors.ts'
import { getProvider } from '../providers/providers.ts'
import { lockProviders, moveGeneration, type Provider, unknownClasses } from '../providers/store.ts'
import * as store from './store.ts'

export type { Inventory, StoredInventory } from './store.ts'

export interface Inventories {
  ofProvider(id: string): Promise<ProviderInventories>
  /** @throws DomainError not-found `placement.inventory.not-found` */
  get(id: string, resourceClass: string): Promise<ProviderInventories>
  add(id: string, inventory: store.Inventory, rule: CapacityRule): Promise<ProviderInventories>
  update(id: string, inventory: store.Inventory, generation: number, rule: CapacityRule): Promise<ProviderInventories>
  /** Exactly these. @param generation that the caller has seen; undefined takes any */
  setAll(
    id: string,
    inventories: readonly store.Inventory[],
    generation: number | undefined,
    rule: CapacityRule,
  ): Promise<ProviderInventories>
  remove(id: string, resourceClass: string): Promise<void>
}

export interface ProviderInventories {
  readonly inventories: readonly store.StoredInventory[]
  readonly generation: number
}

/** From 1.26 on all of an inventory may be reserved. */
export interface CapacityRule {
  readonly mayReserveAll: boolean
}

export function openInventories(db: Database): Inventories {
  const ofProvider = async (id: string): Promise<ProviderInventories> => {
    const { id: providerId, generation } = await getProvider(db, id)
    return { inventories: await store.inventoriesOf(db, providerId), generation }
  }
  const only = ({ inventories, generation }: ProviderInventories, resourceClass: string) => ({
    inventories: inventories.filter((each) => each.resourceClass === resourceClass),
    generation,
  })

  /** Changes a provider under its lock, then tells how it is. */
  const changing = async (
    id: string,
    seen: number | undefined,
    change: (tx: Sql, provider: Provider) => Promise<void>,
  ): Promise<ProviderInventories> =>
    await db.begin(async (tx) => {
      const provider = await lockedProvider(tx, id, seen)
      await change(tx, provider)
      const generation = (await moveGeneration(tx, provider.id))!
      return { inventories: await store.inventoriesOf(tx, provider.id), generation }
    })

  return {
    ofProvider,

    async get(id, resourceClass) {
      const found = only(await ofProvider(id), resourceClass)
      if (found.inventories.length === 0) throw noInventory(resourceClass, id)
      return found
    },

    async add(id, inventory, rule) {
      const { resourceClass } = inventory
      const changed = await changing(id, undefined, async (tx, provider) => {
        checkCapacity('create', [inventory], provider.id, rule)
        try {
          await store.insertInventory(tx, provider.id, inventory)
        } catch (error) {
          switch (violatedConstraint(error)) {
            case 'inventories_class':
              throw unknownClass(`Unable to create inventory for resource provider ${provider.id}`, resourceClass)
            case 'inventories_pkey':
              throw inventoryExists(resourceClass, provider.id)
            default:
              throw error
          }
        }
      })
      return only(changed, resourceClass)
    },

    async update(id, inventory, seen, rule) {
      const { resourceClass } = inventory
      const changed = await changing(id, seen, async (tx, provider) => {
        checkCapacity('update', [inventory], provider.id, rule)
        if (await store.updateInventory(tx, provider.id, inventory)) return
        if ((await unknownClasses(tx, [resourceClass])).length > 0) throw noClass(resourceClass)
        throw noInventoryToUpdate(resourceClass, provider.id)
      })
      return only(changed, resourceClass)
    },

    setAll: (id, inventories, seen, rule) =>
      changing(id, seen, async (tx, provider) => {
        checkCapacity('update', inventories, provider.id, rule)
        await replaceInventories(tx, provider.id, inventories)
      }),

    async remove(id, resourceClass) {
      await changing(id, undefined, async (tx, provider) => {
        if ((await unknownClasses(tx, [resourceClass])).length > 0) {
          throw noInventoryToDelete(resourceClass)
        }
        try {
          if (!(await store.deleteInventory(tx, provider.id, resourceClass))) throw noInventoryToDelete(resourceClass)
        } catch (error) {
          if (violatedConstraint(error) === 'allocations_inventory') {
            throw singleInventoryInUse(resourceClass, provider.id)
          }
          throw error
        }
      })
    },
  }
}

/** @throws DomainError not-found; conflict `placement.provider.stale` when its generation is not the one seen */
export async function lockedProvider(tx: Sql, id: string, seen: number | undefined): Promise<Provider> {
  const { id: providerId } = await getProvider(tx, id)
  const [provider] = await lockProviders(tx, [providerId])
  if (provider === undefined || (seen !== undefined && provider.generation !== seen)) {
    throw staleProvider('resource provider generation conflict')
  }
  return provider
}

/** Of a provider that the transaction holds. */
export async function replaceInventories(
  tx: Sql,
  providerId: string,
  inventories: readonly store.Inventory[],
): Promise<void> {
  const names = inventories.map(({ resourceClass }) => resourceClass)
  await knownClasses(tx, providerId, names)
  const used = await store.classesInUse(tx, providerId, names)
  if (used.length > 0) throw inventoryInUse('update conflict: ', used, providerId)
  await removeOtherInventories(tx, providerId as Provider['id'], names)
  await store.putInventories(tx, providerId, inventories)
}

export async function knownClasses(tx: Sql, providerId: string, names: readonly string[]): Promise<void> {
  const unknown = await unknownClasses(tx, names)
  if (unknown.length > 0) {
    throw unknownClass(`Unknown resource class in inventory for resource provider ${providerId}`, unknown.join(', '))
  }
}

export function checkCapacity(
  deed: 'create' | 'update',
  inventories: readonly store.Inventory[],
  providerId: string,
  { mayReserveAll }: CapacityRule,
): void {
  for (const { resourceClass, total, reserved, allocationRatio } of inventories) {
    const capacity = Math.trunc((total - reserved) * allocationRatio)
    if (mayReserveAll ? capacity < 0 : capacity <= 0) throw badCapacity(deed, resourceClass, providerId, mayReserveAll)
  }
}
