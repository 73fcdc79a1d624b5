/** Stored policies and the endpoints that they are for. Rules: ./endpoint-policies.ts */
import type { FastifyPluginAsync } from 'fastify'
import { viewEndpoint } from '../endpoints/view.ts'
import type { Links } from '../links.ts'
import { collection } from '../listing.ts'
import { viewPolicy } from '../stored-policies/view.ts'
import type { EndpointPolicies } from './endpoint-policies.ts'
import type { Place } from './store.ts'

type Params = Readonly<Record<'policy_id' | 'endpoint_id' | 'service_id' | 'region_id', string>>

const PLACES = [
  {
    path: '/endpoints/:endpoint_id',
    name: 'endpoint',
    of: (params: Params): Place => ({ endpointId: params.endpoint_id }),
  },
  {
    path: '/services/:service_id',
    name: 'service',
    of: (params: Params): Place => ({ serviceId: params.service_id }),
  },
  {
    path: '/services/:service_id/regions/:region_id',
    name: 'region_and_service',
    of: (params: Params): Place => ({ serviceId: params.service_id, regionId: params.region_id }),
  },
] as const
const ALL = { limit: undefined } as const

export const endpointPolicyRoutes: FastifyPluginAsync<{ endpointPolicies: EndpointPolicies; links: Links }> = async (
  app,
  { endpointPolicies, links },
) => {
  for (const place of PLACES) {
    const url = `/policies/:policy_id/OS-ENDPOINT-POLICY${place.path}`
    const guard = (deed: 'create' | 'check' | 'delete') => ({
      config: { policy: `identity:${deed}_policy_association_for_${place.name}` },
    })
    const asked = (params: unknown) => [(params as Params).policy_id, place.of(params as Params)] as const

    app.put(url, guard('create'), async (request, reply) => {
      await endpointPolicies.put(...asked(request.params))
      return reply.code(204).send()
    })
    app.get(url, guard('check'), async (request, reply) => {
      await endpointPolicies.check(...asked(request.params))
      return reply.code(204).send()
    })
    app.delete(url, guard('delete'), async (request, reply) => {
      await endpointPolicies.delete(...asked(request.params))
      return reply.code(204).send()
    })
  }

  app.get(
    '/policies/:policy_id/OS-ENDPOINT-POLICY/endpoints',
    { config: { policy: 'identity:list_endpoints_for_policy' } },
    async (request) => {
      const endpoints = await endpointPolicies.endpointsOf((request.params as Params).policy_id)
      return collection({ request, links, list: ALL }, 'endpoints', endpoints, (each) => viewEndpoint(each, links))
    },
  )

  app.get(
    '/endpoints/:endpoint_id/OS-ENDPOINT-POLICY/policy',
    { config: { policy: 'identity:get_policy_for_endpoint' } },
    async (request) => ({
      policy: viewPolicy(await endpointPolicies.policyOf((request.params as Params).endpoint_id), links),
    }),
  )
}
