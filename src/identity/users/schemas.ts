/**
 * Bodies of the users API. Source: keystone/identity/schema.py, keystone/identity/backends/resource_options.py (2026-07)
 */
import { Type } from 'typebox'
import { IdString, NameOf, Nullable } from '../attributes.ts'

/** Attributes with a meaning; others (description and email above all) are kept as they come. */
export const USER_ATTRIBUTES = [
  'name',
  'domain_id',
  'enabled',
  'default_project_id',
  'password',
  'options',
  'federated',
] as const

const Switch = Type.Optional(Nullable(Type.Boolean()))

/** The `ignore_…` options matter where a setting of the same matter is on; the others always do. */
const UserOptions = Type.Object(
  {
    ignore_change_password_upon_first_use: Switch,
    ignore_password_expiry: Switch,
    ignore_lockout_failure_attempts: Switch,
    ignore_user_inactivity: Switch,
    lock_password: Switch,
    multi_factor_auth_enabled: Switch,
    multi_factor_auth_rules: Type.Optional(
      Nullable(
        Type.Array(Type.Array(Type.String(), { minItems: 1, uniqueItems: true }), { minItems: 0, uniqueItems: true }),
      ),
    ),
  },
  { additionalProperties: false },
)

const changeable = {
  description: Type.Optional(Nullable(Type.String())),
  domain_id: Type.Optional(IdString),
  enabled: Type.Optional(Type.Boolean()),
  default_project_id: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
  password: Type.Optional(Nullable(Type.String())),
  options: Type.Optional(UserOptions),
  federated: Type.Optional(Type.Array(Type.Unknown())),
}
const UserName = NameOf(255)

export const UserCreateBody = Type.Object(
  { user: Type.Object({ name: UserName, ...changeable }) },
  { additionalProperties: false },
)

export const UserUpdateBody = Type.Object(
  { user: Type.Object({ name: Type.Optional(UserName), ...changeable }, { minProperties: 1 }) },
  { additionalProperties: false },
)

export const PasswordChangeBody = Type.Object(
  {
    user: Type.Object({ original_password: Type.String(), password: Type.String() }, { additionalProperties: false }),
  },
  { additionalProperties: false },
)
