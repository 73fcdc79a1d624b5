/**
 * Which endpoints a project's catalog shows. Whoever has been given none sees all: the filter is for those who were given
 * some. Source: keystone/api/os_ep_filter.py, keystone/catalog/core.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { newHexId } from '../../ids.ts'
import type { Changes } from '../changes.ts'
import { type Endpoint, findEndpoint } from '../endpoints/store.ts'
import { associationNotFound, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { findProject, type Project } from '../projects/store.ts'
import type { EndpointGroupCreateBody, EndpointGroupUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { EndpointGroup } from './store.ts'

export interface EndpointFilter {
  createGroup(body: Static<typeof EndpointGroupCreateBody>['endpoint_group']): Promise<EndpointGroup>
  showGroup(id: string): Promise<EndpointGroup>
  listGroups(list: ListQuery): Promise<readonly EndpointGroup[]>
  updateGroup(id: string, body: Static<typeof EndpointGroupUpdateBody>['endpoint_group']): Promise<EndpointGroup>
  deleteGroup(id: string): Promise<void>
  /** @throws DomainError conflict, `identity.endpoint.associated`, the second time */
  addEndpoint(projectId: string, endpointId: string): Promise<void>
  checkEndpoint(projectId: string, endpointId: string): Promise<void>
  removeEndpoint(projectId: string, endpointId: string): Promise<void>
  /** @throws DomainError conflict, `identity.endpoint-group.associated`, the second time */
  addGroup(projectId: string, groupId: string): Promise<void>
  checkGroup(projectId: string, groupId: string): Promise<void>
  removeGroup(projectId: string, groupId: string): Promise<void>
  endpointsOfProject(projectId: string): Promise<readonly Endpoint[]>
  groupsOfProject(projectId: string): Promise<readonly EndpointGroup[]>
  projectsOfEndpoint(endpointId: string): Promise<readonly Project[]>
  projectsOfGroup(groupId: string): Promise<readonly Project[]>
  endpointsOfGroup(groupId: string): Promise<readonly Endpoint[]>
}

export function openEndpointFilter({ db, changes }: { db: Database; changes: Changes }): EndpointFilter {
  async function requireProject(id: string): Promise<void> {
    if ((await findProject(db, id)) === undefined) throw notFound('project', id)
  }
  async function requireEndpoint(id: string): Promise<void> {
    if ((await findEndpoint(db, id)) === undefined) throw notFound('endpoint', id)
  }
  async function requireGroup(id: string): Promise<EndpointGroup> {
    const found = await store.findEndpointGroup(db, id)
    if (found === undefined) throw notFound('endpoint group', id)
    return found
  }

  return {
    async createGroup(body) {
      const { name, description = null, filters } = body
      const group: EndpointGroup = { id: newHexId(), name, description, filters }
      await changes.commit((tx) => store.insertEndpointGroup(tx, group))
      return group
    },
    showGroup: requireGroup,
    async listGroups(list) {
      if (list.marker !== undefined && (await store.findEndpointGroup(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listEndpointGroups(db, list)
    },
    async updateGroup(id, body) {
      return await changes.commit(async (tx) => {
        const before = await store.lockEndpointGroup(tx, id)
        if (before === undefined) throw notFound('endpoint group', id)
        const after: EndpointGroup = {
          id,
          name: body.name ?? before.name,
          description: body.description === undefined ? before.description : body.description,
          filters: body.filters ?? before.filters,
        }
        await store.updateEndpointGroup(tx, after)
        return after
      })
    },
    async deleteGroup(id) {
      const was = await changes.commit((tx) => store.deleteEndpointGroup(tx, id))
      if (!was) throw notFound('endpoint group', id)
    },

    async addEndpoint(projectId, endpointId) {
      await requireEndpoint(endpointId)
      await requireProject(projectId)
      await changes.commit((tx) => store.insertProjectEndpoint(tx, projectId, endpointId))
    },
    async checkEndpoint(projectId, endpointId) {
      await requireEndpoint(endpointId)
      await requireProject(projectId)
      if (await store.hasProjectEndpoint(db, projectId, endpointId)) return
      throw associationNotFound('endpoint', endpointId, projectId)
    },
    async removeEndpoint(projectId, endpointId) {
      const was = await changes.commit((tx) => store.deleteProjectEndpoint(tx, projectId, endpointId))
      if (!was) throw associationNotFound('endpoint', endpointId, projectId)
    },

    async addGroup(projectId, groupId) {
      await requireProject(projectId)
      await requireGroup(groupId)
      await changes.commit((tx) => store.insertProjectGroup(tx, projectId, groupId))
    },
    async checkGroup(projectId, groupId) {
      await requireProject(projectId)
      await requireGroup(groupId)
      if (await store.hasProjectGroup(db, projectId, groupId)) return
      throw associationNotFound('endpoint group', groupId, projectId)
    },
    async removeGroup(projectId, groupId) {
      await requireProject(projectId)
      await requireGroup(groupId)
      const was = await changes.commit((tx) => store.deleteProjectGroup(tx, projectId, groupId))
      if (!was) throw associationNotFound('endpoint group', groupId, projectId)
    },

    async endpointsOfProject(projectId) {
      await requireProject(projectId)
      return await store.listEndpointsOfProject(db, projectId)
    },
    async groupsOfProject(projectId) {
      await requireProject(projectId)
      return await store.listGroupsOfProject(db, projectId)
    },
    async projectsOfEndpoint(endpointId) {
      await requireEndpoint(endpointId)
      return await store.listProjectsOfEndpoint(db, endpointId)
    },
    async projectsOfGroup(groupId) {
      await requireGroup(groupId)
      return await store.listProjectsOfGroup(db, groupId)
    },
    async endpointsOfGroup(groupId) {
      await requireGroup(groupId)
      return await store.listEndpointsOfGroup(db, groupId)
    },
  }
}
