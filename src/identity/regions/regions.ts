/** Regions, which may hang below each other. Source: keystone/catalog/core.py, keystone/api/regions.py */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { newHexId } from '../../ids.ts'
import { extraOf, requireSameId } from '../attributes.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { REGION_ATTRIBUTES, type RegionCreateBody, type RegionUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { Region } from './store.ts'

export interface Regions {
  create(body: Static<typeof RegionCreateBody>['region']): Promise<Region>
  show(id: string): Promise<Region>
  list(list: ListQuery): Promise<readonly Region[]>
  update(id: string, body: Static<typeof RegionUpdateBody>['region']): Promise<Region>
  /** With the regions below it. @throws DomainError forbidden while an endpoint is in one of them */
  delete(id: string): Promise<void>
}

export function openRegions({ db, changes }: { db: Database; changes: Changes }): Regions {
  return {
    async create(body) {
      const region: Region = {
        id: body.id ?? newHexId(),
        description: body.description ?? '',
        parentRegionId: body.parent_region_id ?? null,
        extra: extraOf(body, REGION_ATTRIBUTES),
      }
      await changes.commit((tx) => store.insertRegion(tx, region))
      return region
    },

    async show(id) {
      const found = await store.findRegion(db, id)
      if (found === undefined) throw notFound('region', id)
      return found
    },

    async list(list) {
      if (list.marker !== undefined && (await store.findRegion(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listRegions(db, list)
    },

    async update(id, body) {
      requireSameId(body, id)
      return await changes.commit(async (tx) => {
        // Two that move at once could each end below the other, though neither is when it is looked at.
        if (body.parent_region_id != null) await store.lockTree(tx)
        const before = await store.lockRegion(tx, id)
        if (before === undefined) throw notFound('region', id)
        const after: Region = {
          ...before,
          description: body.description === undefined ? before.description : (body.description ?? ''),
          parentRegionId: body.parent_region_id === undefined ? before.parentRegionId : body.parent_region_id,
          extra: { ...before.extra, ...extraOf(body, REGION_ATTRIBUTES) },
        }
        if (after.parentRegionId !== null && (await store.listSubtree(tx, id)).includes(after.parentRegionId)) {
          throw invalid('region.circle', `The region ${after.parentRegionId} is below ${id} and cannot be above it.`)
        }
        await store.updateRegion(tx, after)
        return after
      })
    },

    async delete(id) {
      await changes.commit(async (tx) => {
        const tree = await store.lockSubtree(tx, id)
        if (tree.length === 0) throw notFound('region', id)
        if (await store.deleteRegions(tx, tree)) return
        throw forbidden('region.in-use', `There are endpoints in the region ${id} or below it.`)
      })
    },
  }
}
