/** Rows of `identity.projects`, which hold domains too, and of their tags. */
import type { Fragment } from 'postgres'
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { DomainId, ProjectId } from '../../ids.ts'
import type { Attributes } from '../attributes.ts'
import { rolesOnProject } from '../assignments/effective-roles.ts'
import { idTaken, invalid, nameTaken } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface Project {
  readonly id: ProjectId
  readonly name: string
  /** Null for a project that acts as a domain. */
  readonly domainId: DomainId | null
  readonly parentId: ProjectId | null
  readonly isDomain: boolean
  readonly enabled: boolean
  readonly description: string | null
  readonly options: Attributes
  readonly extra: Attributes
  readonly tags: readonly string[]
}

/** What a row of `identity.projects p` is read as. */
export const projectColumns = (sql: Sql) => sql`
  p.id, p.name, p.domain_id, p.parent_id, p.is_domain, p.enabled, p.description, p.options, p.extra,
  (select coalesce(array_agg(t.name order by t.position, t.name), '{}') from identity.project_tags t
    where t.project_id = p.id) as tags`

export const PROJECT_FILTERS: Filterable = {
  domain_id: { column: 'p.domain_id', type: 'text' },
  enabled: { column: 'p.enabled', type: 'boolean' },
  name: { column: 'p.name', type: 'text' },
  parent_id: { column: 'p.parent_id', type: 'text' },
  is_domain: { column: 'p.is_domain', type: 'boolean' },
}

/** @param lock whether it may not be changed or removed until the transaction ends */
export async function findProject(sql: Sql, id: string, lock?: 'lock'): Promise<Project | undefined> {
  const [found] = await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p where p.id = ${id}
    ${lock === undefined ? sql`` : sql`for share of p`}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockProject(sql: Sql, id: string): Promise<Project | undefined> {
  const [found] = await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p where p.id = ${id} for update of p`
  return found
}

/** How tags narrow a list: each holds names. */
export interface TagFilter {
  readonly all?: readonly string[] | undefined
  readonly any?: readonly string[] | undefined
  readonly notAll?: readonly string[] | undefined
  readonly notAny?: readonly string[] | undefined
}

export async function listProjects(
  sql: Sql,
  list: ListQuery,
  { isDomain, domainId, tags = {} }: { isDomain?: boolean; domainId?: string | undefined; tags?: TagFilter },
): Promise<readonly Project[]> {
  const count = (names: readonly string[]) => sql`
    (select count(*) from identity.project_tags t where t.project_id = p.id and t.name = any(${[...names]}))`
  return await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p
     where true
       ${isDomain === undefined ? sql`` : sql`and p.is_domain = ${isDomain}`}
       ${domainId === undefined ? sql`` : sql`and p.domain_id = ${domainId}`}
       ${tags.all === undefined ? sql`` : sql`and ${count(tags.all)} = ${tags.all.length}`}
       ${tags.any === undefined ? sql`` : sql`and ${count(tags.any)} > 0`}
       ${tags.notAll === undefined ? sql`` : sql`and ${count(tags.notAll)} < ${tags.notAll.length}`}
       ${tags.notAny === undefined ? sql`` : sql`and ${count(tags.notAny)} = 0`}
       ${matching(sql, list)} ${paged(sql, list, 'p.id')}`
}

/** Projects by id, domains not; in the order of their ids. */
export async function listProjectsIn(sql: Sql, ids: Fragment, list: ListQuery): Promise<readonly Project[]> {
  return await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p
     where p.id in (${ids}) and not p.is_domain ${matching(sql, list)} ${paged(sql, list, 'p.id')}`
}

/**
 * From the project's parent up to its domain.
 * @param lock whether none of them may be changed or removed until the transaction ends
 */
export async function listAncestors(sql: Sql, id: string, lock?: 'lock'): Promise<readonly Project[]> {
  return await sql<Project[]>`
    with recursive line as (
      select id, parent_id, 0 as steps from identity.projects where id = ${id}
      union all
      select a.id, a.parent_id, line.steps + 1 from identity.projects a join line on a.id = line.parent_id)
    select ${projectColumns(sql)} from identity.projects p join line on line.id = p.id where line.steps > 0 order by line.steps
     ${lock === undefined ? sql`` : sql`for share of p`}`
}

/** All below the project, parents before children. */
export async function listDescendants(sql: Sql, id: string): Promise<readonly Project[]> {
  return await sql<Project[]>`
    with recursive tree as (
      select id, 0 as depth from identity.projects where id = ${id}
      union all
      select c.id, tree.depth + 1 from identity.projects c join tree on c.parent_id = tree.id)
    select ${projectColumns(sql)} from identity.projects p join tree on tree.id = p.id where tree.depth > 0
     order by tree.depth, p.id`
}

/** Those of `ids` on which the user has a role. */
export async function filterAccessible(sql: Sql, userId: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    select p.id from identity.projects p
     where p.id = any(${[...ids]}) and exists (${rolesOnProjectColumn(sql, userId)})`
  return new Set(rows.map((row) => row.id))
}

const rolesOnProjectColumn = (sql: Sql, userId: string) => rolesOnProject(sql, userId, sql`p.id`)

export async function insertProject(sql: Sql, project: Project): Promise<void> {
  await guarded(project, async () => {
    await sql`
      insert into identity.projects (id, name, domain_id, parent_id, is_domain, enabled, description, options, extra)
      values (${project.id}, ${project.name}, ${project.domainId}, ${project.parentId}, ${project.isDomain},
              ${project.enabled}, ${project.description}, ${sql.json(project.options as never)},
              ${sql.json(project.extra as never)})`
  })
}

/** @param endTokens whether tokens for the project that were issued before are dead from now on */
export async function updateProject(sql: Sql, project: Project, endTokens: boolean): Promise<void> {
  await guarded(project, async () => {
    await sql`
      update identity.projects
         set name = ${project.name}, enabled = ${project.enabled}, description = ${project.description},
             options = ${sql.json(project.options as never)}, extra = ${sql.json(project.extra as never)},
             token_generation = token_generation + ${endTokens ? 1 : 0}
       where id = ${project.id}`
  })
}

/** Removes a project with its assignments, or a domain with everything in it. */
export async function deleteProject(sql: Sql, id: string): Promise<void> {
  await sql`delete from identity.projects where id = ${id}`
}

/** Forgets the project where users have it as their default. */
export async function clearDefaultProject(sql: Sql, id: string): Promise<void> {
  await sql`update identity.users set default_project_id = null where default_project_id = ${id}`
}

export async function replaceTags(sql: Sql, id: string, tags: readonly string[]): Promise<void> {
  await sql`
    with gone as (delete from identity.project_tags where project_id = ${id} and name <> all(${[...tags]}))
    insert into identity.project_tags (project_id, name, position)
    select ${id}, tag.name, tag.position from unnest(${[...tags]}::text[]) with ordinality as tag(name, position)
    on conflict (project_id, name) do update set position = excluded.position`
}

export async function insertTag(sql: Sql, id: string, tag: string): Promise<void> {
  await sql`
    insert into identity.project_tags (project_id, name, position)
    select ${id}, ${tag}, coalesce(max(position), 0) + 1 from identity.project_tags where project_id = ${id}
    on conflict do nothing`
}

/** Whether there was such a tag. */
export async function deleteTag(sql: Sql, id: string, tag: string): Promise<boolean> {
  const gone = await sql`delete from identity.project_tags where project_id = ${id} and name = ${tag}`
  return gone.count > 0
}

async function guarded(project: Project, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'projects_name_in_domain':
        throw nameTaken('project', project.name)
      case 'domains_name':
        throw nameTaken('domain', project.name)
      case 'projects_pkey':
        throw idTaken(project.isDomain ? 'domain' : 'project', project.id)
      case 'projects_parent_id_fkey':
      case 'projects_domain_id_fkey':
        throw invalid('project.parent-unknown', 'The parent or the domain of the project is gone.')
      default:
        throw error
    }
  }
}
