/** Application credentials and access rules. Rules: ./application-credentials.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import type { ApplicationCredentials } from './application-credentials.ts'
import { ApplicationCredentialBody } from './schemas.ts'
import { ACCESS_RULE_FILTERS, APPLICATION_CREDENTIAL_FILTERS, type StoredRule } from './store.ts'
import { viewApplicationCredential } from './view.ts'

const OneUser = Type.Object({ user_id: Type.String() })
const OneCredential = Type.Object({ user_id: Type.String(), application_credential_id: Type.String() })
const OneRule = Type.Object({ user_id: Type.String(), access_rule_id: Type.String() })

export const applicationCredentialRoutes: FastifyPluginAsyncTypebox<{
  applicationCredentials: ApplicationCredentials
  links: Links
}> = async (app, { applicationCredentials, links }) => {
  const callerOf = (request: Pick<FastifyRequest, 'caller'>) => request.caller as IdentityCaller
  const viewRule = (userId: string) => (rule: StoredRule) => ({
    ...rule,
    links: { self: links.self('users', userId, 'access_rules', rule.id) },
  })

  app.get(
    '/users/:user_id/application_credentials',
    { config: { policy: 'identity:list_application_credentials' }, schema: { params: OneUser } },
    async (request) => {
      const list = listQuery(request.query, APPLICATION_CREDENTIAL_FILTERS)
      const rows = await applicationCredentials.list(callerOf(request), request.params.user_id, list)
      return collection({ request, links, list }, 'application_credentials', rows, (row) =>
        viewApplicationCredential(row, links),
      )
    },
  )

  app.post(
    '/users/:user_id/application_credentials',
    {
      config: { policy: 'identity:create_application_credential' },
      schema: { params: OneUser, body: ApplicationCredentialBody },
    },
    async (request, reply) => {
      const { user_id: userId } = request.params
      const body = request.body.application_credential
      const { made, secret } = await applicationCredentials.create(callerOf(request), userId, body)
      reply.code(201)
      return { application_credential: { ...viewApplicationCredential(made, links), secret } }
    },
  )

  app.get(
    '/users/:user_id/application_credentials/:application_credential_id',
    { config: { policy: 'identity:get_application_credential' }, schema: { params: OneCredential } },
    async (request) => {
      const { user_id: userId, application_credential_id: id } = request.params
      const found = await applicationCredentials.show(callerOf(request), userId, id)
      return { application_credential: viewApplicationCredential(found, links) }
    },
  )

  app.delete(
    '/users/:user_id/application_credentials/:application_credential_id',
    { config: { policy: 'identity:delete_application_credential' }, schema: { params: OneCredential } },
    async (request, reply) => {
      const { user_id: userId, application_credential_id: id } = request.params
      await applicationCredentials.delete(callerOf(request), userId, id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/users/:user_id/access_rules',
    { config: { policy: 'identity:list_access_rules' }, schema: { params: OneUser } },
    async (request) => {
      const { user_id: userId } = request.params
      const list = listQuery(request.query, ACCESS_RULE_FILTERS)
      const rules = await applicationCredentials.listRules(callerOf(request), userId, list)
      return collection({ request, links, list }, 'access_rules', rules, viewRule(userId))
    },
  )

  app.get(
    '/users/:user_id/access_rules/:access_rule_id',
    { config: { policy: 'identity:get_access_rule' }, schema: { params: OneRule } },
    async (request) => {
      const { user_id: userId, access_rule_id: id } = request.params
      return { access_rule: viewRule(userId)(await applicationCredentials.showRule(callerOf(request), userId, id)) }
    },
  )

  app.delete(
    '/users/:user_id/access_rules/:access_rule_id',
    { config: { policy: 'identity:delete_access_rule' }, schema: { params: OneRule } },
    async (request, reply) => {
      await applicationCredentials.deleteRule(callerOf(request), request.params.user_id, request.params.access_rule_id)
      return reply.code(204).send()
    },
  )
}
