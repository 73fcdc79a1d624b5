/** Rows of `identity.roles` and of which role implies which. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { DomainId, RoleId } from '../../ids.ts'
import { withImplied } from '../assignments/effective-roles.ts'
import type { Attributes } from '../attributes.ts'
import { invalid, nameTaken } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface Role {
  readonly id: RoleId
  readonly name: string
  /** Null for a global role. */
  readonly domainId: DomainId | null
  readonly description: string | null
  readonly options: Attributes
  readonly extra: Attributes
}

/** What a row of `identity.roles r` is read as. */
export const roleColumns = (sql: Sql) => sql`r.id, r.name, r.domain_id, r.description, r.options, r.extra`

export const ROLE_FILTERS: Filterable = { name: { column: 'r.name', type: 'text' } }

export async function findRole(sql: Sql, id: string): Promise<Role | undefined> {
  const [found] = await sql<Role[]>`select ${roleColumns(sql)} from identity.roles r where r.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockRole(sql: Sql, id: string): Promise<Role | undefined> {
  const [found] = await sql<Role[]>`select ${roleColumns(sql)} from identity.roles r where r.id = ${id} for update`
  return found
}

export async function findRoleByName(sql: Sql, name: string): Promise<Role | undefined> {
  const [found] = await sql<Role[]>`
    select ${roleColumns(sql)} from identity.roles r where r.name = ${name} and r.domain_id is null`
  return found
}

/** The global role of the name, and those of domains. */
export async function listRolesByName(sql: Sql, name: string): Promise<readonly Role[]> {
  return await sql<Role[]>`select ${roleColumns(sql)} from identity.roles r where r.name = ${name}`
}

/** The ids of `roleIds` and of everything that they imply, step by step. */
export async function findImplied(sql: Sql, roleIds: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ roleId: string }[]>`
    ${withImplied(sql, sql`select unnest(${[...roleIds]}::text[]) as role_id`)}`
  return rows.map((row) => row.roleId)
}

/** @param domainId of which domain; null for the global roles */
export async function listRoles(sql: Sql, list: ListQuery, domainId: string | null): Promise<readonly Role[]> {
  return await sql<Role[]>`
    select ${roleColumns(sql)} from identity.roles r
     where r.domain_id is not distinct from ${domainId} ${matching(sql, list)} ${paged(sql, list, 'r.id')}`
}

export async function insertRole(sql: Sql, role: Role): Promise<void> {
  await guarded(role, async () => {
    await sql`
      insert into identity.roles (id, name, domain_id, description, options, extra)
      values (${role.id}, ${role.name}, ${role.domainId}, ${role.description}, ${sql.json(role.options as never)},
              ${sql.json(role.extra as never)})`
  })
}

export async function updateRole(sql: Sql, role: Role): Promise<void> {
  await guarded(role, async () => {
    await sql`
      update identity.roles
         set name = ${role.name}, description = ${role.description}, options = ${sql.json(role.options as never)},
             extra = ${sql.json(role.extra as never)}
       where id = ${role.id}`
  })
}

export async function deleteRole(sql: Sql, id: string): Promise<void> {
  await sql`delete from identity.roles where id = ${id}`
}

export interface Implication {
  readonly priorId: RoleId
  readonly priorName: string
  readonly impliedId: RoleId
  readonly impliedName: string
}

/** @param priorId what this role implies; all implications without it */
export async function listImplications(
  sql: Sql,
  priorId?: string,
  impliedId?: string,
): Promise<readonly Implication[]> {
  return await sql<Implication[]>`
    select p.id as prior_id, p.name as prior_name, i.id as implied_id, i.name as implied_name
      from identity.implied_roles x
      join identity.roles p on p.id = x.prior_role_id
      join identity.roles i on i.id = x.implied_role_id
     where true ${priorId === undefined ? sql`` : sql`and p.id = ${priorId}`}
                ${impliedId === undefined ? sql`` : sql`and i.id = ${impliedId}`}
     order by p.name, p.id, i.name, i.id`
}

/** Repeating it changes nothing. Nothing happens either when one of the roles is gone. */
export async function insertImplication(sql: Sql, priorId: string, impliedId: string): Promise<void> {
  await sql`
    insert into identity.implied_roles (prior_role_id, implied_role_id)
    select p.id, i.id from identity.roles p, identity.roles i where p.id = ${priorId} and i.id = ${impliedId}
       for key share
    on conflict do nothing`
}

/** Whether the one implied the other. */
export async function deleteImplication(sql: Sql, priorId: string, impliedId: string): Promise<boolean> {
  const gone = await sql`
    delete from identity.implied_roles where prior_role_id = ${priorId} and implied_role_id = ${impliedId}`
  return gone.count > 0
}

async function guarded(role: Role, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'roles_name_in_domain':
        throw nameTaken('role', role.name)
      case 'roles_domain_id_fkey':
        throw invalid('role.domain-unknown', 'There is no such domain.')
      default:
        throw error
    }
  }
}
