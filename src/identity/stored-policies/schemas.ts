/** Bodies of the policies API. Source: keystone/policy/schema.py (2026-07) */
import { Type } from 'typebox'

export const POLICY_ATTRIBUTES = ['blob', 'type'] as const

const fields = { blob: Type.String({ maxLength: 65_536 }), type: Type.String({ maxLength: 255 }) }

export const PolicyCreateBody = Type.Object({ policy: Type.Object(fields) }, { additionalProperties: false })

export const PolicyUpdateBody = Type.Object(
  { policy: Type.Object({ blob: Type.Optional(fields.blob), type: Type.Optional(fields.type) }, { minProperties: 1 }) },
  { additionalProperties: false },
)
