/** Rows of `identity.assignments`: who has which role where. */
import type { Fragment } from 'postgres'
import { type Sql, violatedConstraint } from '../../database/database.ts'
import { notFound } from '../errors.ts'
import { type Role, roleColumns } from '../roles/store.ts'

export type Actor = { readonly userId: string } | { readonly groupId: string }
export type Target = { readonly projectId: string } | { readonly domainId: string } | { readonly system: true }

export interface Grant {
  readonly roleId: string
  readonly actor: Actor
  readonly target: Target
  /** Counts below the target and not on it. */
  readonly inherited: boolean
}

/** Repeating it changes nothing. @throws DomainError not-found when one of the things is gone meanwhile */
export async function insertGrant(sql: Sql, { roleId, actor, target, inherited }: Grant): Promise<void> {
  try {
    await sql`
      insert into identity.assignments (role_id, user_id, group_id, project_id, domain_id, on_system, inherited)
      values (${roleId}, ${'userId' in actor ? actor.userId : null}, ${'groupId' in actor ? actor.groupId : null},
              ${'projectId' in target ? target.projectId : null}, ${'domainId' in target ? target.domainId : null},
              ${'system' in target}, ${inherited})
      on conflict do nothing`
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'assignments_role_id_fkey':
        throw notFound('role', roleId)
      case 'assignments_user_id_fkey':
      case 'assignments_group_id_fkey':
        throw 'userId' in actor ? notFound('user', actor.userId) : notFound('group', actor.groupId)
      case 'assignments_project_id_fkey':
      case 'assignments_domain_id_fkey':
        throw notFound('projectId' in target ? 'project' : 'domain', Object.values(target)[0])
      default:
        throw error
    }
  }
}

/** Whether there was such a grant. */
export async function deleteGrant(sql: Sql, { roleId, ...where }: Grant): Promise<boolean> {
  const gone = await sql`delete from identity.assignments a where a.role_id = ${roleId} and ${granted(sql, where)}`
  return gone.count > 0
}

export async function hasGrant(sql: Sql, { roleId, ...where }: Grant): Promise<boolean> {
  const rows = await sql`select 1 from identity.assignments a where a.role_id = ${roleId} and ${granted(sql, where)}`
  return rows.length > 0
}

/** The roles that an actor was given right there, no implied ones. */
export async function listGrantedRoles(sql: Sql, where: Omit<Grant, 'roleId'>): Promise<readonly Role[]> {
  return await sql<Role[]>`
    select ${roleColumns(sql)} from identity.assignments a join identity.roles r on r.id = a.role_id
     where ${granted(sql, where)} order by r.id`
}

function granted(sql: Sql, { actor, target, inherited }: Omit<Grant, 'roleId'>): Fragment {
  const who = 'userId' in actor ? sql`a.user_id = ${actor.userId}` : sql`a.group_id = ${actor.groupId}`
  const where =
    'projectId' in target
      ? sql`a.project_id = ${target.projectId}`
      : 'domainId' in target
        ? sql`a.domain_id = ${target.domainId}`
        : sql`a.on_system`
  return sql`${who} and ${where} and a.inherited = ${inherited}`
}
