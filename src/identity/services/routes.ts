/** Services. Rules: ./services.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import { ServiceCreateBody, ServiceUpdateBody } from './schemas.ts'
import type { Services } from './services.ts'
import { SERVICE_FILTERS, type Service } from './store.ts'

const OneService = Type.Object({ service_id: Type.String() })

export const serviceRoutes: FastifyPluginAsyncTypebox<{ services: Services; links: Links }> = async (
  app,
  { services, links },
) => {
  const view = (service: Service) => ({
    ...service.extra,
    id: service.id,
    type: service.type,
    ...(service.name !== null && { name: service.name }),
    ...(service.description !== null && { description: service.description }),
    enabled: service.enabled,
    links: { self: links.self('services', service.id) },
  })

  app.get('/services', { config: { policy: 'identity:list_services' } }, async (request) => {
    const list = listQuery(request.query, SERVICE_FILTERS)
    return collection({ request, links, list }, 'services', await services.list(list), view)
  })

  app.post(
    '/services',
    { config: { policy: 'identity:create_service' }, schema: { body: ServiceCreateBody } },
    async (request, reply) => {
      const service = await services.create(request.body.service)
      reply.code(201)
      return { service: view(service) }
    },
  )

  app.get(
    '/services/:service_id',
    { config: { policy: 'identity:get_service' }, schema: { params: OneService } },
    async (request) => ({ service: view(await services.show(request.params.service_id)) }),
  )

  app.patch(
    '/services/:service_id',
    { config: { policy: 'identity:update_service' }, schema: { params: OneService, body: ServiceUpdateBody } },
    async (request) => ({ service: view(await services.update(request.params.service_id, request.body.service)) }),
  )

  app.delete(
    '/services/:service_id',
    { config: { policy: 'identity:delete_service' }, schema: { params: OneService } },
    async (request, reply) => {
      await services.delete(request.params.service_id)
      return reply.code(204).send()
    },
  )
}
