/** Stored policies. Rules: ./stored-policies.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import { PolicyCreateBody, PolicyUpdateBody } from './schemas.ts'
import { POLICY_FILTERS, type StoredPolicy } from './store.ts'
import type { StoredPolicies } from './stored-policies.ts'
import { viewPolicy } from './view.ts'

const OnePolicy = Type.Object({ policy_id: Type.String() })

export const storedPolicyRoutes: FastifyPluginAsyncTypebox<{ storedPolicies: StoredPolicies; links: Links }> = async (
  app,
  { storedPolicies, links },
) => {
  const view = (policy: StoredPolicy) => viewPolicy(policy, links)

  app.get('/policies', { config: { policy: 'identity:list_policies' } }, async (request) => {
    const list = listQuery(request.query, POLICY_FILTERS)
    return collection({ request, links, list }, 'policies', await storedPolicies.list(list), view)
  })

  app.post(
    '/policies',
    { config: { policy: 'identity:create_policy' }, schema: { body: PolicyCreateBody } },
    async (request, reply) => {
      const policy = await storedPolicies.create(request.body.policy)
      reply.code(201)
      return { policy: view(policy) }
    },
  )

  app.get(
    '/policies/:policy_id',
    { config: { policy: 'identity:get_policy' }, schema: { params: OnePolicy } },
    async (request) => ({ policy: view(await storedPolicies.show(request.params.policy_id)) }),
  )

  app.patch(
    '/policies/:policy_id',
    { config: { policy: 'identity:update_policy' }, schema: { params: OnePolicy, body: PolicyUpdateBody } },
    async (request) => ({
      policy: view(await storedPolicies.update(request.params.policy_id, request.body.policy)),
    }),
  )

  app.delete(
    '/policies/:policy_id',
    { config: { policy: 'identity:delete_policy' }, schema: { params: OnePolicy } },
    async (request, reply) => {
      await storedPolicies.delete(request.params.policy_id)
      return reply.code(204).send()
    },
  )
}
