/**
 * What all six APIs do alike, before and after a route's own work: request id, microversion, token, policy, body
 * validation, and the one door out for errors. Each service's plugin calls `asService` once, inside its own
 * encapsulation, so nothing here leaks from one service into another.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { DomainError, isDomainError } from '../domain-error.ts'
import { isAllowed } from './access-rules.ts'
import type { Caller } from './caller.ts'
import { jsonParser } from './json-body.ts'
import { rememberMethods } from './known-methods.ts'
import {
  type Microversion,
  type MicroversionRange,
  microversion,
  negotiate,
  showMicroversion,
} from './microversions.ts'
import { ANYONE, AUTHENTICATED, authorize, notAuthorized, type PolicyTable } from './policy.ts'
import { rememberRoute } from './route-list.ts'
import { validate } from './schema-versions.ts'

/** An error on its way out: what faults.ts makes of a DomainError. */
export interface Fault {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** What a token may be for; one that is for nothing counts as a project's. */
export type TokenScope = 'system' | 'domain' | 'project'

export interface ServiceDescription {
  /** `identity`, `compute`, `placement`, `image`, `network`, `volume`. */
  readonly name: string
  readonly policies: PolicyTable
  /** Scopes of tokens that its guarded routes take; all where absent. Upstream's `scope_types`, with `enforce_scope` on. */
  readonly scopes?: readonly TokenScope[]
  readonly microversions?: MicroversionRange
  /**
   * From a token to its caller.
   * @param serviceToken of a service that asks for a user: with it the user's token may have ended
   * @throws DomainError unauthenticated
   */
  readonly authenticate: (token: string, requestId: string, serviceToken?: string) => Promise<Caller>
  /** The public URL of identity, for `WWW-Authenticate`. */
  readonly identityUrl: string
  readonly fault: (error: DomainError, request: FastifyRequest) => Fault
  /** A known path with a method that it does not answer is a 404 here, and not the 405 of other services. */
  readonly wrongMethodIsNotFound?: true
  /** Names of further headers that carry the request id, such as `x-compute-request-id`. */
  readonly requestIdHeaders?: readonly string[]
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Only routes whose policy is ANYONE may run without a token. */
    caller: Caller
    microversion: Microversion
    requestId: string
  }
  interface FastifyContextConfig {
    /** The name of the policy that guards the route, a key of its service's table. */
    policy?: string
    /** First and last microversion that answer, inclusive: outside of them the route is a 404. */
    since?: string
    until?: string
    /** For `POST …/action` routes: each key that the body may have (see actions.ts). */
    actions?: Readonly<Record<string, { policy: string; since?: string; until?: string }>>
    /** Another spelling of the route at this URL: it is not listed for itself. */
    aliasOf?: string
    /** No body validation here: the route reads the body as it comes (uploads, actions). */
    rawBody?: boolean
  }
}

export function asService(app: FastifyInstance, service: ServiceDescription): void {
  // Bodies are validated below, by the microversion of the request; Fastify compiles one schema a route.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  acceptEmptyJson(app)
  app.decorateRequest('caller')
  app.decorateRequest('microversion', 0)
  app.decorateRequest('requestId', '')

  const methodsOf = rememberMethods(app)
  app.addHook('onRoute', (route) => {
    if (route.method === 'HEAD' && route.config?.policy === undefined) return
    if (route.config?.aliasOf !== undefined) return
    rememberRoute(service, route)
  })

  app.addHook('onRequest', async (request, reply) => {
    request.requestId = `req-${randomUUID()}`
    reply.header('x-openstack-request-id', request.requestId)
    for (const name of service.requestIdHeaders ?? []) reply.header(name, request.requestId)
    if (service.microversions !== undefined) negotiateFor(service.microversions, request, reply)
    // No name or id of ours has a NUL, and no database takes one.
    if (request.url.includes('%00')) throw new DomainError('invalid', 'http.url.nul', 'Malformed request URL')
    const { policy, since, until } = request.routeOptions.config
    if (policy === undefined) return // an unknown path: the not-found handler answers
    if (service.policies[policy] !== ANYONE) {
      request.caller = await callerOf(service, request)
      refuseForeignProjectInUrl(request)
      refuseOutsideAccessRules(service, app.prefix, request)
    }
    if (
      (since !== undefined && request.microversion < microversion(since)) ||
      (until !== undefined && request.microversion > microversion(until))
    ) {
      throw new DomainError('not-found', 'http.route.not-in-microversion', 'The resource could not be found.')
    }
  })

  // After the body is there and before the handler: who may not ask learns that first, and nothing else.
  app.addHook('preHandler', async (request) => {
    const { policy, rawBody } = request.routeOptions.config
    if (policy !== undefined && service.policies[policy] !== ANYONE) {
      refuseOtherScope(service, policy, request.caller)
      authorize(service.policies, policy, request.caller)
    }
    const schema = request.routeOptions.schema as { body?: TSchema; querystring?: TSchema } | undefined
    if (schema?.querystring !== undefined) validate(request.microversion, schema.querystring, request.query)
    if (schema?.body !== undefined && rawBody !== true) validate(request.microversion, schema.body, request.body)
  })

  app.setNotFoundHandler(async (request, reply) => {
    // Whoever has no token learns that first; identity, where tokens come from, tells the truth at once.
    if (service.name !== 'identity' && request.headers['x-auth-token'] === undefined) await callerOf(service, request)
    const methods = service.wrongMethodIsNotFound === true ? [] : methodsOf(request.url.replace(/[?#].*$/s, ''))
    // A method that is among them came to nothing for a slash too many or too few.
    const isOther = methods.length > 0 && !methods.includes(request.method)
    return send(reply, service.fault(isOther ? otherMethod(request.method, methods) : unknownRoute(), request))
  })

  app.setErrorHandler((error: FastifyError | DomainError, request, reply) => {
    if (isDomainError(error, 'identity.token.missing', 'identity.token.invalid') && service.name !== 'identity') {
      return send(reply, unauthorized(service, error))
    }
    if (isDomainError(error)) return send(reply, service.fault(error, request))
    const known = fromFastify(error as FastifyError)
    if (known === undefined)
      request.log.error({ err: error, request_id: request.requestId, path: request.url }, 'request failed')
    return send(reply, service.fault(known ?? surprise(error), request))
  })
}

/** A token for the whole system manages identity; it says nothing about what is in projects, and opens none of it. */
function refuseOtherScope({ policies, scopes }: ServiceDescription, policy: string, caller: Caller): void {
  if (scopes === undefined || policies[policy] === AUTHENTICATED) return
  const scope: TokenScope =
    caller.system !== undefined ? 'system' : caller.domainId !== undefined ? 'domain' : 'project'
  if (scopes.includes(scope)) return
  throw notAuthorized(policy)
}

/** Clients put `Content-Type: application/json` on requests without a body too, on DELETE above all. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = jsonParser(app)
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parse(request, body as string, done)
  })
}

function negotiateFor(range: MicroversionRange, request: FastifyRequest, reply: FastifyReply): void {
  reply.header(
    'vary',
    range.legacyHeader === undefined ? 'OpenStack-API-Version' : 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
  )
  // Set before the attempt, so that the fault of a refused version is drawn by the minimum's rules.
  request.microversion = range.min
  request.microversion = negotiate(range, request.headers)
  const shown = showMicroversion(request.microversion)
  reply.header('openstack-api-version', `${range.service} ${shown}`)
  if (range.legacyHeader !== undefined) reply.header(range.legacyHeader, shown)
}

async function callerOf(service: ServiceDescription, request: FastifyRequest): Promise<Caller> {
  const token = request.headers['x-auth-token']
  if (typeof token !== 'string' || token === '') {
    throw new DomainError(
      'unauthenticated',
      'identity.token.missing',
      'The request you have made requires authentication.',
    )
  }
  const serviceToken = request.headers['x-service-token']
  return await service.authenticate(
    token,
    request.requestId,
    typeof serviceToken === 'string' && serviceToken !== '' ? serviceToken : undefined,
  )
}

/** Compute and volume take an optional project id in the path; it must be the token's. Source: nova/api/openstack/wsgi.py */
function refuseForeignProjectInUrl(request: FastifyRequest): void {
  const inUrl = (request.raw as { projectIdInUrl?: string }).projectIdInUrl
  if (inUrl === undefined || inUrl === request.caller.projectId) return
  throw new DomainError(
    'invalid',
    'http.url.foreign-project',
    `Malformed request URL: URL's project_id '${inUrl}' doesn't match Context's project_id '${request.caller.projectId ?? ''}'`,
  )
}

/** A token of limited use is no token at all where it does not reach: 401, as the token middleware answers. */
function refuseOutsideAccessRules(service: ServiceDescription, prefix: string, request: FastifyRequest): void {
  const rules = request.caller.accessRules
  if (rules === undefined) return
  // The router ends a path at a fragment, too, though no request should have one.
  const path = request.originalUrl.slice(prefix.length).replace(/[?#].*$/s, '')
  if (isAllowed(rules, { service: service.name, method: request.method, path })) return
  throw new DomainError(
    'unauthenticated',
    'identity.token.invalid',
    'The request you have made requires authentication.',
  )
}

/** 401 as the token middleware in front of every real service puts it. */
function unauthorized(service: ServiceDescription, error: DomainError): Fault {
  return {
    status: 401,
    body: { error: { code: 401, title: 'Unauthorized', message: error.message } },
    headers: { 'www-authenticate': `Keystone uri="${service.identityUrl}"` },
  }
}

function fromFastify(error: FastifyError): DomainError | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new DomainError('invalid', 'http.body.media-type', `Unsupported Content-Type`)
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new DomainError('invalid', 'http.body.too-large', 'Request is too large.')
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new DomainError('invalid', 'http.body.malformed', 'Malformed request body')
    default:
      return error instanceof SyntaxError && error.statusCode === 400
        ? new DomainError('invalid', 'http.body.malformed', 'Malformed request body')
        : undefined
  }
}

function unknownRoute(): DomainError {
  return new DomainError('not-found', 'http.route.unknown', 'The resource could not be found.')
}

/** A 405 in every service's faults, with `details.allow` as the header. */
function otherMethod(method: string, known: readonly string[]): DomainError {
  const message = `The method ${method} is not allowed for this resource.`
  return new DomainError('not-found', 'http.method.not-allowed', message, { details: { allow: known.join(', ') } })
}

function surprise(cause: unknown): DomainError {
  return new DomainError(
    'unavailable',
    'http.surprise',
    'An unexpected error prevented the server from fulfilling your request.',
    { cause },
  )
}

function send(reply: FastifyReply, fault: Fault): FastifyReply {
  for (const [name, value] of Object.entries(fault.headers ?? {})) reply.header(name, value)
  return reply.code(fault.status).send(fault.body)
}
