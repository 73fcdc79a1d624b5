/**
 * EC2 credentials: an access key and a secret for a user on a project, kept as a credential of type `ec2`; and what a
 * request that was signed with one is worth: a token, for the service that got the request.
 * Source: keystone/api/users.py, keystone/api/_shared/EC2_S3_Resource.py
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../../database/database.ts'
import type { ProjectId, UserId } from '../../ids.ts'
import { refuseRestricted } from '../application-credentials/application-credentials.ts'
import { findApplicationCredential } from '../application-credentials/store.ts'
import { mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { openBlob, sealBlob } from '../credentials/cipher.ts'
import { stayInProject } from '../credentials/credentials.ts'
import * as store from '../credentials/store.ts'
import type { CredentialRow } from '../credentials/store.ts'
import { loginFailed, notFound } from '../errors.ts'
import { findProject } from '../projects/store.ts'
import type { KeyRing } from '../tokens/key-ring.ts'
import type { IdentityCaller, Token, Tokens } from '../tokens/tokens.ts'
import { findTrust } from '../trusts/store.ts'
import { findUser } from '../users/store.ts'
import type { Signed } from './schemas.ts'
import { ec2SignatureMatches, s3SignatureMatches } from './signatures.ts'

export interface Ec2Credential {
  readonly userId: string
  readonly projectId: string | null
  readonly access: string
  readonly secret: string
  /** The delegation that it was made by: what it opens goes no further. */
  readonly trustId: string | null
  readonly applicationCredentialId: string | null
}

export interface Ec2Credentials {
  create(caller: IdentityCaller, userId: string, projectId: string): Promise<Ec2Credential>
  /** @param access the access key: the credential's id is made from it */
  show(caller: IdentityCaller, userId: string, access: string): Promise<Ec2Credential>
  list(caller: IdentityCaller, userId: string): Promise<readonly Ec2Credential[]>
  delete(caller: IdentityCaller, userId: string, access: string): Promise<void>
  /**
   * A token for whoever signed the request.
   * @throws DomainError not-found, `identity.ec2-access-key.not-found`; unauthenticated, `identity.login.failed`
   */
  exchange(signed: Signed, protocol: 'ec2' | 's3'): Promise<Token>
}

/** A signature is good for this long after the time that the request tells. Upstream's `auth_ttl`. */
const SIGNATURE_LIFETIME_MS = 900_000
const TYPE = 'ec2'

export function openEc2Credentials({
  db,
  changes,
  keys,
  tokens,
}: {
  db: Database
  changes: Changes
  /** Those that seal credentials. */
  keys: KeyRing
  tokens: Tokens
}): Ec2Credentials {
  async function find(access: string): Promise<Ec2Credential | undefined> {
    const row = await store.findCredential(db, idOf(access))
    return row?.type === TYPE ? opened(row) : undefined
  }

  function opened(row: CredentialRow): Ec2Credential {
    // Blobs made as plain credentials hold whatever their maker wrote.
    const blob = JSON.parse(openBlob(keys, row.blob)) as Record<string, unknown>
    const text = (name: string) => (typeof blob[name] === 'string' ? blob[name] : null)
    return {
      userId: row.userId,
      projectId: row.projectId,
      access: text('access') ?? '',
      secret: text('secret') ?? '',
      trustId: text('trust_id'),
      applicationCredentialId: text('app_cred_id'),
    }
  }

  async function requireUser(id: string): Promise<void> {
    if ((await findUser(db, id)) === undefined) throw notFound('user', id)
  }

  async function permitted(
    policy: 'identity:ec2_get_credential' | 'identity:ec2_delete_credential',
    caller: IdentityCaller,
    userId: string,
    access: string,
  ): Promise<Ec2Credential> {
    const found = await find(access)
    // The owner counts, not the user that the path names.
    mayDo(policy, caller, { credentialUserId: found?.userId ?? null })
    await requireUser(userId)
    if (found === undefined || found.userId !== userId) throw notFound('credential', access)
    stayInProject(caller, found.projectId)
    return found
  }

  return {
    async create(caller, userId, projectId) {
      mayDo('identity:ec2_create_credential', caller, { credentialUserId: userId })
      refuseRestricted(caller)
      await requireUser(userId)
      if ((await findProject(db, projectId)) === undefined) throw notFound('project', projectId)
      stayInProject(caller, projectId)
      const made: Ec2Credential = {
        userId,
        projectId,
        access: randomBytes(16).toString('hex'),
        secret: randomBytes(16).toString('hex'),
        trustId: caller.token.trustId ?? null,
        applicationCredentialId: caller.token.applicationCredentialId ?? null,
      }
      const blob = {
        access: made.access,
        secret: made.secret,
        trust_id: made.trustId,
        ...(made.applicationCredentialId !== null && { app_cred_id: made.applicationCredentialId }),
      }
      await changes.commit((tx) =>
        store.insertCredential(tx, {
          id: idOf(made.access),
          userId,
          projectId,
          type: TYPE,
          blob: sealBlob(keys, JSON.stringify(blob)),
          extra: {},
        }),
      )
      return made
    },

    async show(caller, userId, access) {
      return await permitted('identity:ec2_get_credential', caller, userId, access)
    },

    async list(caller, userId) {
      mayDo('identity:ec2_list_credentials', caller, { pathUserId: userId })
      await requireUser(userId)
      const all = (await store.listCredentialsOf(db, userId, TYPE)).map(opened)
      const delegated = caller.token.trustId !== undefined || caller.token.applicationCredentialId !== undefined
      return delegated ? all.filter((each) => each.projectId === (caller.projectId as string | undefined)) : all
    },

    async delete(caller, userId, access) {
      await permitted('identity:ec2_delete_credential', caller, userId, access)
      const was = await changes.commit((tx) => store.deleteCredential(tx, idOf(access)))
      if (!was) throw notFound('credential', access)
    },

    async exchange(signed, protocol) {
      if (signed.access === undefined) throw loginFailed('no access key was given')
      const credential = await find(signed.access)
      if (credential === undefined || credential.projectId === null) throw notFound('ec2 access key', signed.access)
      if (!isSignedWith(credential.secret, signed, protocol)) throw loginFailed('the signature is wrong')
      requireFresh(signed)
      const projectId = credential.projectId as ProjectId
      const order = { methods: ['ec2credential'], scope: { kind: 'project', id: projectId } } as const
      if (credential.trustId !== null) {
        const trust = await findTrust(db, credential.trustId)
        if (trust?.projectId !== projectId) throw loginFailed('the trust of the credential is gone')
        // Whoever writes a credential's blob may name any trust; it counts for those only whom its tokens stand for.
        const shown = trust.impersonation ? trust.trustorUserId : trust.trusteeUserId
        if (shown !== credential.userId) throw loginFailed('the trust of the credential is for somebody else')
        return await tokens.issue({ ...order, userId: trust.trusteeUserId, trustId: trust.id })
      }
      const userId = credential.userId as UserId
      const by = credential.applicationCredentialId
      if (by === null) return await tokens.issue({ ...order, userId })
      const expiresAt = (await findApplicationCredential(db, by))?.expiresAt ?? undefined
      if (expiresAt !== undefined && expiresAt <= new Date())
        throw loginFailed('the application credential has expired')
      return await tokens.issue({ ...order, userId, applicationCredentialId: by, expiresAt })
    },
  }
}

/** The id of the credential that holds an access key. */
function idOf(access: string): string {
  return createHash('sha256').update(access).digest('hex')
}

function isSignedWith(secret: string, signed: Signed, protocol: 'ec2' | 's3'): boolean {
  const { signature, token } = signed
  if (signature === undefined || secret === '') return false
  if (protocol === 's3') {
    return token !== undefined && s3SignatureMatches(secret, Buffer.from(token, 'base64url'), signature)
  }
  const request = {
    verb: signed.verb ?? '',
    host: signed.host ?? '',
    path: signed.path ?? '',
    params: texts(signed.params),
    headers: texts(signed.headers),
    bodyHash: signed.body_hash ?? '',
  }
  return ec2SignatureMatches(secret, request, signature)
}

function texts(values: Signed['params']): Record<string, string> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, String(value)]))
}

/** A request that tells no time was made to last. @throws DomainError unauthenticated when its time is over or unreadable */
function requireFresh({ params = {}, headers = {} }: Signed): void {
  const dated = Object.entries(headers).find(([name]) => name.toLowerCase() === 'x-amz-date')?.[1]
  const told = params.Timestamp ?? dated ?? params['X-Amz-Date']
  if (told === undefined || told === '') return
  // 20260102T030405Z is ISO 8601 as well, in the form that Date does not read.
  const text = String(told).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/, '$1-$2-$3T$4:$5:$6')
  const time = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
  if (Number.isNaN(time)) throw loginFailed('the time of the request cannot be read')
  if (time + SIGNATURE_LIFETIME_MS < Date.now()) throw loginFailed('the request is too old')
}
