/** Security groups in SQL. */
import { type Sql, type Transaction, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { ProjectId, SecurityGroupId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { Fragment } from '../resources/filters.ts'
import { behindMarker, type Listing, matching, ordered } from '../resources/listing.ts'
import { ofRevision } from '../resources/revision.ts'
import { type StandardRow, standardColumns } from '../resources/standard-attributes.ts'
import { ofGroups, type RuleRow } from '../security-group-rules/store.ts'

export interface SecurityGroupRow extends StandardRow {
  readonly id: SecurityGroupId
  readonly name: string
  readonly isDefault: boolean
  readonly rules: readonly RuleRow[]
}

type BareGroup = Omit<SecurityGroupRow, 'rules'>

const SOURCE = 'network.security_groups g'
const COLUMNS = `${standardColumns('g')}, g.name, g.is_default`

function visible(sql: Sql, caller: Caller): Fragment {
  if (caller.isAdmin) return sql`true`
  const own = caller.roles.includes('reader') ? (caller.projectId ?? null) : null
  return sql`g.project_id = ${own}`
}

export async function list(sql: Sql, caller: Caller, listing: Listing): Promise<readonly SecurityGroupRow[]> {
  const groups = await sql<BareGroup[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where ${visible(sql, caller)} and ${matching(sql, listing)} and (${behindMarker(sql, listing, SOURCE)})
     ${ordered(sql, listing)}`
  return await withRules(sql, groups)
}

export async function find(sql: Sql, ids: readonly string[], caller?: Caller): Promise<readonly SecurityGroupRow[]> {
  const groups = await sql<BareGroup[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where g.id = any(${ids as string[]}::uuid[]) and ${caller === undefined ? sql`true` : visible(sql, caller)}`
  return await withRules(sql, groups)
}

export async function ofProject(sql: Sql, projectId: ProjectId | undefined): Promise<readonly SecurityGroupRow[]> {
  const groups = await sql<BareGroup[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where ${projectId === undefined ? sql`true` : sql`g.project_id = ${projectId}`}
     order by g.project_id, g.name, g.id`
  return await withRules(sql, groups)
}

async function withRules(sql: Sql, groups: readonly BareGroup[]): Promise<readonly SecurityGroupRow[]> {
  if (groups.length === 0) return []
  const rules = Map.groupBy(
    await ofGroups(
      sql,
      groups.map(({ id }) => id),
    ),
    ({ securityGroupId }) => securityGroupId,
  )
  return groups.map((group) => ({ ...group, rules: rules.get(group.id) ?? [] }))
}

/** The owners of those groups that the caller may see. */
export async function ownersOf(
  sql: Sql,
  ids: readonly string[],
  caller: Caller,
): Promise<ReadonlyMap<string, ProjectId>> {
  const rows = await sql<{ id: string; projectId: ProjectId }[]>`
    select g.id, g.project_id from network.security_groups g
     where g.id = any(${ids as string[]}::uuid[]) and ${visible(sql, caller)}`
  return new Map(rows.map(({ id, projectId }) => [id, projectId]))
}

/** Groups of a project by id or name; of a name there may be several. */
export async function namedIn(
  sql: Sql,
  projectId: ProjectId,
  namesOrIds: readonly string[],
): Promise<readonly { id: SecurityGroupId; name: string }[]> {
  return await sql<{ id: SecurityGroupId; name: string }[]>`
    select id, name from network.security_groups
     where project_id = ${projectId}
       and (id::text = any(${namesOrIds as string[]}::text[]) or name = any(${namesOrIds as string[]}::text[]))`
}

export async function defaultOf(sql: Sql, projectId: ProjectId): Promise<SecurityGroupId | undefined> {
  const [row] = await sql<{ id: SecurityGroupId }[]>`
    select id from network.security_groups where project_id = ${projectId} and is_default`
  return row?.id
}

export interface NewGroup {
  readonly id: SecurityGroupId
  readonly projectId: ProjectId
  readonly name: string
  readonly description: string
  readonly isDefault: boolean
}

/** @returns false when it would be the second default group of its project */
export async function insert(tx: Transaction, group: NewGroup): Promise<boolean> {
  const added = await tx`
    insert into network.security_groups (id, project_id, name, description, is_default)
    values (${group.id}, ${group.projectId}, ${group.name}, ${group.description}, ${group.isDefault})
    on conflict (project_id) where is_default do nothing`
  return added.count === 1
}

export async function update(
  tx: Transaction,
  id: SecurityGroupId,
  changes: { readonly name?: string; readonly description?: string },
  revision: number | undefined,
): Promise<boolean> {
  const written = await tx`
    update network.security_groups set ${tx(changes as Record<string, string>)},
           revision_number = revision_number + 1, updated_at = now()
     where id = ${id} and ${ofRevision(tx, revision)}`
  return written.count === 1
}

/** A change of its rules is a change of the group. */
export async function touch(tx: Transaction, ids: readonly SecurityGroupId[]): Promise<void> {
  await tx`
    update network.security_groups set revision_number = revision_number + 1, updated_at = now()
     where id = any(${ids as SecurityGroupId[]}::uuid[])`
}

/** Groups with a rule that speaks of this one: they lose the rule with it. */
export async function referringTo(tx: Transaction, id: SecurityGroupId): Promise<readonly SecurityGroupId[]> {
  const rows = await tx<{ id: SecurityGroupId }[]>`
    select distinct security_group_id as id from network.security_group_rules where remote_group_id = ${id}`
  return rows.map((row) => row.id)
}

/** @throws DomainError `network.security-group.in-use` */
export async function remove(tx: Transaction, id: SecurityGroupId, revision: number | undefined): Promise<boolean> {
  try {
    const gone = await tx`delete from network.security_groups where id = ${id} and ${ofRevision(tx, revision)}`
    return gone.count === 1
  } catch (error) {
    if (violatedConstraint(error) === 'security_groups_in_use') throw refusal('network.security-group.in-use', id)
    throw error
  }
}
