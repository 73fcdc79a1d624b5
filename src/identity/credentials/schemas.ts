/** Bodies of the credentials API. Source: keystone/credential/schema.py (2026-07) */
import { Type } from 'typebox'
import { Nullable } from '../attributes.ts'

export const CREDENTIAL_ATTRIBUTES = ['blob', 'project_id', 'type', 'user_id'] as const

const fields = {
  blob: Type.String({ maxLength: 65_536 }),
  type: Type.String({ minLength: 1, maxLength: 255 }),
  user_id: Type.String({ minLength: 1, maxLength: 64 }),
}
const project_id = Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 64 })))

export const CredentialCreateBody = Type.Object(
  { credential: Type.Object({ ...fields, project_id }) },
  { additionalProperties: false },
)

export const CredentialUpdateBody = Type.Object(
  {
    credential: Type.Object(
      {
        blob: Type.Optional(fields.blob),
        type: Type.Optional(fields.type),
        user_id: Type.Optional(fields.user_id),
        project_id,
      },
      { minProperties: 1 },
    ),
  },
  { additionalProperties: false },
)
