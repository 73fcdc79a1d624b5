/** EC2 credentials, and tokens for requests signed with them. Rules: ./ec2-credentials.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Catalog } from '../catalog/catalog.ts'
import type { Federation } from '../federation/federation.ts'
import type { Links } from '../links.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import { tokenJson } from '../tokens/view.ts'
import type { Ec2Credential, Ec2Credentials } from './ec2-credentials.ts'
import { Ec2CredentialBody, SignedBody } from './schemas.ts'

const OneUser = Type.Object({ user_id: Type.String() })
const OneCredential = Type.Object({ user_id: Type.String(), credential_id: Type.String() })
const JSON_TYPE = 'application/json; charset=utf-8'

export const ec2CredentialRoutes: FastifyPluginAsyncTypebox<{
  ec2Credentials: Ec2Credentials
  catalog: Catalog
  federation: Federation
  links: Links
}> = async (app, { ec2Credentials, catalog, federation, links }) => {
  const callerOf = (request: Pick<FastifyRequest, 'caller'>) => request.caller as IdentityCaller
  const view = (credential: Ec2Credential) => ({
    user_id: credential.userId,
    tenant_id: credential.projectId,
    access: credential.access,
    secret: credential.secret,
    trust_id: credential.trustId,
    links: { self: links.self('users', credential.userId, 'credentials', 'OS-EC2', credential.access) },
  })

  app.get(
    '/users/:user_id/credentials/OS-EC2',
    { config: { policy: 'identity:ec2_list_credentials' }, schema: { params: OneUser } },
    async (request) => ({
      credentials: (await ec2Credentials.list(callerOf(request), request.params.user_id)).map(view),
      links: { self: links.request(request), next: null, previous: null },
    }),
  )

  app.post(
    '/users/:user_id/credentials/OS-EC2',
    { config: { policy: 'identity:ec2_create_credential' }, schema: { params: OneUser, body: Ec2CredentialBody } },
    async (request, reply) => {
      const { user_id: userId } = request.params
      const credential = await ec2Credentials.create(callerOf(request), userId, request.body.tenant_id)
      reply.code(201)
      return { credential: view(credential) }
    },
  )

  app.get(
    '/users/:user_id/credentials/OS-EC2/:credential_id',
    { config: { policy: 'identity:ec2_get_credential' }, schema: { params: OneCredential } },
    async (request) => {
      const { user_id: userId, credential_id: access } = request.params
      return { credential: view(await ec2Credentials.show(callerOf(request), userId, access)) }
    },
  )

  app.delete(
    '/users/:user_id/credentials/OS-EC2/:credential_id',
    { config: { policy: 'identity:ec2_delete_credential' }, schema: { params: OneCredential } },
    async (request, reply) => {
      const { user_id: userId, credential_id: access } = request.params
      await ec2Credentials.delete(callerOf(request), userId, access)
      return reply.code(204).send()
    },
  )

  const signedOf = (body: Static<typeof SignedBody>) => body.credentials ?? body.credential ?? body.ec2Credentials ?? {}

  app.post(
    '/ec2tokens',
    { config: { policy: 'identity:ec2tokens_validate' }, schema: { body: SignedBody } },
    async (request, reply) => {
      const token = await ec2Credentials.exchange(signedOf(request.body), 'ec2')
      return reply
        .header('x-subject-token', token.text)
        .type(JSON_TYPE)
        .send(await tokenJson(token, { catalog, federation }))
    },
  )

  // The same, without the token itself: S3 asks who it is and no more.
  app.post(
    '/s3tokens',
    { config: { policy: 'identity:s3tokens_validate' }, schema: { body: SignedBody } },
    async (request, reply) => {
      const token = await ec2Credentials.exchange(signedOf(request.body), 's3')
      return reply.type(JSON_TYPE).send(await tokenJson(token, { catalog, federation }))
    },
  )
}
