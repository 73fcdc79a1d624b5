/**
 * What a user is and may do in a scope, now. Read in one statement and remembered until identity's data change, so that
 * a token costs no look-up while nothing happens and sees everything that does.
 */
import { LRUCache } from 'lru-cache'
import type { Database } from '../../database/database.ts'
import type { Changes } from '../changes.ts'
import type { IdentitySettings } from '../settings.ts'
import { findTrustedAccess } from '../trusts/trusted-access.ts'
import type { Scope } from './scope.ts'
import { type Access, findAccess } from './store.ts'

export interface AccessMemory {
  /** Undefined when there is no such user. @param delegation the application credential or trust that narrows it */
  of(userId: string, scope: Scope, delegation?: Delegation): Promise<Access | undefined>
}

export interface Delegation {
  readonly applicationCredentialId?: string | undefined
  readonly trustId?: string | undefined
}

/** Remembered at one time; one takes about a kilobyte. */
const MAX_REMEMBERED = 4096
/** What changes by the clock alone, such as the end of a trust that a trust was made from, is seen after this long. */
export const MAX_AGE_MS = 5_000

export function openAccessMemory(
  db: Database,
  changes: Changes,
  { disableInactiveDays }: Pick<IdentitySettings, 'disableInactiveDays'>,
): AccessMemory {
  // Promises, so that many first requests of one user wait for one statement.
  const remembered = new LRUCache<string, { count: number; readAt: number; access: Promise<Access | undefined> }>({
    max: MAX_REMEMBERED,
  })
  return {
    of(userId, scope, delegation = {}) {
      const where = scope.kind === 'project' || scope.kind === 'domain' ? scope.id : ''
      const by = delegation.applicationCredentialId ?? delegation.trustId ?? ''
      const key = `${userId} ${scope.kind} ${where} ${by}`
      const known = remembered.get(key)
      if (known !== undefined && known.count === changes.count && Date.now() - known.readAt < MAX_AGE_MS) {
        return known.access
      }
      // The count is taken before the reading begins: a change during it makes the result old at once.
      const { count } = changes
      const reading =
        delegation.trustId === undefined
          ? findAccess(db, userId, scope, delegation, disableInactiveDays)
          : findTrustedAccess(db, userId, delegation.trustId, disableInactiveDays)
      const entry = { count, readAt: Date.now(), access: reading }
      remembered.set(key, entry)
      entry.access.catch(() => remembered.delete(key))
      return entry.access
    },
  }
}
