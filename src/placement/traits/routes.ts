/** Traits and the traits of providers, as the Placement API reference lists them. Rules: ./traits.ts */
import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { cacheable, newest } from '../caching.ts'
import { badQuery } from '../errors.ts'
import type { Locations } from '../locations.ts'
import { checkQuery, type Query } from '../query.ts'
import { generation } from '../shapes.ts'
import type { ProviderTraits, Traits } from './traits.ts'

const TraitListQuery = Type.Object(
  { name: Type.Optional(Type.String()), associated: Type.Optional(Type.String()) },
  { additionalProperties: false },
)
const ProviderTraitsBody = Type.Object(
  {
    traits: Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000\\p{Cs}]*$' })),
    resource_provider_generation: generation,
  },
  { additionalProperties: false },
)

type ByName = { Params: { name: string } }
type ByProvider = { Params: { uuid: string } }

export function traitRoutes(app: FastifyInstance, traits: Traits, locations: Locations): void {
  app.get<{ Querystring: Query }>(
    '/traits',
    { config: { policy: 'placement:traits:list', since: '1.6' } },
    async (request, reply) => {
      const { name, associated } = checkQuery(request.microversion, TraitListQuery, request.query)
      const found = await traits.list({
        ...(name !== undefined && nameFilter(name)),
        ...(associated !== undefined && { associated: associatedFilter(associated) }),
      })
      cacheable(request, reply, newest(found))
      return { traits: found.map((trait) => trait.name) }
    },
  )

  app.get<ByName>(
    '/traits/:name',
    { config: { policy: 'placement:traits:show', since: '1.6' } },
    async (request, reply) => {
      const { updatedAt } = await traits.get(request.params.name)
      cacheable(request, reply, updatedAt)
      return reply.code(204).send()
    },
  )

  app.put<ByName>(
    '/traits/:name',
    { config: { policy: 'placement:traits:update', since: '1.6' } },
    async (request, reply) => {
      const { name } = request.params
      const made = await traits.ensure(name)
      const { updatedAt } = await traits.get(name)
      cacheable(request, reply, updatedAt)
      return reply
        .code(made ? 201 : 204)
        .header('location', locations.url(`/traits/${name}`))
        .send()
    },
  )

  app.delete<ByName>(
    '/traits/:name',
    { config: { policy: 'placement:traits:delete', since: '1.6' } },
    async (request, reply) => {
      await traits.remove(request.params.name)
      return reply.code(204).send()
    },
  )

  const url = '/resource_providers/:uuid/traits'
  const view = ({ traits: found, generation: now }: ProviderTraits) => ({
    traits: found.map((trait) => trait.name),
    resource_provider_generation: now,
  })

  app.get<ByProvider>(
    url,
    { config: { policy: 'placement:resource_providers:traits:list', since: '1.6' } },
    async (request, reply) => {
      const found = await traits.ofProvider(request.params.uuid)
      cacheable(request, reply, newest(found.traits))
      return view(found)
    },
  )

  app.put<ByProvider & { Body: Static<typeof ProviderTraitsBody> }>(
    url,
    {
      config: { policy: 'placement:resource_providers:traits:update', since: '1.6' },
      schema: { body: ProviderTraitsBody },
    },
    async (request, reply) => {
      const { traits: names, resource_provider_generation: seen } = request.body
      const found = await traits.setOfProvider(request.params.uuid, names, seen)
      cacheable(request, reply, newest(found.traits))
      return view(found)
    },
  )

  app.delete<ByProvider>(
    url,
    { config: { policy: 'placement:resource_providers:traits:delete', since: '1.6' } },
    async (request, reply) => {
      await traits.setOfProvider(request.params.uuid, [], undefined)
      return reply.code(204).send()
    },
  )
}

function nameFilter(text: string): { among?: string[]; prefix?: string } {
  const [, operator, value] = /^([^:]*):(.*)$/s.exec(text) ?? []
  if (operator === undefined) {
    throw badQuery(
      `Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: "${text}"`,
    )
  }
  // Upstream lets other operators through and filters by nothing.
  if (operator === 'in') return { among: value!.split(',') }
  return operator === 'startswith' ? { prefix: value! } : {}
}

function associatedFilter(text: string): boolean {
  const lower = text.toLowerCase()
  if (lower !== 'true' && lower !== 'false') {
    throw badQuery('The query parameter "associated" only accepts "true" or "false"')
  }
  return lower === 'true'
}
