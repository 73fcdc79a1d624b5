/**
 * Which roles count for a user somewhere: as SQL, because tokens, lists of scopes and grants all ask it inside of larger
 * statements. Each fragment is a subquery with one column, `role_id`.
 *
 * A role counts on a project when it was given there, or inheritably on a project above or on the domain; to the user or
 * to a group of his. Source: keystone/assignment/core.py
 */
import type { Fragment } from 'postgres'
import type { Sql } from '../../database/database.ts'

const actor = (sql: Sql, userId: string) => sql`
  (a.user_id = ${userId} or a.group_id in (select group_id from identity.memberships where user_id = ${userId}))`

/** @param projectId an id, or SQL for one */
export function rolesOnProject(sql: Sql, userId: string, projectId: string | Fragment): Fragment {
  return sql`
    with recursive line as (
      select id, parent_id, domain_id, false as above from identity.projects where id = ${projectId}
      union all
      select p.id, p.parent_id, p.domain_id, true from identity.projects p join line on p.id = line.parent_id)
    select a.role_id from identity.assignments a
     where ${actor(sql, userId)}
       and ((a.project_id = ${projectId} and not a.inherited)
         or (a.inherited and a.project_id in (select id from line where above))
         or (a.inherited and a.domain_id = (select domain_id from line where not above)))`
}

/** @param domainId an id, or SQL for one */
export function rolesOnDomain(sql: Sql, userId: string, domainId: string | Fragment): Fragment {
  return sql`
    select a.role_id from identity.assignments a
     where ${actor(sql, userId)} and a.domain_id = ${domainId} and not a.inherited`
}

export function rolesOnSystem(sql: Sql, userId: string): Fragment {
  return sql`select a.role_id from identity.assignments a where ${actor(sql, userId)} and a.on_system`
}

/** `roles` and everything that they imply, step by step. */
export function withImplied(sql: Sql, roles: Fragment): Fragment {
  return sql`
    with recursive expanded as (
      select role_id from (${roles}) given
      union
      select i.implied_role_id from identity.implied_roles i join expanded e on e.role_id = i.prior_role_id)
    select role_id from expanded`
}

/** Every project on which some role counts for the user. */
export function projectsWithRoles(sql: Sql, userId: string): Fragment {
  return sql`
    with recursive
    mine as (select a.project_id, a.domain_id, a.inherited from identity.assignments a where ${actor(sql, userId)}),
    below as (
      select p.id from identity.projects p join mine on p.parent_id = mine.project_id where mine.inherited
      union
      select p.id from identity.projects p join below on p.parent_id = below.id)
    select project_id as id from mine where not inherited and project_id is not null
    union select id from below
    union select p.id from identity.projects p join mine on p.domain_id = mine.domain_id where mine.inherited`
}
