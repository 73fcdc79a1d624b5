/** Shapes that several requests share. Source: nova/api/validation/parameter_types.py */
import Type, { type TSchema } from 'typebox'
import { DomainError } from '../domain-error.ts'

export const MAX_INT = 0x7fffffff

/** Text that a database takes: no NUL and no half of a surrogate pair. */
export const STORABLE = '^[^\\u0000\\p{Cs}]*$'

/** Printable, without spaces at its ends: names of flavors, keypairs, groups, aggregates. */
const PRINTABLE = '[^\\p{Cc}\\p{Cs}\\p{Co}\\p{Cn}\\p{Zl}\\p{Zp}]'

export function name({ maxLength = 255 }: { maxLength?: number } = {}) {
  return Type.String({ minLength: 1, maxLength, pattern: `^(?!\\s)${PRINTABLE}+(?<!\\s)$` })
}

/** Free text over several lines; never a NUL, which no database takes. */
export function freeText(maxLength: number) {
  return Type.String({ maxLength, pattern: STORABLE })
}

/** A number, or the same as text: upstream takes both. Read it with `wholeNumber`. */
export function integerOrText({ minimum, maximum = MAX_INT }: { minimum: number; maximum?: number }) {
  return Type.Union([
    Type.Integer({ minimum, maximum }),
    Type.String({ minLength: 1, maxLength: 20, pattern: minimum < 0 ? '^-?[0-9]+$' : '^[0-9]+$' }),
  ])
}

/** @throws DomainError invalid `http.schema.violated` where the text is out of bounds */
export function wholeNumber(
  field: string,
  value: number | string,
  { minimum, maximum = MAX_INT }: { minimum: number; maximum?: number },
): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= minimum && number <= maximum) return number
  throw new DomainError(
    'invalid',
    'http.schema.violated',
    `Invalid input for field/attribute ${field}. Value: ${value}. ${number < minimum ? `${number} is less than the minimum of ${minimum}` : `${number} is greater than the maximum of ${maximum}`}`,
    { details: { path: `/${field}`, field } },
  )
}

const TRUE = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', 'y', 't'] as const
const FALSE = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no', 'n', 'f'] as const

/** Read it with `isTrue`. */
export const booleanOrText = Type.Enum([...TRUE, ...FALSE] as unknown as string[])

export function isTrue(value: unknown): boolean {
  return (TRUE as readonly unknown[]).includes(value)
}

/** What a query says as a truth value, upper or lower case; undefined for other words. */
export function truthOf(text: string): boolean | undefined {
  const lower = text.trim().toLowerCase()
  if (['1', 't', 'true', 'on', 'y', 'yes'].includes(lower)) return true
  if (['0', 'f', 'false', 'off', 'n', 'no'].includes(lower)) return false
  return undefined
}

/** A query parameter that may come several times. */
export function many<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Array(schema)])
}

/** Paging as most lists take it. */
export const paging = {
  limit: Type.Optional(many(Type.String({ pattern: '^[0-9]+$' }))),
  marker: Type.Optional(many(Type.String())),
}

/** A query string in which further parameters are ignored up to a microversion and refused after it. */
export function query(properties: Record<string, TSchema>, { looseUntil }: { looseUntil: string }) {
  return Type.Object(properties, {
    patternProperties: { '': Type.Any({ until: looseUntil }) },
    additionalProperties: false,
  })
}

/** Metadata of aggregates and servers: short texts by name. */
export const metadata = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }),
  Type.String({ maxLength: 255, pattern: STORABLE }),
  { additionalProperties: false },
)
