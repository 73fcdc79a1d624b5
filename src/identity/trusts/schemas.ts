/** Bodies of the trusts API. Source: keystone/trust/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, NameOf, Nullable } from '../attributes.ts'

const UserRef = Type.String({ minLength: 1, maxLength: 64 })

/** Attributes with a meaning, or that the service itself says; others are kept as they come. */
export const TRUST_ATTRIBUTES = [
  'trustor_user_id',
  'trustee_user_id',
  'impersonation',
  'project_id',
  'expires_at',
  'remaining_uses',
  'allow_redelegation',
  'redelegation_count',
  'redelegated_trust_id',
  'deleted_at',
  'roles',
  'roles_links',
] as const

export const TrustBody = Type.Object(
  {
    trust: Type.Object({
      trustor_user_id: UserRef,
      trustee_user_id: UserRef,
      impersonation: Type.Boolean(),
      project_id: Type.Optional(Nullable(IdString)),
      expires_at: Type.Optional(Nullable(Type.String())),
      remaining_uses: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 0x7fffffff }))),
      allow_redelegation: Type.Optional(Nullable(Type.Boolean())),
      redelegation_count: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: 0x7fffffff }))),
      roles: Type.Optional(
        Type.Array(
          Type.Object(
            { id: Type.Optional(IdString), name: Type.Optional(NameOf(255)) },
            { minProperties: 1, maxProperties: 1, additionalProperties: false },
          ),
        ),
      ),
    }),
  },
  { additionalProperties: false },
)
