/** Registered limits and limits. Rules: ./limits.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { Limits } from './limits.ts'
import { LimitBody, LimitsBody, RegisteredLimitBody, RegisteredLimitsBody } from './schemas.ts'
import { LIMIT_FILTERS, type Limit, REGISTERED_LIMIT_FILTERS, type RegisteredLimit } from './store.ts'
import { viewLimit } from './view.ts'

const OneRegistered = Type.Object({ registered_limit_id: Type.String() })
const OneLimit = Type.Object({ limit_id: Type.String() })

export const limitRoutes: FastifyPluginAsyncTypebox<{ limits: Limits; links: Links }> = async (
  app,
  { limits, links },
) => {
  const viewRegistered = (limit: RegisteredLimit) => ({
    id: limit.id,
    service_id: limit.serviceId,
    region_id: limit.regionId,
    resource_name: limit.resourceName,
    default_limit: limit.defaultLimit,
    description: limit.description,
    links: { self: links.self('registered_limits', limit.id) },
  })
  const view = (limit: Limit) => ({
    ...viewLimit(limit),
    links: { self: links.self('limits', limit.id) },
  })

  app.get('/registered_limits', { config: { policy: 'identity:list_registered_limits' } }, async (request) => {
    const list = listQuery(request.query, REGISTERED_LIMIT_FILTERS)
    const rows = await limits.listRegistered(list)
    return collection({ request, links, list }, 'registered_limits', rows, viewRegistered)
  })

  app.post(
    '/registered_limits',
    { config: { policy: 'identity:create_registered_limits' }, schema: { body: RegisteredLimitsBody } },
    async (request, reply) => {
      const made = await limits.register(request.body.registered_limits)
      reply.code(201)
      return { registered_limits: made.map(viewRegistered) }
    },
  )

  app.get(
    '/registered_limits/:registered_limit_id',
    { config: { policy: 'identity:get_registered_limit' }, schema: { params: OneRegistered } },
    async (request) => ({
      registered_limit: viewRegistered(await limits.showRegistered(request.params.registered_limit_id)),
    }),
  )

  app.patch(
    '/registered_limits/:registered_limit_id',
    {
      config: { policy: 'identity:update_registered_limit' },
      schema: { params: OneRegistered, body: RegisteredLimitBody },
    },
    async (request) => {
      const { registered_limit_id: id } = request.params
      return { registered_limit: viewRegistered(await limits.updateRegistered(id, request.body.registered_limit)) }
    },
  )

  app.delete(
    '/registered_limits/:registered_limit_id',
    { config: { policy: 'identity:delete_registered_limit' }, schema: { params: OneRegistered } },
    async (request, reply) => {
      await limits.deleteRegistered(request.params.registered_limit_id)
      return reply.code(204).send()
    },
  )

  app.get('/limits/model', { config: { policy: 'identity:get_limit_model' } }, async () => ({
    model: { name: 'flat', description: "A project's limits are its own: its place in the hierarchy does not matter." },
  }))

  app.get('/limits', { config: { policy: 'identity:list_limits' } }, async (request) => {
    const list = listQuery(request.query, LIMIT_FILTERS)
    return collection({ request, links, list }, 'limits', await limits.list(request.caller, list), view)
  })

  app.post(
    '/limits',
    { config: { policy: 'identity:create_limits' }, schema: { body: LimitsBody } },
    async (request, reply) => {
      const made = await limits.create(request.body.limits)
      reply.code(201)
      return { limits: made.map(view) }
    },
  )

  app.get(
    '/limits/:limit_id',
    { config: { policy: 'identity:get_limit' }, schema: { params: OneLimit } },
    async (request) => ({ limit: view(await limits.show(request.caller, request.params.limit_id)) }),
  )

  app.patch(
    '/limits/:limit_id',
    { config: { policy: 'identity:update_limit' }, schema: { params: OneLimit, body: LimitBody } },
    async (request) => ({ limit: view(await limits.update(request.params.limit_id, request.body.limit)) }),
  )

  app.delete(
    '/limits/:limit_id',
    { config: { policy: 'identity:delete_limit' }, schema: { params: OneLimit } },
    async (request, reply) => {
      await limits.delete(request.params.limit_id)
      return reply.code(204).send()
    },
  )
}
