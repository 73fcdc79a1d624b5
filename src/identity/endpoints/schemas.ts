/** Bodies of the endpoints API. Source: keystone/catalog/schema.py (2026-07) */
import { Type } from 'typebox'
import { Nullable } from '../attributes.ts'
import { RegionId } from '../regions/schemas.ts'

export const ENDPOINT_ATTRIBUTES = [
  'service_id',
  'region_id',
  'region',
  'interface',
  'url',
  'enabled',
  'name',
  'description',
] as const

const fields = {
  interface: Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')]),
  service_id: Type.String({ maxLength: 64 }),
  url: Type.String({ maxLength: 225, pattern: '^[a-zA-Z0-9+.-]+:.+' }),
}
const changeable = {
  enabled: Type.Optional(Type.Boolean()),
  /** `region` is the older word; a region named by it is made where it is missing. */
  region: Type.Optional(Nullable(RegionId)),
  region_id: Type.Optional(Nullable(RegionId)),
  name: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
  description: Type.Optional(Nullable(Type.String())),
}

export const EndpointCreateBody = Type.Object(
  { endpoint: Type.Object({ ...fields, ...changeable }) },
  { additionalProperties: false },
)

export const EndpointUpdateBody = Type.Object(
  {
    endpoint: Type.Object(
      {
        interface: Type.Optional(fields.interface),
        service_id: Type.Optional(fields.service_id),
        url: Type.Optional(fields.url),
        ...changeable,
      },
      { minProperties: 1 },
    ),
  },
  { additionalProperties: false },
)
