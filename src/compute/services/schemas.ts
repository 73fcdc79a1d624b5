/** Shapes of the service calls. Source: nova/api/openstack/compute/schemas/services.py */
import Type from 'typebox'
import { booleanOrText, many, query, STORABLE } from '../parameter-types.ts'

const reason = Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: STORABLE }))
export const hostName = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9\\-._]*$' })

/** Up to 2.52 the deed is in the path and the service in the body. */
export const ServiceDeedBody = Type.Object(
  {
    host: hostName,
    binary: Type.String({ minLength: 1, maxLength: 255 }),
    disabled_reason: reason,
    forced_down: Type.Optional(Type.Enum([...booleanOrText.enum], { since: '2.11' })),
  },
  { additionalProperties: false },
)

export const ServiceUpdateBody = Type.Object(
  {
    status: Type.Optional(Type.Enum(['enabled', 'disabled'])),
    disabled_reason: reason,
    forced_down: Type.Optional(booleanOrText),
  },
  { additionalProperties: false },
)

export const ServiceListQuery = query(
  { host: Type.Optional(many(Type.String())), binary: Type.Optional(many(Type.String())) },
  { looseUntil: '2.74' },
)
