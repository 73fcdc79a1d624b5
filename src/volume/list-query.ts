/**
 * The query of a list: which rows, in which order, which page of them; and the links of the answer.
 * Source: cinder/api/common.py (get_pagination_params, get_sort_params, reject_invalid_filters, ViewBuilder).
 */
import type { FastifyRequest } from 'fastify'
import type postgres from 'postgres'
import type { Sql } from '../database/database.ts'
import type { Caller } from '../http/caller.ts'
import { type Microversion, microversion } from '../http/microversions.ts'
import { last } from '../http/paging.ts'
import { invalidInput, invalidRequest } from './errors.ts'
import { MAX_INT } from './parameter-types.ts'

/** A piece of a statement. */
export type Fragment = postgres.Fragment

export const MAX_PAGE = 1000

export interface ListQuery {
  readonly limit: number
  readonly offset: number
  readonly marker?: string
  readonly sort: readonly { readonly key: string; readonly direction: 'asc' | 'desc' }[]
  /** Every other parameter, the last value of each. */
  readonly filters: Readonly<Record<string, string>>
}

const NOT_FILTERS = new Set(['limit', 'marker', 'offset', 'sort', 'sort_key', 'sort_dir', 'with_count'])

/** @throws DomainError invalid, `volume.query.*` */
export function listQuery(query: Readonly<Record<string, unknown>>): ListQuery {
  const limit = wholeNumber(last(query.limit), 'limit')
  const offset = wholeNumber(last(query.offset), 'offset')
  const marker = last(query.marker)
  const filters = Object.fromEntries(
    Object.entries(query)
      .filter(([key]) => !NOT_FILTERS.has(key))
      .map(([key, value]) => [key, last(value) ?? '']),
  )
  return {
    limit: Math.min(limit ?? MAX_PAGE, MAX_PAGE),
    offset: offset ?? 0,
    ...(marker !== undefined && { marker }),
    sort: sortOf(query),
    filters,
  }
}

function wholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^[+-]?\d{1,15}$/.test(text)) {
    throw invalidRequest('volume.query.not-a-number', `${name} param must be an integer`)
  }
  const value = Number(text)
  if (value < 0 || value > MAX_INT) {
    throw invalidRequest('volume.query.out-of-range', `${name} param must be positive`)
  }
  return value
}

function sortOf(query: Readonly<Record<string, unknown>>): ListQuery['sort'] {
  const sort = last(query.sort)
  const key = last(query.sort_key)
  const direction = last(query.sort_dir)
  if (sort !== undefined && (key !== undefined || direction !== undefined)) {
    throw invalidRequest(
      'volume.query.two-ways-of-sorting',
      "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.",
    )
  }
  const asked =
    sort !== undefined
      ? sort.split(',').map((part) => part.split(':').map((word) => word.trim()) as [string, string?])
      : [[key?.trim() ?? 'created_at', direction?.trim()] as [string, string?]]
  return asked.map(([name, way]) => ({ key: name, direction: directionOf(way || 'desc') }))
}

function directionOf(word: string): 'asc' | 'desc' {
  if (word === 'asc' || word === 'desc') return word
  throw invalidInput('volume.query.sort-direction', "Unknown sort direction, must be 'desc' or 'asc'.")
}

/**
 * Only the filters that a caller may use. From 3.31 an unknown one of a user is refused, before it was dropped; from
 * 3.34 texts may be searched with `name~`. Admins may use any; see each list for what an unknown one comes to.
 * @throws DomainError invalid, `volume.query.filter`
 */
export function allowedFilters(
  filters: Readonly<Record<string, string>>,
  allowed: readonly string[],
  caller: Caller,
  version: Microversion,
): Record<string, string> {
  if (Object.keys(filters).some((key) => /[^\x20-\x7e]/.test(key))) {
    throw invalidRequest('volume.query.filter', 'Filter keys can only contain ASCII characters.')
  }
  if (caller.isAdmin) return { ...filters }
  const isAllowed = (key: string) => allowed.includes(key) && (version >= microversion('3.34') || !key.endsWith('~'))
  const refused = Object.keys(filters).filter((key) => !isAllowed(key) && key !== 'all_tenants')
  if (refused.length > 0 && version >= microversion('3.31')) {
    throw invalidRequest('volume.query.filter', `Invalid filters ${refused.join(',')} are found in query options.`)
  }
  return Object.fromEntries(Object.entries(filters).filter(([key]) => isAllowed(key)))
}

/** From which microversion on a filter is one. Those that are not listed have always been. */
export type FilterVersions = ReadonlyMap<string, string>

/** The filters that a microversion knows; later ones are left out. */
export function filtersOf(
  filters: Readonly<Record<string, string>>,
  since: FilterVersions,
  version: Microversion,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filters).filter(([key]) => {
      const first = since.get(key)
      return first === undefined || version >= microversion(first)
    }),
  )
}

/** Python's reading of a flag in a query: `true`, `1`, `yes` and the like; `false` and the like; else a refusal. */
export function flagOf(name: string, text: string | undefined, absent = false): boolean {
  if (text === undefined) return absent
  if (/^(1|t|true|on|y|yes)$/i.test(text.trim())) return true
  if (/^(0|f|false|off|n|no)$/i.test(text.trim())) return false
  throw invalidRequest('volume.query.flag', `Value '${text.slice(0, 64)}' is not a boolean for '${name}'.`)
}

/** Sorting by columns that `columns` knows, ids last so that the order is whole. @throws DomainError invalid, `volume.query.sort-key` */
export function orderBy(sql: Sql, sort: ListQuery['sort'], columns: Readonly<Record<string, string>>): Fragment {
  const parts = sort.map(({ key, direction }) => {
    const column = Object.hasOwn(columns, key) ? columns[key]! : undefined
    if (column === undefined) {
      throw invalidInput('volume.query.sort-key', `Sort key supplied is invalid: ${key.slice(0, 64)}`)
    }
    return { column, direction }
  })
  // As MySQL orders them: nulls are smallest.
  const text = [...parts, { column: columns.id!, direction: parts[0]?.direction ?? 'desc' }]
    .map(({ column, direction }) => `${column} ${direction === 'asc' ? 'asc nulls first' : 'desc nulls last'}`)
    .join(', ')
  return sql.unsafe(text)
}

/** Builds the URLs of answers, with the project in the path where the request had it. */
export interface Links {
  of(collection: string, id: string): { rel: 'self' | 'bookmark'; href: string }[]
  /** `{ volumes_links: [next] }` when another page may follow, nothing when not. */
  next(collection: string, path: string, page: { rows: readonly { id: string }[]; count?: number }): object
}

export function linksOf(publicUrl: string, request: FastifyRequest): Links {
  const project = (request.raw as { projectIdInUrl?: string }).projectIdInUrl
  const segment = project === undefined ? '' : `/${project}`
  return {
    of: (collection, id) => [
      { rel: 'self', href: `${publicUrl}/v3${segment}/${collection}/${id}` },
      { rel: 'bookmark', href: `${publicUrl}${segment}/${collection}/${id}` },
    ],
    next(collection, path, { rows, count }) {
      const query = request.query as Record<string, unknown>
      const { limit } = listQuery(query)
      // Upstream compares with the count of all where it was asked for, so that page never misses a link.
      if (rows.length === 0 || limit > (count || rows.length)) return {}
      const params = new URLSearchParams()
      for (const [key, value] of Object.entries(query)) {
        if (key !== 'marker') params.append(key, last(value) ?? '')
      }
      params.append('marker', rows.at(-1)!.id)
      return { [`${collection}_links`]: [{ rel: 'next', href: `${publicUrl}/v3${segment}/${path}?${params}` }] }
    },
  }
}

/** Microseconds, no zone: how the database's times leave. */
export function timeOf(date: Date): string
export function timeOf(date: Date | null): string | null
export function timeOf(date: Date | null): string | null {
  return date === null ? null : date.toISOString().replace('Z', '000')
}
