/** Rows of `identity.users`. */
import type { Fragment } from 'postgres'
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { DomainId, UserId } from '../../ids.ts'
import type { Attributes } from '../attributes.ts'
import { invalid, nameTaken } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface User {
  readonly id: UserId
  readonly name: string
  readonly domainId: DomainId
  readonly enabled: boolean
  readonly defaultProjectId: string | null
  readonly options: Attributes
  /** `description` and `email` among them. */
  readonly extra: Attributes
  readonly passwordExpiresAt: Date | null
}

/** What a row of `identity.users u`, with its password as `p`, is read as. */
const columns = (sql: Sql, inactiveDays: number) => sql`
  u.id, u.name, u.domain_id, ${userIsActive(sql, inactiveDays)} as enabled, u.default_project_id, u.options, u.extra,
  p.expires_at as password_expires_at`

const withPassword = (sql: Sql) => sql`
  left join lateral (select expires_at from identity.passwords where user_id = u.id order by id desc limit 1) p on true`

/**
 * Whether `identity.users u` is enabled, and was here within `inactiveDays`; 0 asks for no visits.
 * Source: keystone/identity/backends/sql_model.py, `User.enabled`
 */
export function userIsActive(sql: Sql, inactiveDays: number): Fragment {
  if (inactiveDays === 0) return sql`u.enabled`
  return sql`(u.enabled and (coalesce((u.options->>'ignore_user_inactivity')::boolean, false)
    or coalesce(u.last_active_on, (u.created_at at time zone 'utc')::date) + ${inactiveDays}::int
       > (now() at time zone 'utc')::date))`
}

export const USER_FILTERS: Filterable = {
  domain_id: { column: 'u.domain_id', type: 'text' },
  enabled: { column: 'u.enabled', type: 'boolean' },
  name: { column: 'u.name', type: 'text' },
  password_expires_at: { column: 'p.expires_at', type: 'time' },
  // Of users who come from elsewhere, of whom there are none.
  idp_id: { column: 'u.id', type: 'nothing' },
  protocol_id: { column: 'u.id', type: 'nothing' },
  unique_id: { column: 'u.id', type: 'nothing' },
}

export async function findUser(sql: Sql, id: string, inactiveDays = 0): Promise<User | undefined> {
  const [found] = await sql<User[]>`
    select ${columns(sql, inactiveDays)} from identity.users u ${withPassword(sql)} where u.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockUser(sql: Sql, id: string, inactiveDays = 0): Promise<User | undefined> {
  const [found] = await sql<User[]>`
    select ${columns(sql, inactiveDays)} from identity.users u ${withPassword(sql)} where u.id = ${id} for update of u`
  return found
}

export async function listUsers(
  sql: Sql,
  list: ListQuery,
  {
    domainId,
    groupId,
    inactiveDays,
  }: { domainId?: string | undefined; groupId?: string | undefined; inactiveDays: number },
): Promise<readonly User[]> {
  return await sql<User[]>`
    select ${columns(sql, inactiveDays)} from identity.users u ${withPassword(sql)}
     where true
       ${domainId === undefined ? sql`` : sql`and u.domain_id = ${domainId}`}
       ${groupId === undefined ? sql`` : sql`and u.id in (select user_id from identity.memberships where group_id = ${groupId})`}
       ${matching(sql, list)} ${paged(sql, list, 'u.id')}`
}

export async function insertUser(sql: Sql, user: User): Promise<void> {
  await guarded(user, async () => {
    await sql`
      insert into identity.users (id, name, domain_id, enabled, default_project_id, options, extra)
      values (${user.id}, ${user.name}, ${user.domainId}, ${user.enabled}, ${user.defaultProjectId},
              ${sql.json(user.options as never)}, ${sql.json(user.extra as never)})`
  })
}

/**
 * @param endTokens whether the user's tokens that were issued before are dead from now on
 * @param welcome whether he is no longer locked out, and counts as having been here
 */
export async function updateUser(
  sql: Sql,
  user: User,
  { endTokens, welcome }: { endTokens: boolean; welcome: boolean },
): Promise<void> {
  await guarded(user, async () => {
    await sql`
      update identity.users
         set name = ${user.name}, enabled = ${user.enabled}, default_project_id = ${user.defaultProjectId},
             options = ${sql.json(user.options as never)}, extra = ${sql.json(user.extra as never)},
             token_generation = token_generation + ${endTokens ? 1 : 0},
             failed_logins = case when ${welcome} then 0 else failed_logins end,
             last_active_on = case when ${welcome} then (now() at time zone 'utc')::date else last_active_on end
       where id = ${user.id}`
  })
}

/**
 * Lets the user's tokens be dead from now on.
 * @param generation of the user and his domain together, as `UserForLogin` has it
 * @returns whether it was still that one; where not, nothing is changed
 */
export async function endTokensOf(sql: Sql, id: string, generation: number): Promise<boolean> {
  const ended = await sql`
    update identity.users u set token_generation = u.token_generation + 1 from identity.projects d
     where u.id = ${id} and d.id = u.domain_id and u.token_generation + d.token_generation = ${generation}`
  return ended.count > 0
}

export async function deleteUser(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.users where id = ${id}`
  return gone.count > 0
}

async function guarded(user: User, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'users_name_in_domain':
        throw nameTaken('user', user.name)
      case 'users_domain_id_fkey':
        throw invalid('user.domain-unknown', 'The domain of the user is gone.')
      default:
        throw error
    }
  }
}
