/** Rows of `identity.groups` and who is in them. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { DomainId } from '../../ids.ts'
import type { Attributes } from '../attributes.ts'
import { invalid, nameTaken } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface Group {
  readonly id: string
  readonly name: string
  readonly domainId: DomainId
  readonly description: string
  readonly extra: Attributes
}

const columns = (sql: Sql) => sql`g.id, g.name, g.domain_id, g.description, g.extra`

export const GROUP_FILTERS: Filterable = {
  domain_id: { column: 'g.domain_id', type: 'text' },
  name: { column: 'g.name', type: 'text' },
}

export async function findGroup(sql: Sql, id: string): Promise<Group | undefined> {
  const [found] = await sql<Group[]>`select ${columns(sql)} from identity.groups g where g.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockGroup(sql: Sql, id: string): Promise<Group | undefined> {
  const [found] = await sql<Group[]>`select ${columns(sql)} from identity.groups g where g.id = ${id} for update`
  return found
}

export async function listGroups(
  sql: Sql,
  list: ListQuery,
  { domainId, userId }: { domainId?: string | undefined; userId?: string | undefined },
): Promise<readonly Group[]> {
  return await sql<Group[]>`
    select ${columns(sql)} from identity.groups g
     where true
       ${domainId === undefined ? sql`` : sql`and g.domain_id = ${domainId}`}
       ${userId === undefined ? sql`` : sql`and g.id in (select group_id from identity.memberships where user_id = ${userId})`}
       ${matching(sql, list)} ${paged(sql, list, 'g.id')}`
}

export async function insertGroup(sql: Sql, group: Group): Promise<void> {
  await guarded(group, async () => {
    await sql`
      insert into identity.groups (id, name, domain_id, description, extra)
      values (${group.id}, ${group.name}, ${group.domainId}, ${group.description}, ${sql.json(group.extra as never)})`
  })
}

export async function updateGroup(sql: Sql, group: Group): Promise<void> {
  await guarded(group, async () => {
    await sql`
      update identity.groups
         set name = ${group.name}, description = ${group.description}, extra = ${sql.json(group.extra as never)}
       where id = ${group.id}`
  })
}

export async function deleteGroup(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.groups where id = ${id}`
  return gone.count > 0
}

/** Repeating it changes nothing. Nothing happens either when the user or the group is gone. */
export async function insertMembership(sql: Sql, groupId: string, userId: string): Promise<void> {
  await sql`
    insert into identity.memberships (group_id, user_id)
    select g.id, u.id from identity.groups g, identity.users u where g.id = ${groupId} and u.id = ${userId}
       for key share
    on conflict do nothing`
}

/** Whether the user was in the group. */
export async function deleteMembership(sql: Sql, groupId: string, userId: string): Promise<boolean> {
  const gone = await sql`delete from identity.memberships where group_id = ${groupId} and user_id = ${userId}`
  return gone.count > 0
}

export async function isMember(sql: Sql, groupId: string, userId: string): Promise<boolean> {
  const rows = await sql`select 1 from identity.memberships where group_id = ${groupId} and user_id = ${userId}`
  return rows.length > 0
}

async function guarded(group: Group, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'groups_name_in_domain':
        throw nameTaken('group', group.name)
      case 'groups_domain_id_fkey':
        throw invalid('group.domain-unknown', 'The domain of the group is gone.')
      default:
        throw error
    }
  }
}
