/** What tokens need to know of users, scopes and roles. */
import type { Fragment } from 'postgres'
import type { Sql } from '../../database/database.ts'
import type { DomainId, ProjectId, RoleId, UserId } from '../../ids.ts'
import type { StoredRule } from '../application-credentials/store.ts'
import { rolesOnDomain, rolesOnProject, rolesOnSystem, withImplied } from '../assignments/effective-roles.ts'
import { userIsActive } from '../users/store.ts'
import type { Delegation } from './access.ts'
import type { Scope } from './scope.ts'
import type { Passcode } from './totp.ts'

/** One user in one scope. */
export interface Access {
  readonly userId: UserId
  readonly userName: string
  /** Whether the user and his domain are enabled. */
  readonly userEnabled: boolean
  /** Of the user and his domain together: each only grows. */
  readonly userGeneration: number
  readonly userDomainId: DomainId
  readonly userDomainName: string
  readonly defaultProjectId: ProjectId | null
  readonly passwordExpiresAt: Date | null
  readonly userOptions: Readonly<Record<string, unknown>>
  /** The project or domain of the scope; null in other scopes, and when it is gone. */
  readonly scopeId: string | null
  readonly scopeName: string | null
  /** Whether the project and its domain are enabled. */
  readonly scopeEnabled: boolean | null
  /** Of the project and its domain together. */
  readonly scopeGeneration: number | null
  /** The domain of the project; null for a domain. */
  readonly scopeDomainId: DomainId | null
  readonly scopeDomainName: string | null
  /** Global roles that count, implied ones included, by name. */
  readonly roles: readonly RoleName[]
  /** What the access is by and narrowed to; null where it is by nothing of the kind, or that is gone. */
  readonly applicationCredential: NarrowingCredential | null
  /** The trust that the access is by. */
  readonly trust?: LendingTrust
}

export interface LendingTrust {
  readonly id: string
  readonly impersonation: boolean
  readonly trustorUserId: UserId
  readonly trusteeUserId: UserId
}

export interface NarrowingCredential {
  readonly id: string
  readonly name: string
  readonly unrestricted: boolean
  /** Null when it may make any request. */
  readonly accessRules: readonly StoredRule[] | null
}

export interface RoleName {
  readonly id: RoleId
  readonly name: string
}

export async function findAccess(
  sql: Sql,
  userId: string,
  scope: Scope,
  delegation: Delegation,
  inactiveDays: number,
): Promise<Access | undefined> {
  const applicationCredentialId = delegation.applicationCredentialId ?? null
  const scopeId = scope.kind === 'project' || scope.kind === 'domain' ? scope.id : null
  const [found] = await sql<Access[]>`
    select u.id as user_id, u.name as user_name, ${userIsActive(sql, inactiveDays)} and ud.enabled as user_enabled,
           u.token_generation + ud.token_generation as user_generation, ud.id as user_domain_id, ud.name as user_domain_name,
           u.default_project_id, u.options as user_options,
           (select expires_at from identity.passwords where user_id = u.id order by id desc limit 1) as password_expires_at,
           s.id as scope_id, s.name as scope_name, s.enabled and coalesce(sd.enabled, true) as scope_enabled,
           s.token_generation + coalesce(sd.token_generation, 0) as scope_generation, sd.id as scope_domain_id, sd.name as scope_domain_name,
           (select coalesce(json_agg(json_build_object('id', r.id, 'name', r.name) order by r.name), '[]')
              from identity.roles r
             where r.domain_id is null and r.id in (${withImplied(sql, rolesIn(sql, userId, scope))})
               and (${applicationCredentialId}::text is null or r.id in (
                     select role_id from identity.application_credential_roles
                      where application_credential_id = ${applicationCredentialId}))) as roles,
           (select json_build_object('id', c.id, 'name', c.name, 'unrestricted', c.unrestricted, 'accessRules',
                     (select json_agg(json_build_object('id', x.id, 'service', x.service, 'method', x.method, 'path', x.path))
                        from identity.application_credential_rules cx
                        join identity.access_rules x on x.id = cx.access_rule_id
                       where cx.application_credential_id = c.id))
              from identity.application_credentials c
             where c.id = ${applicationCredentialId} and c.user_id = u.id
               and c.project_id = ${scopeId}) as application_credential
      from identity.users u
      join identity.projects ud on ud.id = u.domain_id
      left join identity.projects s on s.id = ${scopeId} and s.is_domain = ${scope.kind === 'domain'}
      left join identity.projects sd on sd.id = s.domain_id
     where u.id = ${userId}`
  return found
}

function rolesIn(sql: Sql, userId: string, scope: Scope) {
  switch (scope.kind) {
    case 'project':
      return rolesOnProject(sql, userId, scope.id)
    case 'domain':
      return rolesOnDomain(sql, userId, scope.id)
    case 'system':
      return rolesOnSystem(sql, userId)
    case 'unscoped':
      return sql`select null::text as role_id where false`
  }
}

/** The id of the user that a selector means, whatever his state. */
export async function findUserId(sql: Sql, user: UserSelector): Promise<UserId | undefined> {
  const [found] = await sql<{ id: UserId }[]>`
    select u.id from identity.users u join identity.projects d on d.id = u.domain_id and d.is_domain
     where ${selectedBy(sql, user)}`
  return found?.id
}

/** Which `identity.users u`, in domain `d`, a selector means. */
export function selectedBy(sql: Sql, user: UserSelector) {
  if ('id' in user) return sql`u.id = ${user.id}`
  return 'id' in user.domain
    ? sql`u.name = ${user.name} and d.id = ${user.domain.id}`
    : sql`u.name = ${user.name} and d.id = ${domainNamed(sql, user.domain.name)}`
}

/** How a login names a user: by id, or by a name in a domain that is named by id or by name. */
export type UserSelector =
  | { readonly id: string }
  | { readonly name: string; readonly domain: { readonly id: string } | { readonly name: string } }

/** The id of a project that a login names; undefined when there is none. Says nothing about access to it. */
export async function findProjectId(
  sql: Sql,
  name: string,
  domain: { readonly id: string } | { readonly name: string },
): Promise<ProjectId | undefined> {
  const inDomain = 'id' in domain ? sql`d.id = ${domain.id}` : sql`d.id = ${domainNamed(sql, domain.name)}`
  const [found] = await sql<{ id: ProjectId }[]>`
    select p.id from identity.projects p join identity.projects d on d.id = p.domain_id
     where p.name = ${name} and ${inDomain}`
  return found?.id
}

export async function findDomainId(sql: Sql, name: string): Promise<DomainId | undefined> {
  const [found] = await sql<{ id: DomainId | null }[]>`select ${domainNamed(sql, name)} as id`
  return found?.id ?? undefined
}

/**
 * The id of the domain that is called so, or else of one that is in another case: `default` finds `Default`, as it does
 * with the databases that upstream runs on, and clients' settings count on it.
 */
function domainNamed(sql: Sql, name: string): Fragment {
  return sql`(select id from identity.projects where is_domain and lower(name) = lower(${name})
               order by name = ${name} desc, id limit 1)`
}

export async function isRevoked(sql: Sql, auditId: string): Promise<boolean> {
  const rows = await sql`select 1 from identity.revocations where audit_id = ${auditId}`
  return rows.length > 0
}

export async function insertRevocation(sql: Sql, auditId: string, expiresAt: Date): Promise<void> {
  await sql`insert into identity.revocations (audit_id, expires_at) values (${auditId}, ${expiresAt})
            on conflict do nothing`
}

/** Forgets revocations that no longer matter. @param before tokens that ended before this are refused anyway */
export async function deleteRevocations(sql: Sql, before: Date): Promise<void> {
  await sql`delete from identity.revocations where expires_at < ${before}`
}

/** Uses a passcode up; false when it was used before. Two logins cannot use the same. */
export async function usePasscode(sql: Sql, { credentialId, step }: Passcode): Promise<boolean> {
  const used = await sql`
    with gone as (
      delete from identity.used_passcodes where credential_id = ${credentialId} and step < ${step - PASSCODES_KEPT})
    insert into identity.used_passcodes (credential_id, step)
    select id, ${step}::bigint from identity.credentials where id = ${credentialId} for key share on conflict do nothing`
  return used.count > 0
}

/** More half minutes than a passcode can be late. */
const PASSCODES_KEPT = 20
