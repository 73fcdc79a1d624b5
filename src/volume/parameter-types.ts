/** JSON Schema that bodies of all resources share. Source: cinder/api/validation/parameter_types.py */
import { Type } from 'typebox'
import { invalidRequest } from './errors.ts'

export const MAX_INT = 0x7fffffff

/** A text or null, 255 characters at most; white space around it is cut by `trimmed`. */
export const OptionalText = Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255 })

/** What upstream takes for a UUID: dashes may be missing. */
const UUID_PATTERN = '^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$'
export const Uuid = Type.Unsafe<string>({ type: 'string', pattern: UUID_PATTERN })
export const OptionalUuid = Type.Unsafe<string | null>({ type: ['string', 'null'], pattern: UUID_PATTERN })

/** As the database writes it: lower case, with dashes. */
export function canonicalUuid<T extends string>(uuid: string): T {
  const digits = uuid.replaceAll('-', '').toLowerCase()
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as T
}

/** A number or its digits: 1 to 2^31 - 1. */
export const Size = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  pattern: '^0*[1-9][0-9]{0,9}$',
  minimum: 1,
  maximum: MAX_INT,
})
export const OptionalSize = Type.Unsafe<number | string | null>({
  type: ['integer', 'string', 'null'],
  pattern: '^0*[1-9][0-9]{0,9}$',
  minimum: 1,
  maximum: MAX_INT,
})

/** A size that `Size` let through. @throws DomainError invalid, `volume.request.size`, for digits above the maximum */
export function sizeOf(size: number | string): number {
  const value = Number(size)
  if (value <= MAX_INT) return value
  throw invalidRequest('volume.request.size', `Invalid input for field/attribute size. ${size} is more than ${MAX_INT}`)
}

const YES = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', 'y', 't']
const NO = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no', 'n', 'f']
export const Bool = Type.Unsafe<boolean | string>({ enum: [...YES, ...NO] })
export const OptionalBool = Type.Unsafe<boolean | string | null>({ enum: [...YES, ...NO, null] })

/** A value that `Bool` let through. */
export function isYes(value: boolean | string | null | undefined): boolean {
  return value !== undefined && value !== null && YES.includes(value)
}

const METADATA_KEY = '^[a-zA-Z0-9\\-_:. /]{1,255}$'
export const Metadata = Type.Unsafe<Record<string, string>>({
  type: 'object',
  patternProperties: { [METADATA_KEY]: { type: 'string', maxLength: 255 } },
  additionalProperties: false,
})
export const OptionalMetadata = Type.Unsafe<Record<string, string> | null>({
  type: ['object', 'null'],
  patternProperties: { [METADATA_KEY]: { type: 'string', maxLength: 255 } },
  additionalProperties: false,
})
/** One pair of `Metadata`. */
export const MetadataItem = Type.Unsafe<Record<string, string>>({
  type: 'object',
  patternProperties: { [METADATA_KEY]: { type: 'string', maxLength: 255 } },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
})
/** Values are texts of up to 65,535 bytes. */
export const ImageMetadata = Type.Unsafe<Record<string, string>>({
  type: 'object',
  patternProperties: { [METADATA_KEY]: { type: 'string', maxLength: 65_535 } },
  additionalProperties: false,
})
const SPEC_KEY = '^[a-zA-Z0-9\\-_:.]{1,255}$'
export const ExtraSpecs = Type.Unsafe<Record<string, string | null>>({
  type: 'object',
  patternProperties: { [SPEC_KEY]: { type: ['string', 'null'], maxLength: 255 } },
  additionalProperties: false,
})
export const ExtraSpec = Type.Unsafe<Record<string, string | null>>({
  type: 'object',
  patternProperties: { [SPEC_KEY]: { type: ['string', 'null'], maxLength: 255 } },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
})

/** A text without white space around it; null for null and for nothing. */
export function trimmed(text: string | null | undefined): string | null {
  return text === undefined || text === null ? null : text.trim()
}
