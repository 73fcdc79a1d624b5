/** Bodies of the roles API. Source: keystone/assignment/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, ImmutableOption, NameOf, Nullable } from '../attributes.ts'

export const ROLE_ATTRIBUTES = ['name', 'domain_id', 'description', 'options'] as const

const RoleName = NameOf(255)
const changeable = {
  description: Type.Optional(Nullable(Type.String())),
  domain_id: Type.Optional(Nullable(IdString)),
  options: Type.Optional(ImmutableOption),
}

export const RoleCreateBody = Type.Object(
  { role: Type.Object({ name: RoleName, ...changeable }) },
  { additionalProperties: false },
)

export const RoleUpdateBody = Type.Object(
  { role: Type.Object({ name: Type.Optional(RoleName), ...changeable }, { minProperties: 1 }) },
  { additionalProperties: false },
)
