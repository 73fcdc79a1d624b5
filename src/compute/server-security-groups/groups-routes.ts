/**
 * `os-security-groups`, up to 2.35: a project's security groups, to look at. The client of the OpenStack project finds a
 * group here before it gives it to a server; to make or change one it asks the network API.
 * Source: nova/api/openstack/compute/security_groups.py, nova/network/security_group_api.py
 */
import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import { DomainError } from '../../domain-error.ts'
import { last } from '../../http/paging.ts'
import type { Network } from '../../network/index.ts'
import { many, query } from '../parameter-types.ts'
import { remoteGroups, viewGroup } from './view.ts'

const UNTIL = '2.35'
const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

const number = Type.Optional(many(Type.String({ pattern: '^[0-9]+$' })))
const ListQuery = query(
  { limit: number, offset: number, all_tenants: Type.Optional(many(Type.String())) },
  { looseUntil: UNTIL },
)

export const securityGroupRoutes: FastifyPluginAsync<{ network: Network }> = async (app, { network }) => {
  app.get<{ Querystring: Record<string, unknown> }>(
    '/os-security-groups',
    { config: { policy: 'os_compute_api:os-security-groups:get', until: UNTIL }, schema: { querystring: ListQuery } },
    async ({ caller, query: asked }) => {
      const all = caller.isAdmin && asked.all_tenants !== undefined
      const groups =
        all || caller.projectId !== undefined ? await network.securityGroupsOf(all ? undefined : caller.projectId) : []
      const offset = Number(last(asked.offset) ?? 0)
      const limit = Number(last(asked.limit) ?? groups.length)
      const page = groups.slice(offset, offset + limit)
      const remotes = await remoteGroups(network, page)
      return { security_groups: page.map((group) => viewGroup(group, remotes)) }
    },
  )

  app.get<{ Params: { security_group_id: string } }>(
    '/os-security-groups/:security_group_id',
    { config: { policy: 'os_compute_api:os-security-groups:show', until: UNTIL } },
    async ({ caller, params: { security_group_id: id } }) => {
      if (!UUID.test(id))
        throw new DomainError('invalid', 'compute.security-group.id-malformed', 'Security group id should be uuid')
      const [group] = await network.describeSecurityGroups([id])
      if (group === undefined || !(caller.isAdmin || group.projectId === caller.projectId))
        throw new DomainError('not-found', 'compute.security-group.not-found', `Security group ${id} not found.`)
      return { security_group: viewGroup(group, await remoteGroups(network, [group])) }
    },
  )
}
