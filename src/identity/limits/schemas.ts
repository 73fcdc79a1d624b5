/** Bodies of the unified limits API. Source: keystone/limit/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, NameOf, Nullable } from '../attributes.ts'
import { RegionId } from '../regions/schemas.ts'

/** -1 is no limit. */
const Amount = Type.Integer({ minimum: -1, maximum: 0x7fffffff })
const ServiceId = Type.String({ pattern: '^[0-9a-fA-F-]{32,36}$' })
const strict = { additionalProperties: false } as const
const description = Type.Optional(Nullable(Type.String({ maxLength: 255 })))
const region_id = Type.Optional(Nullable(RegionId))

export const RegisteredLimitsBody = Type.Object(
  {
    registered_limits: Type.Array(
      Type.Object(
        { service_id: ServiceId, region_id, resource_name: NameOf(255), default_limit: Amount, description },
        strict,
      ),
      { minItems: 1 },
    ),
  },
  strict,
)

export const RegisteredLimitBody = Type.Object(
  {
    registered_limit: Type.Object(
      {
        service_id: Type.Optional(ServiceId),
        region_id,
        resource_name: Type.Optional(NameOf(255)),
        default_limit: Type.Optional(Amount),
        description,
      },
      strict,
    ),
  },
  strict,
)

export const LimitsBody = Type.Object(
  {
    limits: Type.Array(
      Type.Object(
        {
          service_id: ServiceId,
          region_id,
          resource_name: NameOf(255),
          resource_limit: Amount,
          project_id: Type.Optional(IdString),
          domain_id: Type.Optional(IdString),
          description,
        },
        strict,
      ),
      { minItems: 1 },
    ),
  },
  strict,
)

export const LimitBody = Type.Object(
  { limit: Type.Object({ resource_limit: Type.Optional(Amount), description }, strict) },
  strict,
)
