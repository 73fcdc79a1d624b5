/**
 * One value of a request body: from what a client sent to what we keep, or the reason why not. The rules of every
 * attribute are put together from these. Loose where upstream is loose: it takes "true" and "4" for true and 4.
 * Source: neutron-lib neutron_lib/api/validators/__init__.py and converters.py.
 */
import { isUuid } from '../../ids.ts'
import { parseAddress, parseCidr, showAddress, showCidr } from '../addresses/ip-address.ts'
import { parseMac } from '../addresses/mac-address.ts'

export type Parse<T> = (value: unknown) => T

/**
 * Why a value does not do. The attribute that holds it turns it into a refusal: a `converter` speaks for itself, a
 * validator's reason is told with the attribute's name, as upstream's two kinds of checks do.
 */
export class Unfit extends Error {
  override readonly name = 'Unfit'
  readonly by: 'validator' | 'converter'
  constructor(reason: string, by: 'validator' | 'converter' = 'validator') {
    super(reason)
    this.by = by
  }
}

/** A value in a message: short. What is in lists and objects is not told, for it may be of any depth. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'an object'
  const text = String(value)
  return text.length > 100 ? `${text.slice(0, 97)}...` : text
}

const TRUE = ['true', '1', 't', 'on', 'y', 'yes']
const FALSE = ['false', '0', 'f', 'off', 'n', 'no']

export const boolean: Parse<boolean> = (value) => {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' || typeof value === 'number' ? String(value).trim().toLowerCase() : ''
  if (TRUE.includes(word)) return true
  if (FALSE.includes(word)) return false
  throw new Unfit(`'${shown(value)}' cannot be converted to boolean`, 'converter')
}

const MOST_LEVELS = 20

/** No database takes NUL, nor half of a surrogate pair. Looks into lists and objects, as far as they are reasonable. */
export function isStorable(value: unknown, levels = MOST_LEVELS): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.entries(value).every((entry) => entry.every((part) => isStorable(part, levels - 1)))
}

export function text(most: number): Parse<string> {
  return (value) => {
    if (typeof value !== 'string' || !isStorable(value)) throw new Unfit(`'${shown(value)}' is not a valid string`)
    if ([...value].length > most) throw new Unfit(`'${shown(value)}' exceeds maximum length of ${most}`)
    return value
  }
}

/** A name: printable, without spaces at its ends. */
export function nameText(most: number): Parse<string> {
  const string = text(most)
  return (value) => {
    const name = string(value)
    if (/\p{C}/u.test(name) || /[\p{Zl}\p{Zp}]/u.test(name) || /^\p{Zs}|\p{Zs}$/u.test(name)) {
      throw new Unfit(`'${shown(value)}' is not a valid string`)
    }
    return name
  }
}

export function integer(least: number, most: number): Parse<number> {
  return (value) => {
    const number =
      typeof value === 'number'
        ? value
        : typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value)
          ? Number(value)
          : Number.NaN
    if (!Number.isInteger(number)) throw new Unfit(`'${shown(value)}' is not an integer`, 'converter')
    if (number < least) throw new Unfit(`'${number}' is too small - must be at least '${least}'`)
    if (number > most) throw new Unfit(`'${number}' is too large - must be no larger than '${most}'`)
    return number
  }
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Parse<T> {
  return (value) => {
    if (!allowed.includes(value as T)) throw new Unfit(`'${shown(value)}' is not in ${JSON.stringify(allowed)}`)
    return value as T
  }
}

/** 4 or 6, also as text. */
export const ipVersion: Parse<4 | 6> = (value) => {
  const number = integer(0, 255)(value)
  if (number !== 4 && number !== 6) throw new Unfit(`'${number}' is not in [4, 6]`)
  return number
}

/** Lower-case, with dashes: another spelling of an id is another id, as upstream compares them. */
export const uuid: Parse<string> = (value) => {
  if (typeof value !== 'string' || !isUuid(value)) throw new Unfit(`'${shown(value)}' is not a valid UUID`)
  return value.toLowerCase()
}

export const ipAddress: Parse<string> = (value) => {
  const address = typeof value === 'string' ? parseAddress(value) : undefined
  if (address === undefined) throw new Unfit(`'${shown(value)}' is not a valid IP address`)
  return showAddress(address)
}

/** `address/length`, bits behind the prefix dropped. */
export const cidr: Parse<string> = (value) => {
  const parsed = typeof value === 'string' && value.includes('/') ? parseCidr(value) : undefined
  if (parsed === undefined) throw new Unfit(`'${shown(value)}' is not a valid IP subnet`)
  return showCidr(parsed)
}

export const macAddress: Parse<string> = (value) => {
  const mac = typeof value === 'string' ? parseMac(value) : undefined
  if (mac === undefined) throw new Unfit(`'${shown(value)}' is not a valid MAC address`)
  return mac
}

export function orNull<T>(parse: Parse<T>): Parse<T | null> {
  return (value) => (value === null ? null : parse(value))
}

/** Null stands for the empty list. */
export function orEmpty<T>(parse: Parse<readonly T[]>): Parse<readonly T[]> {
  return (value) => (value === null ? [] : parse(value))
}

/** Items that are the same once parsed are refused. */
export function uniqueList<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Unfit(`'${shown(value)}' is not a list`)
    const items = value.map(parse)
    const seen = new Set<string>()
    for (const item of items) {
      const key = JSON.stringify(item)
      if (seen.has(key)) throw new Unfit(`Duplicate items in the list: '${shown(item)}'`)
      seen.add(key)
    }
    return items
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object with exactly these keys; those whose parser is wrapped in `optional` may be absent. */
export function objectOf<Shape extends Record<string, Parse<unknown> | Optional<unknown>>>(
  shape: Shape,
): Parse<ObjectOf<Shape>> {
  return (value) => {
    if (!isObject(value)) throw new Unfit(`'${shown(value)}' is not an object with ${Object.keys(shape).join(', ')}`)
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(shape, key)) throw new Unfit(`'${shown(key)}' is not one of ${Object.keys(shape).join(', ')}`)
    }
    const result: Record<string, unknown> = {}
    for (const [key, parse] of Object.entries(shape)) {
      if (Object.hasOwn(value, key))
        result[key] = typeof parse === 'function' ? parse(value[key]) : parse.optional(value[key])
      else if (typeof parse === 'function') throw new Unfit(`'${key}' is missing in ${shown(value)}`)
    }
    return result as ObjectOf<Shape>
  }
}

export interface Optional<T> {
  readonly optional: Parse<T>
}
export const optional = <T>(parse: Parse<T>): Optional<T> => ({ optional: parse })

type ObjectOf<Shape> = {
  readonly [Key in keyof Shape as Shape[Key] extends Optional<unknown> ? never : Key]: Shape[Key] extends Parse<infer T>
    ? T
    : never
} & {
  readonly [Key in keyof Shape as Shape[Key] extends Optional<unknown> ? Key : never]?: Shape[Key] extends Optional<
    infer T
  >
    ? T
    : never
}

/** As ids are kept and answered. What is spelled otherwise is nobody's id. */
export function isCanonicalUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)
}
