/** Configuration of domains. Rules: ./domain-config.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { DomainConfig } from './domain-config.ts'
import type { Part } from './store.ts'

/** Source: keystone/api/domains.py, which reads `config` and nothing else of a body. */
const ConfigBody = Type.Object({ config: Type.Optional(Type.Record(Type.String(), Type.Unknown())) })

/** The whole of a domain's, a group, an option: each is read, changed and removed alike. */
const PARTS = ['', '/:group', '/:group/:option'] as const
const READ = { config: { policy: 'identity:get_domain_config' } }
const DEFAULT = { config: { policy: 'identity:get_domain_config_default' } }
const PASSWORD_RULES = { config: { policy: 'identity:get_security_compliance_domain_config' } }

export const domainConfigRoutes: FastifyPluginAsyncTypebox<{ domainConfig: DomainConfig }> = async (
  app,
  { domainConfig },
) => {
  const partOf = (params: unknown): Part => {
    const { domain_id, group, option } = params as { domain_id: string; group?: string; option?: string }
    return { domainId: domain_id, group, option }
  }

  app.get('/domains/config/default', DEFAULT, async () => ({ config: domainConfig.defaults() }))
  app.get('/domains/config/:group/default', DEFAULT, async (request) => {
    const { group } = request.params as { group: string }
    return { config: domainConfig.defaults(group) }
  })
  app.get('/domains/config/:group/:option/default', DEFAULT, async (request) => {
    const { group, option } = request.params as { group: string; option: string }
    return { config: domainConfig.defaults(group, option) }
  })

  app.put(
    '/domains/:domain_id/config',
    { config: { policy: 'identity:create_domain_config' }, schema: { body: ConfigBody } },
    async (request, reply) => {
      const { config, made } = await domainConfig.create(partOf(request.params).domainId, request.body.config ?? {})
      reply.code(made ? 201 : 200)
      return { config }
    },
  )

  for (const part of PARTS) {
    const url = `/domains/:domain_id/config${part}`
    app.get(url, READ, async (request) => ({ config: await domainConfig.show(partOf(request.params)) }))

    app.patch(
      url,
      { config: { policy: 'identity:update_domain_config' }, schema: { body: ConfigBody } },
      async (request) => ({
        config: await domainConfig.update(partOf(request.params), request.body.config ?? {}),
      }),
    )

    app.delete(url, { config: { policy: 'identity:delete_domain_config' } }, async (request, reply) => {
      await domainConfig.delete(partOf(request.params))
      return reply.code(204).send()
    })
  }

  // Routes of their own, because anybody may ask.
  for (const part of ['', '/:option'] as const) {
    app.get(`/domains/:domain_id/config/security_compliance${part}`, PASSWORD_RULES, async (request) => {
      const { domainId, option } = partOf(request.params)
      return { config: await domainConfig.passwordRules(domainId, option) }
    })
  }
}
