/**
 * What a trustee may do by a trust: the roles that it lends, as long as the trustor at the beginning of its line still
 * has every one of them. Source: keystone/models/token_model.py, `_get_trust_roles`
 */
import type { Sql } from '../../database/database.ts'
import { findImplied } from '../roles/store.ts'
import { type Scope, UNSCOPED } from '../tokens/scope.ts'
import { type Access, findAccess } from '../tokens/store.ts'
import { findTrust, listHeldRoleIds } from './store.ts'

/** The project that the trust is for, or none. */
export function scopeOf(trust: { readonly projectId: string | null }): Scope {
  return trust.projectId === null ? UNSCOPED : { kind: 'project', id: trust.projectId as never }
}

/** Undefined when the trust is gone or over, or is somebody else's. No roles are left when the trustor has lost one. */
export async function findTrustedAccess(
  sql: Sql,
  trusteeId: string,
  trustId: string,
  inactiveDays: number,
): Promise<Access | undefined> {
  const trust = await findTrust(sql, trustId, inactiveDays)
  if (trust === undefined || trust.trusteeUserId !== trusteeId) return undefined
  const [root, trustor, trustee, lent, held] = await Promise.all([
    findAccess(sql, trust.rootTrustorUserId, scopeOf(trust), {}, inactiveDays),
    findAccess(sql, trust.trustorUserId, UNSCOPED, {}, inactiveDays),
    findAccess(sql, trust.trusteeUserId, UNSCOPED, {}, inactiveDays),
    findImplied(sql, trust.roleIds),
    trust.projectId === null
      ? Promise.resolve<readonly string[]>([])
      : listHeldRoleIds(sql, trust.rootTrustorUserId, trust.projectId),
  ])
  if (root === undefined || trustor === undefined || trustee === undefined) return undefined
  const shown = trust.impersonation ? trustor : trustee
  return {
    ...shown,
    userEnabled: trust.lineEnabled,
    // Either's new password ends what was issued before.
    userGeneration: trustor.userGeneration + trustee.userGeneration,
    scopeId: root.scopeId,
    scopeName: root.scopeName,
    scopeEnabled: root.scopeEnabled,
    scopeGeneration: root.scopeGeneration,
    scopeDomainId: root.scopeDomainId,
    scopeDomainName: root.scopeDomainName,
    roles: lent.every((id) => held.includes(id)) ? root.roles.filter((role) => lent.includes(role.id)) : [],
    trust: {
      id: trust.id,
      impersonation: trust.impersonation,
      trustorUserId: trust.trustorUserId,
      trusteeUserId: trust.trusteeUserId,
    },
  }
}
