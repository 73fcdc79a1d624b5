/** Allocations, as the Placement API reference lists them. Rules: ./allocations.ts */
import type { FastifyInstance } from 'fastify'
import { cacheable, newest } from '../caching.ts'
import { type Allocations, consumerIdOf } from './allocations.ts'
import { AllocationsBody, ManyAllocationsBody } from './schemas.ts'
import { type ConsumerBody, orderOf, viewConsumer, viewProviderAllocations } from './view.ts'

type ByConsumer = { Params: { consumer_uuid: string } }
type ByProvider = { Params: { uuid: string } }

export function allocationRoutes(app: FastifyInstance, allocations: Allocations): void {
  app.post<{ Body: Record<string, ConsumerBody> }>(
    '/allocations',
    { config: { policy: 'placement:allocations:manage', since: '1.13' }, schema: { body: ManyAllocationsBody } },
    async (request, reply) => {
      await allocations.replace(Object.entries(request.body).map(([id, body]) => orderOf(id, body)))
      return reply.code(204).send()
    },
  )

  app.get<ByConsumer>(
    '/allocations/:consumer_uuid',
    { config: { policy: 'placement:allocations:list' } },
    async (request, reply) => {
      const found = await allocations.ofConsumer(request.params.consumer_uuid)
      cacheable(request, reply, newest(found))
      return viewConsumer(found, request.microversion)
    },
  )

  app.put<ByConsumer & { Body: ConsumerBody }>(
    '/allocations/:consumer_uuid',
    { config: { policy: 'placement:allocations:update' }, schema: { body: AllocationsBody } },
    async (request, reply) => {
      await allocations.replace([orderOf(consumerIdOf(request.params.consumer_uuid), request.body)])
      return reply.code(204).send()
    },
  )

  app.delete<ByConsumer>(
    '/allocations/:consumer_uuid',
    { config: { policy: 'placement:allocations:delete' } },
    async (request, reply) => {
      await allocations.remove(request.params.consumer_uuid)
      return reply.code(204).send()
    },
  )

  app.get<ByProvider>(
    '/resource_providers/:uuid/allocations',
    { config: { policy: 'placement:resource_providers:allocations:list' } },
    async (request, reply) => {
      const found = await allocations.onProvider(request.params.uuid)
      cacheable(request, reply, newest(found.allocations))
      return viewProviderAllocations(found, request.microversion)
    },
  )
}
