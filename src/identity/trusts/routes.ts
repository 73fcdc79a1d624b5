/** Trusts. Rules: ./trusts.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { last } from '../../http/paging.ts'
import { notFound } from '../errors.ts'
import type { Links } from '../links.ts'
import { collection } from '../listing.ts'
import type { Role } from '../roles/store.ts'
import { viewRole } from '../roles/view.ts'
import { microseconds } from '../tokens/view.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import { TrustBody } from './schemas.ts'
import type { Trust } from './store.ts'
import type { Trusts } from './trusts.ts'

const OneTrust = Type.Object({ trust_id: Type.String() })
const OneRole = Type.Object({ trust_id: Type.String(), role_id: Type.String() })
const ALL = { limit: undefined } as const

export const trustRoutes: FastifyPluginAsyncTypebox<{ trusts: Trusts; links: Links }> = async (
  app,
  { trusts, links },
) => {
  const callerOf = (request: Pick<FastifyRequest, 'caller'>) => request.caller as IdentityCaller
  const viewOfRole = (role: Role) => viewRole(role, links)
  const viewListed = (trust: Trust) => ({
    ...trust.extra,
    id: trust.id,
    trustor_user_id: trust.trustorUserId,
    trustee_user_id: trust.trusteeUserId,
    project_id: trust.projectId,
    impersonation: trust.impersonation,
    expires_at: trust.expiresAt === null ? null : `${microseconds(trust.expiresAt)}Z`,
    deleted_at: null,
    remaining_uses: trust.remainingUses,
    redelegation_count: trust.redelegationCount,
    redelegated_trust_id: trust.redelegatedTrustId,
    links: { self: links.self('OS-TRUST', 'trusts', trust.id) },
  })
  const view = async (trust: Trust) => ({
    ...viewListed(trust),
    roles: (await trusts.rolesOf(trust)).map(viewOfRole),
    roles_links: { self: links.self('OS-TRUST', 'trusts', trust.id, 'roles'), next: null, previous: null },
  })

  app.get('/OS-TRUST/trusts', { config: { policy: 'identity:list_trusts_for_trustor' } }, async (request) => {
    const query = request.query as Record<string, unknown>
    const rows = await trusts.list(callerOf(request), {
      trustorUserId: last(query.trustor_user_id) || undefined,
      trusteeUserId: last(query.trustee_user_id) || undefined,
    })
    return collection({ request, links, list: ALL }, 'trusts', rows, viewListed)
  })

  app.post(
    '/OS-TRUST/trusts',
    { config: { policy: 'identity:create_trust' }, schema: { body: TrustBody } },
    async (request, reply) => {
      const trust = await trusts.create(callerOf(request), request.body.trust)
      reply.code(201)
      return { trust: await view(trust) }
    },
  )

  app.get(
    '/OS-TRUST/trusts/:trust_id',
    { config: { policy: 'identity:get_trust' }, schema: { params: OneTrust } },
    async (request) => ({ trust: await view(await trusts.show(callerOf(request), request.params.trust_id)) }),
  )

  app.delete(
    '/OS-TRUST/trusts/:trust_id',
    { config: { policy: 'identity:delete_trust' }, schema: { params: OneTrust } },
    async (request, reply) => {
      await trusts.delete(callerOf(request), request.params.trust_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/OS-TRUST/trusts/:trust_id/roles',
    { config: { policy: 'identity:list_roles_for_trust' }, schema: { params: OneTrust } },
    async (request) => {
      const { trust_id: id } = request.params
      const roles = await trusts.roles(callerOf(request), id, 'identity:list_roles_for_trust')
      return collection({ request, links, list: ALL }, 'roles', roles, viewOfRole)
    },
  )

  app.get(
    '/OS-TRUST/trusts/:trust_id/roles/:role_id',
    { config: { policy: 'identity:get_role_for_trust' }, schema: { params: OneRole } },
    async (request) => {
      const { trust_id: id, role_id: roleId } = request.params
      const roles = await trusts.roles(callerOf(request), id, 'identity:get_role_for_trust')
      const found = roles.find((role) => role.id === roleId)
      if (found === undefined) throw notFound('role', roleId)
      return { role: viewOfRole(found) }
    },
  )
}
