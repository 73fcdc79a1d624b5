/** Bodies of endpoint groups. Source: keystone/catalog/schema.py, keystone/api/os_ep_filter.py (2026-07) */
import { Type } from 'typebox'
import { NameOf, Nullable } from '../attributes.ts'

/** `enabled`, which upstream's schema knows as well, is refused by its rules. */
const filters = {
  interface: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')])),
  service_id: Type.Optional(Type.String({ maxLength: 64 })),
  region_id: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
}
const closed = { additionalProperties: false }
const description = Type.Optional(Nullable(Type.String({ maxLength: 65_536 })))

export const EndpointGroupCreateBody = Type.Object(
  {
    endpoint_group: Type.Object(
      { name: NameOf(255), description, filters: Type.Object(filters, { ...closed, minProperties: 1 }) },
      closed,
    ),
  },
  closed,
)

export const EndpointGroupUpdateBody = Type.Object(
  {
    endpoint_group: Type.Object(
      {
        name: Type.Optional(NameOf(255)),
        description,
        filters: Type.Optional(Type.Object(filters, closed)),
      },
      { ...closed, minProperties: 1 },
    ),
  },
  closed,
)
