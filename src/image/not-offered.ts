/** Paths of the Image API that are known and not offered, each refused by name. */
import type { FastifyInstance } from 'fastify'
import { cacheNotOffered, locationsInvisible, tasksStay } from './errors.ts'

/** Files are read where they lie: there is no cache in front of them to be managed. */
const CACHE = [
  ['GET', '/v2/cache', 'cache_list'],
  ['DELETE', '/v2/cache', 'cache_delete'],
  ['PUT', '/v2/cache/:image_id', 'cache_image'],
  ['DELETE', '/v2/cache/:image_id', 'cache_delete'],
  ['POST', '/v2/cache/clean', 'cache_clean'],
  ['POST', '/v2/cache/prune', 'cache_prune'],
] as const

export function routesNotOffered(app: FastifyInstance): void {
  for (const [method, url, policy] of CACHE) {
    app.route({
      method,
      url,
      config: { policy, rawBody: true },
      handler: async () => {
        throw cacheNotOffered()
      },
    })
  }
  // Nor is there a way to remove one upstream: they go by themselves.
  app.delete('/v2/tasks/:task_id', { config: { policy: 'tasks_api_access', rawBody: true } }, async () => {
    throw tasksStay()
  })
  // Where bytes lie is nobody's business: they are given by this service and taken by it.
  for (const [method, policy] of [
    ['GET', 'fetch_image_location'],
    ['POST', 'add_image_location'],
  ] as const) {
    app.route({
      method,
      url: '/v2/images/:image_id/locations',
      config: { policy, rawBody: true },
      handler: async () => {
        throw locationsInvisible()
      },
    })
  }
}
