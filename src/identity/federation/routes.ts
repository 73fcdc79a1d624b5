/** Identity providers and service providers. Rules: ./federation.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { validate } from '../../http/schema-versions.ts'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { Federation } from './federation.ts'
import {
  IdentityProviderCreateBody,
  IdentityProviderUpdateBody,
  ProviderId,
  ServiceProviderCreateBody,
  ServiceProviderUpdateBody,
} from './schemas.ts'
import { type IdentityProvider, PROVIDER_FILTERS, type ServiceProvider } from './store.ts'

const OneIdentityProvider = Type.Object({ idp_id: Type.String() })
const OneServiceProvider = Type.Object({ id: Type.String() })

export const federationRoutes: FastifyPluginAsyncTypebox<{ federation: Federation; links: Links }> = async (
  app,
  { federation, links },
) => {
  const viewIdentityProvider = (provider: IdentityProvider) => ({
    id: provider.id,
    domain_id: provider.domainId,
    enabled: provider.enabled,
    description: provider.description,
    authorization_ttl: provider.authorizationTtl,
    remote_ids: provider.remoteIds,
    links: {
      self: links.self('OS-FEDERATION', 'identity_providers', provider.id),
      protocols: links.self('OS-FEDERATION', 'identity_providers', provider.id, 'protocols'),
    },
  })
  const viewServiceProvider = (provider: ServiceProvider) => ({
    id: provider.id,
    enabled: provider.enabled,
    description: provider.description,
    auth_url: provider.authUrl,
    sp_url: provider.spUrl,
    relay_state_prefix: provider.relayStatePrefix,
    links: { self: links.self('OS-FEDERATION', 'service_providers', provider.id) },
  })

  app.get(
    '/OS-FEDERATION/identity_providers',
    { config: { policy: 'identity:list_identity_providers' } },
    async (request) => {
      const list = listQuery(request.query, PROVIDER_FILTERS)
      const rows = await federation.listIdentityProviders(list)
      return collection({ request, links, list }, 'identity_providers', rows, viewIdentityProvider)
    },
  )

  app.put(
    '/OS-FEDERATION/identity_providers/:idp_id',
    {
      config: { policy: 'identity:create_identity_provider' },
      schema: { params: OneIdentityProvider, body: IdentityProviderCreateBody },
    },
    async (request, reply) => {
      const { idp_id: id } = request.params
      validate(0, ProviderId, id)
      const made = await federation.createIdentityProvider(id, request.body.identity_provider)
      reply.code(201)
      return { identity_provider: viewIdentityProvider(made) }
    },
  )

  app.get(
    '/OS-FEDERATION/identity_providers/:idp_id',
    { config: { policy: 'identity:get_identity_provider' }, schema: { params: OneIdentityProvider } },
    async (request) => ({
      identity_provider: viewIdentityProvider(await federation.showIdentityProvider(request.params.idp_id)),
    }),
  )

  app.patch(
    '/OS-FEDERATION/identity_providers/:idp_id',
    {
      config: { policy: 'identity:update_identity_provider' },
      schema: { params: OneIdentityProvider, body: IdentityProviderUpdateBody },
    },
    async (request) => {
      const after = await federation.updateIdentityProvider(request.params.idp_id, request.body.identity_provider)
      return { identity_provider: viewIdentityProvider(after) }
    },
  )

  app.delete(
    '/OS-FEDERATION/identity_providers/:idp_id',
    { config: { policy: 'identity:delete_identity_provider' }, schema: { params: OneIdentityProvider } },
    async (request, reply) => {
      await federation.deleteIdentityProvider(request.params.idp_id)
      return reply.code(204).send()
    },
  )

  // There are no mappings, so there is no protocol of any provider.
  app.get(
    '/OS-FEDERATION/identity_providers/:idp_id/protocols',
    { config: { policy: 'identity:list_protocols' }, schema: { params: OneIdentityProvider } },
    async (request) => {
      await federation.showIdentityProvider(request.params.idp_id)
      return collection({ request, links, list: { limit: undefined } }, 'protocols', [], () => undefined)
    },
  )

  app.get(
    '/OS-FEDERATION/service_providers',
    { config: { policy: 'identity:list_service_providers' } },
    async (request) => {
      const list = listQuery(request.query, PROVIDER_FILTERS)
      const rows = await federation.listServiceProviders(list)
      return collection({ request, links, list }, 'service_providers', rows, viewServiceProvider)
    },
  )

  app.put(
    '/OS-FEDERATION/service_providers/:id',
    {
      config: { policy: 'identity:create_service_provider' },
      schema: { params: OneServiceProvider, body: ServiceProviderCreateBody },
    },
    async (request, reply) => {
      validate(0, ProviderId, request.params.id)
      const made = await federation.createServiceProvider(request.params.id, request.body.service_provider)
      reply.code(201)
      return { service_provider: viewServiceProvider(made) }
    },
  )

  app.get(
    '/OS-FEDERATION/service_providers/:id',
    { config: { policy: 'identity:get_service_provider' }, schema: { params: OneServiceProvider } },
    async (request) => ({
      service_provider: viewServiceProvider(await federation.showServiceProvider(request.params.id)),
    }),
  )

  app.patch(
    '/OS-FEDERATION/service_providers/:id',
    {
      config: { policy: 'identity:update_service_provider' },
      schema: { params: OneServiceProvider, body: ServiceProviderUpdateBody },
    },
    async (request) => {
      const after = await federation.updateServiceProvider(request.params.id, request.body.service_provider)
      return { service_provider: viewServiceProvider(after) }
    },
  )

  app.delete(
    '/OS-FEDERATION/service_providers/:id',
    { config: { policy: 'identity:delete_service_provider' }, schema: { params: OneServiceProvider } },
    async (request, reply) => {
      await federation.deleteServiceProvider(request.params.id)
      return reply.code(204).send()
    },
  )
}
