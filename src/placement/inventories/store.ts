/** The SQL of inventories: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export interface Inventory {
  readonly resourceClass: string
  readonly total: number
  readonly reserved: number
  readonly minUnit: number
  readonly maxUnit: number
  readonly stepSize: number
  readonly allocationRatio: number
}
export interface StoredInventory extends Inventory {
  readonly used: number
  readonly updatedAt: Date
}

export async function inventoriesOf(sql: Sql, providerId: string): Promise<readonly StoredInventory[]> {
  return await sql<StoredInventory[]>`
    select i.resource_class, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio, i.used,
           i.updated_at
      from placement.inventories i join placement.resource_classes c on c.name = i.resource_class
     where i.provider_id = ${providerId} order by c.position`
}

const rowOf = (providerId: string, inventory: Inventory) => ({
  provider_id: providerId,
  resource_class: inventory.resourceClass,
  total: inventory.total,
  reserved: inventory.reserved,
  min_unit: inventory.minUnit,
  max_unit: inventory.maxUnit,
  step_size: inventory.stepSize,
  allocation_ratio: inventory.allocationRatio,
})

export async function insertInventory(sql: Sql, providerId: string, inventory: Inventory): Promise<void> {
  await sql`insert into placement.inventories ${sql(rowOf(providerId, inventory))}`
}

/** @returns whether there is one of its class */
export async function updateInventory(sql: Sql, providerId: string, inventory: Inventory): Promise<boolean> {
  const { provider_id: _, resource_class: resourceClass, ...values } = rowOf(providerId, inventory)
  const changed = await sql`
    update placement.inventories set ${sql({ ...values, updated_at: new Date() })}
     where provider_id = ${providerId} and resource_class = ${resourceClass}`
  return changed.count > 0
}

export async function putInventories(sql: Sql, providerId: string, inventories: readonly Inventory[]): Promise<void> {
  if (inventories.length === 0) return
  await sql`
    insert into placement.inventories ${sql(inventories.map((inventory) => rowOf(providerId, inventory)))}
    on conflict (provider_id, resource_class) do update
       set total = excluded.total, reserved = excluded.reserved, min_unit = excluded.min_unit,
           max_unit = excluded.max_unit, step_size = excluded.step_size,
           allocation_ratio = excluded.allocation_ratio, updated_at = now()`
}

/** Classes of a provider that are allocated from, other than these. */
export async function classesInUse(sql: Sql, providerId: string, keep: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ resourceClass: string }[]>`
    select c.name as resource_class from placement.resource_classes c
     where not (c.name = any(${[...keep]})) and exists (
       select from placement.allocations a where a.provider_id = ${providerId} and a.resource_class = c.name)
     order by c.position`
  return rows.map((row) => row.resourceClass)
}

/** @returns whether it was there */
export async function deleteInventory(sql: Sql, providerId: string, resourceClass: string): Promise<boolean> {
  const gone = await sql`
    delete from placement.inventories where provider_id = ${providerId} and resource_class = ${resourceClass}`
  return gone.count > 0
}
