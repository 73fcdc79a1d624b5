/** How a list is filtered by one attribute: from the values in the query string (any of them will do) to SQL. */
import type postgres from 'postgres'
import type { Sql } from '../../database/database.ts'
import { isUuid } from '../../ids.ts'
import { parseAddress, showAddress } from '../addresses/ip-address.ts'
import { parseMac } from '../addresses/mac-address.ts'
import { boolean, integer, type Parse } from './values.ts'

export type Fragment = postgres.Fragment
/** @throws Unfit for values that no row could have, where upstream refuses them */
export type Filter = (sql: Sql, values: readonly string[]) => Fragment

/** The expressions here are constants of ours, never a client's. */
const raw = (sql: Sql, expression: string) => sql.unsafe(expression) as unknown as Fragment

export function byText(column: string): Filter {
  return (sql, values) => sql`${raw(sql, column)} = any(${values as string[]}::text[])`
}

/** Not refused: a text that is no UUID is nobody's id. */
export function byUuid(column: string): Filter {
  return (sql, values) => sql`${raw(sql, column)} = any(${values.filter(isUuid)}::uuid[])`
}

export function byBoolean(column: string): Filter {
  return (sql, values) =>
    sql`${raw(sql, column)} = any(${values.map((value) => String(boolean(value)))}::text[]::boolean[])`
}

export function byInteger(column: string): Filter {
  const number = integer(-(2 ** 31), 2 ** 31 - 1)
  return (sql, values) =>
    sql`${raw(sql, column)} = any(${values.map((value) => String(number(value)))}::text[]::integer[])`
}

export function byAddress(column: string): Filter {
  return (sql, values) => sql`${raw(sql, column)} = any(${addresses(values)}::inet[])`
}

/** Compared as text, so that only the same spelling matches; for networks, whose spelling is canonical on both sides. */
export function byParsedText(column: string, parse: Parse<string>): Filter {
  return (sql, values) => sql`${raw(sql, column)} = any(${values.map(parse)}::text[])`
}

export function byMac(column: string): Filter {
  return (sql, values) => {
    const macs = values.map(parseMac).filter((mac) => mac !== undefined)
    return sql`${raw(sql, column)} = any(${macs}::macaddr[])`
  }
}

/** An attribute that is the same for all rows. */
export function byConstant(value: string): Filter {
  return (sql, values) => (values.includes(value) ? sql`true` : sql`false`)
}

/** Those of `values` that are addresses, in canonical spelling. */
export function addresses(values: readonly string[]): string[] {
  return values.map(parseAddress).flatMap((address) => (address === undefined ? [] : [showAddress(address)]))
}

const list = (values: readonly string[]) => values.flatMap((value) => value.split(',')).filter((tag) => tag !== '')

/** The four filters by tags. Source: neutron/extensions/tagging.py and neutron-lib neutron_lib/objects/utils.py. */
export function tagFilters(column: string): Record<'tags' | 'tags-any' | 'not-tags' | 'not-tags-any', Filter> {
  return {
    tags: (sql, values) => sql`${raw(sql, column)} @> ${list(values)}::text[]`,
    'tags-any': (sql, values) => sql`${raw(sql, column)} && ${list(values)}::text[]`,
    'not-tags': (sql, values) => sql`not ${raw(sql, column)} @> ${list(values)}::text[]`,
    'not-tags-any': (sql, values) => sql`not ${raw(sql, column)} && ${list(values)}::text[]`,
  }
}
