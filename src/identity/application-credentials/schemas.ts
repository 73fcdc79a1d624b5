/** Bodies of the application credentials API. Source: keystone/application_credential/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, NameOf, Nullable } from '../attributes.ts'

const RoleSelector = Type.Object(
  { id: Type.Optional(IdString), name: Type.Optional(NameOf(255)) },
  { minProperties: 1, maxProperties: 1, additionalProperties: false },
)

/** A rule of the user's by its id, or a new one. */
const RuleBody = Type.Object(
  {
    id: Type.Optional(IdString),
    service: Type.Optional(IdString),
    method: Type.Optional(
      Type.Union(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'].map((method) => Type.Literal(method))),
    ),
    path: Type.Optional(Type.String({ maxLength: 225, pattern: '^/' })),
  },
  { additionalProperties: false },
)

export const ApplicationCredentialBody = Type.Object(
  {
    application_credential: Type.Object(
      {
        name: NameOf(255),
        description: Type.Optional(Nullable(Type.String())),
        secret: Type.Optional(Nullable(Type.String({ maxLength: 4096 }))),
        expires_at: Type.Optional(Nullable(Type.String())),
        roles: Type.Optional(Type.Array(RoleSelector)),
        unrestricted: Type.Optional(Nullable(Type.Boolean())),
        // Every request by the credential is held against all of them.
        access_rules: Type.Optional(Type.Array(RuleBody, { maxItems: 256 })),
        // The token says which; a client may repeat it.
        project_id: Type.Optional(IdString),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
