/** Definitions of metadata in SQL. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { duplicateMetadef } from '../errors.ts'

export interface Namespace {
  readonly id: string
  readonly namespace: string
  readonly displayName: string | null
  readonly description: string | null
  readonly visibility: 'public' | 'private'
  readonly protected: boolean
  /** Project id. */
  readonly owner: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NamespaceWish = Omit<Namespace, 'id' | 'createdAt' | 'updatedAt'>

export type ItemKind = 'object' | 'property' | 'tag'

/** An object, a property or a tag; its content is what its schema says, less the name. */
export interface Item {
  readonly name: string
  readonly content: Readonly<Record<string, unknown>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Association {
  /** The resource type's. */
  readonly name: string
  readonly prefix: string | null
  readonly propertiesTarget: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface NamespaceQuery {
  readonly limit: number
  /** Name of the last namespace of the page before. */
  readonly marker?: string
  readonly sortKey: NamespaceSortKey
  readonly sortDir: 'asc' | 'desc'
  readonly visibility?: string
  readonly resourceTypes?: readonly string[]
}

export const NAMESPACE_SORT_KEYS = ['created_at', 'updated_at', 'namespace', 'id'] as const
export type NamespaceSortKey = (typeof NAMESPACE_SORT_KEYS)[number]

const namespaceColumns = (sql: Sql) => sql`
  n.id, n.namespace, n.display_name, n.description, n.visibility, n.protected, n.owner, n.created_at, n.updated_at`
const visibleTo = (sql: Sql, caller: Caller) =>
  caller.isAdmin ? sql`true` : sql`(n.visibility = 'public' or n.owner = ${caller.projectId ?? ''})`

// --- Namespaces ---------------------------------------------------------------------------------------------------

export async function findNamespace(sql: Sql, caller: Caller, namespace: string): Promise<Namespace | undefined> {
  const [found] = await sql<Namespace[]>`
    select ${namespaceColumns(sql)} from image.metadef_namespaces n
     where n.namespace = ${namespace} and ${visibleTo(sql, caller)}`
  return found
}

/** The same, and nobody else changes it or what it holds until the transaction ends. */
export async function lockNamespace(sql: Sql, caller: Caller, namespace: string): Promise<Namespace | undefined> {
  const [found] = await sql<Namespace[]>`
    select ${namespaceColumns(sql)} from image.metadef_namespaces n
     where n.namespace = ${namespace} and ${visibleTo(sql, caller)} for update`
  return found
}

export async function listNamespaces(sql: Sql, caller: Caller, query: NamespaceQuery): Promise<Namespace[]> {
  const { limit, marker, sortKey, sortDir, visibility, resourceTypes } = query
  const key = sql`n.${sql(sortKey)}`
  const dir = sortDir === 'asc' ? sql`asc` : sql`desc`
  const after =
    marker === undefined
      ? sql``
      : sql`and (${key}, n.id) ${sortDir === 'asc' ? sql`>` : sql`<`}
             (select m.${sql(sortKey)}, m.id from image.metadef_namespaces m where m.namespace = ${marker})`
  const associated =
    resourceTypes === undefined
      ? sql``
      : sql`and exists (select from image.metadef_associations a
              where a.namespace_id = n.id and a.resource_type = any(${sql.array([...resourceTypes])}::text[]))`
  return await sql<Namespace[]>`
    select ${namespaceColumns(sql)} from image.metadef_namespaces n
     where ${visibleTo(sql, caller)} ${visibility === undefined ? sql`` : sql`and n.visibility = ${visibility}`}
       ${associated} ${after}
     order by ${key} ${dir}, n.id ${dir} limit ${limit}`
}

/** @throws DomainError conflict, `image.metadef.duplicate` */
export async function insertNamespace(sql: Sql, wish: NamespaceWish): Promise<Namespace> {
  const [made] = await sql<Namespace[]>`
    insert into image.metadef_namespaces as n (namespace, display_name, description, visibility, protected, owner)
    values (${wish.namespace}, ${wish.displayName}, ${wish.description}, ${wish.visibility}, ${wish.protected},
      ${wish.owner})
    on conflict do nothing returning ${namespaceColumns(sql)}`
  if (made === undefined) throw duplicateMetadef('namespace', wish.namespace)
  return made
}

/** @throws DomainError conflict, `image.metadef.duplicate` */
export async function updateNamespace(sql: Sql, id: string, wish: NamespaceWish): Promise<Namespace> {
  try {
    const [made] = await sql<Namespace[]>`
      update image.metadef_namespaces n
         set namespace = ${wish.namespace}, display_name = ${wish.displayName}, description = ${wish.description},
             visibility = ${wish.visibility}, protected = ${wish.protected}, owner = ${wish.owner}, updated_at = now()
       where n.id = ${id} returning ${namespaceColumns(sql)}`
    return made!
  } catch (error) {
    if (violatedConstraint(error) === 'metadef_namespace_once') throw duplicateMetadef('namespace', wish.namespace)
    throw error
  }
}

/** Everything in it goes too. */
export async function deleteNamespace(sql: Sql, id: string): Promise<void> {
  await sql`delete from image.metadef_namespaces where id = ${id}`
}

// --- Objects, properties, tags ------------------------------------------------------------------------------------

const itemColumns = (sql: Sql) => sql`name, content, created_at, updated_at`

export async function listItems(sql: Sql, namespaceId: string, kind: ItemKind): Promise<Item[]> {
  return await sql<Item[]>`
    select ${itemColumns(sql)} from image.metadef_items
     where namespace_id = ${namespaceId} and kind = ${kind} order by created_at, name`
}

export async function findItem(sql: Sql, namespaceId: string, kind: ItemKind, name: string): Promise<Item | undefined> {
  const [found] = await sql<Item[]>`
    select ${itemColumns(sql)} from image.metadef_items
     where namespace_id = ${namespaceId} and kind = ${kind} and name = ${name}`
  return found
}

/** @throws DomainError conflict, `image.metadef.duplicate` */
export async function insertItem(
  sql: Sql,
  namespaceId: string,
  kind: ItemKind,
  name: string,
  content: Item['content'],
): Promise<Item> {
  const [made] = await sql<Item[]>`
    insert into image.metadef_items (namespace_id, kind, name, content)
    values (${namespaceId}, ${kind}, ${name}, ${sql.json(content as never)})
    on conflict do nothing returning ${itemColumns(sql)}`
  if (made === undefined) throw duplicateMetadef(kind, name)
  return made
}

/** @returns nothing if there is none. @throws DomainError conflict, `image.metadef.duplicate` */
export async function updateItem(
  sql: Sql,
  namespaceId: string,
  kind: ItemKind,
  name: string,
  next: Pick<Item, 'name' | 'content'>,
): Promise<Item | undefined> {
  try {
    const [made] = await sql<Item[]>`
      update image.metadef_items
         set name = ${next.name}, content = ${sql.json(next.content as never)}, updated_at = now()
       where namespace_id = ${namespaceId} and kind = ${kind} and name = ${name} returning ${itemColumns(sql)}`
    return made
  } catch (error) {
    if (violatedConstraint(error) === 'metadef_item_once') throw duplicateMetadef(kind, next.name)
    throw error
  }
}

/** @returns whether there was one */
export async function deleteItem(sql: Sql, namespaceId: string, kind: ItemKind, name: string): Promise<boolean> {
  const deleted = await sql`
    delete from image.metadef_items where namespace_id = ${namespaceId} and kind = ${kind} and name = ${name}`
  return deleted.count === 1
}

export async function deleteItems(sql: Sql, namespaceId: string, kind: ItemKind): Promise<void> {
  await sql`delete from image.metadef_items where namespace_id = ${namespaceId} and kind = ${kind}`
}

// --- Resource types -----------------------------------------------------------------------------------------------

export async function listResourceTypes(sql: Sql): Promise<Pick<Association, 'name' | 'createdAt' | 'updatedAt'>[]> {
  return await sql`select name, created_at, updated_at from image.metadef_resource_types order by name`
}

const associationColumns = (sql: Sql) => sql`
  resource_type as name, prefix, properties_target, created_at, updated_at`

/** By the id of their namespace. */
export async function associationsOf(
  sql: Sql,
  namespaceIds: readonly string[],
): Promise<ReadonlyMap<string, Association[]>> {
  const rows = await sql<(Association & { namespaceId: string })[]>`
    select namespace_id, ${associationColumns(sql)} from image.metadef_associations
     where namespace_id = any(${sql.array([...namespaceIds])}::uuid[]) order by created_at, resource_type`
  return Map.groupBy(rows, (row) => row.namespaceId)
}

/** A resource type that is not known yet becomes known. @throws DomainError conflict, `image.metadef.duplicate` */
export async function insertAssociation(
  sql: Sql,
  namespaceId: string,
  { name, prefix, propertiesTarget }: Pick<Association, 'name' | 'prefix' | 'propertiesTarget'>,
): Promise<Association> {
  await sql`insert into image.metadef_resource_types (name) values (${name}) on conflict do nothing`
  const [made] = await sql<Association[]>`
    insert into image.metadef_associations (namespace_id, resource_type, prefix, properties_target)
    values (${namespaceId}, ${name}, ${prefix}, ${propertiesTarget})
    on conflict do nothing returning ${associationColumns(sql)}`
  if (made === undefined) throw duplicateMetadef('resource type association', name)
  return made
}

/** @returns whether there was one */
export async function deleteAssociation(sql: Sql, namespaceId: string, name: string): Promise<boolean> {
  const deleted = await sql`
    delete from image.metadef_associations where namespace_id = ${namespaceId} and resource_type = ${name}`
  return deleted.count === 1
}
