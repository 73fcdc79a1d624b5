/** Rows of `identity.users` and their passwords. */
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

/** What a row of `identity.users u` is read as. */
const columns = (sql: Sql) => sql`
  u.id, u.name, u.domain_id, u.enabled, u.default_project_id, u.options, u.extra,
  (select p.expires_at from identity.passwords p where p.user_id = u.id order by p.id desc limit 1) as password_expires_at`

export const USER_FILTERS: Filterable = {
  domain_id: { column: 'u.domain_id', type: 'text' },
  enabled: { column: 'u.enabled', type: 'boolean' },
  name: { column: 'u.name', type: 'text' },
}

export async function findUser(sql: Sql, id: string): Promise<User | undefined> {
  const [found] = await sql<User[]>`select ${columns(sql)} from identity.users u where u.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockUser(sql: Sql, id: string): Promise<User | undefined> {
  const [found] = await sql<User[]>`select ${columns(sql)} from identity.users u where u.id = ${id} for update`
  return found
}

export async function listUsers(
  sql: Sql,
  list: ListQuery,
  { domainId, groupId }: { domainId?: string | undefined; groupId?: string | undefined },
): Promise<readonly User[]> {
  return await sql<User[]>`
    select ${columns(sql)} from identity.users u
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

/** @param endTokens whether the user's tokens that were issued before are dead from now on */
export async function updateUser(sql: Sql, user: User, endTokens: boolean): Promise<void> {
  await guarded(user, async () => {
    await sql`
      update identity.users
         set name = ${user.name}, enabled = ${user.enabled}, default_project_id = ${user.defaultProjectId},
             options = ${sql.json(user.options as never)}, extra = ${sql.json(user.extra as never)},
             token_generation = token_generation + ${endTokens ? 1 : 0}
       where id = ${user.id}`
  })
}

export async function endTokensOf(sql: Sql, id: string): Promise<void> {
  await sql`update identity.users set token_generation = token_generation + 1 where id = ${id}`
}

export async function deleteUser(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.users where id = ${id}`
  return gone.count > 0
}

export async function insertPassword(
  sql: Sql,
  password: { userId: string; hash: string; selfService: boolean },
): Promise<void> {
  await sql`
    insert into identity.passwords (user_id, hash, self_service)
    values (${password.userId}, ${password.hash}, ${password.selfService})`
}

/** Takes the password away: nobody can log in with one. */
export async function deletePasswords(sql: Sql, userId: string): Promise<void> {
  await sql`delete from identity.passwords where user_id = ${userId}`
}

/** Drops all but the newest of a user's passwords. */
export async function forgetOldPasswords(sql: Sql, userId: string): Promise<void> {
  await sql`
    delete from identity.passwords
     where user_id = ${userId} and id < (select max(id) from identity.passwords where user_id = ${userId})`
}

export interface CurrentPassword {
  readonly hash: string
  readonly options: Attributes
}

/** The password of an enabled user in an enabled domain. */
export async function findCurrentPassword(sql: Sql, userId: string): Promise<CurrentPassword | undefined> {
  const [found] = await sql<CurrentPassword[]>`
    select p.hash, u.options from identity.users u
      join identity.projects d on d.id = u.domain_id and d.enabled
      join identity.passwords p on p.user_id = u.id
     where u.id = ${userId} and u.enabled
     order by p.id desc limit 1`
  return found
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
