/** Domains. Rules: ./domains.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, type Filterable, listQuery } from '../listing.ts'
import type { Project } from '../projects/store.ts'
import type { Domains } from './domains.ts'
import { DomainCreateBody, DomainUpdateBody } from './schemas.ts'
import { viewDomain } from './view.ts'

const FILTERS: Filterable = {
  name: { column: 'p.name', type: 'text' },
  enabled: { column: 'p.enabled', type: 'boolean' },
}
const OneDomain = Type.Object({ domain_id: Type.String() })

export const domainRoutes: FastifyPluginAsyncTypebox<{ domains: Domains; links: Links }> = async (
  app,
  { domains, links },
) => {
  const view = (domain: Project) => viewDomain(domain, links)

  app.get('/domains', { config: { policy: 'identity:list_domains' } }, async (request) => {
    const list = listQuery(request.query, FILTERS)
    return collection({ request, links, list }, 'domains', await domains.list(request.caller, list), view)
  })

  app.post(
    '/domains',
    { config: { policy: 'identity:create_domain' }, schema: { body: DomainCreateBody } },
    async (request, reply) => {
      const domain = await domains.create(request.caller, request.body.domain)
      reply.code(201)
      return { domain: view(domain) }
    },
  )

  app.get(
    '/domains/:domain_id',
    { config: { policy: 'identity:get_domain' }, schema: { params: OneDomain } },
    async (request) => ({ domain: view(await domains.show(request.caller, request.params.domain_id)) }),
  )

  app.patch(
    '/domains/:domain_id',
    { config: { policy: 'identity:update_domain' }, schema: { params: OneDomain, body: DomainUpdateBody } },
    async (request) => ({
      domain: view(await domains.update(request.caller, request.params.domain_id, request.body.domain)),
    }),
  )

  app.delete(
    '/domains/:domain_id',
    { config: { policy: 'identity:delete_domain' }, schema: { params: OneDomain } },
    async (request, reply) => {
      await domains.delete(request.caller, request.params.domain_id)
      return reply.code(204).send()
    },
  )
}
