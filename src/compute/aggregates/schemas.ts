/** Shapes of the aggregate calls. Source: nova/api/openstack/compute/schemas/aggregates.py */
import Type from 'typebox'
import { name, query, STORABLE } from '../parameter-types.ts'
import { hostName } from '../services/schemas.ts'

/** A name without a colon: `zone:host:node` is cut at colons. */
const zone = Type.Union([
  Type.String({ minLength: 1, maxLength: 255, pattern: '^(?!\\s)[^:\\p{Cc}\\p{Cs}]+(?<!\\s)$' }),
  Type.Null(),
])

export const AggregateCreateBody = Type.Object(
  { aggregate: Type.Object({ name: name(), availability_zone: Type.Optional(zone) }, { additionalProperties: false }) },
  { additionalProperties: false },
)
export const AggregateUpdateBody = Type.Object(
  {
    aggregate: Type.Object(
      { name: Type.Optional(name()), availability_zone: Type.Optional(zone) },
      { additionalProperties: false, minProperties: 1 },
    ),
  },
  { additionalProperties: false },
)
export const HostBody = Type.Object({ host: hostName }, { additionalProperties: false })
export const MetadataBody = Type.Object(
  {
    metadata: Type.Record(
      Type.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }),
      Type.Union([Type.String({ maxLength: 255, pattern: STORABLE }), Type.Null()]),
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export const ImagesBody = Type.Object(
  {
    cache: Type.Array(Type.Object({ id: Type.String({ format: 'uuid' }) }, { additionalProperties: false }), {
      minItems: 1,
    }),
  },
  { additionalProperties: false },
)
export const NoQuery = query({}, { looseUntil: '2.101' })
