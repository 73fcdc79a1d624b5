/**
 * The rules of users: names within a domain, passwords, and what ends a user's tokens.
 * Source: keystone/identity/core.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type DomainId, newHexId } from '../../ids.ts'
import { deleteApplicationCredentialsOf } from '../application-credentials/store.ts'
import { extraOf, mergedOptions, requireSameId } from '../attributes.ts'
import { type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, loginFailed, markerNotFound, notFound, notOffered } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import type { PasswordHashing } from '../passwords/hashing.ts'
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
   * @throws DomainError unauthenticated, `identity.login.failed`; forbidden, `identity.password.locked`
   */
  changePassword(id: string, original: string, password: string): Promise<void>
  /** Asks on behalf of something below the user, under its own policy. @throws DomainError forbidden, not-found */
  permitted(policy: IdentityPolicy, caller: Caller, id: string): Promise<User>
}

export function openUsers({
  db,
  changes,
  hashing,
  settings,
}: {
  db: Database
  changes: Changes
  hashing: PasswordHashing
  settings: IdentitySettings
}): Users {
  const permitted = async (policy: IdentityPolicy, caller: Caller, id: string): Promise<User> => {
    const found = await store.findUser(db, id)
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
      const domain = await findProject(db, user.domainId)
      if (domain?.isDomain !== true) throw notFound('domain', user.domainId)
      const hash = body.password == null ? undefined : await hashing.hash(body.password)
      await changes.commit(async (tx) => {
        await store.insertUser(tx, user)
        if (hash !== undefined) await store.insertPassword(tx, { userId: user.id, hash, selfService: false })
      })
      return user
    },

    show: (caller, id) => permitted('identity:get_user', caller, id),

    async list(caller, list) {
      mayDo('identity:list_users', caller, { listDomainId: caller.domainId ?? null })
      if (list.marker !== undefined && (await store.findUser(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listUsers(db, list, { domainId: caller.domainId })
    },

    async update(caller, id, body) {
      await permitted('identity:update_user', caller, id)
      requireSameId(body, id)
      await check(body)
      const hash = body.password == null ? undefined : await hashing.hash(body.password)
      return await changes.commit(async (tx) => {
        const before = await store.lockUser(tx, id)
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
        await store.updateUser(tx, after, body.password !== undefined || (before.enabled && !after.enabled))
        if (before.enabled && !after.enabled) await deleteApplicationCredentialsOf(tx, id)
        if (body.password === null) await store.deletePasswords(tx, id)
        if (hash !== undefined) await setPassword(tx, id, hash, false)
        return after
      })
    },

    async delete(caller, id) {
      await permitted('identity:delete_user', caller, id)
      const was = await changes.commit((tx) => store.deleteUser(tx, id))
      if (!was) throw notFound('user', id)
    },

    async changePassword(id, original, password) {
      const current = await store.findCurrentPassword(db, id)
      const candidate = original.length <= settings.maxPasswordLength ? original : ''
      if (!(await hashing.matches(candidate, current?.hash))) throw loginFailed('wrong password')
      if (current!.options.lock_password === true) {
        throw forbidden('password.locked', 'The password of this user is locked: only an administrator may change it.')
      }
      checkLength(password)
      const hash = await hashing.hash(password)
      await changes.commit(async (tx) => {
        if ((await store.lockUser(tx, id)) === undefined) throw loginFailed('the user is gone')
        await setPassword(tx, id, hash, true)
        await store.endTokensOf(tx, id)
      })
    },
  }

  async function setPassword(
    tx: Parameters<typeof store.insertPassword>[0],
    userId: string,
    hash: string,
    selfService: boolean,
  ): Promise<void> {
    await store.insertPassword(tx, { userId, hash, selfService })
    await store.forgetOldPasswords(tx, userId)
  }

  async function check(body: Static<typeof UserUpdateBody>['user']): Promise<void> {
    if (body.federated !== undefined && body.federated.length > 0) throw notOffered('Federation')
    if (body.password != null) checkLength(body.password)
    if (body.default_project_id == null) return
    // An unknown project is taken, as upstream takes it; a domain is not.
    if ((await findProject(db, body.default_project_id))?.isDomain === true) {
      throw invalid('user.default-project-is-domain', 'The default project of a user cannot be a domain.')
    }
  }

  function checkLength(password: string): void {
    if (password.length <= settings.maxPasswordLength) return
    throw forbidden('password.too-long', `A password has at most ${settings.maxPasswordLength} characters.`)
  }
}
