/** Aggregates of providers, as the Placement API reference lists them. Rules: ./aggregates.ts */
import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { type Microversion, microversion } from '../../http/microversions.ts'
import { cacheable } from '../caching.ts'
import { generation, uuid } from '../shapes.ts'
import type { Aggregates, ProviderAggregates } from './aggregates.ts'

const list = { uniqueItems: true }
const AggregatesBody = Type.Union([
  Type.Array(uuid, { ...list, until: '1.18' }),
  Type.Object(
    { aggregates: Type.Array(uuid, list), resource_provider_generation: generation },
    { additionalProperties: false, since: '1.19' },
  ),
])

type ByProvider = { Params: { uuid: string } }

const WITH_GENERATION = microversion('1.19')

export function aggregateRoutes(app: FastifyInstance, aggregates: Aggregates): void {
  const url = '/resource_providers/:uuid/aggregates'
  const view = ({ aggregates: found, generation: now }: ProviderAggregates, version: Microversion) => ({
    aggregates: found,
    ...(version >= WITH_GENERATION && { resource_provider_generation: now }),
  })

  app.get<ByProvider>(
    url,
    { config: { policy: 'placement:resource_providers:aggregates:list', since: '1.1' } },
    async (request, reply) => {
      cacheable(request, reply)
      return view(await aggregates.ofProvider(request.params.uuid), request.microversion)
    },
  )

  app.put<ByProvider & { Body: Static<typeof AggregatesBody> }>(
    url,
    {
      config: { policy: 'placement:resource_providers:aggregates:update', since: '1.1' },
      schema: { body: AggregatesBody },
    },
    async (request, reply) => {
      const { body } = request
      const [ids, seen] = Array.isArray(body) ? [body, undefined] : [body.aggregates, body.resource_provider_generation]
      const set = await aggregates.setOfProvider(request.params.uuid, ids, seen)
      cacheable(request, reply)
      return view(set, request.microversion)
    },
  )
}
