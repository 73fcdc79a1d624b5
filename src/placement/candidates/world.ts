/** All providers with what they have, in one statement: what allocation candidates are searched in. */
import type { Sql } from '../../database/database.ts'

export interface WorldProvider {
  readonly id: string
  readonly parentId: string | null
  readonly rootId: string
  readonly traits: ReadonlySet<string>
  readonly aggregates: ReadonlySet<string>
  /** By resource class. */
  readonly inventories: ReadonlyMap<string, WorldInventory>
}

export interface WorldInventory {
  readonly capacity: number
  readonly used: number
  readonly minUnit: number
  readonly maxUnit: number
  readonly stepSize: number
}

interface Row {
  readonly id: string
  readonly parentId: string | null
  readonly rootId: string
  readonly traits: readonly string[]
  readonly aggregates: readonly string[]
  readonly inventories: Readonly<Record<string, readonly [number, number, number, number, number]>>
}

/** In the order in which they were made. */
export async function readWorld(sql: Sql): Promise<readonly WorldProvider[]> {
  const rows = await sql<Row[]>`
    select p.id, p.parent_id, p.root_id,
           array(select t.trait from placement.provider_traits t where t.provider_id = p.id order by t.trait) as traits,
           array(select a.aggregate_id from placement.provider_aggregates a where a.provider_id = p.id) as aggregates,
           (select coalesce(jsonb_object_agg(i.resource_class, jsonb_build_array(
                     floor((i.total - i.reserved) * i.allocation_ratio), i.used, i.min_unit, i.max_unit,
                     i.step_size)), '{}')
              from placement.inventories i where i.provider_id = p.id) as inventories
      from placement.providers p order by p.created_at, p.id`
  return rows.map((row) => ({
    id: row.id,
    parentId: row.parentId,
    rootId: row.rootId,
    traits: new Set(row.traits),
    aggregates: new Set(row.aggregates),
    inventories: new Map(
      Object.entries(row.inventories).map(([name, [capacity, used, minUnit, maxUnit, stepSize]]) => [
        name,
        { capacity, used, minUnit, maxUnit, stepSize },
      ]),
    ),
  }))
}
