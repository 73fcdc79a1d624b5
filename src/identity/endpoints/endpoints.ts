/** Endpoints: where a service is, by region and interface. Source: keystone/catalog/core.py, keystone/api/endpoints.py */
import type { Static } from 'typebox'
import type { Database, Transaction } from '../../database/database.ts'
import { newHexId } from '../../ids.ts'
import { extraOf, requireSameId } from '../attributes.ts'
import { URL_WORDS, unknownUrlWord } from '../catalog/catalog.ts'
import type { Changes } from '../changes.ts'
import { invalid, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { ensureRegion } from '../regions/store.ts'
import { findService } from '../services/store.ts'
import { ENDPOINT_ATTRIBUTES, type EndpointCreateBody, type EndpointUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { Endpoint } from './store.ts'

export interface Endpoints {
  create(body: Static<typeof EndpointCreateBody>['endpoint']): Promise<Endpoint>
  show(id: string): Promise<Endpoint>
  list(list: ListQuery): Promise<readonly Endpoint[]>
  update(id: string, body: Static<typeof EndpointUpdateBody>['endpoint']): Promise<Endpoint>
  delete(id: string): Promise<void>
}

export function openEndpoints({ db, changes }: { db: Database; changes: Changes }): Endpoints {
  return {
    async create(body) {
      checkUrl(body.url)
      if ((await findService(db, body.service_id)) === undefined) throw notFound('service', body.service_id)
      return await changes.commit(async (tx) => {
        const endpoint: Endpoint = {
          id: newHexId(),
          serviceId: body.service_id,
          regionId: (await regionOf(tx, body)) ?? null,
          interface: body.interface,
          url: body.url,
          enabled: body.enabled ?? true,
          name: body.name ?? null,
          description: body.description ?? null,
          extra: extraOf(body, ENDPOINT_ATTRIBUTES),
        }
        await store.insertEndpoint(tx, endpoint)
        return endpoint
      })
    },

    async show(id) {
      const found = await store.findEndpoint(db, id)
      if (found === undefined) throw notFound('endpoint', id)
      return found
    },

    async list(list) {
      if (list.marker !== undefined && (await store.findEndpoint(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listEndpoints(db, list)
    },

    async update(id, body) {
      requireSameId(body, id)
      if (body.url !== undefined) checkUrl(body.url)
      return await changes.commit(async (tx) => {
        const before = await store.lockEndpoint(tx, id)
        if (before === undefined) throw notFound('endpoint', id)
        const regionId = await regionOf(tx, body)
        const after: Endpoint = {
          ...before,
          serviceId: body.service_id ?? before.serviceId,
          regionId: regionId === undefined ? before.regionId : regionId,
          interface: body.interface ?? before.interface,
          url: body.url ?? before.url,
          enabled: body.enabled ?? before.enabled,
          name: body.name === undefined ? before.name : body.name,
          description: body.description === undefined ? before.description : body.description,
          extra: { ...before.extra, ...extraOf(body, ENDPOINT_ATTRIBUTES) },
        }
        await store.updateEndpoint(tx, after)
        return after
      })
    },

    async delete(id) {
      const was = await changes.commit((tx) => store.deleteEndpoint(tx, id))
      if (!was) throw notFound('endpoint', id)
    },
  }
}

/** The region that a body names; undefined when it names none. */
async function regionOf(
  tx: Transaction,
  body: { region?: string | null; region_id?: string | null },
): Promise<string | null | undefined> {
  if (body.region_id !== undefined) return body.region_id
  if (typeof body.region === 'string') await ensureRegion(tx, body.region)
  return body.region
}

function checkUrl(url: string): void {
  const word = unknownUrlWord(url)
  if (word === undefined) return
  throw invalid(
    'endpoint.url',
    `The URL wants ${word.slice(0, 64)} filled in; only ${URL_WORDS.map((each) => `$(${each})s`).join(', ')} can be.`,
  )
}
