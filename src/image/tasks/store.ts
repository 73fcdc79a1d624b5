/** Tasks in SQL. One that has ended is shown for two days, as upstream's `task_time_to_live` has it. */
import type { Sql } from '../../database/database.ts'
import type { ImageId } from '../../ids.ts'

export type TaskStatus = 'pending' | 'processing' | 'success' | 'failure'

export interface Task {
  readonly id: string
  readonly type: string
  readonly status: TaskStatus
  readonly owner: string
  readonly userId: string
  readonly requestId: string
  readonly imageId: ImageId
  readonly input: Readonly<Record<string, unknown>>
  readonly result: Readonly<Record<string, unknown>> | null
  readonly message: string
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly expiresAt: Date | null
}

export interface TaskQuery {
  readonly limit: number
  readonly marker?: string
  readonly sortKey: TaskSortKey
  readonly sortDir: 'asc' | 'desc'
  readonly status?: string
  readonly type?: string
}

export const TASK_SORT_KEYS = ['created_at', 'updated_at', 'id', 'status', 'type'] as const
export type TaskSortKey = (typeof TASK_SORT_KEYS)[number]

const LIVES_HOURS = 48

const columns = (sql: Sql) => sql`
  id, type, status, owner, user_id, request_id, image_id, input, result, message, created_at, updated_at, expires_at`
const isLive = (sql: Sql) => sql`(expires_at is null or expires_at > now())`

export async function insert(
  sql: Sql,
  task: Pick<Task, 'id' | 'type' | 'owner' | 'userId' | 'requestId' | 'imageId' | 'input'>,
): Promise<void> {
  await sql`
    insert into image.tasks (id, type, status, owner, user_id, request_id, image_id, input)
    values (${task.id}, ${task.type}, 'pending', ${task.owner}, ${task.userId}, ${task.requestId}, ${task.imageId},
      ${sql.json(task.input as never)})`
}

export async function begin(sql: Sql, id: string): Promise<void> {
  await sql`update image.tasks set status = 'processing', updated_at = now() where id = ${id} and status = 'pending'`
}

/** Why it will fail, or how far it is. */
export async function explain(sql: Sql, id: string, message: string): Promise<void> {
  await sql`update image.tasks set message = ${message}, updated_at = now() where id = ${id}`
}

export async function end(sql: Sql, id: string, status: 'success' | 'failure', result?: object): Promise<void> {
  await sql`
    update image.tasks
       set status = ${status}, result = ${result === undefined ? null : sql.json(result as never)}, updated_at = now(),
           expires_at = now() + make_interval(hours => ${LIVES_HOURS})
     where id = ${id}`
}

/** One that has ended keeps its end. */
export async function failIfOpen(sql: Sql, id: string, message: string): Promise<void> {
  await sql`
    update image.tasks
       set status = 'failure', message = ${message}, updated_at = now(),
           expires_at = now() + make_interval(hours => ${LIVES_HOURS})
     where id = ${id} and status in ('pending', 'processing')`
}

export async function hasSucceeded(sql: Sql, id: string): Promise<boolean> {
  const found = await sql`select from image.tasks where id = ${id} and status = 'success'`
  return found.length === 1
}

export async function find(sql: Sql, id: string): Promise<Task | undefined> {
  const [found] = await sql<Task[]>`select ${columns(sql)} from image.tasks where id = ${id} and ${isLive(sql)}`
  return found
}

export async function ofImage(sql: Sql, imageId: ImageId): Promise<Task[]> {
  return await sql<Task[]>`
    select ${columns(sql)} from image.tasks where image_id = ${imageId} and ${isLive(sql)} order by created_at, id`
}

/** The marker is a task that is there, or the page is empty. */
export async function list(sql: Sql, { limit, marker, sortKey, sortDir, status, type }: TaskQuery): Promise<Task[]> {
  const key = sql(sortKey)
  const dir = sortDir === 'asc' ? sql`asc` : sql`desc`
  const further = sortDir === 'asc' ? sql`>` : sql`<`
  const after =
    marker === undefined
      ? sql``
      : sql`and (${key}, id) ${further} (select ${key}, id from image.tasks where id = ${marker})`
  return await sql<Task[]>`
    select ${columns(sql)} from image.tasks
     where ${isLive(sql)} ${status === undefined ? sql`` : sql`and status = ${status}`}
       ${type === undefined ? sql`` : sql`and type = ${type}`} ${after}
     order by ${key} ${dir}, id ${dir} limit ${limit}`
}

export async function removeExpired(sql: Sql): Promise<void> {
  await sql`delete from image.tasks where expires_at < now()`
}
