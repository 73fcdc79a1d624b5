/** Bodies of the projects API. Source: keystone/resource/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, ImmutableOption, NameOf, Nullable } from '../attributes.ts'

export const ProjectName = NameOf(64)
export const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]*$' })
export const Tags = Type.Array(Tag, { maxItems: 80, uniqueItems: true })

/** Attributes with a meaning; others are kept as they come. */
export const PROJECT_ATTRIBUTES = [
  'name',
  'domain_id',
  'parent_id',
  'is_domain',
  'enabled',
  'description',
  'options',
  'tags',
] as const

const changeable = {
  description: Type.Optional(Nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  options: Type.Optional(ImmutableOption),
  tags: Type.Optional(Tags),
}
const fixed = {
  domain_id: Type.Optional(Nullable(IdString)),
  parent_id: Type.Optional(Nullable(IdString)),
  is_domain: Type.Optional(Type.Boolean()),
}

export const ProjectCreateBody = Type.Object(
  { project: Type.Object({ name: ProjectName, ...changeable, ...fixed }) },
  { additionalProperties: false },
)

export const ProjectUpdateBody = Type.Object(
  { project: Type.Object({ name: Type.Optional(ProjectName), ...changeable, ...fixed }, { minProperties: 1 }) },
  { additionalProperties: false },
)

export const TagsBody = Type.Object({ tags: Tags }, { additionalProperties: false })
