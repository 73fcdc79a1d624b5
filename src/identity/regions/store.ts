/** Rows of `identity.regions`. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { Attributes } from '../attributes.ts'
import { idTaken, notFound } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface Region {
  readonly id: string
  readonly description: string
  readonly parentRegionId: string | null
  readonly extra: Attributes
}

export const REGION_FILTERS: Filterable = { parent_region_id: { column: 'r.parent_region_id', type: 'text' } }

const columns = (sql: Sql) => sql`r.id, r.description, r.parent_region_id, r.extra`

export async function findRegion(sql: Sql, id: string): Promise<Region | undefined> {
  const [found] = await sql<Region[]>`select ${columns(sql)} from identity.regions r where r.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockRegion(sql: Sql, id: string): Promise<Region | undefined> {
  const [found] = await sql<Region[]>`select ${columns(sql)} from identity.regions r where r.id = ${id} for update`
  return found
}

export async function listRegions(sql: Sql, list: ListQuery): Promise<readonly Region[]> {
  return await sql<Region[]>`
    select ${columns(sql)} from identity.regions r where true ${matching(sql, list)} ${paged(sql, list, 'r.id')}`
}

export async function insertRegion(sql: Sql, region: Region): Promise<void> {
  await guarded(region, async () => {
    await sql`
      insert into identity.regions (id, description, parent_region_id, extra)
      values (${region.id}, ${region.description}, ${region.parentRegionId}, ${sql.json(region.extra as never)})`
  })
}

/** Repeating it changes nothing. */
export async function ensureRegion(sql: Sql, id: string): Promise<void> {
  await sql`insert into identity.regions (id) values (${id}) on conflict do nothing`
}

export async function updateRegion(sql: Sql, region: Region): Promise<void> {
  await guarded(region, async () => {
    await sql`
      update identity.regions
         set description = ${region.description}, parent_region_id = ${region.parentRegionId},
             extra = ${sql.json(region.extra as never)}
       where id = ${region.id}`
  })
}

/** Nobody else changes any region until the transaction ends. */
export async function lockTree(sql: Sql): Promise<void> {
  await sql`lock table identity.regions in share row exclusive mode`
}

/** The region and all below it. */
export async function listSubtree(sql: Sql, id: string): Promise<readonly string[]> {
  const rows = await sql<{ id: string }[]>`
    with recursive tree as (
      select id from identity.regions where id = ${id}
      union select r.id from identity.regions r join tree on r.parent_region_id = tree.id)
    select id from tree`
  return rows.map((row) => row.id)
}

/** The same, when nobody else can change any of it or hang anything below it until the transaction ends. */
export async function lockSubtree(sql: Sql, id: string): Promise<readonly string[]> {
  for (let tree = await listSubtree(sql, id); ; ) {
    await sql`select 1 from identity.regions where id = any(${[...tree]}) order by id for update`
    // What was hung below before the locks were there has been missed.
    const grown = await listSubtree(sql, id)
    if (grown.every((each) => tree.includes(each))) return grown
    tree = grown
  }
}

/** Removes regions together; false, and nothing is removed, while an endpoint is in one of them. */
export async function deleteRegions(sql: Sql, ids: readonly string[]): Promise<boolean> {
  const gone = await sql`
    delete from identity.regions
     where id = any(${[...ids]}) and not exists (select 1 from identity.endpoints where region_id = any(${[...ids]}))`
  return gone.count > 0
}

async function guarded(region: Region, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'regions_pkey':
        throw idTaken('region', region.id)
      case 'regions_parent_region_id_fkey':
        throw notFound('region', region.parentRegionId!)
      default:
        throw error
    }
  }
}
