/** Aggregates, as the Compute API reference lists them. Rules: ./aggregates.ts */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { action, actionRoute } from '../../http/actions.ts'
import type { PolicyTable } from '../../http/policy.ts'
import { notOffered } from '../errors.ts'
import { MAX_INT } from '../parameter-types.ts'
import type { Aggregates } from './aggregates.ts'
import { badAggregateId, noAggregate } from './errors.ts'
import { AggregateCreateBody, AggregateUpdateBody, HostBody, ImagesBody, MetadataBody, NoQuery } from './schemas.ts'
import { viewAggregate, viewMadeAggregate } from './view.ts'

type ById = { Params: { aggregate_id: string } }

export const aggregateRoutes: FastifyPluginAsync<{ aggregates: Aggregates; policies: PolicyTable }> = async (
  app,
  { aggregates, policies },
) => {
  const url = '/os-aggregates/:aggregate_id'

  app.get(
    '/os-aggregates',
    { config: { policy: 'os_compute_api:os-aggregates:index' }, schema: { querystring: NoQuery } },
    async ({ microversion: version }) => ({
      aggregates: (await aggregates.list()).map((each) => viewAggregate(each, version)),
    }),
  )

  app.post<{ Body: Static<typeof AggregateCreateBody> }>(
    '/os-aggregates',
    { config: { policy: 'os_compute_api:os-aggregates:create' }, schema: { body: AggregateCreateBody } },
    async ({ body, microversion: version }) => {
      const { name, availability_zone: zone = null } = body.aggregate
      return { aggregate: viewMadeAggregate(await aggregates.create({ name, zone }), version) }
    },
  )

  app.get<ById>(
    url,
    { config: { policy: 'os_compute_api:os-aggregates:show' }, schema: { querystring: NoQuery } },
    async (request) => ({ aggregate: viewAggregate(await aggregates.get(idOf(request)), request.microversion) }),
  )

  app.put<ById & { Body: Static<typeof AggregateUpdateBody> }>(
    url,
    { config: { policy: 'os_compute_api:os-aggregates:update' }, schema: { body: AggregateUpdateBody } },
    async (request) => {
      const { name, availability_zone: zone } = request.body.aggregate
      const aggregate = await aggregates.update(idOf(request), {
        ...(name !== undefined && { name }),
        ...(zone !== undefined && { zone }),
      })
      return { aggregate: viewAggregate(aggregate, request.microversion) }
    },
  )

  app.delete<ById>(url, { config: { policy: 'os_compute_api:os-aggregates:delete' } }, async (request, reply) => {
    await aggregates.remove(idOf(request))
    return reply.code(200).send()
  })

  actionRoute(app, `${url}/action`, {
    policies,
    anyPolicy: 'os_compute_api:os-aggregates:add_host',
    actions: {
      add_host: action({
        policy: 'os_compute_api:os-aggregates:add_host',
        body: HostBody,
        handle: async (request, _reply, { host }) => ({
          aggregate: viewAggregate(await aggregates.addHost(idOf(request), host), request.microversion),
        }),
      }),
      remove_host: action({
        policy: 'os_compute_api:os-aggregates:remove_host',
        body: HostBody,
        handle: async (request, _reply, { host }) => ({
          aggregate: viewAggregate(await aggregates.removeHost(idOf(request), host), request.microversion),
        }),
      }),
      set_metadata: action({
        policy: 'os_compute_api:os-aggregates:set_metadata',
        body: MetadataBody,
        handle: async (request, _reply, { metadata }) => ({
          aggregate: viewAggregate(await aggregates.setMetadata(idOf(request), metadata), request.microversion),
        }),
      }),
    },
  })

  app.post<ById>(
    `${url}/images`,
    { config: { policy: 'compute:aggregates:images', since: '2.81' }, schema: { body: ImagesBody } },
    async (request) => {
      await aggregates.get(idOf(request))
      throw notOffered('Fetching images to hosts beforehand')
    },
  )
}

function idOf(request: FastifyRequest): number {
  const text = (request.params as { aggregate_id: string }).aggregate_id
  if (!/^\d{1,15}$/.test(text)) throw badAggregateId(text)
  const id = Number(text)
  if (id > MAX_INT) throw noAggregate(id)
  return id
}
