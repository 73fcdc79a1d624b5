/** The SQL of user messages. */
import type { Sql } from '../../database/database.ts'
import { type ListQuery, orderBy } from '../list-query.ts'

export interface MessageRow {
  readonly id: string
  readonly projectId: string
  readonly requestId: string | null
  readonly resourceType: string
  readonly resourceId: string | null
  readonly actionId: string
  readonly detailId: string
  readonly userMessage: string
  readonly level: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

export async function insertMessage(sql: Sql, message: Omit<MessageRow, 'createdAt'>): Promise<void> {
  await sql`
    insert into volume.messages (id, project_id, request_id, resource_type, resource_id, action_id, detail_id,
      user_message, level, expires_at)
    values (${message.id}, ${message.projectId}, ${message.requestId}, ${message.resourceType}, ${message.resourceId},
      ${message.actionId}, ${message.detailId}, ${message.userMessage}, ${message.level}, ${message.expiresAt})`
}

const SORT_COLUMNS = {
  id: 'id',
  created_at: 'created_at',
  updated_at: 'created_at',
  message_level: 'level',
  event_id: 'action_id',
  resource_uuid: 'resource_id',
  resource_type: 'resource_type',
  request_id: 'request_id',
  guaranteed_until: 'expires_at',
}

export interface MessageSelection extends Pick<ListQuery, 'sort' | 'limit' | 'offset' | 'marker'> {
  /** Undefined: of every project. */
  readonly projectId: string | undefined
  readonly filters: Readonly<Record<string, string>>
}

export async function listMessages(
  sql: Sql,
  { projectId, filters, sort, limit, offset, marker }: MessageSelection,
): Promise<readonly MessageRow[]> {
  const fits = Object.entries(filters).reduce(
    (sum, [column, value]) => sql`${sum} and ${sql(column)}::text = ${value}`,
    projectId === undefined ? sql`true` : sql`project_id = ${projectId}`,
  )
  return await sql<MessageRow[]>`
    with ordered as (
      select *, row_number() over (order by ${orderBy(sql, sort, SORT_COLUMNS)}) as position
        from volume.messages where ${fits})
    select * from ordered
     where ${marker === undefined ? sql`true` : sql`position > (select position from ordered where id = ${marker})`}
     order by position limit ${limit} offset ${offset}`
}

export async function findMessage(sql: Sql, id: string): Promise<MessageRow | undefined> {
  const [row] = await sql<MessageRow[]>`select * from volume.messages where id = ${id}`
  return row
}

/** The newest words about a resource. */
export async function latestMessageAbout(sql: Sql, resourceId: string): Promise<string | undefined> {
  const [row] = await sql<{ userMessage: string }[]>`
    select user_message from volume.messages where resource_id = ${resourceId} order by created_at desc limit 1`
  return row?.userMessage
}

export async function deleteMessage(sql: Sql, id: string): Promise<void> {
  await sql`delete from volume.messages where id = ${id}`
}

export async function deleteExpiredMessages(sql: Sql): Promise<void> {
  await sql`delete from volume.messages where expires_at < now()`
}
