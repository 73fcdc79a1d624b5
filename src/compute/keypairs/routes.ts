/** Keypairs, as the Compute API reference lists them. Rules: ./keypairs.ts */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { DomainError } from '../../domain-error.ts'
import { microversion } from '../../http/microversions.ts'
import { nextPageUrl, pageOf } from '../../http/paging.ts'
import { authorize, type PolicyTable } from '../../http/policy.ts'
import type { Keypairs } from './keypairs.ts'
import { KeypairCreateBody, KeypairListQuery, KeypairQuery } from './schemas.ts'
import { viewKeypair, viewMadeKeypair, viewWholeKeypair } from './view.ts'

export interface KeypairRouteOptions {
  readonly keypairs: Keypairs
  readonly base: string
  readonly policies: PolicyTable
}

type ByName = { Params: { keypair_name: string }; Querystring: Record<string, unknown> }
type List = { Querystring: Record<string, unknown> }

const PROPER_CODES = microversion('2.2')
const OTHER_USERS = microversion('2.10')
const PAGES = microversion('2.35')
const NO_GENERATING = microversion('2.92')
const MAX_PAGE = 1000

export const keypairRoutes: FastifyPluginAsync<KeypairRouteOptions> = async (app, { keypairs, base, policies }) => {
  /** Whose keypairs: the caller's, or from 2.10 on those of the user that an admin names. */
  const userOf = (request: FastifyRequest, deed: string, asked: unknown): string => {
    const first = [asked].flat()[0]
    const userId =
      request.microversion >= OTHER_USERS && typeof first === 'string' && first !== '' ? first : request.caller.userId
    authorize(policies, `os_compute_api:os-keypairs:${deed}`, request.caller, { userId })
    return userId
  }

  app.get<List>(
    '/os-keypairs',
    { config: { policy: 'os_compute_api:os-keypairs:index' }, schema: { querystring: KeypairListQuery } },
    async (request) => {
      const { query, microversion: version } = request
      const userId = userOf(request, 'index', query.user_id)
      const page = version >= PAGES ? pageOf(query, MAX_PAGE) : { limit: 1_000_000 }
      const found = await keypairs.list(userId, page)
      return {
        keypairs: found.map((keypair) => ({ keypair: viewKeypair(keypair, version) })),
        ...(version >= PAGES &&
          found.length > 0 &&
          found.length === page.limit && {
            keypairs_links: [{ rel: 'next', href: nextPageUrl(base, '/v2.1/os-keypairs', query, found.at(-1)!.name) }],
          }),
      }
    },
  )

  app.post<{ Body: Static<typeof KeypairCreateBody> }>(
    '/os-keypairs',
    { config: { policy: 'os_compute_api:os-keypairs:create' }, schema: { body: KeypairCreateBody } },
    async (request, reply) => {
      const { name, type = 'ssh', public_key: publicKey, user_id } = request.body.keypair
      const version = request.microversion
      const userId = userOf(request, 'create', user_id)
      const order = { userId, name, type: type as 'ssh' | 'x509', projectId: request.caller.projectId }
      reply.code(version >= PROPER_CODES ? 201 : 200)
      if (publicKey !== undefined) {
        return { keypair: viewMadeKeypair(await keypairs.importKey({ ...order, publicKey }), version) }
      }
      if (version >= NO_GENERATING) {
        throw new DomainError(
          'invalid',
          'http.schema.violated',
          `Invalid input for field/attribute keypair. 'public_key' is a required property`,
        )
      }
      const { keypair, privateKey } = await keypairs.generate(order)
      return { keypair: viewMadeKeypair(keypair, version, privateKey) }
    },
  )

  app.get<ByName>(
    '/os-keypairs/:keypair_name',
    { config: { policy: 'os_compute_api:os-keypairs:show' }, schema: { querystring: KeypairQuery } },
    async (request) => {
      const userId = userOf(request, 'show', request.query.user_id)
      const keypair = await keypairs.get(userId, request.params.keypair_name)
      return { keypair: viewWholeKeypair(keypair, request.microversion) }
    },
  )

  app.delete<ByName>(
    '/os-keypairs/:keypair_name',
    { config: { policy: 'os_compute_api:os-keypairs:delete' }, schema: { querystring: KeypairQuery } },
    async (request, reply) => {
      const userId = userOf(request, 'delete', request.query.user_id)
      await keypairs.remove(userId, request.params.keypair_name)
      return reply.code(request.microversion >= PROPER_CODES ? 204 : 202).send()
    },
  )
}
