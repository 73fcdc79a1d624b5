/** Rows of application credentials, their roles and their access rules. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { ProjectId, UserId } from '../../ids.ts'
import type { AccessRule } from '../../http/access-rules.ts'
import { invalid, nameTaken, notFound } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface ApplicationCredential {
  readonly id: string
  readonly userId: UserId
  readonly projectId: ProjectId
  readonly name: string
  readonly description: string | null
  readonly expiresAt: Date | null
  readonly unrestricted: boolean
  readonly roles: readonly { readonly id: string; readonly name: string; readonly domain_id: string | null }[]
  readonly rules: readonly StoredRule[]
}

export interface StoredRule extends AccessRule {
  readonly id: string
}

export const APPLICATION_CREDENTIAL_FILTERS: Filterable = { name: { column: 'c.name', type: 'text' } }

export const ACCESS_RULE_FILTERS: Filterable = {
  service: { column: 'x.service', type: 'text' },
  method: { column: 'x.method', type: 'text' },
  path: { column: 'x.path', type: 'text' },
}

const columns = (sql: Sql) => sql`
  c.id, c.user_id, c.project_id, c.name, c.description, c.expires_at, c.unrestricted,
  (select coalesce(json_agg(json_build_object('id', r.id, 'name', r.name, 'domain_id', r.domain_id) order by r.name), '[]')
     from identity.application_credential_roles cr join identity.roles r on r.id = cr.role_id
    where cr.application_credential_id = c.id) as roles,
  (select coalesce(json_agg(json_build_object('id', x.id, 'service', x.service, 'method', x.method, 'path', x.path) order by x.ordinal), '[]')
     from identity.application_credential_rules cx join identity.access_rules x on x.id = cx.access_rule_id
    where cx.application_credential_id = c.id) as rules`

export async function findApplicationCredential(sql: Sql, id: string): Promise<ApplicationCredential | undefined> {
  const [found] = await sql<ApplicationCredential[]>`
    select ${columns(sql)} from identity.application_credentials c where c.id = ${id}`
  return found
}

export async function listApplicationCredentials(
  sql: Sql,
  userId: string,
  list: ListQuery,
): Promise<readonly ApplicationCredential[]> {
  return await sql<ApplicationCredential[]>`
    select ${columns(sql)} from identity.application_credentials c
     where c.user_id = ${userId} ${matching(sql, list)} ${paged(sql, list, 'c.id')}`
}

export interface ForLogin {
  readonly id: string
  readonly userId: UserId
  readonly projectId: ProjectId
  readonly secretHash: string
  readonly expiresAt: Date | null
}

/** By its id, or by its name and its user's id. */
export async function findForLogin(
  sql: Sql,
  which: { readonly id: string } | { readonly name: string; readonly userId: string },
): Promise<ForLogin | undefined> {
  const [found] = await sql<ForLogin[]>`
    select id, user_id, project_id, secret_hash, expires_at from identity.application_credentials
     where ${'id' in which ? sql`id = ${which.id}` : sql`name = ${which.name} and user_id = ${which.userId}`}`
  return found
}

/** With its roles and rules. @throws DomainError conflict, `identity.application-credential.name-taken` */
export async function insertApplicationCredential(
  sql: Sql,
  credential: ApplicationCredential,
  secretHash: string,
): Promise<void> {
  try {
    await sql`
      insert into identity.application_credentials
        (id, user_id, project_id, name, description, secret_hash, expires_at, unrestricted)
      values (${credential.id}, ${credential.userId}, ${credential.projectId}, ${credential.name},
              ${credential.description}, ${secretHash}, ${credential.expiresAt}, ${credential.unrestricted})`
    await sql`
      insert into identity.application_credential_roles (application_credential_id, role_id)
      select ${credential.id}, unnest(${credential.roles.map((role) => role.id)}::text[])`
    await sql`
      insert into identity.application_credential_rules (application_credential_id, access_rule_id)
      select ${credential.id}, unnest(${credential.rules.map((rule) => rule.id)}::text[]) on conflict do nothing`
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'application_credentials_name_of_user':
        throw nameTaken('application credential', credential.name)
      case 'application_credential_roles_role_id_fkey':
        throw invalid('application-credential.role-unknown', 'One of the roles is gone.')
      case 'access_rules_in_use':
        throw invalid('access-rule.unknown', 'One of the access rules is gone.')
      case 'application_credentials_user_id_fkey':
        throw notFound('user', credential.userId)
      case 'application_credentials_project_id_fkey':
        throw notFound('project', credential.projectId)
      default:
        throw error
    }
  }
}

export async function deleteApplicationCredential(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.application_credentials where id = ${id}`
  return gone.count > 0
}

export async function deleteApplicationCredentialsOf(sql: Sql, userId: string): Promise<void> {
  await sql`delete from identity.application_credentials where user_id = ${userId}`
}

/** Removes those of users for projects on which they were given the role. */
export async function deleteApplicationCredentialsBesideRole(sql: Sql, roleId: string): Promise<void> {
  await sql`
    delete from identity.application_credentials c using identity.assignments a
     where a.role_id = ${roleId} and a.user_id = c.user_id and a.project_id = c.project_id`
}

/** The rule of the user that says just this, made where it is missing. @returns its id */
export async function ensureAccessRule(sql: Sql, id: string, userId: string, rule: AccessRule): Promise<string> {
  const [made] = await sql<{ id: string }[]>`
    insert into identity.access_rules (id, user_id, service, method, path)
    values (${id}, ${userId}, ${rule.service}, ${rule.method}, ${rule.path})
    on conflict on constraint access_rules_once do update set path = excluded.path returning id`
  return made!.id
}

export async function findAccessRule(sql: Sql, userId: string, id: string): Promise<StoredRule | undefined> {
  const [found] = await sql<StoredRule[]>`
    select x.id, x.service, x.method, x.path from identity.access_rules x where x.id = ${id} and x.user_id = ${userId}`
  return found
}

/** Oldest first. A page begins behind the rule that is its marker. */
export async function listAccessRules(sql: Sql, userId: string, list: ListQuery): Promise<readonly StoredRule[]> {
  return await sql<StoredRule[]>`
    select x.id, x.service, x.method, x.path from identity.access_rules x
     where x.user_id = ${userId} ${matching(sql, list)}
       ${list.marker === undefined ? sql`` : sql`and x.ordinal > (select ordinal from identity.access_rules where id = ${list.marker})`}
     order by x.ordinal ${list.limit === undefined ? sql`` : sql`limit ${list.limit + 1}`}`
}

/** False, and nothing is removed, while an application credential has the rule. */
export async function deleteAccessRule(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`
    delete from identity.access_rules x
     where x.id = ${id}
       and not exists (select 1 from identity.application_credential_rules where access_rule_id = x.id)`
  return gone.count > 0
}
