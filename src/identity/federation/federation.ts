/**
 * The rules of identity providers, whose people may come here, and of service providers, where ours may go. Both are kept
 * and shown, and enabled service providers stand in every token; no way to log in by either is offered.
 * Source: keystone/api/os_federation.py, keystone/federation/core.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { type DomainId, newHexId, type ProjectId } from '../../ids.ts'
import type { Changes } from '../changes.ts'
import { notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { findProject, insertProject } from '../projects/store.ts'
import type {
  IdentityProviderCreateBody,
  IdentityProviderUpdateBody,
  ServiceProviderCreateBody,
  ServiceProviderUpdateBody,
} from './schemas.ts'
import * as store from './store.ts'
import type { IdentityProvider, ServiceProvider } from './store.ts'

export interface Federation {
  createIdentityProvider(
    id: string,
    body: Static<typeof IdentityProviderCreateBody>['identity_provider'],
  ): Promise<IdentityProvider>
  showIdentityProvider(id: string): Promise<IdentityProvider>
  listIdentityProviders(list: ListQuery): Promise<readonly IdentityProvider[]>
  updateIdentityProvider(
    id: string,
    body: Static<typeof IdentityProviderUpdateBody>['identity_provider'],
  ): Promise<IdentityProvider>
  deleteIdentityProvider(id: string): Promise<void>
  createServiceProvider(
    id: string,
    body: Static<typeof ServiceProviderCreateBody>['service_provider'],
  ): Promise<ServiceProvider>
  showServiceProvider(id: string): Promise<ServiceProvider>
  listServiceProviders(list: ListQuery): Promise<readonly ServiceProvider[]>
  updateServiceProvider(
    id: string,
    body: Static<typeof ServiceProviderUpdateBody>['service_provider'],
  ): Promise<ServiceProvider>
  deleteServiceProvider(id: string): Promise<void>
  /** Those that are enabled, as tokens show them: a JSON array, or undefined where there are none. */
  serviceProvidersAsJson(): Promise<string | undefined>
}

const RELAY_STATE_PREFIX = 'ss:mem:'
const ENABLED: ListQuery = { conditions: [{ column: 'v.enabled', is: true }], limit: undefined, marker: undefined }

export function openFederation({ db, changes }: { db: Database; changes: Changes }): Federation {
  let shown: { count: number; json: Promise<string | undefined> } | undefined

  return {
    async createIdentityProvider(id, body) {
      return await changes.commit(async (tx) => {
        const domainId = body.domain_id ?? newHexId<DomainId>()
        if (body.domain_id == null) {
          await insertProject(tx, {
            id: domainId as ProjectId,
            name: domainId,
            domainId: null,
            parentId: null,
            isDomain: true,
            enabled: true,
            description: `For people who come from the identity provider ${id}`,
            options: {},
            extra: {},
            tags: [],
          })
        } else if ((await findProject(tx, domainId))?.isDomain !== true) throw notFound('domain', domainId)
        const provider: IdentityProvider = {
          id,
          domainId,
          enabled: body.enabled ?? false,
          description: body.description ?? null,
          authorizationTtl: body.authorization_ttl ?? null,
          remoteIds: body.remote_ids ?? [],
        }
        await store.insertIdentityProvider(tx, provider)
        return provider
      })
    },

    async showIdentityProvider(id) {
      const found = await store.findIdentityProvider(db, id)
      if (found === undefined) throw notFound('identity provider', id)
      return found
    },

    listIdentityProviders: (list) => store.listIdentityProviders(db, list),

    async updateIdentityProvider(id, body) {
      return await changes.commit(async (tx) => {
        const before = await store.lockIdentityProvider(tx, id)
        if (before === undefined) throw notFound('identity provider', id)
        const after: IdentityProvider = {
          ...before,
          enabled: body.enabled ?? before.enabled,
          description: body.description === undefined ? before.description : body.description,
          authorizationTtl: body.authorization_ttl === undefined ? before.authorizationTtl : body.authorization_ttl,
          remoteIds: body.remote_ids === undefined ? before.remoteIds : (body.remote_ids ?? []),
        }
        await store.updateIdentityProvider(tx, after)
        return after
      })
    },

    async deleteIdentityProvider(id) {
      const was = await changes.commit((tx) => store.deleteIdentityProvider(tx, id))
      if (!was) throw notFound('identity provider', id)
    },

    async createServiceProvider(id, body) {
      const provider: ServiceProvider = {
        id,
        enabled: body.enabled ?? false,
        description: body.description ?? null,
        authUrl: body.auth_url,
        spUrl: body.sp_url,
        relayStatePrefix: body.relay_state_prefix ?? RELAY_STATE_PREFIX,
      }
      await changes.commit((tx) => store.insertServiceProvider(tx, provider))
      return provider
    },

    async showServiceProvider(id) {
      const found = await store.findServiceProvider(db, id)
      if (found === undefined) throw notFound('service provider', id)
      return found
    },

    listServiceProviders: (list) => store.listServiceProviders(db, list),

    async updateServiceProvider(id, body) {
      return await changes.commit(async (tx) => {
        const before = await store.lockServiceProvider(tx, id)
        if (before === undefined) throw notFound('service provider', id)
        const after: ServiceProvider = {
          ...before,
          enabled: body.enabled ?? before.enabled,
          description: body.description === undefined ? before.description : body.description,
          authUrl: body.auth_url ?? before.authUrl,
          spUrl: body.sp_url ?? before.spUrl,
          relayStatePrefix: body.relay_state_prefix ?? before.relayStatePrefix,
        }
        await store.updateServiceProvider(tx, after)
        return after
      })
    },

    async deleteServiceProvider(id) {
      const was = await changes.commit((tx) => store.deleteServiceProvider(tx, id))
      if (!was) throw notFound('service provider', id)
    },

    serviceProvidersAsJson() {
      if (shown === undefined || shown.count !== changes.count) {
        const json = store.listServiceProviders(db, ENABLED).then(asJson)
        const entry = { count: changes.count, json }
        shown = entry
        json.catch(() => {
          if (shown === entry) shown = undefined
        })
      }
      return shown.json
    },
  }
}

function asJson(providers: readonly ServiceProvider[]): string | undefined {
  if (providers.length === 0) return undefined
  return JSON.stringify(providers.map(({ id, authUrl, spUrl }) => ({ id, auth_url: authUrl, sp_url: spUrl })))
}
