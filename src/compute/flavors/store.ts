/** The SQL of flavors: one function, one statement. */
import type { Sql } from '../../database/database.ts'
import type { FlavorId } from '../../ids.ts'

export interface Flavor {
  readonly id: FlavorId
  readonly name: string
  readonly description: string | null
  readonly vcpus: number
  readonly ramMiB: number
  readonly rootGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly rxtxFactor: number
  readonly isPublic: boolean
  readonly extraSpecs: Readonly<Record<string, string>>
}

const columns = (sql: Sql) => sql`
  f.id, f.name, f.description, f.vcpus, f.ram_mib as "ramMiB", f.root_gib as "rootGiB",
  f.ephemeral_gib as "ephemeralGiB", f.swap_mib as "swapMiB", f.rxtx_factor, f.is_public, f.extra_specs`

/** Flavors that a project may use; all of them where none is given. */
const usableBy = (sql: Sql, projectId: string | undefined | null) =>
  projectId === null
    ? sql`true`
    : sql`(f.is_public or exists (
        select from compute.flavor_access a where a.flavor_id = f.id and a.project_id = ${projectId ?? ''}))`

/** @param projectId undefined: public ones only; null: whoever may use it */
export async function findFlavor(
  sql: Sql,
  id: string,
  projectId: string | undefined | null,
): Promise<Flavor | undefined> {
  const [found] = await sql<Flavor[]>`
    select ${columns(sql)} from compute.flavors f where f.id = ${id} and ${usableBy(sql, projectId)}`
  return found
}

export const SORT_COLUMNS = {
  flavorid: 'id',
  id: 'number',
  name: 'name',
  memory_mb: 'ram_mib',
  root_gb: 'root_gib',
  ephemeral_gb: 'ephemeral_gib',
  swap: 'swap_mib',
  vcpus: 'vcpus',
  rxtx_factor: 'rxtx_factor',
  is_public: 'is_public',
  description: 'description',
  created_at: 'created_at',
  updated_at: 'updated_at',
  disabled: 'number',
  vcpu_weight: 'number',
} as const
export type SortKey = keyof typeof SORT_COLUMNS

export interface FlavorFilter {
  /** Whose flavors: public ones and those of `projectId`; 'private' and 'all' are for admins. */
  readonly show: 'usable' | 'private' | 'all'
  readonly projectId?: string
  readonly minRamMiB?: number
  readonly minRootGiB?: number
  readonly name?: string
  readonly sortKey: SortKey
  readonly sortDir: 'asc' | 'desc'
  readonly limit: number
  readonly marker?: string
}

export async function listFlavors(sql: Sql, filter: FlavorFilter): Promise<readonly Flavor[]> {
  const named = sql(`f.${SORT_COLUMNS[filter.sortKey]}`)
  const column = filter.sortKey === 'description' ? sql`coalesce(${named}, '')` : named
  const down = filter.sortDir === 'desc'
  const after =
    filter.marker === undefined
      ? sql``
      : sql`and (${column}, f.id) ${down ? sql`<` : sql`>`} (
          select ${column}, f.id from compute.flavors f where f.id = ${filter.marker})`
  return await sql<Flavor[]>`
    select ${columns(sql)} from compute.flavors f
     where ${filter.show === 'all' ? sql`true` : filter.show === 'private' ? sql`not f.is_public` : usableBy(sql, filter.projectId)}
       ${filter.minRamMiB === undefined ? sql`` : sql`and f.ram_mib >= ${filter.minRamMiB}`}
       ${filter.minRootGiB === undefined ? sql`` : sql`and f.root_gib >= ${filter.minRootGiB}`}
       ${filter.name === undefined ? sql`` : sql`and f.name ~ ${filter.name}`}
       ${after}
     order by ${column} ${down ? sql`desc` : sql`asc`}, f.id ${down ? sql`desc` : sql`asc`}
     limit ${filter.limit}`
}

export type NewFlavor = Omit<Flavor, 'extraSpecs'>

export async function insertFlavor(sql: Sql, flavor: NewFlavor): Promise<void> {
  await sql`
    insert into compute.flavors
           (id, name, description, vcpus, ram_mib, root_gib, ephemeral_gib, swap_mib, rxtx_factor, is_public)
    values (${flavor.id}, ${flavor.name}, ${flavor.description}, ${flavor.vcpus}, ${flavor.ramMiB}, ${flavor.rootGiB},
            ${flavor.ephemeralGiB}, ${flavor.swapMiB}, ${flavor.rxtxFactor}, ${flavor.isPublic})`
}

/** The same for the first cloud's flavors: what stands stays as it is. */
export async function ensureFlavors(sql: Sql, flavors: readonly NewFlavor[]): Promise<void> {
  const rows = flavors.map((flavor) => ({
    id: flavor.id,
    name: flavor.name,
    vcpus: flavor.vcpus,
    ram_mib: flavor.ramMiB,
    root_gib: flavor.rootGiB,
    ephemeral_gib: flavor.ephemeralGiB,
    swap_mib: flavor.swapMiB,
  }))
  await sql`insert into compute.flavors ${sql(rows)} on conflict do nothing`
}

/** @returns whether there is such a flavor */
export async function describeFlavor(sql: Sql, id: string, description: string | null): Promise<boolean> {
  const changed = await sql`
    update compute.flavors set description = ${description}, updated_at = now() where id = ${id}`
  return changed.count > 0
}

/** @returns whether there was such a flavor */
export async function deleteFlavor(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from compute.flavors where id = ${id}`
  return gone.count > 0
}

// --- Extra specs --------------------------------------------------------------------------------------------------

/** @returns the whole of them afterwards; undefined when there is no such flavor */
export async function addExtraSpecs(
  sql: Sql,
  id: string,
  specs: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const [row] = await sql<{ extraSpecs: Record<string, string> }[]>`
    update compute.flavors set extra_specs = extra_specs || ${sql.json(specs)}, updated_at = now()
     where id = ${id} returning extra_specs`
  return row?.extraSpecs
}

/** @returns whether it was there */
export async function removeExtraSpec(sql: Sql, id: string, key: string): Promise<boolean> {
  const changed = await sql`
    update compute.flavors set extra_specs = extra_specs - ${key}::text, updated_at = now()
     where id = ${id} and extra_specs ? ${key}`
  return changed.count > 0
}

// --- Access -------------------------------------------------------------------------------------------------------

export async function projectsOf(sql: Sql, id: string): Promise<readonly string[]> {
  const rows = await sql<{ projectId: string }[]>`
    select project_id from compute.flavor_access where flavor_id = ${id} order by project_id`
  return rows.map((row) => row.projectId)
}

export async function addAccess(sql: Sql, id: string, projectId: string): Promise<void> {
  await sql`insert into compute.flavor_access (flavor_id, project_id) values (${id}, ${projectId})`
}

/** @returns whether it was there */
export async function removeAccess(sql: Sql, id: string, projectId: string): Promise<boolean> {
  const gone = await sql`
    delete from compute.flavor_access where flavor_id = ${id} and project_id = ${projectId}`
  return gone.count > 0
}
