/** Bodies of the groups API. Source: keystone/identity/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, NameOf, Nullable } from '../attributes.ts'

export const GROUP_ATTRIBUTES = ['name', 'domain_id', 'description'] as const

const GroupName = NameOf(255)
const description = Type.Optional(Nullable(Type.String()))

export const GroupCreateBody = Type.Object(
  { group: Type.Object({ name: GroupName, domain_id: Type.Optional(IdString), description }) },
  { additionalProperties: false },
)

export const GroupUpdateBody = Type.Object(
  {
    group: Type.Object(
      { name: Type.Optional(GroupName), domain_id: Type.Optional(IdString), description },
      { minProperties: 1 },
    ),
  },
  { additionalProperties: false },
)
