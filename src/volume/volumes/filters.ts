/**
 * From the query of a list to conditions on volumes. Source: cinder/api/v3/volumes.py, cinder/volume/api.py
 * (check_volume_filters), cinder/db/sqlalchemy/api.py, etc/cinder/resource_filters.json.
 */
import type { Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import { isUuid } from '../../ids.ts'
import { invalidInput, invalidRequest } from '../errors.ts'
import { allowedFilters, type FilterVersions, type Fragment, filtersOf, flagOf } from '../list-query.ts'
import { MAX_INT } from '../parameter-types.ts'
import { dictionaryOf } from '../python-dictionary.ts'

type ToCondition = (sql: Sql, value: string, version: Microversion) => Fragment

const text =
  (column: string): ToCondition =>
  (sql, value) =>
    sql`${sql.unsafe(column)} = ${value}`

/** `name~=part` */
const part =
  (column: string): ToCondition =>
  (sql, value) =>
    sql`position(lower(${value}) in lower(${sql.unsafe(column)})) > 0`

const uuid =
  (column: string): ToCondition =>
  (sql, value) =>
    isUuid(value) ? sql`${sql.unsafe(column)} = ${value}` : sql`false`

const dictionary =
  (column: string): ToCondition =>
  (sql, value) => {
    const pairs = dictionaryOf(value)
    return pairs === undefined ? sql`false` : sql`${sql.unsafe(column)} @> ${sql.json(pairs)}`
  }

/** Until 3.1 anything but `false` was true. */
const flag =
  (column: string): ToCondition =>
  (sql, value, version) => {
    if (version < microversion('3.2')) {
      return sql`${sql.unsafe(column)} = ${value !== '' && !['False', 'false', 'FALSE'].includes(value)}`
    }
    if (!/^(t|true|1|f|false|0|y|yes|n|no|on|off)$/i.test(value)) {
      throw invalidInput('volume.query.flag', `'${column.slice(2)} = ${value.slice(0, 64)}'`)
    }
    return sql`${sql.unsafe(column)} = ${/^(t|true|1|y|yes|on)$/i.test(value)}`
  }

const COMPARISONS = { gt: '>', gte: '>=', eq: '=', neq: '<>', lt: '<', lte: '<=' } as const

/** `gt:2024-01-01T00:00:00,lt:…` */
const time =
  (name: string): ToCondition =>
  (sql, value) =>
    value.split(',').reduce<Fragment>((sum, comparison) => {
      const [operator, ...rest] = comparison.split(':')
      if (operator === undefined || !Object.hasOwn(COMPARISONS, operator)) {
        throw invalidRequest('volume.query.time', `Invalid ${operator?.slice(0, 64)} operator`)
      }
      const instant = new Date(asUtc(rest.join(':')))
      if (Number.isNaN(instant.getTime())) {
        throw invalidRequest('volume.query.time', `Invalid ${rest.join(':').slice(0, 64)} value`)
      }
      const sign = COMPARISONS[operator as keyof typeof COMPARISONS]
      return sql`${sum} and date_trunc('second', v.${sql.unsafe(name)}) ${sql.unsafe(sign)} ${instant}`
    }, sql`true`)

/** A time without a zone is UTC. */
function asUtc(time: string): string {
  return /(Z|[+-]\d{2}:?\d{2})$/.test(time) ? time : `${time}Z`
}

const FILTERS: Readonly<Record<string, ToCondition>> = {
  name: text('v.name'),
  'name~': part('v.name'),
  display_name: text('v.name'),
  description: text('v.description'),
  'description~': part('v.description'),
  status: text('v.status'),
  migration_status: text('v.migration_status'),
  availability_zone: text('v.availability_zone'),
  bootable: flag('v.bootable'),
  multiattach: flag('v.multiattach'),
  size: (sql, value) =>
    /^\d{1,10}$/.test(value) && Number(value) <= MAX_INT ? sql`v.size_gib = ${Number(value)}` : sql`false`,
  metadata: dictionary('v.metadata'),
  glance_metadata: dictionary("coalesce(v.image_metadata, '{}')"),
  created_at: time('created_at'),
  updated_at: time('updated_at'),
  // Nothing is in a group, and everything counts.
  group_id: (sql) => sql`false`,
  consumes_quota: (sql, value) => sql`${flagOf('consumes_quota', value)}`,
  use_quota: (sql, value) => sql`${flagOf('consumes_quota', value)}`,
  id: uuid('v.id'),
  project_id: text('v.project_id'),
  user_id: text('v.user_id'),
  volume_type_id: uuid('v.type_id'),
  source_volid: uuid('v.source_volume_id'),
  snapshot_id: uuid('v.snapshot_id'),
  // A host is asked for with or without its pool.
  host: (sql, value) => sql`(v.backend = ${value} or split_part(v.backend, '#', 1) = ${value})`,
}

/** What users may ask; admins may ask all of `FILTERS`, and find nothing by anything else. */
export const USER_FILTERS = [
  'name',
  'name~',
  'description~',
  'status',
  'metadata',
  'bootable',
  'migration_status',
  'availability_zone',
  'group_id',
  'size',
  'created_at',
  'updated_at',
  'consumes_quota',
]

/** Filters of later versions are left out before them. */
const SINCE: FilterVersions = new Map([
  ['glance_metadata', '3.4'],
  ['group_id', '3.10'],
  ['created_at', '3.60'],
  ['updated_at', '3.60'],
  ['consumes_quota', '3.65'],
  ['use_quota', '3.65'],
])

/** Whose volumes, and which of them. Admins see every project's with `all_tenants`. */
export function conditionsOf(
  sql: Sql,
  caller: Caller,
  asked: Readonly<Record<string, string>>,
  version: Microversion,
): Fragment[] {
  const known = filtersOf(asked, SINCE, version)
  const { all_tenants, ...filters } = allowedFilters(known, USER_FILTERS, caller, version)
  const everyProject = caller.isAdmin && flagOf('all_tenants', all_tenants)
  return [
    ...(everyProject ? [] : [sql`v.project_id = ${caller.projectId ?? ''}`]),
    ...Object.entries(filters).map(([key, value]) =>
      Object.hasOwn(FILTERS, key) ? FILTERS[key]!(sql, value, version) : sql`false`,
    ),
  ]
}

export const SORT_COLUMNS: Readonly<Record<string, string>> = {
  id: 'v.id',
  name: 'v.name',
  display_name: 'v.name',
  status: 'v.status',
  size: 'v.size_gib',
  availability_zone: 'v.availability_zone',
  bootable: 'v.bootable',
  created_at: 'v.created_at',
  updated_at: 'v.updated_at',
  volume_type: 't.name',
  volume_type_id: 'v.type_id',
  host: 'v.backend',
  project_id: 'v.project_id',
  user_id: 'v.user_id',
  source_volid: 'v.source_volume_id',
  multiattach: 'v.multiattach',
  migration_status: 'v.migration_status',
}
