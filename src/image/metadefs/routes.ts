/** Metadata definitions, as the Image API reference lists them. Rules: ./metadefs.ts */
import type { FastifyInstance } from 'fastify'
import type { ImageSettings } from '../settings.ts'
import { type MetadefRules, readNamespaceQuery } from './metadefs.ts'
import { METADEF_DOCUMENTS } from './schemas.ts'
import type { Item, ItemKind } from './store.ts'
import {
  viewAssociation,
  viewNamespace,
  viewObject,
  viewProperties,
  viewProperty,
  viewTag,
  viewWholeNamespace,
} from './view.ts'

type OfNamespace = { Params: { namespace_name: string }; Querystring: { resource_type?: string } }
type OfItem = { Params: { namespace_name: string; name: string }; Querystring: { resource_type?: string } }

interface Options {
  readonly metadefs: MetadefRules
  readonly settings: ImageSettings
  readonly baseUrl: string
}

export function metadefRoutes(app: FastifyInstance, { metadefs, settings, baseUrl }: Options): void {
  for (const [name, document] of Object.entries(METADEF_DOCUMENTS)) {
    app.get(`/v2/schemas/metadefs/${name}`, { config: { policy: 'schemas' } }, async () => document)
  }
  namespaceRoutes(app, { metadefs, settings, baseUrl })
  resourceTypeRoutes(app, metadefs)
  itemRoutes(app, metadefs, {
    kind: 'object',
    path: 'objects',
    policies: {
      list: 'get_metadef_objects',
      get: 'get_metadef_object',
      add: 'add_metadef_object',
      change: 'modify_metadef_object',
      remove: 'delete_metadef_object',
      removeAll: 'delete_metadef_namespace',
    },
    view: (namespace, item) => viewObject(namespace, item),
    viewAll: (namespace, items) => ({
      objects: items.map((item) => viewObject(namespace, item)),
      schema: 'v2/schemas/metadefs/objects',
    }),
  })
  itemRoutes(app, metadefs, {
    kind: 'property',
    path: 'properties',
    policies: {
      list: 'get_metadef_properties',
      get: 'get_metadef_property',
      add: 'add_metadef_property',
      change: 'modify_metadef_property',
      remove: 'remove_metadef_property',
      removeAll: 'delete_metadef_namespace',
    },
    view: (_namespace, item) => viewProperty(item),
    viewAll: (_namespace, items) => ({ properties: viewProperties(items) }),
  })
  itemRoutes(app, metadefs, {
    kind: 'tag',
    path: 'tags',
    policies: {
      list: 'get_metadef_tags',
      get: 'get_metadef_tag',
      add: 'add_metadef_tag',
      change: 'modify_metadef_tag',
      remove: 'delete_metadef_tag',
      removeAll: 'delete_metadef_tags',
    },
    view: (_namespace, item) => viewTag(item),
    viewAll: (_namespace, items) => ({
      tags: items.map(({ name }) => ({ name })),
      first: `/v2/metadefs/namespaces/${_namespace}/tags`,
      schema: '/v2/schemas/metadefs/tags',
    }),
  })
}

function namespaceRoutes(app: FastifyInstance, { metadefs, settings, baseUrl }: Options): void {
  const all = '/v2/metadefs/namespaces'
  const one = '/v2/metadefs/namespaces/:namespace_name'

  app.get(all, { config: { policy: 'get_metadef_namespaces' } }, async (request) => {
    const asked = new URL(request.url, 'http://any').searchParams
    const query = readNamespaceQuery(asked, settings)
    const page = await metadefs.listNamespaces(request.caller, query)
    asked.delete('marker')
    const first = asked.size > 0 ? `${all}?${asked}` : all
    const last = page.at(-1)
    const hasMore = last !== undefined && page.length === query.limit
    if (hasMore) asked.set('marker', last.namespace.namespace)
    return {
      namespaces: page.map(({ namespace, associations }) => viewNamespace(namespace, associations)),
      first,
      ...(hasMore && { next: `${all}?${asked}` }),
      schema: '/v2/schemas/metadefs/namespaces',
    }
  })

  app.post(all, { config: { policy: 'add_metadef_namespace', rawBody: true } }, async (request, reply) => {
    const { namespace, contents } = await metadefs.createNamespace(request.caller, request.body)
    reply.code(201).header('location', `${baseUrl}${all}/${encodeURIComponent(namespace.namespace)}`)
    return viewWholeNamespace(namespace, contents)
  })

  app.get<OfNamespace>(one, { config: { policy: 'get_metadef_namespace' } }, async (request) => {
    const { namespace, contents } = await metadefs.getNamespace(request.caller, request.params.namespace_name)
    const type = request.query.resource_type
    const prefix = contents.associations.find((association) => association.name === type)?.prefix ?? ''
    return viewWholeNamespace(namespace, contents, prefix)
  })

  app.put<OfNamespace>(one, { config: { policy: 'modify_metadef_namespace', rawBody: true } }, async (request) =>
    viewNamespace(await metadefs.updateNamespace(request.caller, request.params.namespace_name, request.body)),
  )

  app.delete<OfNamespace>(one, { config: { policy: 'delete_metadef_namespace' } }, async (request, reply) => {
    await metadefs.deleteNamespace(request.caller, request.params.namespace_name)
    reply.code(204)
  })
}

function resourceTypeRoutes(app: FastifyInstance, metadefs: MetadefRules): void {
  const ofNamespace = '/v2/metadefs/namespaces/:namespace_name/resource_types'

  app.get('/v2/metadefs/resource_types', { config: { policy: 'list_metadef_resource_types' } }, async () => ({
    resource_types: (await metadefs.resourceTypes()).map((type) =>
      viewAssociation({ ...type, prefix: null, propertiesTarget: null }),
    ),
  }))

  app.get<OfNamespace>(ofNamespace, { config: { policy: 'list_metadef_resource_types' } }, async (request) => {
    const associations = await metadefs.associations(request.caller, request.params.namespace_name)
    return { resource_type_associations: associations.map(viewAssociation) }
  })

  app.post<OfNamespace>(
    ofNamespace,
    { config: { policy: 'add_metadef_resource_type_association', rawBody: true } },
    async (request, reply) => {
      reply.code(201)
      return viewAssociation(await metadefs.associate(request.caller, request.params.namespace_name, request.body))
    },
  )

  app.delete<OfItem>(
    `${ofNamespace}/:name`,
    { config: { policy: 'remove_metadef_resource_type_association' } },
    async (request, reply) => {
      await metadefs.dissociate(request.caller, request.params.namespace_name, request.params.name)
      reply.code(204)
    },
  )
}

interface ItemPaths {
  readonly kind: ItemKind
  readonly path: string
  readonly policies: Readonly<Record<'list' | 'get' | 'add' | 'change' | 'remove' | 'removeAll', string>>
  readonly view: (namespace: string, item: Item) => unknown
  readonly viewAll: (namespace: string, items: readonly Item[]) => unknown
}

/** Objects, properties and tags of a namespace have the same paths; a tag is made by its path alone. */
function itemRoutes(
  app: FastifyInstance,
  metadefs: MetadefRules,
  { kind, path, policies, view, viewAll }: ItemPaths,
): void {
  const all = `/v2/metadefs/namespaces/:namespace_name/${path}`
  const one = `${all}/:${kind}_name`
  const nameOf = (params: object) => (params as Record<string, string>)[`${kind}_name`]!

  app.get<OfNamespace>(all, { config: { policy: policies.list } }, async (request) => {
    const { namespace_name } = request.params
    return viewAll(namespace_name, await metadefs.listItems(request.caller, namespace_name, kind))
  })

  if (kind === 'tag') {
    app.post<OfNamespace>(all, { config: { policy: 'add_metadef_tags', rawBody: true } }, async (request, reply) => {
      const { namespace_name } = request.params
      const keepOthers = String(request.headers['x-openstack-append'] ?? 'false').toLowerCase() === 'true'
      const tags = await metadefs.createTags(request.caller, namespace_name, request.body, keepOthers)
      reply.code(201)
      return { tags: tags.map(({ name }) => ({ name })) }
    })
    app.post<OfNamespace>(one, { config: { policy: policies.add, rawBody: true } }, async (request, reply) => {
      const { namespace_name } = request.params
      const body = { name: nameOf(request.params) }
      reply.code(201)
      return view(namespace_name, await metadefs.createItem(request.caller, namespace_name, kind, body))
    })
  } else {
    app.post<OfNamespace>(all, { config: { policy: policies.add, rawBody: true } }, async (request, reply) => {
      const { namespace_name } = request.params
      reply.code(201)
      return view(namespace_name, await metadefs.createItem(request.caller, namespace_name, kind, request.body))
    })
  }

  app.delete<OfNamespace>(all, { config: { policy: policies.removeAll } }, async (request, reply) => {
    await metadefs.deleteItems(request.caller, request.params.namespace_name, kind)
    reply.code(204)
  })

  app.get<OfNamespace>(one, { config: { policy: policies.get } }, async (request) => {
    const { namespace_name } = request.params
    const type = kind === 'property' ? request.query.resource_type : undefined
    return view(
      namespace_name,
      await metadefs.getItem(request.caller, namespace_name, kind, nameOf(request.params), type),
    )
  })

  app.put<OfNamespace>(one, { config: { policy: policies.change, rawBody: true } }, async (request) => {
    const { namespace_name } = request.params
    const name = nameOf(request.params)
    return view(namespace_name, await metadefs.updateItem(request.caller, namespace_name, kind, name, request.body))
  })

  app.delete<OfNamespace>(one, { config: { policy: policies.remove } }, async (request, reply) => {
    await metadefs.deleteItem(request.caller, request.params.namespace_name, kind, nameOf(request.params))
    reply.code(204)
  })
}
