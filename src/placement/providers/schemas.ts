/** Shapes of the provider calls. Source: placement/schemas/resource_provider.py */
import Type from 'typebox'
import { UUID_PATTERN, uuid } from '../shapes.ts'

const name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000\\ud800-\\udfff]*$' })
const parent = Type.Optional(Type.Union([uuid, Type.Null()], { since: '1.14' }))

export const ProviderCreateBody = Type.Object(
  { name, uuid: Type.Optional(uuid), parent_provider_uuid: parent },
  { additionalProperties: false },
)
export const ProviderUpdateBody = Type.Object({ name, parent_provider_uuid: parent }, { additionalProperties: false })

export const ProviderListQuery = Type.Object(
  {
    name: Type.Optional(Type.String()),
    uuid: Type.Optional(uuid),
    member_of: Type.Optional(Type.String({ since: '1.3' })),
    resources: Type.Optional(Type.String({ since: '1.4' })),
    in_tree: Type.Optional(Type.String({ pattern: UUID_PATTERN, since: '1.14' })),
    required: Type.Optional(Type.String({ since: '1.18' })),
  },
  { additionalProperties: false },
)
