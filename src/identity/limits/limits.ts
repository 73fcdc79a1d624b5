/**
 * The rules of unified limits, in the flat model: a project's limit has nothing to do with its parent's. Identity keeps
 * them; services that want them ask. Source: keystone/limit/core.py, keystone/api/limits.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { newHexId } from '../../ids.ts'
import { mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { findProject } from '../projects/store.ts'
import { findRegion } from '../regions/store.ts'
import { findService } from '../services/store.ts'
import type { LimitBody, LimitsBody, RegisteredLimitBody, RegisteredLimitsBody } from './schemas.ts'
import * as store from './store.ts'
import type { Limit, RegisteredLimit } from './store.ts'

export interface Limits {
  /** All or none. */
  register(body: Static<typeof RegisteredLimitsBody>['registered_limits']): Promise<readonly RegisteredLimit[]>
  showRegistered(id: string): Promise<RegisteredLimit>
  listRegistered(list: ListQuery): Promise<readonly RegisteredLimit[]>
  updateRegistered(id: string, body: Static<typeof RegisteredLimitBody>['registered_limit']): Promise<RegisteredLimit>
  deleteRegistered(id: string): Promise<void>
  /** All or none. */
  create(body: Static<typeof LimitsBody>['limits']): Promise<readonly Limit[]>
  show(caller: Caller, id: string): Promise<Limit>
  list(caller: Caller, list: ListQuery): Promise<readonly Limit[]>
  /** For those who may see the projects. */
  ofProjects(projectIds: readonly string[]): Promise<readonly Limit[]>
  update(id: string, body: Static<typeof LimitBody>['limit']): Promise<Limit>
  delete(id: string): Promise<void>
}

export function openLimits({ db, changes }: { db: Database; changes: Changes }): Limits {
  return {
    async register(body) {
      const limits = body.map(
        (each): RegisteredLimit => ({
          id: newHexId(),
          serviceId: each.service_id,
          regionId: each.region_id ?? null,
          resourceName: each.resource_name,
          defaultLimit: each.default_limit,
          description: each.description ?? null,
        }),
      )
      for (const limit of limits) await checkPlace(limit)
      await changes.commit(async (tx) => {
        for (const limit of limits) await store.insertRegisteredLimit(tx, limit)
      })
      return limits
    },

    async showRegistered(id) {
      const found = await store.findRegisteredLimit(db, id)
      if (found === undefined) throw notFound('registered limit', id)
      return found
    },

    listRegistered: (list) => store.listRegisteredLimits(db, list),

    async updateRegistered(id, body) {
      return await changes.commit(async (tx) => {
        const before = await store.lockRegisteredLimit(tx, id)
        if (before === undefined) throw notFound('registered limit', id)
        const after: RegisteredLimit = {
          ...before,
          serviceId: body.service_id ?? before.serviceId,
          regionId: body.region_id === undefined ? before.regionId : body.region_id,
          resourceName: body.resource_name ?? before.resourceName,
          defaultLimit: body.default_limit ?? before.defaultLimit,
          description: body.description === undefined ? before.description : body.description,
        }
        // Limits name their default by what it is for; that cannot change under them.
        const moved = (['serviceId', 'regionId', 'resourceName'] as const).some((key) => before[key] !== after[key])
        if (moved) await checkPlace(after)
        if (moved && (await store.hasLimits(tx, id))) throw inUse()
        await store.updateRegisteredLimit(tx, after)
        return after
      })
    },

    async deleteRegistered(id) {
      await changes.commit(async (tx) => {
        if ((await store.lockRegisteredLimit(tx, id)) === undefined) throw notFound('registered limit', id)
        if (await store.hasLimits(tx, id)) throw inUse()
        await store.deleteRegisteredLimit(tx, id)
      })
    },

    async create(body) {
      return await changes.commit(async (tx) => {
        const limits: Limit[] = []
        for (const each of body) {
          const what = {
            serviceId: each.service_id,
            regionId: each.region_id ?? null,
            resourceName: each.resource_name,
          }
          const registered = await store.findReference(tx, what)
          if (registered === undefined) {
            throw forbidden('limit.no-reference', `There is no registered limit for ${each.resource_name} there.`)
          }
          const limit: Limit = {
            id: newHexId(),
            registeredLimitId: registered.id,
            ...what,
            ...(await targetOf(each)),
            resourceLimit: each.resource_limit,
            description: each.description ?? null,
          }
          await store.insertLimit(tx, limit)
          limits.push(limit)
        }
        return limits
      })
    },

    async show(caller, id) {
      const found = await store.findLimit(db, id)
      mayDo('identity:get_limit', caller, {
        limitDomainId: found?.domainId ?? null,
        limitProjectId: found?.projectId ?? null,
        limitProjectDomainId: found?.projectDomainId ?? null,
      })
      if (found === undefined) throw notFound('limit', id)
      return found
    },

    async list(caller, list) {
      if (caller.system !== undefined || caller.isAdmin || caller.roles.includes('service')) {
        return await store.listLimits(db, list, {})
      }
      const { domainId, projectId } = caller
      if (domainId === undefined && projectId === undefined) return []
      return await store.listLimits(db, list, { domainId, projectId })
    },

    ofProjects: (projectIds) => store.listLimitsOf(db, projectIds),

    async update(id, body) {
      const change = { resourceLimit: body.resource_limit, description: body.description }
      const was = await changes.commit((tx) => store.updateLimit(tx, id, change))
      const found = was ? await store.findLimit(db, id) : undefined
      if (found === undefined) throw notFound('limit', id)
      return found
    },

    async delete(id) {
      const was = await changes.commit((tx) => store.deleteLimit(tx, id))
      if (!was) throw notFound('limit', id)
    },
  }

  /** The service and the region are there; they may go later, and the limit stays. */
  async function checkPlace(limit: RegisteredLimit): Promise<void> {
    if ((await findService(db, limit.serviceId)) === undefined) {
      throw invalid('limit.service-unknown', `There is no service ${limit.serviceId}.`)
    }
    if (limit.regionId !== null && (await findRegion(db, limit.regionId)) === undefined) {
      throw invalid('limit.region-unknown', `There is no region ${limit.regionId}.`)
    }
  }

  /** A project that acts as a domain is limited as the domain. */
  async function targetOf(each: {
    project_id?: string
    domain_id?: string
  }): Promise<{ projectId: string | null; domainId: string | null }> {
    if ((each.project_id === undefined) === (each.domain_id === undefined)) {
      throw invalid('limit.target', 'A limit is for a project or for a domain.')
    }
    const id = each.project_id ?? each.domain_id!
    const found = await findProject(db, id)
    if (found === undefined || (each.domain_id !== undefined && !found.isDomain)) {
      throw invalid(
        'limit.target-unknown',
        `There is no ${each.project_id === undefined ? 'domain' : 'project'} ${id}.`,
      )
    }
    return found.isDomain ? { projectId: null, domainId: id } : { projectId: id, domainId: null }
  }
}

function inUse() {
  return forbidden('registered-limit.in-use', 'There are limits that differ from this registered limit.')
}
