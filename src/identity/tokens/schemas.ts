/** Bodies of `POST /v3/auth/tokens`. Source: keystone/auth/schema.py, keystone/auth/core.py (2026-07) */
import { Type } from 'typebox'

const DomainSelector = Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) })

const UserSelector = {
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  domain: Type.Optional(DomainSelector),
}

export const AuthBody = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Type.String(), { minItems: 1 }),
      password: Type.Optional(
        Type.Object({ user: Type.Object({ ...UserSelector, password: Type.Optional(Type.String()) }) }),
      ),
      token: Type.Optional(Type.Object({ id: Type.String() })),
      totp: Type.Optional(
        Type.Object({ user: Type.Object({ ...UserSelector, passcode: Type.Optional(Type.String()) }) }),
      ),
      application_credential: Type.Optional(
        Type.Object({
          id: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          secret: Type.Optional(Type.String()),
          user: Type.Optional(Type.Object(UserSelector)),
        }),
      ),
    }),
    scope: Type.Optional(
      Type.Union([
        Type.Literal('unscoped'),
        Type.Object({
          unscoped: Type.Optional(Type.Object({})),
          system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
          domain: Type.Optional(DomainSelector),
          project: Type.Optional(
            Type.Object({
              id: Type.Optional(Type.String()),
              name: Type.Optional(Type.String()),
              domain: Type.Optional(DomainSelector),
            }),
          ),
          'OS-TRUST:trust': Type.Optional(Type.Object({ id: Type.String() })),
        }),
      ]),
    ),
  }),
})
