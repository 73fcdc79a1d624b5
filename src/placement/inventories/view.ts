/** Between the API's inventories and ours. */
import type { Static } from 'typebox'
import { MAX_INT } from '../shapes.ts'
import type { Inventory, ProviderInventories } from './inventories.ts'
import type { InventoriesBody } from './schemas.ts'

type InventoryRecord = Static<typeof InventoriesBody>['inventories'][string]

export function inventoryOf(resourceClass: string, record: InventoryRecord): Inventory {
  return {
    resourceClass,
    total: record.total,
    reserved: record.reserved ?? 0,
    minUnit: record.min_unit ?? 1,
    maxUnit: record.max_unit ?? MAX_INT,
    stepSize: record.step_size ?? 1,
    allocationRatio: record.allocation_ratio ?? 1,
  }
}

function viewRecord(inventory: Inventory) {
  return {
    total: inventory.total,
    reserved: inventory.reserved,
    min_unit: inventory.minUnit,
    max_unit: inventory.maxUnit,
    step_size: inventory.stepSize,
    allocation_ratio: inventory.allocationRatio,
  }
}

/** The only one of `found`. */
export function viewInventory({ inventories, generation }: ProviderInventories) {
  return { ...viewRecord(inventories[0]!), resource_provider_generation: generation }
}

export function viewInventories({ inventories, generation }: ProviderInventories) {
  return {
    resource_provider_generation: generation,
    inventories: Object.fromEntries(inventories.map((each) => [each.resourceClass, viewRecord(each)])),
  }
}
