/**
 * What a list is asked for: filters, order, page and fields, read from the query string and turned into SQL.
 * Source: neutron/api/api_common.py.
 */
import type { Sql } from '../../database/database.ts'
import { firstOfEach, last } from '../../http/paging.ts'
import { isUuid } from '../../ids.ts'
import { refusal } from '../errors.ts'
import { type AttributeTable, readValue } from './attributes.ts'
import type { Filter, Fragment } from './filters.ts'

export type Query = Readonly<Record<string, unknown>>

export interface Listing {
  /** Absent: all. */
  readonly fields?: ReadonlySet<string>
  readonly filters: readonly { readonly name: string; readonly filter: Filter; readonly values: readonly string[] }[]
  /** SQL expressions; the id comes last, so that the order is total. */
  readonly sorts: readonly { readonly by: string; readonly descending: boolean }[]
  /** Absent: everything at once. */
  readonly limit?: number
  readonly marker?: string
  readonly reverse: boolean
}

const NO_FILTERS = ['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir']

/** Several values of one parameter, however many were sent. */
function valuesOf(query: Query, name: string): string[] {
  const value = query[name]
  return value === undefined ? [] : [value].flat().map(String)
}

/**
 * @param table attributes with their filters and sort keys; `id` must be among them
 * @throws DomainError `network.request.malformed` for an unknown filter or sort key; `network.request.bad` for a limit
 */
export function readListing(table: AttributeTable, query: Query): Listing {
  const unknown: string[] = []
  const filters: { name: string; filter: Filter; values: string[] }[] = []
  for (const name of Object.keys(query)) {
    if (NO_FILTERS.includes(name)) continue
    const filter = Object.hasOwn(table, name) ? table[name]!.filter : undefined
    if (filter === undefined) unknown.push(name.slice(0, 64))
    else filters.push({ name, filter, values: valuesOf(query, name).map((value) => storable(name, value)) })
  }
  if (unknown.length > 0) {
    throw refusal('network.request.malformed', `${JSON.stringify(unknown)} is invalid attribute for filtering`)
  }
  const fields = readFields(query)
  const marker = last(query.marker)
  const limit = readLimit(query)
  return {
    filters,
    sorts: readSorts(table, query),
    reverse: last(query.page_reverse)?.toLowerCase() === 'true',
    ...(fields !== undefined && { fields }),
    ...(limit !== undefined && { limit, ...(marker !== undefined && { marker }) }),
  }
}

export function readFields(query: Query): ReadonlySet<string> | undefined {
  const names = valuesOf(query, 'fields').filter((name) => name !== '')
  return names.length === 0 ? undefined : new Set(names)
}

function storable(name: string, value: string): string {
  if (value.includes('\0'))
    throw refusal('network.request.malformed', `Invalid input for ${name}. Reason: it holds NUL.`)
  return value
}

function readLimit(query: Query): number | undefined {
  const text = last(query.limit)
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) {
    throw refusal(
      'network.request.bad',
      'limit',
      `the limit must be a number, 0 or greater, and not '${text.slice(0, 64)}'`,
    )
  }
  return text === '0' || Number(text) === 0 ? undefined : Number(text)
}

function readSorts(table: AttributeTable, query: Query): Listing['sorts'] {
  const keys = valuesOf(query, 'sort_key').filter((key) => key !== '')
  const directions = valuesOf(query, 'sort_dir').filter((direction) => direction !== '')
  if (keys.length !== directions.length) {
    throw refusal('network.request.malformed', 'There must be as many sort_dir as sort_key')
  }
  const sorts = keys.map((key, index) => {
    const by = Object.hasOwn(table, key) ? table[key]!.sort : undefined
    if (by === undefined) {
      throw refusal(
        'network.request.malformed',
        `${JSON.stringify([key.slice(0, 64)])} is invalid attribute for sort_keys`,
      )
    }
    const direction = directions[index]!
    if (direction !== 'asc' && direction !== 'desc') {
      throw refusal('network.request.malformed', `sort_dir is 'asc' or 'desc', not '${direction.slice(0, 64)}'`)
    }
    return { by, descending: direction === 'desc' }
  })
  const id = table.id!.sort!
  const firsts = firstOfEach(sorts, ({ by }) => by)
  const place = firsts.findIndex(({ by }) => by === id)
  return place === -1 ? [...firsts, { by: id, descending: false }] : firsts.slice(0, place + 1)
}

/** All filters, as a condition. @throws DomainError for a value that the attribute cannot have */
export function matching(sql: Sql, listing: Pick<Listing, 'filters'>): Fragment {
  return listing.filters.reduce<Fragment>((all, { name, filter, values }) => {
    return sql`${all} and ${readValue(name, () => filter(sql, values), undefined)}`
  }, sql`true`)
}

/**
 * Where the page begins: behind the marker's row in the order asked for.
 * @param source the FROM clause, whose aliases the sort expressions use
 */
export function behindMarker(sql: Sql, { sorts, marker, reverse }: Listing, source: string): Fragment {
  if (marker === undefined) return sql`true`
  const id = sorts.at(-1)!.by
  const text = (expression: string) => sql.unsafe(expression) as unknown as Fragment
  const ofMarker = (by: string) => sql`(select ${text(by)} from ${text(source)} where ${text(id)} = ${marker}::uuid)`
  return sorts.reduce<{ condition: Fragment; equal: Fragment }>(
    ({ condition, equal }, { by, descending }) => {
      const value = by === id ? sql`${marker}::uuid` : ofMarker(by)
      const behind = descending === reverse ? sql`${text(by)} > ${value}` : sql`${text(by)} < ${value}`
      return {
        condition: sql`${condition} or (${equal} and ${behind})`,
        equal: sql`${equal} and ${text(by)} = ${value}`,
      }
    },
    { condition: sql`false`, equal: sql`true` },
  ).condition
}

/** ORDER BY and LIMIT. A page read backwards comes in reverse; `inOrder` turns it round. */
export function ordered(sql: Sql, { sorts, limit, reverse }: Listing): Fragment {
  const order = sorts.map(({ by, descending }) => `${by} ${descending === reverse ? 'asc' : 'desc'}`).join(', ')
  const clause = sql`order by ${sql.unsafe(order) as unknown as Fragment}`
  return limit === undefined ? clause : sql`${clause} limit ${limit}`
}

export function inOrder<Row>(rows: readonly Row[], { reverse }: Listing): readonly Row[] {
  return reverse ? rows.toReversed() : rows
}

/** A marker that is nobody's id cannot be sought. @throws DomainError `network.request.bad` */
export function refuseMarker(marker: string): never {
  throw refusal('network.request.bad', 'marker', `there is no '${marker.slice(0, 64)}' to go on from`)
}

export function markerIsUuid({ marker }: Listing): boolean {
  return marker === undefined || isUuid(marker)
}

export interface Link {
  readonly rel: 'next' | 'previous'
  readonly href: string
}

/** Only where a limit was asked for. @param url the collection's public URL */
export function pageLinks(
  url: string,
  query: Query,
  { limit, reverse }: Listing,
  rows: readonly { readonly id: string }[],
): Link[] {
  if (limit === undefined) return []
  const page = (marker: string | undefined, backwards: boolean) => {
    const params = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      if (name === 'marker' || name === 'page_reverse') continue
      for (const each of [value].flat()) params.append(name, String(each))
    }
    if (marker !== undefined) params.append('marker', marker)
    if (backwards) params.append('page_reverse', 'True')
    return `${url}?${params}`
  }
  const full = rows.length >= limit
  return [
    ...(full || reverse ? [{ rel: 'next' as const, href: page(rows.at(-1)?.id, false) }] : []),
    ...(full || !reverse ? [{ rel: 'previous' as const, href: page(rows[0]?.id, true) }] : []),
  ]
}
