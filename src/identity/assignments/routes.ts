/**
 * Grants, one set of routes for every kind of target and actor, and the list of all assignments.
 * Rules: ./grants.ts, ./role-assignments.ts
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Links } from '../links.ts'
import { collection, flag } from '../listing.ts'
import { viewRole } from '../roles/view.ts'
import { type Grants, policyOf } from './grants.ts'
import type { RoleAssignments } from './role-assignments.ts'
import type { Actor, Target } from './store.ts'
import { viewAssignment } from './view.ts'

type Params = Readonly<Record<string, string>>

const TARGETS = [
  { path: '/projects/:project_id', of: (params: Params): Target => ({ projectId: params.project_id! }) },
  { path: '/domains/:domain_id', of: (params: Params): Target => ({ domainId: params.domain_id! }) },
  { path: '/system', of: (): Target => ({ system: true }) },
] as const
const ACTORS = [
  { path: '/users/:user_id', of: (params: Params): Actor => ({ userId: params.user_id! }) },
  { path: '/groups/:group_id', of: (params: Params): Actor => ({ groupId: params.group_id! }) },
] as const
const ALL = { limit: undefined } as const

export const assignmentRoutes: FastifyPluginAsyncTypebox<{
  grants: Grants
  roleAssignments: RoleAssignments
  links: Links
}> = async (app, { grants, roleAssignments, links }) => {
  for (const target of TARGETS) {
    for (const actor of ACTORS) {
      for (const inherited of [false, true]) {
        // The system has nothing below it that could inherit.
        if (inherited && target.path === '/system') continue
        grantRoutes(target, actor, inherited)
      }
    }
  }

  function grantRoutes(target: (typeof TARGETS)[number], actor: (typeof ACTORS)[number], inherited: boolean): void {
    const above = `${inherited ? '/OS-INHERIT' : ''}${target.path}${actor.path}/roles`
    const below = inherited ? '/inherited_to_projects' : ''
    const where = (params: unknown) => ({
      target: target.of(params as Params),
      actor: actor.of(params as Params),
      inherited,
    })
    const grant = (params: unknown) => ({ ...where(params), roleId: (params as Params).role_id! })
    const guard = (deed: Parameters<typeof policyOf>[0]) => ({
      config: { policy: policyOf(deed, actor.of({}), target.of({})) },
    })

    // Inherited roles are listed for domains only, as upstream has it.
    if (!inherited || target.path.startsWith('/domains')) {
      app.get(`${above}${below}`, guard('list'), async (request) => {
        const roles = await grants.list(request.caller, where(request.params))
        return collection({ request, links, list: ALL }, 'roles', roles, (role) => viewRole(role, links))
      })
    }
    app.get(`${above}/:role_id${below}`, guard('check'), async (request, reply) => {
      await grants.check(request.caller, grant(request.params))
      return reply.code(204).send()
    })
    app.put(`${above}/:role_id${below}`, guard('create'), async (request, reply) => {
      await grants.give(request.caller, grant(request.params))
      return reply.code(204).send()
    })
    app.delete(`${above}/:role_id${below}`, guard('revoke'), async (request, reply) => {
      await grants.takeBack(request.caller, grant(request.params))
      return reply.code(204).send()
    })
  }

  app.get('/role_assignments', { config: { policy: 'identity:list_role_assignments' } }, async (request) => {
    const rows = await roleAssignments.list(request.caller, request.query)
    const names = flag(request.query, 'include_names')
    return {
      role_assignments: rows.map((row) => viewAssignment(row, { links, names })),
      links: { self: links.request(request), next: null, previous: null },
    }
  })
}
