/**
 * The rules of users: names within a domain, passwords, and what ends a user's tokens.
 * Source: keystone/identity/core.py
 */
import type { Static } from 'typebox'
import type { Database, Transaction } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type DomainId, newHexId } from '../../ids.ts'
import { deleteApplicationCredentialsOf } from '../application-credentials/store.ts'
import { extraOf, mergedOptions, requireSameId } from '../attributes.ts'
import { type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { invalid, loginFailed, markerNotFound, notFound, notOffered } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import type { PasswordHashing } from '../passwords/hashing.ts'
import { checkAge, checkPassword, passwordEnd } from '../passwords/password-rules.ts'
import type { PasswordProof } from '../passwords/proof.ts'
import * as passwords from '../passwords/store.ts'
import { DEFAULT_DOMAIN } from '../projects/projects.ts'
import { findProject } from '../projects/store.ts'
import type { IdentitySettings } from '../settings.ts'
import { USER_ATTRIBUTES, type UserCreateBody, type UserUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { User } from './store.ts'

export interface Users {
  create(caller: Caller, body: Static<typeof UserCreateBody>['user']): Promise<User>
  show(caller: Caller, id: string): Promise<User>
  list(caller: Caller, list: ListQuery): Promise<readonly User[]>
  update(caller: Caller, id: string, body: Static<typeof UserUpdateBody>['user']): Promise<User>
  delete(caller: Caller, id: string): Promise<void>
  /**
   * Changes one's own password; knowing the old one is all it takes, not even a token.
   * @throws DomainError unauthenticated, `identity.login.failed`; invalid, `identity.password.locked`, `.requirements`,
   * `.too-young` and `.used-before`; forbidden, `identity.password.too-long`
   */
  changePassword(id: string, original: string, password: string): Promise<void>
  /** Asks on behalf of something below the user, under its own policy. @throws DomainError forbidden, not-found */
  permitted(policy: IdentityPolicy, caller: Caller, id: string): Promise<User>
}

export function openUsers({
  db,
  changes,
  hashing,
  proof,
  settings,
}: {
  db: Database
  changes: Changes
  hashing: PasswordHashing
  proof: PasswordProof
  settings: IdentitySettings
}): Users {
  const inactiveDays = settings.disableInactiveDays
  const permitted = async (policy: IdentityPolicy, caller: Caller, id: string): Promise<User> => {
    const found = await store.findUser(db, id, inactiveDays)
    mayDo(policy, caller, {
      targetUserId: found?.id ?? null,
      userDomainId: found?.domainId ?? null,
      pathUserId: id,
    })
    if (found === undefined) throw notFound('user', id)
    return found
  }

  return {
    permitted,

    async create(caller, body) {
      mayDo('identity:create_user', caller, { userDomainId: body.domain_id ?? null })
      await check(body)
      const user: User = {
        id: newHexId(),
        name: body.name.trim(),
        domainId: (body.domain_id ?? caller.domainId ?? DEFAULT_DOMAIN) as DomainId,
        enabled: body.enabled ?? true,
        defaultProjectId: body.default_project_id ?? null,
        options: mergedOptions({}, body.options),
        extra: extraOf(body, USER_ATTRIBUTES),
        passwordExpiresAt: null,
      }
      const endsAt = body.password == null ? null : endOf(user, 'administrator')
      const domain = await findProject(db, user.domainId)
      if (domain?.isDomain !== true) throw notFound('domain', user.domainId)
      const hash = body.password == null ? undefined : await hashing.hash(body.password)
      await changes.commit(async (tx) => {
        await store.insertUser(tx, user)
        if (hash !== undefined) {
          await passwords.insertPassword(tx, { userId: user.id, hash, selfService: false, endsAt })
        }
      })
      return { ...user, passwordExpiresAt: endsAt }
    },

    show: (caller, id) => permitted('identity:get_user', caller, id),

    async list(caller, list) {
      mayDo('identity:list_users', caller, { listDomainId: caller.domainId ?? null })
      if (list.marker !== undefined && (await store.findUser(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listUsers(db, list, { domainId: caller.domainId, inactiveDays })
    },

    async update(caller, id, body) {
      await permitted('identity:update_user', caller, id)
      requireSameId(body, id)
      await check(body)
      const hash = body.password == null ? undefined : await hashing.hash(body.password)
      return await changes.commit(async (tx) => {
        const before = await store.lockUser(tx, id, inactiveDays)
        if (before === undefined) throw notFound('user', id)
        if (body.domain_id !== undefined && body.domain_id !== before.domainId) {
          throw invalid('user.domain-fixed', 'The domain of a user cannot be changed.')
        }
        const after: User = {
          ...before,
          name: body.name?.trim() ?? before.name,
          enabled: body.enabled ?? before.enabled,
          defaultProjectId: body.default_project_id === undefined ? before.defaultProjectId : body.default_project_id,
          options: mergedOptions(before.options, body.options),
          extra: { ...before.extra, ...extraOf(body, USER_ATTRIBUTES) },
        }
        const disabled = before.enabled && !after.enabled
        await store.updateUser(tx, after, {
          endTokens: body.password !== undefined || disabled,
          welcome: body.enabled === true || hash !== undefined,
        })
        if (disabled) await deleteApplicationCredentialsOf(tx, id)
        if (body.password === null) await passwords.deletePasswords(tx, id)
        if (body.password === undefined) return after
        const endsAt = hash === undefined ? null : endOf(after, 'administrator')
        if (hash !== undefined) await setPassword(tx, { userId: id, hash, selfService: false, endsAt })
        return { ...after, passwordExpiresAt: endsAt }
      })
    },

    async delete(caller, id) {
      await permitted('identity:delete_user', caller, id)
      const was = await changes.commit((tx) => store.deleteUser(tx, id))
      if (!was) throw notFound('user', id)
    },

    async changePassword(id, original, password) {
      const user = await proof.prove({ id }, original)
      await proof.succeeded(user.id)
      checkPassword(settings, password)
      if (user.options.lock_password === true) {
        throw invalid('password.locked', 'The password of this user is locked: only an administrator may change it.')
      }
      checkAge(settings, { selfService: user.passwordSelfService!, createdAt: user.passwordMadeAt! })
      await refuseFormer(user.id, password)
      const hash = await hashing.hash(password)
      const endsAt = endOf(user, 'user')
      await changes.commit(async (tx) => {
        // First, so that of several changes at once, which have all shown the same password, one is made.
        if (!(await store.endTokensOf(tx, id, user.generation))) throw loginFailed('the user is gone or changed')
        await setPassword(tx, { userId: id, hash, selfService: true, endsAt })
      })
    },
  }

  /** The end of a password that is set now. */
  function endOf(user: Pick<User, 'options'>, by: 'user' | 'administrator'): Date | null {
    return passwordEnd(settings, { options: user.options, by, now: new Date() })
  }

  async function setPassword(tx: Transaction, password: Parameters<typeof passwords.insertPassword>[1]): Promise<void> {
    await passwords.insertPassword(tx, password)
    await passwords.forgetOldPasswords(tx, password.userId, Math.max(1, settings.passwordHistory))
  }

  /** @throws DomainError invalid, `identity.password.used-before` */
  async function refuseFormer(userId: string, password: string): Promise<void> {
    for (const hash of await passwords.listPasswordHashes(db, userId, settings.passwordHistory)) {
      if (!(await hashing.matches(password, hash))) continue
      throw invalid(
        'password.used-before',
        `The new password cannot be one of the last ${settings.passwordHistory} passwords.`,
      )
    }
  }

  async function check(body: Static<typeof UserUpdateBody>['user']): Promise<void> {
    if (body.federated !== undefined && body.federated.length > 0) throw notOffered('Federation')
    if (body.password != null) checkPassword(settings, body.password)
    if (body.default_project_id == null) return
    // An unknown project is taken, as upstream takes it; a domain is not.
    if ((await findProject(db, body.default_project_id))?.isDomain === true) {
      throw invalid('user.default-project-is-domain', 'The default project of a user cannot be a domain.')
    }
  }
}
