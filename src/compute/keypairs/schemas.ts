/** Shapes of the keypair calls. Source: nova/api/openstack/compute/schemas/keypairs.py */
import Type from 'typebox'
import { many, query, STORABLE } from '../parameter-types.ts'

const name = (extra: string) => `^(?! )[_\\-${extra} a-zA-Z0-9]+(?<! )$`

export const KeypairCreateBody = Type.Object(
  {
    keypair: Type.Object(
      {
        name: Type.Union([
          Type.String({ minLength: 1, maxLength: 255, pattern: name(''), until: '2.91' }),
          Type.String({ minLength: 1, maxLength: 255, pattern: name('@.'), since: '2.92' }),
        ]),
        type: Type.Optional(Type.Enum(['ssh', 'x509'], { since: '2.2' })),
        // Mandatory from 2.92 on; the route says so.
        public_key: Type.Optional(Type.String({ pattern: STORABLE })),
        user_id: Type.Optional(Type.String({ maxLength: 255, pattern: STORABLE, since: '2.10' })),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

const user = { user_id: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.10' })) }

export const KeypairListQuery = query(
  {
    ...user,
    limit: Type.Optional(
      Type.Union([Type.String({ pattern: '^[0-9]+$' }), Type.Array(Type.String({ pattern: '^[0-9]+$' }))], {
        since: '2.35',
      }),
    ),
    marker: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.35' })),
  },
  { looseUntil: '2.74' },
)
export const KeypairQuery = query({ user_id: Type.Optional(many(Type.String())) }, { looseUntil: '2.74' })
