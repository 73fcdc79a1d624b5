/** Rows of `identity.passwords`, and of users what a login asks of them. */
import type { Fragment } from 'postgres'
import type { Sql } from '../../database/database.ts'
import type { UserId } from '../../ids.ts'
import type { Attributes } from '../attributes.ts'
import type { IdentitySettings } from '../settings.ts'
import { selectedBy, type UserSelector } from '../tokens/store.ts'
import { userIsActive } from '../users/store.ts'

export type LoginSettings = Pick<IdentitySettings, 'lockoutFailures' | 'lockoutSeconds' | 'disableInactiveDays'>

export interface UserForLogin {
  readonly id: UserId
  readonly options: Attributes
  /** Whether he and his domain are enabled, and he was here recently enough. */
  readonly enabled: boolean
  /** Of the user and his domain together, as in `Access`. */
  readonly generation: number
  /** Whether he has failed too often. */
  readonly locked: boolean
  /** All null for a user without a password. */
  readonly passwordHash: string | null
  readonly passwordEndsAt: Date | null
  readonly passwordMadeAt: Date | null
  readonly passwordSelfService: boolean | null
}

/** The user that the selector means, whatever his state. */
export async function findUserForLogin(
  sql: Sql,
  user: UserSelector,
  settings: LoginSettings,
): Promise<UserForLogin | undefined> {
  const [found] = await sql<UserForLogin[]>`
    select u.id, u.options, ${userIsActive(sql, settings.disableInactiveDays)} and d.enabled as enabled,
           u.token_generation + d.token_generation as generation, ${isLocked(sql, settings)} as locked, p.hash as password_hash, p.expires_at as password_ends_at,
           p.created_at as password_made_at, p.self_service as password_self_service
      from identity.users u
      join identity.projects d on d.id = u.domain_id and d.is_domain
      left join lateral (select * from identity.passwords where user_id = u.id order by id desc limit 1) p on true
     where ${selectedBy(sql, user)}`
  return found
}

/** Whether the user `u` is locked out. */
function isLocked(sql: Sql, { lockoutFailures, lockoutSeconds }: LoginSettings): Fragment {
  if (lockoutFailures === 0) return sql`false`
  return sql`(u.failed_logins >= ${lockoutFailures}
    and not coalesce((u.options->>'ignore_lockout_failure_attempts')::boolean, false)
    and not ${lockoutIsOver(sql, lockoutSeconds)})`
}

const lockoutIsOver = (sql: Sql, seconds: number) =>
  seconds === 0 ? sql`false` : sql`(u.last_failed_at + make_interval(secs => ${seconds}) <= now())`

/** One more failure in a row; the first again after a lockout that is over. */
export async function countFailure(sql: Sql, id: string, settings: LoginSettings): Promise<void> {
  const { lockoutFailures, lockoutSeconds } = settings
  await sql`
    update identity.users u
       set failed_logins = case when u.failed_logins >= ${lockoutFailures} and ${lockoutIsOver(sql, lockoutSeconds)}
                                then 1 else u.failed_logins + 1 end,
           last_failed_at = now()
     where u.id = ${id} and not ${isLocked(sql, settings)}`
}

/**
 * Ends a row of failures and notes that the user was here. False when he is locked out: others may have failed in his
 * name since the login began, and guessing at once must be no better than guessing one after the other.
 */
export async function noteSuccess(sql: Sql, id: string, settings: LoginSettings): Promise<boolean> {
  const here = settings.disableInactiveDays === 0 ? sql`u.last_active_on` : sql`(now() at time zone 'utc')::date`
  const [found] = await sql<{ locked: boolean }[]>`
    with noted as (
      update identity.users u set failed_logins = 0, last_failed_at = null, last_active_on = ${here}
       where u.id = ${id} and not ${isLocked(sql, settings)}
         and (u.failed_logins > 0 or u.last_active_on is distinct from ${here}))
    select ${isLocked(sql, settings)} as locked from identity.users u where u.id = ${id}`
  return found?.locked === false
}

export async function insertPassword(
  sql: Sql,
  password: { userId: string; hash: string; selfService: boolean; endsAt: Date | null },
): Promise<void> {
  await sql`
    insert into identity.passwords (user_id, hash, self_service, expires_at)
    values (${password.userId}, ${password.hash}, ${password.selfService}, ${password.endsAt})`
}

/** The newest first. */
export async function listPasswordHashes(sql: Sql, userId: string, limit: number): Promise<readonly string[]> {
  const rows = await sql<{ hash: string }[]>`
    select hash from identity.passwords where user_id = ${userId} order by id desc limit ${limit}`
  return rows.map((row) => row.hash)
}

/** Takes the password away: nobody can log in with one. */
export async function deletePasswords(sql: Sql, userId: string): Promise<void> {
  await sql`delete from identity.passwords where user_id = ${userId}`
}

/** Drops all but the newest `kept` of a user's passwords. */
export async function forgetOldPasswords(sql: Sql, userId: string, kept: number): Promise<void> {
  await sql`
    delete from identity.passwords
     where user_id = ${userId}
       and id not in (select id from identity.passwords where user_id = ${userId} order by id desc limit ${kept})`
}
