/** The SQL of server lists: one statement a page. Column names come from this program, values from the client. */
import type { Sql } from '../../database/database.ts'
import type { ServerId } from '../../ids.ts'
import type { Server } from './server.ts'
import { serverColumns } from './store.ts'

export interface ServerFilter {
  readonly projectId?: string
  readonly userId?: string
  /** Absent: deleted ones and others. */
  readonly deleted?: boolean
  readonly changesSince?: Date
  readonly changesBefore?: Date
  /** One of these. */
  readonly states?: readonly { vmStates: string[]; tasks: string[] | null; notTasks: string[] }[]
  readonly locked?: boolean
  readonly tags?: string[] | undefined
  readonly tagsAny?: string[] | undefined
  readonly notTags?: string[] | undefined
  readonly notTagsAny?: string[] | undefined
  /** Column to value. */
  readonly equal: Readonly<Record<string, string>>
  /** Column to regular expression. */
  readonly matching: Readonly<Record<string, string>>
}

export interface Sort {
  /** A column of compute.servers. */
  readonly column: string
  readonly descending: boolean
}

/** Where the page before ended: one value a sort, as text. */
export type Position = Readonly<Record<string, string | null>>

export async function listServers(
  sql: Sql,
  filter: ServerFilter,
  sorts: readonly Sort[],
  { limit, after }: { limit: number | undefined; after: Position | undefined },
): Promise<Server[]> {
  const conditions = [
    filter.projectId === undefined ? undefined : sql`project_id = ${filter.projectId}`,
    filter.userId === undefined ? undefined : sql`user_id = ${filter.userId}`,
    filter.deleted === undefined ? undefined : filter.deleted ? sql`deleted_at is not null` : sql`deleted_at is null`,
    filter.changesSince === undefined ? undefined : sql`updated_at >= ${filter.changesSince}`,
    // Clients know whole seconds: a server that was changed within the second which they name counts as before.
    filter.changesBefore === undefined
      ? undefined
      : sql`updated_at < date_trunc('second', ${filter.changesBefore}::timestamptz) + interval '1 second'`,
    filter.states === undefined
      ? undefined
      : sql`(${any(
          sql,
          filter.states.map((states) => inStates(sql, states)),
        )})`,
    filter.locked === undefined ? undefined : sql`(locked_by is not null) = ${filter.locked}`,
    filter.tags === undefined ? undefined : sql`tags @> ${filter.tags}`,
    filter.tagsAny === undefined ? undefined : sql`tags && ${filter.tagsAny}`,
    filter.notTags === undefined ? undefined : sql`not tags @> ${filter.notTags}`,
    filter.notTagsAny === undefined ? undefined : sql`not tags && ${filter.notTagsAny}`,
    ...Object.entries(filter.equal).map(([column, value]) => sql`${sql(column)}::text = ${value}`),
    ...Object.entries(filter.matching).map(([column, value]) => sql`${sql(column)}::text ~ ${value}`),
    after === undefined ? undefined : behind(sql, sorts, after),
  ].filter((condition) => condition !== undefined)
  const order = sorts.map(({ column, descending }) =>
    descending ? sql`${sql(column)} desc nulls last` : sql`${sql(column)} asc nulls first`,
  )
  return await sql<Server[]>`
    select ${serverColumns(sql)} from compute.servers
     ${conditions.length === 0 ? sql`` : sql`where ${conditions.reduce((all, each) => sql`${all} and ${each}`)}`}
     order by ${order.reduce((all, each) => sql`${all}, ${each}`)}
     limit ${limit ?? null}`
}

/** The values that a server has in the sorts, for the page that begins behind it. */
export async function serverPosition(
  sql: Sql,
  id: ServerId,
  projectId: string | undefined,
  sorts: readonly Sort[],
): Promise<Position | undefined> {
  const columns = sorts.map(({ column }) => sql`${sql(column)}::text as ${sql(`p_${column}`)}`)
  const [found] = await sql<{ position: Position }[]>`
    select row_to_json(p) as position from (
      select ${columns.reduce((all, each) => sql`${all}, ${each}`)}
        from compute.servers
       where id = ${id} ${projectId === undefined ? sql`` : sql`and project_id = ${projectId}`}) as p`
  return found?.position
}

/**
 * Those that a client's regular expression matches from their beginning. PostgreSQL matches without backtracking for
 * ever, as JavaScript would.
 */
export async function matchingTexts(sql: Sql, texts: readonly string[], pattern: string): Promise<string[]> {
  const rows = await sql<{ text: string }[]>`
    select text from unnest(${texts as string[]}::text[]) as text where text ~ ('^(?:' || ${pattern}::text || ')')`
  return rows.map(({ text }) => text)
}

/** Later in the order than a position: by the first sort, or equal in it and later by the next, and so on. */
function behind(sql: Sql, sorts: readonly Sort[], position: Position) {
  const branches = sorts.map(({ column, descending }, index) => {
    const value = position[`p_${column}`] ?? null
    const equals = sorts.slice(0, index).map((sort) => equalTo(sql, sort.column, position[`p_${sort.column}`] ?? null))
    return [...equals, beyond(sql, column, value, descending)].reduce((all, each) => sql`${all} and ${each}`)
  })
  return sql`(${any(
    sql,
    branches.map((branch) => sql`(${branch})`),
  )})`
}

function equalTo(sql: Sql, column: string, value: string | null) {
  return value === null ? sql`${sql(column)} is null` : sql`${sql(column)} = ${typed(sql, column, value)}`
}

/** Nulls are last in a descending order and first in an ascending one. */
function beyond(sql: Sql, column: string, value: string | null, descending: boolean) {
  if (descending) {
    return value === null ? sql`false` : sql`(${sql(column)} < ${typed(sql, column, value)} or ${sql(column)} is null)`
  }
  return value === null ? sql`${sql(column)} is not null` : sql`${sql(column)} > ${typed(sql, column, value)}`
}

/** Of the column's own type, so that an index serves and times compare to the microsecond. */
function typed(sql: Sql, column: string, value: string) {
  const type = COLUMN_TYPES[column]
  switch (type) {
    case 'timestamptz':
      return sql`${value}::text::timestamptz`
    case 'uuid':
      return sql`${value}::text::uuid`
    case 'integer':
      return sql`${value}::text::integer`
    case 'boolean':
      return sql`${value}::text::boolean`
    default:
      return sql`${value}::text`
  }
}

const COLUMN_TYPES: Readonly<Record<string, string>> = {
  id: 'uuid',
  image_id: 'uuid',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
  launched_at: 'timestamptz',
  terminated_at: 'timestamptz',
  launch_index: 'integer',
  power_state: 'integer',
  config_drive: 'boolean',
}

function inStates(sql: Sql, { vmStates, tasks, notTasks }: NonNullable<ServerFilter['states']>[number]) {
  const inTask =
    tasks === null
      ? notTasks.length === 0
        ? sql``
        : sql`and (task_state is null or not task_state = any(${notTasks}))`
      : sql`and task_state = any(${tasks})`
  return sql`(vm_state = any(${vmStates}) ${inTask})`
}

function any<Fragment>(sql: Sql, conditions: readonly Fragment[]) {
  return conditions.reduce((all, each) => sql`${all as never} or ${each as never}` as Fragment)
}
