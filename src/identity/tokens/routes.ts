/** Logging in, asking about tokens, giving them back; and what a token could be exchanged for. Rules: ./login.ts, ./tokens.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { mayDo } from '../authorize.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Domains } from '../domains/domains.ts'
import { viewDomain } from '../domains/view.ts'
import { forbidden, subjectUnknown } from '../errors.ts'
import type { Federation } from '../federation/federation.ts'
import type { Links } from '../links.ts'
import { collection, truth } from '../listing.ts'
import type { Projects } from '../projects/projects.ts'
import { viewProject } from '../projects/view.ts'
import type { IdentitySettings } from '../settings.ts'
import type { AccessMemory } from './access.ts'
import type { Login } from './login.ts'
import { AuthBody } from './schemas.ts'
import type { Token, Tokens } from './tokens.ts'
import { tokenJson } from './view.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const ALL = { conditions: [], limit: undefined, marker: undefined } as const

export const tokenRoutes: FastifyPluginAsyncTypebox<{
  login: Login
  tokens: Tokens
  access: AccessMemory
  catalog: Catalog
  projects: Projects
  domains: Domains
  federation: Federation
  settings: IdentitySettings
  links: Links
}> = async (app, { login, tokens, access, catalog, projects, domains, federation, settings, links }) => {
  const withCatalog = (request: FastifyRequest) =>
    (request.query as Record<string, unknown>).nocatalog === undefined ? catalog : undefined

  /** The token that the request is about. @throws DomainError not-found, `identity.token.subject-unknown` */
  const subject = async (request: FastifyRequest): Promise<Token> => {
    const text = request.headers['x-subject-token']
    if (typeof text !== 'string' || text === '') throw subjectUnknown()
    const { allow_expired: allowed } = request.query as { allow_expired?: unknown }
    const grace =
      allowed !== undefined && truth('allow_expired', String(allowed)) ? settings.allowExpiredWindowSeconds : 0
    const token = await tokens.verify(text, grace).catch((error) => {
      throw error.code === 'identity.token.invalid' ? subjectUnknown() : error
    })
    // Whoever does not know of access rules would let the bearer do anything.
    const narrowed = token.caller.accessRules !== undefined && request.method !== 'DELETE'
    if (narrowed && !(Number(request.headers['openstack-identity-access-rules']) >= 1)) throw subjectUnknown()
    return token
  }

  app.post(
    '/auth/tokens',
    { config: { policy: 'identity:authenticate' }, schema: { body: AuthBody } },
    async (request, reply) => {
      const receipt = request.headers['openstack-auth-receipt']
      const token = await login.login(request.body.auth, typeof receipt === 'string' ? receipt : undefined)
      const json = await tokenJson(token, { catalog: withCatalog(request), federation })
      return reply.code(201).header('x-subject-token', token.text).type(JSON_TYPE).send(json)
    },
  )

  for (const [method, policy] of [
    // HEAD first: it has a policy of its own, and where GET comes without one, HEAD takes GET's.
    ['HEAD', 'identity:check_token'],
    ['GET', 'identity:validate_token'],
  ] as const) {
    app.route({
      method,
      url: '/auth/tokens',
      config: { policy },
      handler: async (request, reply) => {
        const token = await subject(request)
        mayDo(policy, request.caller, { tokenUserId: token.access.userId })
        const json = await tokenJson(token, { catalog: withCatalog(request), federation })
        return reply.header('x-subject-token', token.text).type(JSON_TYPE).send(json)
      },
    })
  }

  app.delete('/auth/tokens', { config: { policy: 'identity:revoke_token' } }, async (request, reply) => {
    const token = await subject(request)
    mayDo('identity:revoke_token', request.caller, { tokenUserId: token.access.userId })
    await tokens.revoke(token)
    return reply.code(204).send()
  })

  app.get('/auth/catalog', { config: { policy: 'identity:get_auth_catalog' } }, async (request, reply) => {
    const { userId, projectId } = request.caller
    if (projectId === undefined) throw forbidden('catalog.no-project', 'The catalog is for tokens that have a project.')
    const json = await catalog.asJson(userId, projectId)
    const self = JSON.stringify({ self: links.self('auth', 'catalog'), next: null, previous: null })
    return reply.type(JSON_TYPE).send(`{"catalog":${json},"links":${self}}`)
  })

  // The paths of OS-FEDERATION are older, and not for federated tokens alone.
  for (const at of ['/auth', '/OS-FEDERATION']) {
    app.get(`${at}/projects`, { config: { policy: 'identity:get_auth_projects' } }, async (request) => {
      const mine = (await projects.listOf(request.caller.userId, ALL)).filter((project) => project.enabled)
      return collection({ request, links, list: ALL }, 'projects', mine, (project) => viewProject(project, links))
    })

    app.get(`${at}/domains`, { config: { policy: 'identity:get_auth_domains' } }, async (request) => {
      const mine = await domains.listOf(request.caller.userId)
      return collection({ request, links, list: ALL }, 'domains', mine, (domain) => viewDomain(domain, links))
    })
  }

  app.get('/auth/system', { config: { policy: 'identity:get_auth_system' } }, async (request) => {
    const there = await access.of(request.caller.userId, { kind: 'system' })
    return {
      system: there !== undefined && there.roles.length > 0 ? [{ all: true }] : [],
      links: { self: links.self('auth', 'system') },
    }
  })
}
