/** Services of the catalog. Source: keystone/catalog/core.py, keystone/api/services.py */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { newHexId } from '../../ids.ts'
import { extraOf, requireSameId } from '../attributes.ts'
import type { Changes } from '../changes.ts'
import { markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { SERVICE_ATTRIBUTES, type ServiceCreateBody, type ServiceUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { Service } from './store.ts'

export interface Services {
  create(body: Static<typeof ServiceCreateBody>['service']): Promise<Service>
  show(id: string): Promise<Service>
  list(list: ListQuery): Promise<readonly Service[]>
  update(id: string, body: Static<typeof ServiceUpdateBody>['service']): Promise<Service>
  /** With its endpoints. */
  delete(id: string): Promise<void>
}

export function openServices({ db, changes }: { db: Database; changes: Changes }): Services {
  return {
    async create(body) {
      const service: Service = {
        id: newHexId(),
        type: body.type,
        name: body.name ?? null,
        description: body.description ?? null,
        enabled: body.enabled ?? true,
        extra: extraOf(body, SERVICE_ATTRIBUTES),
      }
      await changes.commit((tx) => store.insertService(tx, service))
      return service
    },

    async show(id) {
      const found = await store.findService(db, id)
      if (found === undefined) throw notFound('service', id)
      return found
    },

    async list(list) {
      if (list.marker !== undefined && (await store.findService(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listServices(db, list)
    },

    async update(id, body) {
      requireSameId(body, id)
      return await changes.commit(async (tx) => {
        const before = await store.lockService(tx, id)
        if (before === undefined) throw notFound('service', id)
        const after: Service = {
          ...before,
          type: body.type ?? before.type,
          name: body.name === undefined ? before.name : body.name,
          description: body.description === undefined ? before.description : body.description,
          enabled: body.enabled ?? before.enabled,
          extra: { ...before.extra, ...extraOf(body, SERVICE_ATTRIBUTES) },
        }
        await store.updateService(tx, after)
        return after
      })
    },

    async delete(id) {
      const was = await changes.commit((tx) => store.deleteService(tx, id))
      if (!was) throw notFound('service', id)
    },
  }
}
