/**
 * The group `default` that every project has from the first moment that somebody looks: all may leave, and its own
 * members may come in.
 * Source: neutron/db/securitygroups_db.py, neutron/db/migration (default security group rules template).
 */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import { newId, type ProjectId, type SecurityGroupId } from '../../ids.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import { type NewRule, ruleOf } from '../security-group-rules/plan.ts'
import * as rules from '../security-group-rules/store.ts'
import * as store from './store.ts'

/** Its id; made when it is missing. */
export async function ensureDefaultGroup(db: Database, projectId: ProjectId): Promise<SecurityGroupId> {
  const existing = await store.defaultOf(db, projectId)
  if (existing !== undefined) return existing
  const group = {
    id: newId<SecurityGroupId>(),
    projectId,
    name: 'default',
    description: 'Default security group',
    isDefault: true,
  }
  const made = await withinQuota(() =>
    transaction(db, async (tx) => {
      if (!(await store.insert(tx, group))) return false
      for (const rule of [...egressRules(group), ...memberRules(group)]) await rules.insert(tx, rule)
      return true
    }),
  )
  return made ? group.id : (await store.defaultOf(db, projectId))!
}

interface Group {
  readonly id: SecurityGroupId
  readonly projectId: ProjectId
}

/** What every new group begins with: all may leave. */
export function egressRules(group: Group): NewRule[] {
  return (['IPv4', 'IPv6'] as const).map((ethertype) => anything(group, 'egress', ethertype, null))
}

function memberRules(group: Group): NewRule[] {
  return (['IPv4', 'IPv6'] as const).map((ethertype) => anything(group, 'ingress', ethertype, group.id))
}

function anything(
  { id, projectId }: Group,
  direction: 'ingress' | 'egress',
  ethertype: 'IPv4' | 'IPv6',
  remoteGroupId: SecurityGroupId | null,
): NewRule {
  return ruleOf({
    securityGroupId: id,
    projectId,
    description: '',
    direction,
    ethertype,
    protocol: null,
    portRangeMin: null,
    portRangeMax: null,
    remoteIpPrefix: null,
    remoteGroupId,
  })
}
