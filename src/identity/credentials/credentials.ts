/**
 * The rules of credentials: one's own, or an administrator's business; within the project for a delegated token.
 * Source: keystone/api/credentials.py
 */
import { createHash } from 'node:crypto'
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { DEEPEST, depthOf } from '../../http/json-body.ts'
import { newHexId } from '../../ids.ts'
import { refuseRestricted } from '../application-credentials/application-credentials.ts'
import { extraOf, requireSameId } from '../attributes.ts'
import { could, type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import type { KeyRing } from '../tokens/key-ring.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import type { Seed } from '../tokens/totp.ts'
import { openBlob, sealBlob } from './cipher.ts'
import { CREDENTIAL_ATTRIBUTES, type CredentialCreateBody, type CredentialUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { CredentialRow } from './store.ts'

/** A credential with its secret readable. */
export interface Credential extends Omit<CredentialRow, 'blob'> {
  readonly blob: string
}

export interface Credentials {
  create(caller: IdentityCaller, body: Static<typeof CredentialCreateBody>['credential']): Promise<Credential>
  show(caller: IdentityCaller, id: string): Promise<Credential>
  list(caller: IdentityCaller, list: ListQuery): Promise<readonly Credential[]>
  update(
    caller: IdentityCaller,
    id: string,
    body: Static<typeof CredentialUpdateBody>['credential'],
  ): Promise<Credential>
  delete(caller: IdentityCaller, id: string): Promise<void>
  /** For logging in, where nobody is a caller yet. */
  totpSeedsOf(userId: string): Promise<readonly Seed[]>
}

/** Keys in an EC2 credential's blob that say what it was made with, and stay. */
const FIXED_EC2_KEYS = ['trust_id', 'app_cred_id', 'access_token_id', 'access_id'] as const

/** The type of the seeds of one-time passcodes. */
const TOTP = 'totp'

/** Of an id that is made of an access key; those of other credentials are shorter. */
const EC2_ID_LENGTH = 64

export function openCredentials({ db, changes, keys }: { db: Database; changes: Changes; keys: KeyRing }): Credentials {
  const opened = (row: CredentialRow): Credential => ({ ...row, blob: openBlob(keys, row.blob) })

  const permitted = async (policy: IdentityPolicy, caller: IdentityCaller, id: string): Promise<CredentialRow> => {
    const found = await store.findCredential(db, id)
    mayDo(policy, caller, { credentialUserId: found?.userId ?? null })
    if (found === undefined) throw notFound('credential', id)
    stayInProject(caller, found.projectId)
    keepFromLogins(caller, found.type)
    return found
  }

  return {
    async create(caller, body) {
      mayDo('identity:create_credential', caller, { credentialUserId: body.user_id })
      stayInProject(caller, body.project_id ?? null)
      keepFromLogins(caller, body.type)
      checkTotp(body.type, body.blob)
      const ec2 = isEc2(body.type) ? ec2Blob(body.blob) : undefined
      if (ec2 !== undefined) checkNewEc2(caller, body.project_id ?? null)
      const by: Record<string, unknown> = {
        ...(caller.token.trustId !== undefined && { trust_id: caller.token.trustId }),
        ...(caller.token.applicationCredentialId !== undefined && {
          app_cred_id: caller.token.applicationCredentialId,
        }),
      }
      if (ec2 !== undefined && isDelegated(caller)) refuseOtherDelegation(ec2, by)
      const blob = ec2 === undefined ? body.blob : JSON.stringify({ ...ec2, ...by })
      const row: CredentialRow = {
        id: ec2 === undefined ? newHexId() : createHash('sha256').update(ec2.access).digest('hex'),
        userId: body.user_id,
        projectId: body.project_id ?? null,
        type: body.type,
        blob: sealBlob(keys, blob),
        extra: extraOf(body, CREDENTIAL_ATTRIBUTES),
      }
      await changes.commit((tx) => store.insertCredential(tx, row))
      return { ...row, blob }
    },

    async show(caller, id) {
      return opened(await permitted('identity:get_credential', caller, id))
    },

    async list(caller, list) {
      mayDo('identity:list_credentials', caller, { credentialUserId: caller.userId })
      if (list.marker !== undefined && (await store.findCredential(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      const seesAll = could('identity:get_credential', caller, { credentialUserId: null })
      const rows = await store.listCredentials(db, list, {
        userId: seesAll ? undefined : caller.userId,
        projectId: isDelegated(caller) ? caller.projectId : undefined,
        withoutType: isDelegated(caller) ? TOTP : undefined,
      })
      return rows.map(opened)
    },

    async update(caller, id, body) {
      await permitted('identity:update_credential', caller, id)
      requireSameId(body, id)
      return await changes.commit(async (tx) => {
        const before = await store.lockCredential(tx, id)
        if (before === undefined) throw notFound('credential', id)
        const blob = body.blob ?? openBlob(keys, before.blob)
        const type = body.type ?? before.type
        // Once made for EC2 it keeps what it was made with, also while it goes by another type.
        if (isEc2(before.type) || before.id.length === EC2_ID_LENGTH) keepEc2Keys(openBlob(keys, before.blob), blob)
        else if (isEc2(type)) ec2Blob(blob)
        checkTotp(type, blob)
        const after: CredentialRow = {
          ...before,
          userId: body.user_id ?? before.userId,
          projectId: body.project_id === undefined ? before.projectId : body.project_id,
          type,
          blob: sealBlob(keys, blob),
          extra: { ...before.extra, ...extraOf(body, CREDENTIAL_ATTRIBUTES) },
        }
        // Nobody hands a credential to somebody whose credentials he may not change.
        mayDo('identity:update_credential', caller, { credentialUserId: after.userId })
        stayInProject(caller, after.projectId)
        keepFromLogins(caller, type)
        if (isEc2(type) && !isEc2(before.type)) checkNewEc2(caller, after.projectId)
        await store.updateCredential(tx, after)
        return { ...after, blob }
      })
    },

    async delete(caller, id) {
      await permitted('identity:delete_credential', caller, id)
      const was = await changes.commit((tx) => store.deleteCredential(tx, id))
      if (!was) throw notFound('credential', id)
    },

    async totpSeedsOf(userId) {
      const rows = await store.listCredentialsOf(db, userId, TOTP)
      return rows.map((row) => ({ credentialId: row.id, secret: openBlob(keys, row.blob) }))
    },
  }
}

function isEc2(type: string): boolean {
  return type.toLowerCase() === 'ec2'
}

/** @throws DomainError forbidden for a restricted application credential; invalid without a project */
function checkNewEc2(caller: IdentityCaller, projectId: string | null): void {
  refuseRestricted(caller)
  if (projectId === null) throw invalid('credential.no-project', 'An EC2 credential needs a project.')
}

function isDelegated({ token }: IdentityCaller): boolean {
  return token.trustId !== undefined || token.applicationCredentialId !== undefined
}

/** A delegation is for one project; secrets of others, and of the user himself, are out of its reach. */
export function stayInProject(caller: IdentityCaller, projectId: string | null): void {
  if (!isDelegated(caller) || projectId === (caller.projectId as string | undefined)) return
  throw forbidden('credential.other-project', 'A delegated token reaches the credentials of its own project only.')
}

/**
 * A seed lets in its user whole, whatever project it says it is for: by one of its own making, the bearer of a delegation
 * would have all that it was not given. Upstream keeps those apart only that are for no project.
 * @throws DomainError forbidden
 */
function keepFromLogins(caller: IdentityCaller, type: string): void {
  if (type !== TOTP || !isDelegated(caller)) return
  throw forbidden('credential.totp-by-delegation', 'A delegated token reaches no secrets that its user logs in with.')
}

function ec2Blob(text: string): Record<string, unknown> & { access: string } {
  let blob: unknown
  try {
    blob = depthOf(text) <= DEEPEST ? JSON.parse(text) : undefined
  } catch {
    blob = undefined
  }
  const access = (blob as { access?: unknown } | undefined | null)?.access
  if (typeof blob !== 'object' || typeof access !== 'string') {
    throw invalid('credential.blob', 'The blob of an EC2 credential is a JSON object with "access".')
  }
  return blob as Record<string, unknown> & { access: string }
}

/** Whoever acts by one delegation makes nothing that is by another. @throws DomainError invalid, `identity.credential.blob` */
function refuseOtherDelegation(blob: Readonly<Record<string, unknown>>, by: Readonly<Record<string, unknown>>): void {
  const other = FIXED_EC2_KEYS.find((key) => blob[key] != null && blob[key] !== by[key])
  if (other !== undefined) throw invalid('credential.blob', `"${other}" is that of the token, and not for it to say.`)
}

function keepEc2Keys(before: string, after: string): void {
  const [old, fresh] = [ec2Blob(before), ec2Blob(after)]
  const changed = FIXED_EC2_KEYS.find((key) => old[key] !== fresh[key])
  if (changed !== undefined) throw invalid('credential.blob', `"${changed}" of an EC2 credential cannot be changed.`)
}

/** A seed that cannot be read would make every login with it an accident. */
function checkTotp(type: string, blob: string): void {
  if (type !== TOTP || /^[A-Za-z2-7]{16,}=*$/.test(blob)) return
  throw invalid('credential.blob', 'The blob of a TOTP credential is a secret of at least 16 letters in base32.')
}
