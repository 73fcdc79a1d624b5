/**
 * Bodies about EC2 credentials and requests that were signed with them. Source: keystone/api/users.py,
 * keystone/api/_shared/EC2_S3_Resource.py, which take whatever comes; what they read is typed here.
 */
import { type Static, Type } from 'typebox'

export const Ec2CredentialBody = Type.Object({ tenant_id: Type.String({ minLength: 1, maxLength: 64 }) })

const Text = Type.String({ maxLength: 8192 })
/** Values of query parameters may be numbers in JSON; they are signed as they are written. */
const Texts = Type.Record(Type.String({ maxLength: 255 }), Type.Union([Text, Type.Number(), Type.Boolean()]))

const Signed = Type.Object({
  access: Type.Optional(Text),
  signature: Type.Optional(Text),
  host: Type.Optional(Text),
  verb: Type.Optional(Text),
  path: Type.Optional(Text),
  params: Type.Optional(Texts),
  headers: Type.Optional(Texts),
  body_hash: Type.Optional(Text),
  /** S3: what was signed, in base64url. */
  token: Type.Optional(Text),
})

/** Three names for one thing, as clients of different ages have it. */
export const SignedBody = Type.Object({
  credentials: Type.Optional(Signed),
  credential: Type.Optional(Signed),
  ec2Credentials: Type.Optional(Signed),
})

export type Signed = Static<typeof Signed>
