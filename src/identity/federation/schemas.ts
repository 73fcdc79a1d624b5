/** Bodies of the federation API. Source: keystone/federation/schema.py (2026-07) */
import { Type } from 'typebox'
import { IdString, Nullable } from '../attributes.ts'

const strict = { additionalProperties: false } as const

/** Chosen by the client, in the path. */
export const ProviderId = Type.String({ minLength: 1, maxLength: 64 })

const Url = Type.String({ maxLength: 225, pattern: '^[a-zA-Z0-9+.-]+:.+' })
const description = Type.Optional(Nullable(Type.String()))
const enabled = Type.Optional(Type.Boolean())

const serviceProvider = {
  description,
  enabled,
  relay_state_prefix: Type.Optional(Nullable(Type.String({ maxLength: 256 }))),
}

export const ServiceProviderCreateBody = Type.Object(
  { service_provider: Type.Object({ auth_url: Url, sp_url: Url, ...serviceProvider }, strict) },
  strict,
)

export const ServiceProviderUpdateBody = Type.Object(
  {
    service_provider: Type.Object(
      { auth_url: Type.Optional(Url), sp_url: Type.Optional(Url), ...serviceProvider },
      { ...strict, minProperties: 1 },
    ),
  },
  strict,
)

const identityProvider = {
  description,
  enabled,
  authorization_ttl: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: 0x7fffffff }))),
  remote_ids: Type.Optional(
    Nullable(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { uniqueItems: true, maxItems: 1000 })),
  ),
}

export const IdentityProviderCreateBody = Type.Object(
  { identity_provider: Type.Object({ ...identityProvider, domain_id: Type.Optional(Nullable(IdString)) }, strict) },
  strict,
)

export const IdentityProviderUpdateBody = Type.Object(
  { identity_provider: Type.Object(identityProvider, { ...strict, minProperties: 1 }) },
  strict,
)
