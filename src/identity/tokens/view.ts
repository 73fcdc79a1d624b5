/** A token as its answer shows it. Source: keystone/common/render_token.py */
import type { Catalog } from '../catalog/catalog.ts'
import type { Federation } from '../federation/federation.ts'
import type { LendingTrust, NarrowingCredential } from './store.ts'
import type { Token } from './tokens.ts'

/** What stands in the answer beside the token itself. */
export interface Surroundings {
  /** Undefined where the client does not want it. */
  readonly catalog: Catalog | undefined
  readonly federation: Pick<Federation, 'serviceProvidersAsJson'>
}

/** The whole body as JSON, kept with the token: validating it again writes nothing. */
export async function tokenJson(token: Token, { catalog, federation }: Surroundings): Promise<string> {
  token.json ??= JSON.stringify({ token: viewToken(token) })
  const providers = await federation.serviceProvidersAsJson()
  const withCatalog = catalog !== undefined && token.facts.scope.kind !== 'unscoped'
  if (!withCatalog && providers === undefined) return token.json
  const shown = withCatalog ? await catalog.asJson(token.access.userId, token.caller.projectId) : undefined
  const further = `${shown === undefined ? '' : `,"catalog":${shown}`}${providers === undefined ? '' : `,"service_providers":${providers}`}`
  return `${token.json.slice(0, -2)}${further}}}`
}

function viewToken({ facts, access }: Token): Record<string, unknown> {
  return {
    methods: facts.methods,
    user: {
      domain: { id: access.userDomainId, name: access.userDomainName },
      id: access.userId,
      name: access.userName,
      // Without a Z, alone among the times: clients expect it so.
      password_expires_at: access.passwordExpiresAt === null ? null : microseconds(access.passwordExpiresAt),
    },
    audit_ids: facts.parentAuditId === undefined ? [facts.auditId] : [facts.auditId, facts.parentAuditId],
    expires_at: `${microseconds(facts.expiresAt)}Z`,
    issued_at: `${microseconds(facts.issuedAt)}Z`,
    ...(facts.scope.kind === 'project' && {
      project: {
        domain: { id: access.scopeDomainId, name: access.scopeDomainName },
        id: access.scopeId,
        name: access.scopeName,
      },
      is_domain: false,
    }),
    ...(facts.scope.kind === 'domain' && { domain: { id: access.scopeId, name: access.scopeName } }),
    ...(facts.scope.kind === 'system' && { system: { all: true } }),
    ...(facts.scope.kind !== 'unscoped' && { roles: access.roles }),
    ...(access.trust !== undefined && { 'OS-TRUST:trust': viewTrust(access.trust) }),
    ...(access.applicationCredential !== null && {
      application_credential: viewApplicationCredential(access.applicationCredential),
    }),
  }
}

function viewTrust(trust: LendingTrust) {
  return {
    id: trust.id,
    impersonation: trust.impersonation,
    trustor_user: { id: trust.trustorUserId },
    trustee_user: { id: trust.trusteeUserId },
  }
}

function viewApplicationCredential({ id, name, unrestricted, accessRules }: NarrowingCredential) {
  return { id, name, restricted: !unrestricted, ...(accessRules !== null && { access_rules: accessRules }) }
}

/** `2026-01-02T03:04:05.678000` */
export function microseconds(time: Date): string {
  return time.toISOString().replace('Z', '000')
}
