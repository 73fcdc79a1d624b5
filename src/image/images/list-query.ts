/**
 * What a list of images may be asked for: filters, order, page.
 * Source: RequestDeserializer.index in glance/api/v2/images.py, _make_conditions_from_filters in
 * glance/db/sqlalchemy/api.py, split_filter_op in glance/common/utils.py
 */
import { firstOfEach } from '../../http/paging.ts'
import { invalidQuery } from '../errors.ts'

export interface ListQuery {
  readonly limit: number
  /** Id of the last image of the page before. */
  readonly marker?: string
  readonly sort: readonly SortBy[]
  readonly filters: readonly Filter[]
  /** Without one, other projects' community images stay out. */
  readonly visibility?: 'community' | 'public' | 'private' | 'shared' | 'all'
  /** Which of the caller's memberships bring shared images into the list. */
  readonly memberStatus: 'pending' | 'accepted' | 'rejected' | 'all'
}

export interface SortBy {
  readonly key: SortKey
  readonly dir: 'asc' | 'desc'
}

const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const
export type SortKey = (typeof SORT_KEYS)[number]

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

export type Filter =
  | { readonly kind: 'text'; readonly column: TextColumn; readonly oneOf: readonly string[] }
  | { readonly kind: 'number'; readonly column: NumberColumn; readonly is: Comparison; readonly value: string }
  | {
      readonly kind: 'time'
      readonly column: 'created_at' | 'updated_at'
      readonly is: Comparison
      readonly value: Date
    }
  | { readonly kind: 'flag'; readonly column: 'protected' | 'os_hidden'; readonly value: boolean }
  | { readonly kind: 'tags'; readonly all: readonly string[] }
  | { readonly kind: 'property'; readonly name: string; readonly value: string }

const LISTABLE = ['name', 'id', 'status', 'container_format', 'disk_format'] as const
const EXACT = ['owner', 'checksum', 'os_hash_algo', 'os_hash_value'] as const
const NUMBERS = ['size', 'virtual_size', 'min_disk', 'min_ram'] as const
type TextColumn = (typeof LISTABLE)[number] | (typeof EXACT)[number]
type NumberColumn = (typeof NUMBERS)[number]

const OPERATORS: Readonly<Record<string, Comparison>> = {
  eq: '=',
  neq: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
}

const NOT_FILTERS = new Set([
  'limit',
  'marker',
  'member_status',
  'tag',
  'sort',
  'sort_key',
  'sort_dir',
  'visibility',
  'os_hidden',
])

/** @throws DomainError invalid, `image.query.invalid` */
export function readListQuery(query: URLSearchParams, page: { default: number; max: number }): ListQuery {
  const one = (name: string) => query.getAll(name).at(-1)
  const marker = one('marker')
  const visibility = oneOf('visibility value', one('visibility'), [
    'community',
    'public',
    'private',
    'shared',
    'all',
  ] as const)
  return {
    limit: Math.min(readLimit(one('limit')) ?? page.default, page.max),
    ...(marker !== undefined && { marker }),
    sort: readSort(query),
    filters: readFilters(query, one),
    ...(visibility !== undefined && { visibility }),
    memberStatus:
      oneOf('status', one('member_status'), ['pending', 'accepted', 'rejected', 'all'] as const) ?? 'accepted',
  }
}

function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw invalidQuery('limit param must be an integer')
  const limit = Number(text)
  if (limit < 0) throw invalidQuery('limit param must be positive')
  return limit
}

function readSort(query: URLSearchParams): SortBy[] {
  const keyOf = (text: string): SortKey => {
    const key = SORT_KEYS.find((each) => each === text.trim())
    if (key !== undefined) return key
    throw invalidQuery(
      `Invalid sort key: ${text.trim().slice(0, 64)}. It must be one of the following: ${SORT_KEYS.join(', ')}.`,
    )
  }
  const dirOf = (text: string) => {
    const dir = text.trim()
    if (dir === 'asc' || dir === 'desc') return dir
    throw invalidQuery(`Invalid sort direction: ${dir.slice(0, 64)}`)
  }

  const together = query.getAll('sort').at(-1)
  const keys = query.getAll('sort_key').map(keyOf)
  const dirs = query.getAll('sort_dir').map(dirOf)
  let sort: SortBy[]
  // What the order is completed with runs the way that a single given direction says.
  let rest: SortBy['dir'] = 'desc'
  if (together !== undefined) {
    if (keys.length > 0 || dirs.length > 0) throw invalidQuery('Old and new sorting syntax cannot be combined')
    sort = together
      .trim()
      .split(',')
      .map((part) => {
        const [key = '', dir] = part.split(':', 2)
        return { key: keyOf(key), dir: dirOf(dir || 'desc') }
      })
    if (sort.length === 1) rest = sort[0]!.dir
  } else {
    if (dirs.length > 1 && dirs.length !== keys.length) {
      throw invalidQuery('Number of sort dirs does not match the number of sort keys')
    }
    const wanted = keys.length > 0 ? keys : (['created_at'] as const)
    sort = wanted.map((key, index) => ({ key, dir: dirs[index] ?? dirs[0] ?? 'desc' }))
    if (dirs.length === 1) rest = dirs[0]!
  }
  // The id makes the order whole; without it a page could begin in the middle of equals.
  return firstOfEach<SortBy>([...sort, { key: 'created_at', dir: rest }, { key: 'id', dir: rest }], ({ key }) => key)
}

function readFilters(query: URLSearchParams, one: (name: string) => string | undefined): Filter[] {
  const filters: Filter[] = [{ kind: 'flag', column: 'os_hidden', value: flag('os_hidden', one('os_hidden')) ?? false }]
  const tags = query.getAll('tag').map((tag) => tag.trim())
  if (tags.length > 0) filters.push({ kind: 'tags', all: tags })
  for (const name of new Set(query.keys())) {
    if (!NOT_FILTERS.has(name)) filters.push(filterOf(name, one(name)!))
  }
  return filters
}

function filterOf(name: string, value: string): Filter {
  if (name === 'changes-since') {
    throw invalidQuery('The "changes-since" filter is no longer available on v2.')
  }
  const listable = LISTABLE.find((each) => each === name)
  if (listable !== undefined) {
    const { operator, operand } = splitOperator(value)
    if (operator === 'in') return { kind: 'text', column: listable, oneOf: splitList(operand) }
    if (operator === 'eq') return { kind: 'text', column: listable, oneOf: [operand] }
    throw invalidQuery(`Unable to filter by unknown operator '${operator.slice(0, 64)}'.`)
  }
  if (name === 'created_at' || name === 'updated_at') return timeFilter(name, value)
  if (name === 'protected') return { kind: 'flag', column: name, value: flag(name, value) ?? false }
  const exact = EXACT.find((each) => each === name)
  if (exact !== undefined) return { kind: 'text', column: exact, oneOf: [value] }
  const range = /^(.+)_(min|max)$/.exec(name)
  if (range !== null) return numberFilter(range[1]!, range[2] === 'min' ? '>=' : '<=', value)
  const number = NUMBERS.find((each) => each === name)
  if (number !== undefined) return numberFilter(number, '=', value)
  return { kind: 'property', name, value }
}

function timeFilter(column: 'created_at' | 'updated_at', text: string): Filter {
  const { operator, operand } = readTime(text) === undefined ? splitOperator(text) : { operator: 'eq', operand: text }
  const value = readTime(operand)
  if (value === undefined) {
    throw invalidQuery(`Bad "${column}" query filter format. Use ISO 8601 DateTime notation.`)
  }
  const is = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined
  if (is === undefined) throw invalidQuery('Unable to filter on a unknown operator.')
  return { kind: 'time', column, is, value }
}

function numberFilter(name: string, is: Comparison, value: string): Filter {
  const column = NUMBERS.find((each) => each === name)
  if (column === undefined) throw invalidQuery(`Unable to filter on a range of '${name.slice(0, 64)}'.`)
  if (!/^\s*[+-]?\d{1,40}\s*$/.test(value)) {
    throw invalidQuery('Unable to filter on a range with a non-numeric value.')
  }
  return { kind: 'number', column, is, value: value.trim() }
}

function splitOperator(text: string): { operator: string; operand: string } {
  const colon = text.indexOf(':')
  return colon < 0
    ? { operator: 'eq', operand: text }
    : { operator: text.slice(0, colon), operand: text.slice(colon + 1) }
}

const TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}(?::?\d{2})?)?)?$/

/** ISO 8601; without a zone it is UTC. */
function readTime(text: string): Date | undefined {
  const found = TIME.exec(text)
  if (found === null) return undefined
  const [, date, time = '00:00', zone = 'Z'] = found
  const offset = zone.replace(/^([+-]\d{2}):?(\d{2})?$/, (_, hours: string, minutes = '00') => `${hours}:${minutes}`)
  const when = new Date(`${date}T${time}${offset}`)
  return Number.isNaN(when.getTime()) ? undefined : when
}

/** `a,"b,c",d`: commas part, quotation marks keep together. */
function splitList(text: string): string[] {
  const values: string[] = []
  const part = /"((?:[^"\\]|\\.)*)"(,|$)|([^",]*)(,|$)/y
  while (part.lastIndex < text.length) {
    const found = part.exec(text)
    if (found === null) throw invalidQuery(`Invalid filter value ${text.slice(0, 64)}. The quotes do not match.`)
    values.push(found[1] ?? found[3] ?? '')
  }
  return values
}

function flag(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  const lower = name === 'os_hidden' ? text.toLowerCase() : text
  if (lower === 'true') return true
  if (lower === 'false') return false
  throw invalidQuery(`Invalid value '${text.slice(0, 64)}' for '${name}' filter. Valid values are 'true' or 'false'.`)
}

function oneOf<const T extends readonly string[]>(
  what: string,
  text: string | undefined,
  allowed: T,
): T[number] | undefined {
  if (text === undefined || text === '') return undefined
  if (allowed.includes(text)) return text
  throw invalidQuery(`Invalid ${what}: ${text.slice(0, 64)}`)
}
