/** Regions. Rules: ./regions.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { invalid } from '../errors.ts'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { Regions } from './regions.ts'
import { RegionCreateBody, RegionUpdateBody } from './schemas.ts'
import { REGION_FILTERS, type Region } from './store.ts'

const OneRegion = Type.Object({ region_id: Type.String() })

export const regionRoutes: FastifyPluginAsyncTypebox<{ regions: Regions; links: Links }> = async (
  app,
  { regions, links },
) => {
  const view = (region: Region) => ({
    ...region.extra,
    id: region.id,
    description: region.description,
    parent_region_id: region.parentRegionId,
    links: { self: links.self('regions', region.id) },
  })

  app.get('/regions', { config: { policy: 'identity:list_regions' } }, async (request) => {
    const list = listQuery(request.query, REGION_FILTERS)
    return collection({ request, links, list }, 'regions', await regions.list(list), view)
  })

  app.post(
    '/regions',
    { config: { policy: 'identity:create_region' }, schema: { body: RegionCreateBody } },
    async (request, reply) => {
      const region = await regions.create(request.body.region)
      reply.code(201)
      return { region: view(region) }
    },
  )

  app.get(
    '/regions/:region_id',
    { config: { policy: 'identity:get_region' }, schema: { params: OneRegion } },
    async (request) => ({ region: view(await regions.show(request.params.region_id)) }),
  )

  app.put(
    '/regions/:region_id',
    { config: { policy: 'identity:create_region' }, schema: { params: OneRegion, body: RegionCreateBody } },
    async (request, reply) => {
      const { region_id: id } = request.params
      const given = request.body.region
      if (given.id != null && given.id !== id) throw invalid('id.changed', 'The id in the path and in the body differ.')
      const region = await regions.create({ ...given, id })
      reply.code(201)
      return { region: view(region) }
    },
  )

  app.patch(
    '/regions/:region_id',
    { config: { policy: 'identity:update_region' }, schema: { params: OneRegion, body: RegionUpdateBody } },
    async (request) => ({ region: view(await regions.update(request.params.region_id, request.body.region)) }),
  )

  app.delete(
    '/regions/:region_id',
    { config: { policy: 'identity:delete_region' }, schema: { params: OneRegion } },
    async (request, reply) => {
      await regions.delete(request.params.region_id)
      return reply.code(204).send()
    },
  )
}
