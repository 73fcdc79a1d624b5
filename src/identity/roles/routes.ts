/** Roles and implied roles. Rules: ./roles.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { last } from '../../http/paging.ts'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { Roles } from './roles.ts'
import { RoleCreateBody, RoleUpdateBody } from './schemas.ts'
import { type Implication, ROLE_FILTERS, type Role } from './store.ts'
import { viewImplied, viewRole, viewRoleName } from './view.ts'

const OneRole = Type.Object({ role_id: Type.String() })
const OnePrior = Type.Object({ prior_role_id: Type.String() })
const OneImplication = Type.Object({ prior_role_id: Type.String(), implies_role_id: Type.String() })

export const roleRoutes: FastifyPluginAsyncTypebox<{ roles: Roles; links: Links }> = async (app, { roles, links }) => {
  const view = (role: Role) => viewRole(role, links)
  const prior = (each: Implication) => viewRoleName({ id: each.priorId, name: each.priorName }, links)
  const viewInference = (each: Implication) => ({
    role_inference: { prior_role: prior(each), implies: viewImplied(each, links) },
    links: { self: links.self('roles', each.priorId, 'implies', each.impliedId) },
  })

  app.get('/roles', { config: { policy: 'identity:list_roles' } }, async (request) => {
    const list = listQuery(request.query, ROLE_FILTERS)
    const domainId = last((request.query as Record<string, unknown>).domain_id) || null
    return collection({ request, links, list }, 'roles', await roles.list(request.caller, list, domainId), view)
  })

  app.post(
    '/roles',
    { config: { policy: 'identity:create_role' }, schema: { body: RoleCreateBody } },
    async (request, reply) => {
      const role = await roles.create(request.caller, request.body.role)
      reply.code(201)
      return { role: view(role) }
    },
  )

  app.get(
    '/roles/:role_id',
    { config: { policy: 'identity:get_role' }, schema: { params: OneRole } },
    async (request) => ({ role: view(await roles.show(request.caller, request.params.role_id)) }),
  )

  app.patch(
    '/roles/:role_id',
    { config: { policy: 'identity:update_role' }, schema: { params: OneRole, body: RoleUpdateBody } },
    async (request) => ({ role: view(await roles.update(request.caller, request.params.role_id, request.body.role)) }),
  )

  app.delete(
    '/roles/:role_id',
    { config: { policy: 'identity:delete_role' }, schema: { params: OneRole } },
    async (request, reply) => {
      await roles.delete(request.caller, request.params.role_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/roles/:prior_role_id/implies',
    { config: { policy: 'identity:list_implied_roles' }, schema: { params: OnePrior } },
    async (request) => {
      const { prior, implications } = await roles.implied(request.params.prior_role_id)
      return {
        role_inference: {
          prior_role: viewRoleName(prior, links),
          implies: implications.map((each) => viewImplied(each, links)),
        },
        links: { self: links.self('roles', prior.id, 'implies') },
      }
    },
  )

  // HEAD has a policy and, alone among the HEADs, a status of its own.
  app.head(
    '/roles/:prior_role_id/implies/:implies_role_id',
    { config: { policy: 'identity:check_implied_role' }, schema: { params: OneImplication } },
    async (request, reply) => {
      await roles.implication(request.params.prior_role_id, request.params.implies_role_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/roles/:prior_role_id/implies/:implies_role_id',
    { config: { policy: 'identity:get_implied_role' }, schema: { params: OneImplication } },
    async (request) =>
      viewInference(await roles.implication(request.params.prior_role_id, request.params.implies_role_id)),
  )

  app.put(
    '/roles/:prior_role_id/implies/:implies_role_id',
    { config: { policy: 'identity:create_implied_role' }, schema: { params: OneImplication } },
    async (request, reply) => {
      const implication = await roles.imply(request.params.prior_role_id, request.params.implies_role_id)
      reply.code(201)
      return viewInference(implication)
    },
  )

  app.delete(
    '/roles/:prior_role_id/implies/:implies_role_id',
    { config: { policy: 'identity:delete_implied_role' }, schema: { params: OneImplication } },
    async (request, reply) => {
      await roles.implyNoMore(request.params.prior_role_id, request.params.implies_role_id)
      return reply.code(204).send()
    },
  )

  app.get('/role_inferences', { config: { policy: 'identity:list_role_inference_rules' } }, async (request) => {
    const byPrior = Map.groupBy(await roles.allImplications(), (each) => each.priorId)
    return {
      role_inferences: [...byPrior.values()].map((each) => ({
        prior_role: prior(each[0]!),
        implies: each.map((implication) => viewImplied(implication, links)),
      })),
      links: { self: links.request(request), next: null, previous: null },
    }
  })
}
