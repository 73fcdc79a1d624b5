/** Resource providers, as the Placement API reference lists them. Rules: ./providers.ts */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { microversion } from '../../http/microversions.ts'
import { cacheable, newest } from '../caching.ts'
import type { Locations } from '../locations.ts'
import { checkQuery, NO_FILTER, parseMemberOf, parseRequired, parseResources, type Query, valuesOf } from '../query.ts'
import type { Providers } from './providers.ts'
import { ProviderCreateBody, ProviderListQuery, ProviderUpdateBody } from './schemas.ts'
import { viewProvider } from './view.ts'

type ById = { Params: { uuid: string } }

const ANSWERS_WITH_PROVIDER = microversion('1.20')
const MAY_MOVE = microversion('1.37')

export function providerRoutes(app: FastifyInstance, providers: Providers, locations: Locations): void {
  app.get<{ Querystring: Query }>(
    '/resource_providers',
    { config: { policy: 'placement:resource_providers:list' } },
    async (request, reply) => {
      const version = request.microversion
      const { name, uuid, in_tree, resources } = checkQuery(version, ProviderListQuery, request.query)
      const memberOf = valuesOf(request.query, 'member_of')
      const required = valuesOf(request.query, 'required')
      const found = await providers.list({
        ...(name !== undefined && name !== '' && { name }),
        ...(uuid !== undefined && { id: uuid }),
        ...(in_tree !== undefined && { inTree: in_tree }),
        aggregates: memberOf.length === 0 ? NO_FILTER : parseMemberOf(memberOf, version),
        traits: required.length === 0 ? NO_FILTER : parseRequired(required, version),
        resources: resources === undefined ? {} : parseResources(resources),
      })
      cacheable(request, reply, newest(found))
      return { resource_providers: found.map((provider) => viewProvider(provider, version, locations)) }
    },
  )

  app.post<{ Body: Static<typeof ProviderCreateBody> }>(
    '/resource_providers',
    { config: { policy: 'placement:resource_providers:create' }, schema: { body: ProviderCreateBody } },
    async (request, reply) => {
      const { name, uuid, parent_provider_uuid: parentId = null } = request.body
      const provider = await providers.create({ name, parentId, ...(uuid !== undefined && { id: uuid }) })
      reply.header('location', locations.url(`/resource_providers/${provider.id}`))
      if (request.microversion < ANSWERS_WITH_PROVIDER) return reply.code(201).send()
      cacheable(request, reply, provider.updatedAt)
      return viewProvider(provider, request.microversion, locations)
    },
  )

  app.get<ById>(
    '/resource_providers/:uuid',
    { config: { policy: 'placement:resource_providers:show' } },
    async (request, reply) => {
      const provider = await providers.get(request.params.uuid)
      cacheable(request, reply, provider.updatedAt)
      return viewProvider(provider, request.microversion, locations)
    },
  )

  app.put<ById & { Body: Static<typeof ProviderUpdateBody> }>(
    '/resource_providers/:uuid',
    { config: { policy: 'placement:resource_providers:update' }, schema: { body: ProviderUpdateBody } },
    async (request, reply) => {
      const { name, parent_provider_uuid: parentId } = request.body
      const provider = await providers.update(
        request.params.uuid,
        { name, ...(parentId !== undefined && { parentId }) },
        { mayMove: request.microversion >= MAY_MOVE },
      )
      cacheable(request, reply, provider.updatedAt)
      return viewProvider(provider, request.microversion, locations)
    },
  )

  app.delete<ById>(
    '/resource_providers/:uuid',
    { config: { policy: 'placement:resource_providers:delete' } },
    async (request, reply) => {
      await providers.remove(request.params.uuid)
      return reply.code(204).send()
    },
  )
}
