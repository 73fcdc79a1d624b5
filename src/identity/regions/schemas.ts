/** Bodies of the regions API. Source: keystone/catalog/schema.py (2026-07) */
import { Type } from 'typebox'
import { Nullable } from '../attributes.ts'

export const REGION_ATTRIBUTES = ['description', 'parent_region_id'] as const

export const RegionId = Type.String({ minLength: 1, maxLength: 255 })
const changeable = {
  description: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
  parent_region_id: Type.Optional(Nullable(RegionId)),
}

export const RegionCreateBody = Type.Object(
  { region: Type.Object({ id: Type.Optional(Nullable(RegionId)), ...changeable }) },
  { additionalProperties: false },
)

export const RegionUpdateBody = Type.Object(
  { region: Type.Object(changeable, { minProperties: 1 }) },
  { additionalProperties: false },
)
