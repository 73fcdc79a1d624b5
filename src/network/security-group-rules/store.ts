/** Rules of security groups in SQL. */
import { type Sql, type Transaction, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { ProjectId, SecurityGroupId, SecurityGroupRuleId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { Fragment } from '../resources/filters.ts'
import { behindMarker, type Listing, matching, ordered } from '../resources/listing.ts'
import { ofRevision } from '../resources/revision.ts'
import { type StandardRow, standardColumns } from '../resources/standard-attributes.ts'
import type { NewRule } from './plan.ts'

export interface RuleRow extends StandardRow {
  readonly id: SecurityGroupRuleId
  readonly securityGroupId: SecurityGroupId
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly portRangeMin: number | null
  readonly portRangeMax: number | null
  readonly remoteIpPrefix: string | null
  readonly normalizedCidr: string | null
  readonly remoteGroupId: SecurityGroupId | null
  readonly ofDefaultGroup: boolean
  readonly groupProjectId: ProjectId
}

const SOURCE = 'network.security_group_rules r join network.security_groups g on g.id = r.security_group_id'
const COLUMNS = `${standardColumns('r')}, r.security_group_id, r.direction, r.ethertype, r.protocol, r.port_range_min,
  r.port_range_max, text(r.remote_ip_prefix) as remote_ip_prefix, network(r.remote_ip_prefix)::text as normalized_cidr,
  r.remote_group_id, g.is_default as of_default_group, g.project_id as group_project_id`

function visible(sql: Sql, caller: Caller): Fragment {
  if (caller.isAdmin) return sql`true`
  const own = caller.roles.includes('reader') ? (caller.projectId ?? null) : null
  return sql`(r.project_id = ${own} or g.project_id = ${own})`
}

export async function list(sql: Sql, caller: Caller, listing: Listing): Promise<readonly RuleRow[]> {
  return await sql<RuleRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where ${visible(sql, caller)} and ${matching(sql, listing)} and (${behindMarker(sql, listing, SOURCE)})
     ${ordered(sql, listing)}`
}

export async function find(sql: Sql, ids: readonly string[], caller?: Caller): Promise<readonly RuleRow[]> {
  return await sql<RuleRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where r.id = any(${ids as string[]}::uuid[]) and ${caller === undefined ? sql`true` : visible(sql, caller)}`
}

/** The rules of groups, oldest first. */
export async function ofGroups(sql: Sql, groupIds: readonly string[]): Promise<readonly RuleRow[]> {
  return await sql<RuleRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where r.security_group_id = any(${groupIds as string[]}::uuid[]) order by r.created_at, r.id`
}

/** @throws DomainError `network.security-group-rule.exists`, `network.security-group.not-found` */
export async function insert(tx: Transaction, rule: NewRule): Promise<void> {
  try {
    // A statement does not see what another transaction committed while it waited for that: the same rule is looked up by
    // a statement of its own, and may be gone again by then.
    for (;;) {
      const added = await tx`
        insert into network.security_group_rules (id, security_group_id, project_id, description, direction, ethertype,
          protocol, port_range_min, port_range_max, remote_ip_prefix, remote_group_id, rule_key)
        values (${rule.id}, ${rule.securityGroupId}, ${rule.projectId}, ${rule.description}, ${rule.direction},
          ${rule.ethertype}, ${rule.protocol}, ${rule.portRangeMin}, ${rule.portRangeMax}, ${rule.remoteIpPrefix},
          ${rule.remoteGroupId}, ${rule.ruleKey})
        on conflict on constraint security_group_rules_same do nothing`
      if (added.count === 1) return
      const [existing] = await tx<{ id: string }[]>`
        select id from network.security_group_rules
         where security_group_id = ${rule.securityGroupId} and rule_key = ${rule.ruleKey}`
      if (existing !== undefined) throw refusal('network.security-group-rule.exists', existing.id)
    }
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === 'security_group_rules_group') {
      throw refusal('network.security-group.not-found', rule.securityGroupId)
    }
    if (constraint === 'security_group_rules_remote_group') {
      throw refusal('network.security-group.not-found', String(rule.remoteGroupId))
    }
    throw error
  }
}

export async function remove(tx: Transaction, id: SecurityGroupRuleId, revision: number | undefined): Promise<boolean> {
  const gone = await tx`delete from network.security_group_rules where id = ${id} and ${ofRevision(tx, revision)}`
  return gone.count === 1
}
