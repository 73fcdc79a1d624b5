/**
 * Attributes beside the known ones: users, projects and their like may carry any, and get them back as they are.
 * Source: the `extra` columns of keystone's models.
 */
import { type TSchema, Type } from 'typebox'
import { invalid } from './errors.ts'

export type Attributes = Readonly<Record<string, unknown>>

/** What the service itself says about a thing: never taken from a body. */
const OURS = ['id', 'links']

/** The attributes of `body` that are not among `known`. */
export function extraOf(body: Attributes, known: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !known.includes(name) && !OURS.includes(name)))
}

/** @throws DomainError invalid, `identity.id.changed` */
export function requireSameId(body: Attributes, id: string): void {
  if (body.id !== undefined && body.id !== id) throw invalid('id.changed', 'The id of a thing cannot be changed.')
}

/** Options of a thing after an update: null takes one away. */
export function mergedOptions(before: Attributes, change: Attributes | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null))
}

/** Whether an immutable thing may take this update: only one that does nothing but say that it is immutable no more. */
export function liftsImmutability(body: { readonly options?: Attributes | undefined }): boolean {
  const { options } = body
  if (Object.keys(body).length > 1 || options === undefined || !('immutable' in options)) return false
  return options.immutable !== true
}

/** A name: not blank, so much is asked of it by upstream and no more. */
export const NameOf = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '\\S' })

export const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

/** Ids that a client gives for other things. */
export const IdString = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' })

/** Options of projects, domains and roles. */
export const ImmutableOption = Type.Object(
  { immutable: Type.Optional(Nullable(Type.Boolean())) },
  { additionalProperties: false },
)
