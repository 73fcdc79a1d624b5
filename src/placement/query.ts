/**
 * The little languages of placement's query strings: `resources=VCPU:2,DISK_GB:5`, `required=A,!B`, `required=in:A,B`,
 * `member_of=in:…`. Sources: placement/util.py, placement/lib.py
 */
import type { TSchema } from 'typebox'
import { isDomainError } from '../domain-error.ts'
import { type Microversion, microversion } from '../http/microversions.ts'
import { validate } from '../http/schema-versions.ts'
import { isUuid } from '../ids.ts'
import { badQuery } from './errors.ts'

export type Query = Readonly<Record<string, string | string[] | undefined>>

/** Any of each list, all of the lists, and none of `forbidden`. */
export interface Filter {
  readonly required: readonly (readonly string[])[]
  readonly forbidden: readonly string[]
}
export const NO_FILTER: Filter = { required: [], forbidden: [] }

const REPEATED_MEMBER_OF = microversion('1.24')
const FORBIDDEN_TRAITS = microversion('1.22')
const FORBIDDEN_AGGREGATES = microversion('1.32')
const ANY_TRAITS = microversion('1.39')

/** All values of a parameter. */
export function valuesOf(query: Query, key: string): string[] {
  const value = query[key]
  return value === undefined ? [] : [value].flat()
}

/** Each parameter with the last of its values, which is the one that counts where only one may. */
export function lastOfEach(query: Query): Record<string, string> {
  return Object.fromEntries(Object.keys(query).map((key) => [key, valuesOf(query, key).at(-1) ?? '']))
}

/** @throws DomainError `placement.query.invalid` */
export function checkQuery(version: Microversion, schema: TSchema, query: Query): Record<string, string> {
  const single = lastOfEach(query)
  try {
    validate(version, schema, single)
  } catch (error) {
    if (isDomainError(error, 'http.schema.violated')) {
      throw badQuery(`Invalid query string parameters: ${error.details.said ?? error.message}`)
    }
    throw error
  }
  return single
}

export function parseResources(text: string): Record<string, number> {
  const form =
    'Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: '
  if (text.trim() === '') throw badQuery(`${form}empty string.`)
  const resources: Record<string, number> = {}
  for (const part of text.split(',')) {
    const [name, amount, ...rest] = part.split(':')
    if (name === undefined || amount === undefined || rest.length > 0) throw badQuery(`${form}${part}.`)
    if (!/^\s*[+-]?\d+\s*$/.test(amount)) {
      throw badQuery(`Requested resource ${name} expected positive integer amount. Got: ${amount}.`)
    }
    const number = Number(amount)
    if (number < 1) throw badQuery(`Requested resource ${name} requires amount >= 1. Got: ${number}.`)
    // Beyond what any inventory may hold: it fits nowhere, and the database's numbers end too.
    resources[name] = Math.min(number, 2 ** 53 - 1)
  }
  return resources
}

/** @param values of `required` or `requiredN`; before 1.39 the last one counts */
export function parseRequired(values: readonly string[], version: Microversion): Filter {
  const parsed = (version >= ANY_TRAITS ? values : values.slice(-1)).map((value) => parseTraits(value, version))
  return {
    required: parsed.flatMap(({ required }) => required),
    forbidden: [...new Set(parsed.flatMap(({ forbidden }) => forbidden))],
  }
}

function parseTraits(value: string, version: Microversion): Filter {
  const bad = (message: string) => badQuery(`Invalid query string parameters: ${message}`)
  if (value.startsWith('in:')) {
    const form = "The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC'"
    if (version < ANY_TRAITS) throw bad(`${form} only supported since microversion 1.39. Got: ${value}`)
    const any = [
      ...new Set(
        value
          .slice(3)
          .split(',')
          .map((trait) => trait.trim()),
      ),
    ]
    if (any.includes('')) {
      throw bad(
        `Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: ${value}`,
      )
    }
    if (any.some((trait) => trait.startsWith('!')))
      throw bad(`${form} does not support forbidden traits. Got: ${value}`)
    return { required: [any], forbidden: [] }
  }
  const mayForbid = version >= FORBIDDEN_TRAITS
  const all = value.split(',').map((trait) => trait.trim())
  // Any number of exclamation marks counts as one, as upstream's clients may have come to rely on.
  const forbidden = all.filter((trait) => trait.startsWith('!')).map((trait) => trait.replace(/^!+/, ''))
  if (all.includes('') || forbidden.includes('')) {
    const form = mayForbid ? 'HW_CPU_X86_VMX,!CUSTOM_MAGIC' : 'HW_CPU_X86_VMX,CUSTOM_MAGIC'
    throw bad(`Expected 'required' parameter value of the form: ${form}. Got an empty trait in: ${value}`)
  }
  if (forbidden.length > 0 && !mayForbid) {
    throw bad(`Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: ${value}`)
  }
  return { required: all.filter((trait) => !trait.startsWith('!')).map((trait) => [trait]), forbidden }
}

/** @param suffix of the request group, for messages */
export function parseMemberOf(values: readonly string[], version: Microversion, suffix = ''): Filter {
  if (values.length > 1 && version < REPEATED_MEMBER_OF) {
    throw badQuery(`Multiple member_of${suffix} parameters are not supported`)
  }
  const required: string[][] = []
  const forbidden: string[] = []
  for (const value of values) {
    const [, not, many, list] = /^(!?)(in:)?(.*)$/s.exec(value)!
    if (list!.includes(',') && many === undefined) {
      throw badQuery(
        `Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: ${value}`,
      )
    }
    const ids = many === undefined ? [list!] : list!.split(',')
    const wrong = ids.find((id) => !isUuid(id))
    if (wrong !== undefined) {
      throw badQuery(
        `Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: ${wrong}`,
      )
    }
    if (not === '') required.push(ids.map(dashed))
    else if (version < FORBIDDEN_AGGREGATES) {
      throw badQuery(`Forbidden member_of${suffix} parameters are not supported in the specified microversion`)
    } else forbidden.push(...ids.map(dashed))
  }
  return { required, forbidden }
}

/** A UUID in the form in which PostgreSQL gives it back. */
export function dashed(uuid: string): string {
  const hex = uuid.replaceAll('-', '').toLowerCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
