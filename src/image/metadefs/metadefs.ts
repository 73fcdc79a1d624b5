/**
 * The rules of metadata definitions. Admins write them; a namespace is read by its project, or by all where it is
 * public. Source: glance/api/v2/metadef_*.py, glance/db/sqlalchemy/metadef_api
 */
import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'
import type { Database, Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { validate } from '../../http/schema-versions.ts'
import {
  invalidBody,
  invalidQuery,
  metadefNotFound,
  metadefProtected,
  namespaceNotFound,
  propertyReadOnly,
} from '../errors.ts'
import { AssociationBody, NamespaceBody, ObjectBody, PropertyBody, TagBody, TagsBody } from './schemas.ts'
import * as store from './store.ts'
import type { Association, Item, ItemKind, Namespace, NamespaceQuery, NamespaceWish } from './store.ts'
import { type NamespaceContents, viewWholeNamespace } from './view.ts'

export interface MetadefRules {
  listNamespaces(
    caller: Caller,
    query: NamespaceQuery,
  ): Promise<{ namespace: Namespace; associations: Association[] }[]>
  getNamespace(caller: Caller, name: string): Promise<{ namespace: Namespace; contents: NamespaceContents }>
  createNamespace(caller: Caller, body: unknown): Promise<{ namespace: Namespace; contents: NamespaceContents }>
  updateNamespace(caller: Caller, name: string, body: unknown): Promise<Namespace>
  deleteNamespace(caller: Caller, name: string): Promise<void>

  listItems(caller: Caller, namespace: string, kind: ItemKind): Promise<Item[]>
  /** @param resourceType for a property: its name is given with the prefix that this type has */
  getItem(caller: Caller, namespace: string, kind: ItemKind, name: string, resourceType?: string): Promise<Item>
  createItem(caller: Caller, namespace: string, kind: ItemKind, body: unknown): Promise<Item>
  updateItem(caller: Caller, namespace: string, kind: ItemKind, name: string, body: unknown): Promise<Item>
  deleteItem(caller: Caller, namespace: string, kind: ItemKind, name: string): Promise<void>
  deleteItems(caller: Caller, namespace: string, kind: ItemKind): Promise<void>
  /** Puts these in the place of all that are there, or beside them. */
  createTags(caller: Caller, namespace: string, body: unknown, keepOthers: boolean): Promise<Item[]>

  resourceTypes(): ReturnType<typeof store.listResourceTypes>
  associations(caller: Caller, namespace: string): Promise<readonly Association[]>
  associate(caller: Caller, namespace: string, body: unknown): Promise<Association>
  dissociate(caller: Caller, namespace: string, resourceType: string): Promise<void>
}

const HELD = ['objects', 'properties', 'tags', 'resource_type_associations'] as const

const BODY: Readonly<Record<ItemKind, TSchema>> = { object: ObjectBody, property: PropertyBody, tag: TagBody }

export function metadefRules(db: Database): MetadefRules {
  const visible = async (sql: Sql, caller: Caller, name: string) => {
    const found = await store.findNamespace(sql, caller, name)
    if (found === undefined) throw namespaceNotFound(name)
    return found
  }
  /** Changes a namespace or what it holds; those who do it at once do it one after the other. */
  const changing = async <T>(caller: Caller, name: string, work: (tx: Sql, namespace: Namespace) => Promise<T>) =>
    (
      await db.begin(async (tx) => {
        const namespace = await store.lockNamespace(tx, caller, name)
        if (namespace === undefined) throw namespaceNotFound(name)
        return { done: await work(tx, namespace) }
      })
    ).done as T
  const removing = <T>(
    caller: Caller,
    name: string,
    what: string,
    work: (tx: Sql, namespace: Namespace) => Promise<T>,
  ) =>
    changing(caller, name, async (tx, namespace) => {
      if (namespace.protected) throw metadefProtected(what, name)
      return await work(tx, namespace)
    })
  const contentsOf = async (sql: Sql, { id }: Namespace): Promise<NamespaceContents> => ({
    associations: (await store.associationsOf(sql, [id])).get(id) ?? [],
    objects: await store.listItems(sql, id, 'object'),
    properties: await store.listItems(sql, id, 'property'),
    tags: await store.listItems(sql, id, 'tag'),
  })

  return {
    async listNamespaces(caller, query) {
      const { marker } = query
      if (marker !== undefined) await visible(db, caller, marker)
      const namespaces = query.limit === 0 ? [] : await store.listNamespaces(db, caller, query)
      const associations = await store.associationsOf(
        db,
        namespaces.map(({ id }) => id),
      )
      return namespaces.map((namespace) => ({ namespace, associations: associations.get(namespace.id) ?? [] }))
    },

    async getNamespace(caller, name) {
      const namespace = await visible(db, caller, name)
      return { namespace, contents: await contentsOf(db, namespace) }
    },

    async createNamespace(caller, raw) {
      const body = checked(NamespaceBody, raw) as NamespaceBodyShape
      return await db.begin(async (tx) => {
        const namespace = await store.insertNamespace(tx, wishOf(caller, body))
        // In one order for all, because each may make resource types known that another makes known, too.
        const associations = (body.resource_type_associations ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1))
        for (const association of associations) {
          await store.insertAssociation(tx, namespace.id, associationOf(association))
        }
        const items: [ItemKind, readonly NamedBody[]][] = [
          ['object', body.objects ?? []],
          ['tag', body.tags ?? []],
          ['property', Object.entries(body.properties ?? {}).map(([name, each]) => ({ ...each, name }))],
        ]
        for (const [kind, bodies] of items) {
          for (const { name, ...content } of bodies) await store.insertItem(tx, namespace.id, kind, name, content)
        }
        return { namespace, contents: await contentsOf(tx, namespace) }
      })
    },

    async updateNamespace(caller, name, raw) {
      const body = checked(NamespaceBody, raw) as NamespaceBodyShape
      return await changing(caller, name, async (tx, namespace) => {
        // Clients send the whole of what they have read; what it holds changes under its own paths alone.
        const held = HELD.filter((each) => body[each] !== undefined)
        if (held.length > 0) {
          const standing: Partial<Record<(typeof HELD)[number], unknown>> = viewWholeNamespace(
            namespace,
            await contentsOf(tx, namespace),
          )
          const changed = held.find((each) => !isDeepStrictEqual(body[each], standing[each]))
          if (changed !== undefined)
            throw invalidBody(`A namespace is not changed by its '${changed}': they have their own paths.`)
        }
        return await store.updateNamespace(tx, namespace.id, wishOf(caller, body))
      })
    },

    async deleteNamespace(caller, name) {
      await removing(caller, name, 'namespace', (tx, { id }) => store.deleteNamespace(tx, id))
    },

    async listItems(caller, namespace, kind) {
      return await store.listItems(db, (await visible(db, caller, namespace)).id, kind)
    },

    async getItem(caller, namespaceName, kind, name, resourceType) {
      const namespace = await visible(db, caller, namespaceName)
      let ownName = name
      if (resourceType !== undefined) {
        const associations = (await store.associationsOf(db, [namespace.id])).get(namespace.id) ?? []
        const prefix = associations.find((each) => each.name === resourceType)?.prefix
        if (!prefix || !name.startsWith(prefix)) throw metadefNotFound(kind, name, namespaceName)
        ownName = name.slice(prefix.length)
      }
      const found = await store.findItem(db, namespace.id, kind, ownName)
      if (found === undefined) throw metadefNotFound(kind, name, namespaceName)
      return found
    },

    async createItem(caller, namespace, kind, raw) {
      const { name, ...content } = checked(BODY[kind], raw) as NamedBody
      return await changing(caller, namespace, (tx, { id }) => store.insertItem(tx, id, kind, name, content))
    },

    async updateItem(caller, namespace, kind, name, raw) {
      const { name: newName, ...content } = checked(BODY[kind], raw) as NamedBody
      const updated = await changing(caller, namespace, (tx, { id }) =>
        store.updateItem(tx, id, kind, name, { name: newName, content }),
      )
      if (updated === undefined) throw metadefNotFound(kind, name, namespace)
      return updated
    },

    async deleteItem(caller, namespace, kind, name) {
      const was = await removing(caller, namespace, kind, (tx, { id }) => store.deleteItem(tx, id, kind, name))
      if (!was) throw metadefNotFound(kind, name, namespace)
    },

    async deleteItems(caller, namespace, kind) {
      await removing(caller, namespace, kind, (tx, { id }) => store.deleteItems(tx, id, kind))
    },

    async createTags(caller, namespace, raw, keepOthers) {
      const { tags } = checked(TagsBody, raw) as { tags: readonly { name: string }[] }
      return await changing(caller, namespace, async (tx, { id }) => {
        if (!keepOthers) await store.deleteItems(tx, id, 'tag')
        for (const { name } of tags) await store.insertItem(tx, id, 'tag', name, {})
        return await store.listItems(tx, id, 'tag')
      })
    },

    resourceTypes: () => store.listResourceTypes(db),

    async associations(caller, namespace) {
      const { id } = await visible(db, caller, namespace)
      return (await store.associationsOf(db, [id])).get(id) ?? []
    },

    async associate(caller, namespace, raw) {
      const body = checked(AssociationBody, raw) as AssociationBodyShape
      return await changing(caller, namespace, (tx, { id }) => store.insertAssociation(tx, id, associationOf(body)))
    },

    async dissociate(caller, namespace, resourceType) {
      const was = await removing(caller, namespace, 'resource type association', (tx, { id }) =>
        store.deleteAssociation(tx, id, resourceType),
      )
      if (!was) throw metadefNotFound('resource type', resourceType, namespace)
    },
  }
}

interface AssociationBodyShape {
  name: string
  prefix?: string
  properties_target?: string
}

interface NamedBody {
  name: string
  [key: string]: unknown
}

interface NamespaceBodyShape {
  namespace: string
  display_name?: string
  description?: string
  visibility?: 'public' | 'private'
  protected?: boolean
  owner?: string
  resource_type_associations?: AssociationBodyShape[]
  properties?: Record<string, Record<string, unknown>>
  objects?: NamedBody[]
  tags?: NamedBody[]
}

const READ_ONLY = ['self', 'schema', 'created_at', 'updated_at']

function checked(schema: TSchema, body: unknown): unknown {
  if (body === undefined || body === null) throw invalidBody('Body expected in request.')
  if (typeof body !== 'object') throw invalidBody('Unexpected body type. Expected list/dict.')
  const readOnly = READ_ONLY.find((name) => Object.hasOwn(body, name))
  if (readOnly !== undefined) throw propertyReadOnly(readOnly)
  validate(0, schema, body)
  return body
}

function wishOf(caller: Caller, body: NamespaceBodyShape): NamespaceWish {
  return {
    namespace: body.namespace,
    displayName: body.display_name ?? null,
    description: body.description ?? null,
    visibility: body.visibility ?? 'private',
    protected: body.protected ?? false,
    owner: body.owner ?? caller.projectId ?? '',
  }
}

function associationOf({ name, prefix, properties_target }: AssociationBodyShape) {
  return { name, prefix: prefix ?? null, propertiesTarget: properties_target ?? null }
}

/** @throws DomainError invalid, `image.query.invalid` */
export function readNamespaceQuery(
  query: URLSearchParams,
  page: { readonly pageDefault: number; readonly pageMax: number },
): NamespaceQuery {
  const one = (name: string) => query.getAll(name).at(-1)
  const oneOf = <const T extends readonly string[]>(what: string, name: string, allowed: T): T[number] | undefined => {
    const value = one(name)
    if (value === undefined || value === '') return undefined
    if (allowed.includes(value)) return value
    throw invalidQuery(`Invalid ${what}: ${value.slice(0, 64)}`)
  }
  const limit = one('limit')
  if (limit !== undefined && !/^[+-]?\d+$/.test(limit)) throw invalidQuery('limit param must be an integer')
  if (Number(limit) < 0) throw invalidQuery('limit param must be positive')
  const marker = one('marker')
  const visibility = oneOf('visibility value', 'visibility', ['public', 'private'])
  const resourceTypes = one('resource_types')
  return {
    limit: Math.min(limit === undefined ? page.pageDefault : Number(limit), page.pageMax),
    ...(marker !== undefined && { marker }),
    sortKey: oneOf('sort key', 'sort_key', store.NAMESPACE_SORT_KEYS) ?? 'created_at',
    sortDir: oneOf('sort direction', 'sort_dir', ['asc', 'desc']) ?? 'desc',
    ...(visibility !== undefined && { visibility }),
    ...(resourceTypes !== undefined && { resourceTypes: resourceTypes.split(',') }),
  }
}
