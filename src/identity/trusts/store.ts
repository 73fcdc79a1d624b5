/** Rows of `identity.trusts` and the roles that they lend. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { ProjectId, UserId } from '../../ids.ts'
import { rolesOnProject, withImplied } from '../assignments/effective-roles.ts'
import type { Attributes } from '../attributes.ts'
import { invalid, trustTaken } from '../errors.ts'
import { type Role, roleColumns } from '../roles/store.ts'
import { userIsActive } from '../users/store.ts'

export interface Trust {
  readonly id: string
  readonly trustorUserId: UserId
  readonly trusteeUserId: UserId
  readonly projectId: ProjectId | null
  readonly impersonation: boolean
  readonly expiresAt: Date | null
  readonly remainingUses: number | null
  readonly redelegationCount: number
  readonly redelegatedTrustId: string | null
  readonly roleIds: readonly string[]
  readonly extra: Attributes
}

/** A trust that can be lived by, with what that depends on. */
export interface TrustWithLine extends Trust {
  /** The trustor at the beginning of the line, whose roles they all are. */
  readonly rootTrustorUserId: UserId
  /** Whether everybody between him and the trustee is enabled. */
  readonly lineEnabled: boolean
}

const columns = (sql: Sql) => sql`
  t.id, t.trustor_user_id, t.trustee_user_id, t.project_id, t.impersonation, t.expires_at, t.remaining_uses,
  t.redelegation_count, t.redelegated_trust_id, t.extra,
  (select coalesce(array_agg(tr.role_id order by tr.role_id), '{}') from identity.trust_roles tr where tr.trust_id = t.id)
    as role_ids`

/** The trust, unless its time is over. */
export async function findTrust(sql: Sql, id: string, inactiveDays = 0): Promise<TrustWithLine | undefined> {
  const [found] = await sql<TrustWithLine[]>`
    with recursive line as (
      select id, trustor_user_id, trustee_user_id, redelegated_trust_id, expires_at from identity.trusts where id = ${id}
      union all
      select p.id, p.trustor_user_id, p.trustee_user_id, p.redelegated_trust_id, p.expires_at
        from identity.trusts p join line on p.id = line.redelegated_trust_id)
    select ${columns(sql)},
           (select trustor_user_id from line where redelegated_trust_id is null) as root_trustor_user_id,
           (select bool_and(${userIsActive(sql, inactiveDays)} and d.enabled) from line
              join identity.users u on u.id in (line.trustor_user_id, line.trustee_user_id)
              join identity.projects d on d.id = u.domain_id) as line_enabled
      from identity.trusts t
     where t.id = ${id} and not exists (select 1 from line where expires_at <= now())`
  return found
}

/** From a trust up to the one at the beginning of its line, itself first. */
export async function listLine(sql: Sql, id: string): Promise<readonly Trust[]> {
  return await sql<Trust[]>`
    with recursive line as (
      select id, redelegated_trust_id, 0 as steps from identity.trusts where id = ${id}
      union all
      select p.id, p.redelegated_trust_id, line.steps + 1
        from identity.trusts p join line on p.id = line.redelegated_trust_id)
    select ${columns(sql)} from identity.trusts t join line on line.id = t.id order by line.steps`
}

export async function listTrusts(
  sql: Sql,
  by: { trustorUserId?: string | undefined; trusteeUserId?: string | undefined },
): Promise<readonly Trust[]> {
  return await sql<Trust[]>`
    select ${columns(sql)} from identity.trusts t
     where true
       ${by.trustorUserId === undefined ? sql`` : sql`and t.trustor_user_id = ${by.trustorUserId}`}
       ${by.trusteeUserId === undefined ? sql`` : sql`and t.trustee_user_id = ${by.trusteeUserId}`}
     order by t.id`
}

export async function listTrustRoles(sql: Sql, id: string): Promise<readonly Role[]> {
  return await sql<Role[]>`
    select ${roleColumns(sql)} from identity.trust_roles tr join identity.roles r on r.id = tr.role_id
     where tr.trust_id = ${id} order by r.id`
}

/** Every role that counts for a user on a project: those of domains, and implied ones, included. */
export async function listHeldRoleIds(sql: Sql, userId: string, projectId: string): Promise<readonly string[]> {
  const rows = await sql<{ roleId: string }[]>`${withImplied(sql, rolesOnProject(sql, userId, projectId))}`
  return rows.map((row) => row.roleId)
}

/** With its roles. */
export async function insertTrust(sql: Sql, trust: Trust): Promise<void> {
  try {
    await sql`
      insert into identity.trusts
        (id, trustor_user_id, trustee_user_id, project_id, impersonation, expires_at, remaining_uses, redelegation_count,
         redelegated_trust_id, extra)
      values (${trust.id}, ${trust.trustorUserId}, ${trust.trusteeUserId}, ${trust.projectId}, ${trust.impersonation},
              ${trust.expiresAt}, ${trust.remainingUses}, ${trust.redelegationCount}, ${trust.redelegatedTrustId},
              ${sql.json(trust.extra as never)})`
    await sql`
      insert into identity.trust_roles (trust_id, role_id) select ${trust.id}, unnest(${[...trust.roleIds]}::text[])`
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === undefined) throw error
    if (constraint === 'trusts_once') throw trustTaken()
    throw invalid('trust.something-gone', 'A user, the project, a role or the trust that it is made of is gone.')
  }
}

/** With all that were made out of it. */
export async function deleteTrust(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.trusts where id = ${id}`
  return gone.count > 0
}

/** Takes one of its uses; false when there is none left. Two logins cannot take the same. */
export async function consumeUse(sql: Sql, id: string): Promise<boolean> {
  const used = await sql`
    update identity.trusts set remaining_uses = remaining_uses - 1
     where id = ${id} and (remaining_uses is null or remaining_uses > 0)`
  return used.count > 0
}
