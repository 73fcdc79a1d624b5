/** Endpoints. Rules: ./endpoints.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { Endpoints } from './endpoints.ts'
import { EndpointCreateBody, EndpointUpdateBody } from './schemas.ts'
import { ENDPOINT_FILTERS, type Endpoint } from './store.ts'
import { viewEndpoint } from './view.ts'

const OneEndpoint = Type.Object({ endpoint_id: Type.String() })

export const endpointRoutes: FastifyPluginAsyncTypebox<{ endpoints: Endpoints; links: Links }> = async (
  app,
  { endpoints, links },
) => {
  const view = (endpoint: Endpoint) => viewEndpoint(endpoint, links)

  app.get('/endpoints', { config: { policy: 'identity:list_endpoints' } }, async (request) => {
    const list = listQuery(request.query, ENDPOINT_FILTERS)
    return collection({ request, links, list }, 'endpoints', await endpoints.list(list), view)
  })

  app.post(
    '/endpoints',
    { config: { policy: 'identity:create_endpoint' }, schema: { body: EndpointCreateBody } },
    async (request, reply) => {
      const endpoint = await endpoints.create(request.body.endpoint)
      reply.code(201)
      return { endpoint: view(endpoint) }
    },
  )

  app.get(
    '/endpoints/:endpoint_id',
    { config: { policy: 'identity:get_endpoint' }, schema: { params: OneEndpoint } },
    async (request) => ({ endpoint: view(await endpoints.show(request.params.endpoint_id)) }),
  )

  app.patch(
    '/endpoints/:endpoint_id',
    { config: { policy: 'identity:update_endpoint' }, schema: { params: OneEndpoint, body: EndpointUpdateBody } },
    async (request) => ({
      endpoint: view(await endpoints.update(request.params.endpoint_id, request.body.endpoint)),
    }),
  )

  app.delete(
    '/endpoints/:endpoint_id',
    { config: { policy: 'identity:delete_endpoint' }, schema: { params: OneEndpoint } },
    async (request, reply) => {
      await endpoints.delete(request.params.endpoint_id)
      return reply.code(204).send()
    },
  )
}
