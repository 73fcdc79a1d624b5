/** Endpoint groups, and what projects are given of the catalog. Rules: ./endpoint-filter.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { viewEndpoint } from '../endpoints/view.ts'
import type { Links } from '../links.ts'
import { collection, listQuery } from '../listing.ts'
import { viewProject } from '../projects/view.ts'
import type { EndpointFilter } from './endpoint-filter.ts'
import { EndpointGroupCreateBody, EndpointGroupUpdateBody } from './schemas.ts'
import { ENDPOINT_GROUP_FILTERS, type EndpointGroup } from './store.ts'

const ALL = { limit: undefined } as const
const guard = (policy: string) => ({ config: { policy: `identity:${policy}` } })

const OneGroup = Type.Object({ endpoint_group_id: Type.String() })
const OneProject = Type.Object({ project_id: Type.String() })
const OneEndpoint = Type.Object({ endpoint_id: Type.String() })
const ProjectEndpoint = Type.Object({ project_id: Type.String(), endpoint_id: Type.String() })
const GroupProject = Type.Object({ endpoint_group_id: Type.String(), project_id: Type.String() })

export const endpointFilterRoutes: FastifyPluginAsyncTypebox<{ endpointFilter: EndpointFilter; links: Links }> = async (
  app,
  { endpointFilter, links },
) => {
  const viewGroup = (group: EndpointGroup) => ({
    ...group,
    links: { self: links.self('OS-EP-FILTER', 'endpoint_groups', group.id) },
  })

  app.get('/endpoint_groups', guard('list_endpoint_groups'), async (request) => {
    const list = listQuery(request.query, ENDPOINT_GROUP_FILTERS)
    const groups = await endpointFilter.listGroups(list)
    return collection({ request, links, list }, 'endpoint_groups', groups, viewGroup)
  })
  app.post(
    '/endpoint_groups',
    { ...guard('create_endpoint_group'), schema: { body: EndpointGroupCreateBody } },
    async (request, reply) => {
      const group = await endpointFilter.createGroup(request.body.endpoint_group)
      reply.code(201)
      return { endpoint_group: viewGroup(group) }
    },
  )
  app.get(
    '/endpoint_groups/:endpoint_group_id',
    { ...guard('get_endpoint_group'), schema: { params: OneGroup } },
    async (request) => ({
      endpoint_group: viewGroup(await endpointFilter.showGroup(request.params.endpoint_group_id)),
    }),
  )
  app.patch(
    '/endpoint_groups/:endpoint_group_id',
    { ...guard('update_endpoint_group'), schema: { params: OneGroup, body: EndpointGroupUpdateBody } },
    async (request) => {
      const { endpoint_group_id: id } = request.params
      return { endpoint_group: viewGroup(await endpointFilter.updateGroup(id, request.body.endpoint_group)) }
    },
  )
  app.delete(
    '/endpoint_groups/:endpoint_group_id',
    { ...guard('delete_endpoint_group'), schema: { params: OneGroup } },
    async (request, reply) => {
      await endpointFilter.deleteGroup(request.params.endpoint_group_id)
      return reply.code(204).send()
    },
  )
  app.get(
    '/endpoint_groups/:endpoint_group_id/endpoints',
    { ...guard('list_endpoints_associated_with_endpoint_group'), schema: { params: OneGroup } },
    async (request) => {
      const endpoints = await endpointFilter.endpointsOfGroup(request.params.endpoint_group_id)
      return collection({ request, links, list: ALL }, 'endpoints', endpoints, (each) => viewEndpoint(each, links))
    },
  )
  app.get(
    '/endpoint_groups/:endpoint_group_id/projects',
    { ...guard('list_projects_associated_with_endpoint_group'), schema: { params: OneGroup } },
    async (request) => {
      const projects = await endpointFilter.projectsOfGroup(request.params.endpoint_group_id)
      return collection({ request, links, list: ALL }, 'projects', projects, (each) => viewProject(each, links))
    },
  )

  const groupOfProject = '/endpoint_groups/:endpoint_group_id/projects/:project_id'
  app.put(
    groupOfProject,
    { ...guard('add_endpoint_group_to_project'), schema: { params: GroupProject } },
    async (request, reply) => {
      await endpointFilter.addGroup(request.params.project_id, request.params.endpoint_group_id)
      return reply.code(204).send()
    },
  )
  app.get(
    groupOfProject,
    { ...guard('get_endpoint_group_in_project'), schema: { params: GroupProject } },
    async (request) => {
      const { endpoint_group_id, project_id } = request.params
      await endpointFilter.checkGroup(project_id, endpoint_group_id)
      const self = links.self('OS-EP-FILTER', 'endpoint_groups', endpoint_group_id, 'projects', project_id)
      return { project_endpoint_group: { endpoint_group_id, project_id, links: { self } } }
    },
  )
  app.delete(
    groupOfProject,
    { ...guard('remove_endpoint_group_from_project'), schema: { params: GroupProject } },
    async (request, reply) => {
      await endpointFilter.removeGroup(request.params.project_id, request.params.endpoint_group_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/projects/:project_id/endpoint_groups',
    { ...guard('list_endpoint_groups_for_project'), schema: { params: OneProject } },
    async (request) => {
      const groups = await endpointFilter.groupsOfProject(request.params.project_id)
      return collection({ request, links, list: ALL }, 'endpoint_groups', groups, viewGroup)
    },
  )
  app.get(
    '/projects/:project_id/endpoints',
    { ...guard('list_endpoints_for_project'), schema: { params: OneProject } },
    async (request) => {
      const endpoints = await endpointFilter.endpointsOfProject(request.params.project_id)
      return collection({ request, links, list: ALL }, 'endpoints', endpoints, (each) => viewEndpoint(each, links))
    },
  )
  app.get(
    '/endpoints/:endpoint_id/projects',
    { ...guard('list_projects_for_endpoint'), schema: { params: OneEndpoint } },
    async (request) => {
      const projects = await endpointFilter.projectsOfEndpoint(request.params.endpoint_id)
      return collection({ request, links, list: ALL }, 'projects', projects, (each) => viewProject(each, links))
    },
  )

  const endpointOfProject = '/projects/:project_id/endpoints/:endpoint_id'
  app.put(
    endpointOfProject,
    { ...guard('add_endpoint_to_project'), schema: { params: ProjectEndpoint } },
    async (request, reply) => {
      await endpointFilter.addEndpoint(request.params.project_id, request.params.endpoint_id)
      return reply.code(204).send()
    },
  )
  app.get(
    endpointOfProject,
    { ...guard('check_endpoint_in_project'), schema: { params: ProjectEndpoint } },
    async (request, reply) => {
      await endpointFilter.checkEndpoint(request.params.project_id, request.params.endpoint_id)
      return reply.code(204).send()
    },
  )
  app.delete(
    endpointOfProject,
    { ...guard('remove_endpoint_from_project'), schema: { params: ProjectEndpoint } },
    async (request, reply) => {
      await endpointFilter.removeEndpoint(request.params.project_id, request.params.endpoint_id)
      return reply.code(204).send()
    },
  )
}
