/** Rows of `identity.endpoint_groups`, and of what is given to projects: endpoints and groups of them. */
import type { Fragment } from 'postgres'
import { type Sql, violatedConstraint } from '../../database/database.ts'
import { type Endpoint, endpointColumns } from '../endpoints/store.ts'
import { alreadyAssociated, notFound } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'
import { type Project, projectColumns } from '../projects/store.ts'

export interface EndpointGroup {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly filters: EndpointFilters
}

/** What an endpoint must have; what is absent is not asked for. */
export interface EndpointFilters {
  readonly service_id?: string | undefined
  /** Null for endpoints without a region. */
  readonly region_id?: string | null | undefined
  readonly interface?: 'public' | 'internal' | 'admin' | undefined
}

export const ENDPOINT_GROUP_FILTERS: Filterable = { name: { column: 'g.name', type: 'text' } }

const columns = (sql: Sql) => sql`g.id, g.name, g.description, g.filters`

/** Whether the endpoint `e` has what the group `g` asks for. */
const belongs = (sql: Sql): Fragment => sql`
  jsonb_build_object('service_id', e.service_id, 'region_id', e.region_id, 'interface', e.interface) @> g.filters`

export async function findEndpointGroup(sql: Sql, id: string): Promise<EndpointGroup | undefined> {
  const [found] = await sql<EndpointGroup[]>`select ${columns(sql)} from identity.endpoint_groups g where g.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockEndpointGroup(sql: Sql, id: string): Promise<EndpointGroup | undefined> {
  const [found] = await sql<EndpointGroup[]>`
    select ${columns(sql)} from identity.endpoint_groups g where g.id = ${id} for update`
  return found
}

export async function listEndpointGroups(sql: Sql, list: ListQuery): Promise<readonly EndpointGroup[]> {
  return await sql<EndpointGroup[]>`
    select ${columns(sql)} from identity.endpoint_groups g where true ${matching(sql, list)} ${paged(sql, list, 'g.id')}`
}

export async function insertEndpointGroup(sql: Sql, group: EndpointGroup): Promise<void> {
  await sql`
    insert into identity.endpoint_groups (id, name, description, filters)
    values (${group.id}, ${group.name}, ${group.description}, ${sql.json(group.filters as never)})`
}

export async function updateEndpointGroup(sql: Sql, group: EndpointGroup): Promise<void> {
  await sql`
    update identity.endpoint_groups
       set name = ${group.name}, description = ${group.description}, filters = ${sql.json(group.filters as never)}
     where id = ${group.id}`
}

export async function deleteEndpointGroup(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.endpoint_groups where id = ${id}`
  return gone.count > 0
}

/** @throws DomainError conflict when the project has it already */
export async function insertProjectEndpoint(sql: Sql, projectId: string, endpointId: string): Promise<void> {
  try {
    await sql`insert into identity.project_endpoints (project_id, endpoint_id) values (${projectId}, ${endpointId})`
  } catch (error) {
    throw associationError(error, { projectId, endpointId }) ?? error
  }
}

export async function hasProjectEndpoint(sql: Sql, projectId: string, endpointId: string): Promise<boolean> {
  const rows = await sql`
    select 1 from identity.project_endpoints where project_id = ${projectId} and endpoint_id = ${endpointId}`
  return rows.length > 0
}

export async function deleteProjectEndpoint(sql: Sql, projectId: string, endpointId: string): Promise<boolean> {
  const gone = await sql`
    delete from identity.project_endpoints where project_id = ${projectId} and endpoint_id = ${endpointId}`
  return gone.count > 0
}

/** @throws DomainError conflict when the project has it already */
export async function insertProjectGroup(sql: Sql, projectId: string, groupId: string): Promise<void> {
  try {
    await sql`
      insert into identity.project_endpoint_groups (project_id, endpoint_group_id) values (${projectId}, ${groupId})`
  } catch (error) {
    throw associationError(error, { projectId, groupId }) ?? error
  }
}

export async function hasProjectGroup(sql: Sql, projectId: string, groupId: string): Promise<boolean> {
  const rows = await sql`
    select 1 from identity.project_endpoint_groups
     where project_id = ${projectId} and endpoint_group_id = ${groupId}`
  return rows.length > 0
}

export async function deleteProjectGroup(sql: Sql, projectId: string, groupId: string): Promise<boolean> {
  const gone = await sql`
    delete from identity.project_endpoint_groups where project_id = ${projectId} and endpoint_group_id = ${groupId}`
  return gone.count > 0
}

export async function listProjectsOfEndpoint(sql: Sql, endpointId: string): Promise<readonly Project[]> {
  return await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p
      join identity.project_endpoints x on x.project_id = p.id
     where x.endpoint_id = ${endpointId} order by p.id`
}

export async function listProjectsOfGroup(sql: Sql, groupId: string): Promise<readonly Project[]> {
  return await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p
      join identity.project_endpoint_groups x on x.project_id = p.id
     where x.endpoint_group_id = ${groupId} order by p.id`
}

export async function listGroupsOfProject(sql: Sql, projectId: string): Promise<readonly EndpointGroup[]> {
  return await sql<EndpointGroup[]>`
    select ${columns(sql)} from identity.endpoint_groups g
      join identity.project_endpoint_groups x on x.endpoint_group_id = g.id
     where x.project_id = ${projectId} order by g.id`
}

export async function listEndpointsOfGroup(sql: Sql, groupId: string): Promise<readonly Endpoint[]> {
  return await sql<Endpoint[]>`
    select ${endpointColumns(sql)} from identity.endpoints e join identity.endpoint_groups g on ${belongs(sql)}
     where g.id = ${groupId} order by e.id`
}

/** Those that were given to it themselves, and those of its groups. */
export async function listEndpointsOfProject(sql: Sql, projectId: string): Promise<readonly Endpoint[]> {
  return await sql<Endpoint[]>`
    select ${endpointColumns(sql)} from identity.endpoints e
     where e.id in (select endpoint_id from identity.project_endpoints where project_id = ${projectId})
        or exists (select 1 from identity.endpoint_groups g
                     join identity.project_endpoint_groups x on x.endpoint_group_id = g.id
                    where x.project_id = ${projectId} and ${belongs(sql)})
     order by e.id`
}

/** Whether any project's catalog is filtered: most clouds have none, and need not look for each. */
export async function anyFilters(sql: Sql): Promise<boolean> {
  const [found] = await sql<{ any: boolean }[]>`
    select exists (select 1 from identity.project_endpoints)
        or exists (select 1 from identity.project_endpoint_groups) as "any"`
  return found!.any
}

function associationError(error: unknown, of: { projectId: string; endpointId?: string; groupId?: string }) {
  switch (violatedConstraint(error)) {
    case 'project_endpoints_pkey':
      return alreadyAssociated('endpoint', of.endpointId!, of.projectId)
    case 'project_endpoint_groups_pkey':
      return alreadyAssociated('endpoint group', of.groupId!, of.projectId)
    case 'project_endpoints_project_id_fkey':
    case 'project_endpoint_groups_project_id_fkey':
      return notFound('project', of.projectId)
    case 'project_endpoints_endpoint_id_fkey':
      return notFound('endpoint', of.endpointId!)
    case 'project_endpoint_groups_endpoint_group_id_fkey':
      return notFound('endpoint group', of.groupId!)
    default:
      return undefined
  }
}
