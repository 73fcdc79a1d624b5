/** Bodies of the domains API. Source: keystone/resource/schema.py (2026-07) */
import { Type } from 'typebox'
import { ImmutableOption, Nullable } from '../attributes.ts'
import { ProjectName, Tags } from '../projects/schemas.ts'

export const DOMAIN_ATTRIBUTES = ['name', 'enabled', 'description', 'options', 'tags', 'explicit_domain_id'] as const

const changeable = {
  description: Type.Optional(Nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  options: Type.Optional(ImmutableOption),
  tags: Type.Optional(Tags),
}

export const DomainCreateBody = Type.Object(
  {
    domain: Type.Object({
      name: ProjectName,
      ...changeable,
      explicit_domain_id: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
    }),
  },
  { additionalProperties: false },
)

export const DomainUpdateBody = Type.Object(
  { domain: Type.Object({ name: Type.Optional(ProjectName), ...changeable }, { minProperties: 1 }) },
  { additionalProperties: false },
)
