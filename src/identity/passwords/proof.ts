/**
 * Who somebody is, by a password: at the same price whether he is unknown, disabled, locked out, or just wrong, and with
 * the same answer. Failures in a row lock a user out where that is set. Source: keystone/identity/backends/sql.py
 */
import type { Database } from '../../database/database.ts'
import { loginFailed } from '../errors.ts'
import type { IdentitySettings } from '../settings.ts'
import type { UserSelector } from '../tokens/store.ts'
import type { PasswordHashing } from './hashing.ts'
import * as store from './store.ts'
import type { LoginSettings, UserForLogin } from './store.ts'

export interface PasswordProof {
  /**
   * The user, when this is his password; it may have to be changed.
   * @throws DomainError unauthenticated, `identity.login.failed`; unavailable, `identity.password.busy`
   */
  prove(selector: UserSelector, given: string): Promise<UserForLogin>
  /** The enabled user who is not locked out; for methods that have no password. */
  find(selector: UserSelector): Promise<UserForLogin | undefined>
  /** Counts a failure of `user`, if it is anybody and counting is on. */
  failed(user: UserForLogin | undefined): Promise<void>
  /** The login is complete. @throws DomainError unauthenticated, `identity.login.failed` when he is locked out by now */
  succeeded(userId: string): Promise<void>
}

export function openPasswordProof({
  db,
  hashing,
  settings,
}: {
  db: Database
  hashing: Pick<PasswordHashing, 'matches'>
  settings: LoginSettings & Pick<IdentitySettings, 'maxPasswordLength'>
}): PasswordProof {
  const counts = settings.lockoutFailures > 0
  const mayTry = (user: UserForLogin | undefined) => user?.enabled === true && !user.locked

  const failed: PasswordProof['failed'] = async (user) => {
    // The statement runs for nobody too: whether it ran could be told by the clock.
    if (counts) await store.countFailure(db, mayTry(user) ? user!.id : '', settings)
  }

  return {
    failed,

    async find(selector) {
      const user = await store.findUserForLogin(db, selector, settings)
      return mayTry(user) ? user : undefined
    },

    async prove(selector, given) {
      const user = await store.findUserForLogin(db, selector, settings)
      // Longer ones are not hashed: they cannot be anybody's, and hashing them would be work for free.
      const right =
        given.length <= settings.maxPasswordLength
          ? await hashing.matches(given, user?.passwordHash ?? undefined)
          : await hashing.matches('', undefined)
      if (user !== undefined && mayTry(user) && right) return user
      await failed(user)
      throw loginFailed(whyNot(user))
    },

    async succeeded(userId) {
      if (!counts && settings.disableInactiveDays === 0) return
      if (!(await store.noteSuccess(db, userId, settings))) throw loginFailed('locked out')
    },
  }
}

function whyNot(user: UserForLogin | undefined): string {
  if (user === undefined) return 'no such user'
  if (!user.enabled) return 'the user or his domain is disabled'
  return user.locked ? 'locked out' : 'wrong password'
}
