/** Bodies of the services API. Source: keystone/catalog/schema.py (2026-07) */
import { Type } from 'typebox'
import { Nullable } from '../attributes.ts'

export const SERVICE_ATTRIBUTES = ['type', 'name', 'description', 'enabled'] as const

const ServiceType = Type.String({ minLength: 1, maxLength: 255 })
const changeable = {
  name: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
  description: Type.Optional(Nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
}

export const ServiceCreateBody = Type.Object(
  { service: Type.Object({ type: ServiceType, ...changeable }) },
  { additionalProperties: false },
)

export const ServiceUpdateBody = Type.Object(
  { service: Type.Object({ type: Type.Optional(ServiceType), ...changeable }, { minProperties: 1 }) },
  { additionalProperties: false },
)
