/**
 * What upstream mounts in every cloud and this one has not: logins by federation, OAuth, and the certificates of tokens
 * that are no more. Lists are empty, nothing is found in them, and whatever would make something is refused by name.
 * Source: keystone/api/os_federation.py, os_oauth1.py, os_oauth2.py, os_simple_cert.py, auth.py
 */
import type { FastifyPluginAsync } from 'fastify'
import type { IdentityPolicy } from '../authorize.ts'
import { goneForGood, type Kind, notFound, notOffered } from '../errors.ts'
import type { Links } from '../links.ts'
import { collection } from '../listing.ts'

type Policy = IdentityPolicy

const FEDERATION = '/OS-FEDERATION'
const IDP = `${FEDERATION}/identity_providers/:idp_id`
const TOKENS = '/users/:user_id/OS-OAUTH1/access_tokens'
const TOKEN = `${TOKENS}/:access_token_id`

const EMPTY: readonly [path: string, name: string, policy: Policy][] = [
  [`${FEDERATION}/mappings`, 'mappings', 'identity:list_mappings'],
  ['/OS-OAUTH1/consumers', 'consumers', 'identity:list_consumers'],
  [TOKENS, 'access_tokens', 'identity:list_access_tokens'],
]

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What is asked of one thing, with the variable that names what is not there. */
type Row = readonly [method: Method, path: string, kind: Kind, variable: string, policy: Policy]
const MISSING: readonly Row[] = [
  ...oneOf(`${IDP}/protocols/:protocol_id`, 'protocol', 'protocol_id', 'protocol'),
  ...oneOf(`${FEDERATION}/mappings/:id`, 'mapping', 'id', 'mapping'),
  ...oneOf('/OS-OAUTH1/consumers/:consumer_id', 'consumer', 'consumer_id', 'consumer'),
  ['GET', TOKEN, 'access token', 'access_token_id', 'identity:get_access_token'],
  ['DELETE', TOKEN, 'access token', 'access_token_id', 'identity:delete_access_token'],
  ['GET', `${TOKEN}/roles`, 'access token', 'access_token_id', 'identity:list_access_token_roles'],
  ['GET', `${TOKEN}/roles/:role_id`, 'access token', 'access_token_id', 'identity:get_access_token_role'],
]

function oneOf(path: string, kind: Kind, variable: string, noun: 'protocol' | 'mapping' | 'consumer'): readonly Row[] {
  return [
    ['GET', path, kind, variable, `identity:get_${noun}`],
    ['PATCH', path, kind, variable, `identity:update_${noun}`],
    ['DELETE', path, kind, variable, `identity:delete_${noun}`],
  ]
}

/** Whoever comes to log in has no token yet: those are open, as a login is. */
const REFUSED: readonly [method: Method, path: string, what: string, policy: Policy][] = [
  ['PUT', `${IDP}/protocols/:protocol_id`, 'Federation', 'identity:create_protocol'],
  ['PUT', `${FEDERATION}/mappings/:id`, 'Federation', 'identity:create_mapping'],
  ['GET', `${IDP}/protocols/:protocol_id/auth`, 'Federation', 'identity:authenticate'],
  ['GET', `${FEDERATION}/saml2/metadata`, 'Federation', 'identity:authenticate'],
  ['GET', `/auth${IDP}/protocols/:protocol_id/websso`, 'Federation', 'identity:authenticate'],
  ['GET', '/auth/OS-FEDERATION/websso/:protocol_id', 'Federation', 'identity:authenticate'],
  ['POST', '/auth/OS-FEDERATION/saml2', 'Federation', 'identity:authenticate'],
  ['POST', '/auth/OS-FEDERATION/saml2/ecp', 'Federation', 'identity:authenticate'],
  ['POST', '/OS-OAUTH1/consumers', 'OAuth 1.0a', 'identity:create_consumer'],
  ['PUT', '/OS-OAUTH1/authorize/:request_token_id', 'OAuth 1.0a', 'identity:authorize_request_token'],
  ['POST', '/OS-OAUTH1/request_token', 'OAuth 1.0a', 'identity:authenticate'],
  ['POST', '/OS-OAUTH1/access_token', 'OAuth 1.0a', 'identity:authenticate'],
  ['POST', '/OS-OAUTH2/token', 'OAuth 2.0', 'identity:authenticate'],
]

export const notOfferedRoutes: FastifyPluginAsync<{ links: Links }> = async (app, { links }) => {
  // Bodies come in forms and XML, and nobody reads them.
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null, undefined)
  })

  for (const [path, name, policy] of EMPTY) {
    app.get(path, { config: { policy } }, async (request) =>
      collection({ request, links, list: { limit: undefined } }, name, [], () => undefined),
    )
  }

  for (const [method, url, kind, variable, policy] of MISSING) {
    app.route({
      method,
      url,
      config: { policy },
      handler: async (request) => {
        throw notFound(kind, (request.params as Record<string, string>)[variable]!)
      },
    })
  }

  for (const [method, url, what, policy] of REFUSED) {
    app.route({
      method,
      url,
      config: { policy },
      handler: async () => {
        throw notOffered(what)
      },
    })
  }

  for (const path of ['ca', 'certificates']) {
    app.get(`/OS-SIMPLE-CERT/${path}`, { config: { policy: 'identity:authenticate' } }, async () => {
      throw goneForGood('This API for certificates of tokens')
    })
  }
}
