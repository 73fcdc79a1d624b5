/** Server groups, as the Compute API reference lists them. Rules: ./server-groups.ts */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { microversion } from '../../http/microversions.ts'
import { last, pageOf } from '../../http/paging.ts'
import { authorize, type PolicyTable } from '../../http/policy.ts'
import { wholeNumber } from '../parameter-types.ts'
import { NoQuery, ServerGroupCreateBody, ServerGroupListQuery } from './schemas.ts'
import type { ServerGroup, ServerGroups } from './server-groups.ts'
import { viewServerGroup } from './view.ts'

export interface ServerGroupRouteOptions {
  readonly serverGroups: ServerGroups
  readonly policies: PolicyTable
}

type ById = { Params: { server_group_id: string } }

const MAX_PAGE = 1000
const ONE_POLICY = microversion('2.64')

export const serverGroupRoutes: FastifyPluginAsync<ServerGroupRouteOptions> = async (
  app,
  { serverGroups, policies },
) => {
  /** Upstream knows whose a group is before it asks who may: another project's is 403 and not 404. */
  const groupOf = async (request: FastifyRequest<ById>, deed: string) => {
    const group = await serverGroups.byId(request.params.server_group_id)
    authorize(policies, `os_compute_api:os-server-groups:${deed}`, request.caller, { projectId: group.projectId })
    return group
  }

  app.get<{ Querystring: Record<string, unknown> }>(
    '/os-server-groups',
    { config: { policy: 'os_compute_api:os-server-groups:index' }, schema: { querystring: ServerGroupListQuery } },
    async ({ caller, query, microversion: version }) => {
      const everybodys = query.all_projects !== undefined && caller.isAdmin
      const groups = await serverGroups.list({
        limit: pageOf(query, MAX_PAGE).limit,
        offset: wholeNumber('offset', last(query.offset) ?? 0, { minimum: 0 }),
        ...(!everybodys && { projectId: caller.projectId ?? '' }),
      })
      return { server_groups: groups.map((group) => viewServerGroup(group, version)) }
    },
  )

  app.post<{ Body: Static<typeof ServerGroupCreateBody> }>(
    '/os-server-groups',
    { config: { policy: 'os_compute_api:os-server-groups:create' }, schema: { body: ServerGroupCreateBody } },
    async ({ caller, body, microversion: version }) => {
      const { name, policy, policies: policyList, rules } = body.server_group
      const most = rules?.max_server_per_host
      const group = await serverGroups.create(caller, {
        name,
        policy: (version >= ONE_POLICY ? policy : policyList[0]) as ServerGroup['policy'],
        rules:
          most === undefined ? {} : { max_server_per_host: wholeNumber('max_server_per_host', most, { minimum: 1 }) },
      })
      return { server_group: viewServerGroup(group, version) }
    },
  )

  app.get<ById>(
    '/os-server-groups/:server_group_id',
    { config: { policy: 'os_compute_api:os-server-groups:show' }, schema: { querystring: NoQuery } },
    async (request) => ({
      server_group: viewServerGroup(await groupOf(request, 'show'), request.microversion),
    }),
  )

  app.delete<ById>(
    '/os-server-groups/:server_group_id',
    { config: { policy: 'os_compute_api:os-server-groups:delete' } },
    async (request, reply) => {
      const { id } = await groupOf(request, 'delete')
      await serverGroups.remove(id)
      return reply.code(204).send()
    },
  )
}
