/** Role assignments in one statement each: as they were given, and as they take effect. */
import type { Fragment } from 'postgres'
import type { Sql } from '../../database/database.ts'

export interface AssignmentFilter {
  readonly roleId?: string | undefined
  readonly userId?: string | undefined
  readonly groupId?: string | undefined
  readonly projectId?: string | undefined
  /** With `projectId`: on the projects below it too. */
  readonly subtree?: boolean
  readonly domainId?: string | undefined
  readonly system?: boolean
  readonly inherited?: boolean | undefined
  /** Only what is on this domain or on projects in it. */
  readonly withinDomainId?: string | undefined
}

/** One actor, one role, one target; with all names, for those who want them. */
export interface AssignmentRow {
  readonly roleId: string
  readonly roleName: string
  readonly roleDomainId: string | null
  readonly roleDomainName: string | null
  readonly userId: string | null
  readonly userName: string | null
  readonly groupId: string | null
  readonly groupName: string | null
  /** Of the user or the group. */
  readonly actorDomainId: string
  readonly actorDomainName: string
  readonly projectId: string | null
  readonly projectName: string | null
  readonly projectDomainId: string | null
  readonly projectDomainName: string | null
  readonly domainId: string | null
  readonly domainName: string | null
  readonly onSystem: boolean
  readonly inherited: boolean
  /** Where it comes from, when it takes effect only indirectly. */
  readonly givenRoleId: string
  readonly viaGroupId: string | null
  readonly fromProjectId: string | null
  readonly fromDomainId: string | null
}

export async function listDirect(sql: Sql, filter: AssignmentFilter): Promise<readonly AssignmentRow[]> {
  const rows = sql`
    select a.id, a.role_id, a.role_id as given_role_id, a.user_id, a.group_id, null::text as via_group_id,
           a.project_id, a.domain_id, null::text as from_project_id, null::text as from_domain_id, a.on_system, a.inherited
      from identity.assignments a`
  return await listNamed(sql, rows, filter)
}

/**
 * Groups become their members, inherited roles the projects below, and each role brings those that it implies. What is
 * inheritable is in no effect at its own target; a domain's own roles are in none at all.
 */
export async function listEffective(sql: Sql, filter: AssignmentFilter): Promise<readonly AssignmentRow[]> {
  const rows = sql`
    with recursive
    implies (given_role_id, role_id) as (
      select id, id from identity.roles
      union
      select x.given_role_id, i.implied_role_id
        from implies x join identity.implied_roles i on i.prior_role_id = x.role_id),
    -- A project hangs below its parent, top-level ones below their domain.
    below (root_id, project_id) as (
      select parent_id, id from identity.projects where parent_id is not null
      union all
      select b.root_id, p.id from below b join identity.projects p on p.parent_id = b.project_id)
    select a.id, i.role_id, a.role_id as given_role_id, coalesce(a.user_id, m.user_id) as user_id,
           null::text as group_id, a.group_id as via_group_id,
           case when a.inherited then b.project_id else a.project_id end as project_id,
           case when a.inherited then null else a.domain_id end as domain_id,
           case when a.inherited then a.project_id end as from_project_id,
           case when a.inherited then a.domain_id end as from_domain_id,
           a.on_system, a.inherited
      from identity.assignments a
      join implies i on i.given_role_id = a.role_id
      join identity.roles r on r.id = i.role_id and r.domain_id is null
      left join identity.memberships m on m.group_id = a.group_id
      left join below b on a.inherited and b.root_id = coalesce(a.project_id, a.domain_id)
     where (a.group_id is null or m.user_id is not null) and (not a.inherited or b.project_id is not null)`
  return await listNamed(sql, rows, filter)
}

async function listNamed(sql: Sql, rows: Fragment, filter: AssignmentFilter): Promise<readonly AssignmentRow[]> {
  const { roleId, userId, groupId, projectId, domainId, inherited, withinDomainId } = filter
  const subtree = sql`
    with recursive tree as (
      select id from identity.projects where id = ${projectId ?? null}
      union all
      select c.id from identity.projects c join tree on c.parent_id = tree.id)
    select id from tree`
  return await sql<AssignmentRow[]>`
    select x.role_id, r.name as role_name, rd.id as role_domain_id, rd.name as role_domain_name,
           x.user_id, u.name as user_name, x.group_id, g.name as group_name,
           ad.id as actor_domain_id, ad.name as actor_domain_name,
           x.project_id, p.name as project_name, pd.id as project_domain_id, pd.name as project_domain_name,
           x.domain_id, d.name as domain_name, x.on_system, x.inherited,
           x.given_role_id, x.via_group_id, x.from_project_id, x.from_domain_id
      from (${rows}) x
      join identity.roles r on r.id = x.role_id
      left join identity.projects rd on rd.id = r.domain_id
      left join identity.users u on u.id = x.user_id
      left join identity.groups g on g.id = x.group_id
      join identity.projects ad on ad.id = coalesce(u.domain_id, g.domain_id)
      left join identity.projects p on p.id = x.project_id
      left join identity.projects pd on pd.id = p.domain_id
      left join identity.projects d on d.id = x.domain_id
     where true
       ${roleId === undefined ? sql`` : sql`and x.role_id = ${roleId}`}
       ${userId === undefined ? sql`` : sql`and x.user_id = ${userId}`}
       ${groupId === undefined ? sql`` : sql`and x.group_id = ${groupId}`}
       ${projectId === undefined ? sql`` : filter.subtree ? sql`and x.project_id in (${subtree})` : sql`and x.project_id = ${projectId}`}
       ${domainId === undefined ? sql`` : sql`and x.domain_id = ${domainId}`}
       ${filter.system ? sql`and x.on_system` : sql``}
       ${inherited === undefined ? sql`` : sql`and x.inherited = ${inherited}`}
       ${withinDomainId === undefined ? sql`` : sql`and (x.domain_id = ${withinDomainId} or p.domain_id = ${withinDomainId})`}
     order by x.id, x.project_id, x.user_id, r.name`
}
