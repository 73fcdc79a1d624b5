/** Users and their passwords. Rules: ./users.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Groups } from '../groups/groups.ts'
import { GROUP_FILTERS, type Group } from '../groups/store.ts'
import { viewGroup } from '../groups/view.ts'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { Projects } from '../projects/projects.ts'
import { PROJECT_FILTERS } from '../projects/store.ts'
import { viewProject } from '../projects/view.ts'
import { PasswordChangeBody, UserCreateBody, UserUpdateBody } from './schemas.ts'
import { USER_FILTERS, type User } from './store.ts'
import type { Users } from './users.ts'
import { viewUser } from './view.ts'

const OneUser = Type.Object({ user_id: Type.String() })

export const userRoutes: FastifyPluginAsyncTypebox<{
  users: Users
  groups: Groups
  projects: Projects
  links: Links
}> = async (app, { users, groups, projects, links }) => {
  const view = (user: User) => viewUser(user, links)

  app.get('/users', { config: { policy: 'identity:list_users' } }, async (request) => {
    const list = listQuery(request.query, USER_FILTERS)
    return collection({ request, links, list }, 'users', await users.list(request.caller, list), view)
  })

  app.post(
    '/users',
    { config: { policy: 'identity:create_user' }, schema: { body: UserCreateBody } },
    async (request, reply) => {
      const user = await users.create(request.caller, request.body.user)
      reply.code(201)
      return { user: view(user) }
    },
  )

  app.get(
    '/users/:user_id',
    { config: { policy: 'identity:get_user' }, schema: { params: OneUser } },
    async (request) => ({ user: view(await users.show(request.caller, request.params.user_id)) }),
  )

  app.patch(
    '/users/:user_id',
    { config: { policy: 'identity:update_user' }, schema: { params: OneUser, body: UserUpdateBody } },
    async (request) => ({ user: view(await users.update(request.caller, request.params.user_id, request.body.user)) }),
  )

  app.delete(
    '/users/:user_id',
    { config: { policy: 'identity:delete_user' }, schema: { params: OneUser } },
    async (request, reply) => {
      await users.delete(request.caller, request.params.user_id)
      return reply.code(204).send()
    },
  )

  app.post(
    '/users/:user_id/password',
    { config: { policy: 'identity:change_password' }, schema: { params: OneUser, body: PasswordChangeBody } },
    async (request, reply) => {
      const { original_password: original, password } = request.body.user
      await users.changePassword(request.params.user_id, original, password)
      return reply.code(204).send()
    },
  )

  app.get(
    '/users/:user_id/groups',
    { config: { policy: 'identity:list_groups_for_user' }, schema: { params: OneUser } },
    async (request) => {
      const user = await users.permitted('identity:list_groups_for_user', request.caller, request.params.user_id)
      const list = listQuery(request.query, GROUP_FILTERS)
      const viewMembership = (group: Group) => ({ ...viewGroup(group, links), membership_expires_at: null })
      return collection({ request, links, list }, 'groups', await groups.listOf(user.id, list), viewMembership)
    },
  )

  app.get(
    '/users/:user_id/projects',
    { config: { policy: 'identity:list_user_projects' }, schema: { params: OneUser } },
    async (request) => {
      const user = await users.permitted('identity:list_user_projects', request.caller, request.params.user_id)
      const list = listQuery(request.query, PROJECT_FILTERS)
      const rows = await projects.listOf(user.id, list)
      return collection({ request, links, list }, 'projects', rows, (project) => viewProject(project, links))
    },
  )
}
