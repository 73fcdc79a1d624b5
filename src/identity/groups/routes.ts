/** Groups and their members. Rules: ./groups.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import { USER_FILTERS } from '../users/store.ts'
import { viewUser } from '../users/view.ts'
import type { Groups } from './groups.ts'
import { GroupCreateBody, GroupUpdateBody } from './schemas.ts'
import { GROUP_FILTERS, type Group } from './store.ts'
import { viewGroup } from './view.ts'

const OneGroup = Type.Object({ group_id: Type.String() })
const OneMember = Type.Object({ group_id: Type.String(), user_id: Type.String() })

export const groupRoutes: FastifyPluginAsyncTypebox<{ groups: Groups; links: Links }> = async (
  app,
  { groups, links },
) => {
  const view = (group: Group) => viewGroup(group, links)

  app.get('/groups', { config: { policy: 'identity:list_groups' } }, async (request) => {
    const list = listQuery(request.query, GROUP_FILTERS)
    return collection({ request, links, list }, 'groups', await groups.list(request.caller, list), view)
  })

  app.post(
    '/groups',
    { config: { policy: 'identity:create_group' }, schema: { body: GroupCreateBody } },
    async (request, reply) => {
      const group = await groups.create(request.caller, request.body.group)
      reply.code(201)
      return { group: view(group) }
    },
  )

  app.get(
    '/groups/:group_id',
    { config: { policy: 'identity:get_group' }, schema: { params: OneGroup } },
    async (request) => ({ group: view(await groups.show(request.caller, request.params.group_id)) }),
  )

  app.patch(
    '/groups/:group_id',
    { config: { policy: 'identity:update_group' }, schema: { params: OneGroup, body: GroupUpdateBody } },
    async (request) => ({
      group: view(await groups.update(request.caller, request.params.group_id, request.body.group)),
    }),
  )

  app.delete(
    '/groups/:group_id',
    { config: { policy: 'identity:delete_group' }, schema: { params: OneGroup } },
    async (request, reply) => {
      await groups.delete(request.caller, request.params.group_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/groups/:group_id/users',
    { config: { policy: 'identity:list_users_in_group' }, schema: { params: OneGroup } },
    async (request) => {
      const list = listQuery(request.query, USER_FILTERS)
      const members = await groups.listMembers(request.caller, request.params.group_id, list)
      return collection({ request, links, list }, 'users', members, (user) => viewUser(user, links))
    },
  )

  app.get(
    '/groups/:group_id/users/:user_id',
    { config: { policy: 'identity:check_user_in_group' }, schema: { params: OneMember } },
    async (request, reply) => {
      await groups.checkMember(request.caller, request.params.group_id, request.params.user_id)
      return reply.code(204).send()
    },
  )

  app.put(
    '/groups/:group_id/users/:user_id',
    { config: { policy: 'identity:add_user_to_group' }, schema: { params: OneMember } },
    async (request, reply) => {
      await groups.addMember(request.caller, request.params.group_id, request.params.user_id)
      return reply.code(204).send()
    },
  )

  app.delete(
    '/groups/:group_id/users/:user_id',
    { config: { policy: 'identity:remove_user_from_group' }, schema: { params: OneMember } },
    async (request, reply) => {
      await groups.removeMember(request.caller, request.params.group_id, request.params.user_id)
      return reply.code(204).send()
    },
  )
}
