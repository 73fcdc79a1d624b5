/**
 * One schema declaration for the whole history of a body: `since` and `until` stand at each property, and
 * `at(version, shape)` derives what one microversion asks. Validators are compiled at first use and cached.
 */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { DomainError } from '../domain-error.ts'
import { type Microversion, microversion } from './microversions.ts'

/** Options that any property may carry beside JSON Schema's own. Both ends are inclusive. */
export interface Versioned {
  /** First microversion that takes the property. */
  since?: string
  /** Last microversion that takes it. */
  until?: string
}

type JsonSchema = Record<string, unknown>
type Validator = (value: unknown) => Violation | undefined

interface Violation {
  /** As JSON pointer, such as `/server/name`. */
  path: string
  message: string
}

const derived = new WeakMap<object, Map<Microversion, Validator>>()

/** The schema as `version` knows it: properties outside their range are gone, from `required` too. */
export function at(version: Microversion, schema: TSchema): TSchema {
  return prune(schema as JsonSchema, version) as TSchema
}

function prune(schema: JsonSchema, version: Microversion): JsonSchema {
  const result: JsonSchema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') {
      result[key] = Object.fromEntries(
        Object.entries(value as Record<string, JsonSchema>)
          .filter(([, property]) => isIn(property, version))
          .map(([name, property]) => [name, prune(property, version)]),
      )
    } else if (key === 'required') {
      const properties = (schema.properties ?? {}) as Record<string, JsonSchema>
      result[key] = (value as string[]).filter(
        (name) => properties[name] === undefined || isIn(properties[name], version),
      )
    } else if (Array.isArray(value)) {
      const isSchemaList = key === 'anyOf' || key === 'oneOf' || key === 'allOf' || (key === 'items' && true)
      result[key] = isSchemaList
        ? (value as JsonSchema[]).filter((each) => isIn(each, version)).map((each) => prune(each, version))
        : value
    } else if (typeof value === 'object' && value !== null && key !== 'const' && key !== 'default' && key !== 'enum') {
      result[key] =
        key === 'patternProperties' || key === '$defs'
          ? Object.fromEntries(
              Object.entries(value as Record<string, JsonSchema>)
                .filter(([, each]) => isIn(each, version))
                .map(([name, each]) => [name, prune(each, version)]),
            )
          : prune(value as JsonSchema, version)
    } else {
      result[key] = value
    }
  }
  return result
}

function isIn(schema: JsonSchema, version: Microversion): boolean {
  const { since, until } = schema as Versioned
  if (since !== undefined && version < microversion(since)) return false
  return until === undefined || version <= microversion(until)
}

/**
 * @throws DomainError invalid, `http.schema.violated`: what, which field, what is allowed; `details.said` is the last alone
 */
export function validate(version: Microversion, schema: TSchema, value: unknown): void {
  let versions = derived.get(schema)
  if (versions === undefined) {
    versions = new Map()
    derived.set(schema, versions)
  }
  let check = versions.get(version)
  if (check === undefined) {
    check = compile(at(version, schema))
    versions.set(version, check)
  }
  const violation = check(value)
  if (violation === undefined) return
  const field = violation.path.split('/').pop() || 'body'
  throw new DomainError(
    'invalid',
    'http.schema.violated',
    `Invalid input for field/attribute ${field}. Value: ${shown(valueAt(value, violation.path))}. ${violation.message}`,
    { details: { path: violation.path, field, said: violation.message } },
  )
}

function compile(schema: TSchema): Validator {
  const compiled = Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return undefined
    const errors = compiled.Errors(value) as SchemaError[]
    // A forbidden property is reported twice, by its name and as a schema that is false; the name says more.
    const named = errors.filter(({ keyword }) => keyword !== 'boolean')
    // A union reports each failed branch; the deepest path is the one the author of the request meant.
    const first = (named.length > 0 ? named : errors).reduce((a, b) =>
      b.instancePath.split('/').length > a.instancePath.split('/').length ? b : a,
    )
    const message = inWords(first, valueAt(value, first.instancePath))
    return { path: first.instancePath, message }
  }
}

interface SchemaError {
  readonly instancePath: string
  readonly message: string
  readonly keyword: string
  readonly params: object
}

/** What clients of the real services are used to reading: the words of Python's jsonschema. */
function inWords({ keyword, params, message }: SchemaError, value: unknown): string {
  const given = params as Record<string, unknown> & {
    additionalProperties?: string[]
    requiredProperties?: string[]
    allowedValues?: unknown[]
  }
  const { additionalProperties: extra, requiredProperties: missing } = given
  if (extra !== undefined) {
    const names = extra.map((name) => `'${name}'`).join(', ')
    return `Additional properties are not allowed (${names} ${extra.length === 1 ? 'was' : 'were'} unexpected)`
  }
  if (missing !== undefined) return `${missing.map((name) => `'${name}'`).join(', ')} is a required property`
  const it = typeof value === 'string' ? `'${value.slice(0, 120)}'` : shown(value)
  switch (keyword) {
    case 'type':
      return `${it} is not of type ${[given.type]
        .flat()
        .map((type) => `'${type}'`)
        .join(', ')}`
    case 'minimum':
      return `${it} is less than the minimum of ${given.limit}`
    case 'maximum':
      return `${it} is greater than the maximum of ${given.limit}`
    case 'minLength':
    case 'minItems':
      return `${it} is too short`
    case 'maxLength':
    case 'maxItems':
      return `${it} is too long`
    case 'minProperties':
      return `${it} does not have enough properties`
    case 'maxProperties':
      return `${it} has too many properties`
    case 'enum':
      return `${it} is not one of ${listed(given.allowedValues ?? [])}`
    case 'pattern':
      return `${it} does not match '${given.pattern}'`
    case 'uniqueItems':
      return `${it} has non-unique elements`
    case 'format':
      return `${it} is not a '${given.format}'`
    default:
      return message
  }
}

function listed(values: readonly unknown[]): string {
  return `[${values.map((value) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))).join(', ')}]`
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('/')
    .slice(1)
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key.replaceAll('~1', '/')], value)
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'None'
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
