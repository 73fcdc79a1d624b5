/** Shapes of the allocation calls. Source: placement/schemas/allocation.py */
import Type, { type TSchema } from 'typebox'
import { className, generation, uuid, uuidKey } from '../shapes.ts'

const resources = Type.Record(className, Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), {
  minProperties: 1,
  additionalProperties: false,
})
const owner = (since: string) =>
  Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000\\ud800-\\udfff]*$', since })

/** Up to 1.11 a list. */
const list = Type.Array(
  Type.Object(
    { resource_provider: Type.Object({ uuid }, { additionalProperties: false }), resources },
    { additionalProperties: false },
  ),
  { minItems: 1, until: '1.11' },
)
/** From 1.12 on by provider; empty where that means to take all away. */
const byProvider = (minProperties: number, versions: { since?: string; until?: string }) =>
  Type.Record(
    uuidKey,
    Type.Object({ generation: Type.Optional(generation), resources }, { additionalProperties: false }),
    { minProperties, additionalProperties: false, ...versions },
  )

const consumer = (allocations: TSchema, ownersSince: string) =>
  Type.Object(
    {
      allocations,
      project_id: owner(ownersSince),
      user_id: owner(ownersSince),
      consumer_generation: Type.Union([Type.Integer(), Type.Null()], { since: '1.28' }),
      // What the candidates said which provider serves which group: taken and not kept.
      mappings: Type.Optional(
        Type.Record(Type.String({ pattern: '^.*$' }), Type.Array(uuid, { minItems: 1 }), {
          minProperties: 1,
          since: '1.34',
        }),
      ),
      consumer_type: Type.String({ pattern: '^[A-Z0-9_]+$', minLength: 1, maxLength: 255, since: '1.38' }),
    },
    { additionalProperties: false },
  )

export const AllocationsBody = consumer(
  Type.Union([list, byProvider(1, { since: '1.12', until: '1.27' }), byProvider(0, { since: '1.28' })]),
  '1.8',
)

export const ManyAllocationsBody = Type.Record(uuidKey, consumer(byProvider(0, {}), '1.0'), {
  minProperties: 1,
  additionalProperties: false,
})
/** The same, and it may be empty: what a reshaper says of consumers. */
export const AnyAllocationsBody = Type.Record(uuidKey, consumer(byProvider(0, {}), '1.0'), {
  additionalProperties: false,
})
