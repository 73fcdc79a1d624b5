/**
 * Lists: filters, markers, limits and the links around a page, alike for everything that identity lists.
 * Source: keystone/server/flask/common.py, keystone/common/sql/core.py
 */
import type { FastifyRequest } from 'fastify'
import type { Fragment } from 'postgres'
import type { Sql } from '../database/database.ts'
import { last } from '../http/paging.ts'
import { invalid } from './errors.ts'
import type { Links } from './links.ts'
import { momentOf } from './moment.ts'

/**
 * Which query parameters filter a list, and the column that each is compared with; `nothing` is what no row has. Others
 * are ignored, as upstream does.
 */
export type Filterable = Readonly<
  Record<string, { readonly column: string; readonly type: 'text' | 'boolean' | 'time' | 'nothing' }>
>

export interface ListQuery {
  readonly conditions: readonly Condition[]
  /** Undefined when all are asked for. */
  readonly limit: number | undefined
  readonly marker: string | undefined
}

type Condition =
  | { readonly column: string; readonly is: string | boolean | null }
  | { readonly column: string; readonly compare: (sql: Sql) => Fragment; readonly time: Date }
  | { readonly column: string; readonly like: string; readonly ignoreCase: boolean }

const MAX_LIMIT = 1000
const FALSE = ['0', 'false', 'False', 'FALSE', 'no', 'off', 'OFF', 'n', 'N']
const TRUE = ['', '1', 'true', 'True', 'TRUE', 'yes', 'on', 'ON', 'y', 'Y']
const COMPARATORS: Readonly<Record<string, (escaped: string) => string>> = {
  equals: (text) => text,
  contains: (text) => `%${text}%`,
  startswith: (text) => `${text}%`,
  endswith: (text) => `%${text}`,
}

/** @throws DomainError invalid, `identity.list.filter` or `identity.list.limit` */
export function listQuery(query: unknown, filterable: Filterable): ListQuery {
  const conditions: Condition[] = []
  for (const [key, value] of Object.entries(query as Record<string, unknown>)) {
    const [name, comparator] = key.split('__', 2) as [string, string | undefined]
    const filter = Object.hasOwn(filterable, name) ? filterable[name] : undefined
    if (filter === undefined) continue
    const text = last(value) ?? ''
    if (filter.type === 'nothing') {
      conditions.push({ column: filter.column, is: null })
      continue
    }
    if (filter.type === 'time') {
      if (comparator === undefined) conditions.push({ column: filter.column, ...comparedTime(name, text) })
      continue
    }
    if (comparator === undefined) {
      conditions.push({ column: filter.column, is: filter.type === 'boolean' ? truth(name, text) : text })
      continue
    }
    const ignoreCase = comparator.startsWith('i')
    const pattern = COMPARATORS[ignoreCase ? comparator.slice(1) : comparator]
    if (pattern === undefined || filter.type !== 'text') continue
    conditions.push({ column: filter.column, like: pattern(text.replace(/[\\%_]/g, '\\$&')), ignoreCase })
  }
  return { conditions, ...pageFrom(query) }
}

const OPERATORS: Readonly<Record<string, (sql: Sql) => Fragment>> = {
  lt: (sql) => sql`<`,
  lte: (sql) => sql`<=`,
  gt: (sql) => sql`>`,
  gte: (sql) => sql`>=`,
  eq: (sql) => sql`=`,
  neq: (sql) => sql`<>`,
}

/** `lt:2016-12-08T22:02:00Z`. @throws DomainError invalid, `identity.list.time` or `identity.time.malformed` */
function comparedTime(name: string, text: string): { compare: (sql: Sql) => Fragment; time: Date } {
  const colon = text.indexOf(':')
  const word = text.slice(0, Math.max(colon, 0))
  const compare = Object.hasOwn(OPERATORS, word) ? OPERATORS[word] : undefined
  if (compare === undefined) {
    const words = Object.keys(OPERATORS).join(', ')
    throw invalid('list.time', `The filter ${name} takes OPERATOR:TIME, where OPERATOR is one of ${words}.`)
  }
  return { compare, time: momentOf(text.slice(colon + 1)) }
}

/** Only `limit` and `marker`. */
export function pageFrom(query: unknown): { limit: number | undefined; marker: string | undefined } {
  const { limit, marker } = query as Record<string, unknown>
  const asked = last(limit)
  if (asked !== undefined && !/^\d{1,9}$/.test(asked)) {
    throw invalid('list.limit', `The limit must be a whole number, not ${asked.slice(0, 64)}.`)
  }
  return {
    limit: asked === undefined || Number(asked) === 0 ? undefined : Math.min(Number(asked), MAX_LIMIT),
    marker: last(marker) || undefined,
  }
}

/** @throws DomainError invalid, `identity.list.filter` */
export function truth(name: string, text: string): boolean {
  if (TRUE.includes(text)) return true
  if (FALSE.includes(text)) return false
  throw invalid('list.filter', `The filter ${name} must be true or false, not ${text.slice(0, 64)}.`)
}

/** A query parameter that is true by being there, unless it is `0`. */
export function flag(query: unknown, name: string): boolean {
  const value = (query as Record<string, unknown>)[name]
  return value !== undefined && last(value) !== '0'
}

/** `and …` for each condition. */
export function matching(sql: Sql, list: ListQuery): Fragment {
  return list.conditions.reduce((so, condition) => {
    const column = sql(condition.column)
    if ('time' in condition) return sql`${so} and ${column} ${condition.compare(sql)} ${condition.time}`
    if ('is' in condition) return sql`${so} and ${column} = ${condition.is}`
    return condition.ignoreCase
      ? sql`${so} and ${column} ilike ${condition.like}`
      : sql`${so} and ${column} like ${condition.like}`
  }, sql``)
}

/** `and id > marker order by id limit …`, one row more than the limit: it tells whether there is a next page. */
export function paged(sql: Sql, list: Pick<ListQuery, 'limit' | 'marker'>, idColumn: string): Fragment {
  const id = sql(idColumn)
  const after = list.marker === undefined ? sql`` : sql`and ${id} > ${list.marker}`
  const limit = list.limit === undefined ? sql`` : sql`limit ${list.limit + 1}`
  return sql`${after} order by ${id} ${limit}`
}

/**
 * A list as it goes out.
 * @param rows as `paged` found them; the surplus row is dropped here
 */
export function collection<Row extends { readonly id: string }>(
  { request, links, list }: { request: FastifyRequest; links: Links; list: Pick<ListQuery, 'limit'> },
  name: string,
  rows: readonly Row[],
  view: (row: Row) => unknown,
): Record<string, unknown> {
  const truncated = list.limit !== undefined && rows.length > list.limit
  const shown = truncated ? rows.slice(0, list.limit) : rows
  return {
    [name]: shown.map(view),
    links: {
      next: truncated ? nextPage(request, links, list.limit, shown.at(-1)!.id) : null,
      self: links.request(request),
      previous: null,
    },
    ...(truncated && { truncated: true }),
  }
}

function nextPage(request: FastifyRequest, links: Links, limit: number, marker: string): string {
  const url = new URL(links.request(request))
  url.searchParams.set('marker', marker)
  url.searchParams.set('limit', String(limit))
  return url.href
}
