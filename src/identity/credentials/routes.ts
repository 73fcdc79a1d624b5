/** Credentials. Rules: ./credentials.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import type { Credential, Credentials } from './credentials.ts'
import { CredentialCreateBody, CredentialUpdateBody } from './schemas.ts'
import { CREDENTIAL_FILTERS } from './store.ts'

const OneCredential = Type.Object({ credential_id: Type.String() })

export const credentialRoutes: FastifyPluginAsyncTypebox<{ credentials: Credentials; links: Links }> = async (
  app,
  { credentials, links },
) => {
  const callerOf = (request: Pick<FastifyRequest, 'caller'>) => request.caller as IdentityCaller
  const view = (credential: Credential) => ({
    ...credential.extra,
    id: credential.id,
    user_id: credential.userId,
    project_id: credential.projectId,
    type: credential.type,
    blob: credential.blob,
    links: { self: links.self('credentials', credential.id) },
  })

  app.get('/credentials', { config: { policy: 'identity:list_credentials' } }, async (request) => {
    const list = listQuery(request.query, CREDENTIAL_FILTERS)
    return collection({ request, links, list }, 'credentials', await credentials.list(callerOf(request), list), view)
  })

  app.post(
    '/credentials',
    { config: { policy: 'identity:create_credential' }, schema: { body: CredentialCreateBody } },
    async (request, reply) => {
      const credential = await credentials.create(callerOf(request), request.body.credential)
      reply.code(201)
      return { credential: view(credential) }
    },
  )

  app.get(
    '/credentials/:credential_id',
    { config: { policy: 'identity:get_credential' }, schema: { params: OneCredential } },
    async (request) => ({ credential: view(await credentials.show(callerOf(request), request.params.credential_id)) }),
  )

  app.patch(
    '/credentials/:credential_id',
    { config: { policy: 'identity:update_credential' }, schema: { params: OneCredential, body: CredentialUpdateBody } },
    async (request) => {
      const { credential_id: id } = request.params
      return { credential: view(await credentials.update(callerOf(request), id, request.body.credential)) }
    },
  )

  app.delete(
    '/credentials/:credential_id',
    { config: { policy: 'identity:delete_credential' }, schema: { params: OneCredential } },
    async (request, reply) => {
      await credentials.delete(callerOf(request), request.params.credential_id)
      return reply.code(204).send()
    },
  )
}
