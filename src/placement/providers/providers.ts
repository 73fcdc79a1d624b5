/** The rules of resource providers and of the trees that they form. Source: placement/objects/resource_provider.py */
import { type Database, type Sql, violatedConstraint } from '../../database/database.ts'
import { isUuid, newId, type ProviderId } from '../../ids.ts'
import {
  badProvider,
  noProvider,
  providerExists,
  providerHasChildren,
  providerInUse,
  unknownClass,
  unknownTraits,
} from '../errors.ts'
import { dashed } from '../query.ts'
import * as store from './store.ts'

export type { Provider, ProviderFilter } from './store.ts'

export interface Providers {
  /** @throws DomainError not-found `placement.provider.not-found` */
  get(id: string): Promise<store.Provider>
  list(filter: store.ProviderFilter): Promise<readonly store.Provider[]>
  create(order: { id?: string; name: string; parentId: string | null }): Promise<store.Provider>
  /** @param mayMove from 1.37 on a provider may get another parent, or none */
  update(
    id: string,
    change: { name?: string; parentId?: string | null },
    options: { mayMove: boolean },
  ): Promise<store.Provider>
  remove(id: string): Promise<void>
}

/** @throws DomainError not-found `placement.provider.not-found`; also for what is no UUID */
export async function getProvider(sql: Sql, id: string): Promise<store.Provider> {
  const found = isUuid(id) ? await store.findProvider(sql, id) : undefined
  if (found === undefined) throw noProvider(id)
  return found
}

export function openProviders(db: Database): Providers {
  return {
    get: (id) => getProvider(db, id),

    async list(filter) {
      const classes = await store.unknownClasses(db, Object.keys(filter.resources))
      if (classes.length > 0) throw unknownClass('Invalid resource class in resources parameter', classes.join(', '))
      const named = [...filter.traits.required.flat(), ...filter.traits.forbidden]
      const traits = named.length === 0 ? [] : await store.unknownTraits(db, named)
      if (traits.length > 0) throw unknownTraits('Invalid trait(s) in "required" parameter: ', traits)
      return await store.listProviders(db, filter)
    },

    async create({ id = newId<ProviderId>(), name, parentId }) {
      const uuid = dashed(id) as ProviderId
      const refused = (message: string) => badProvider(`create resource provider "${name}", ${uuid}`, message)
      if (parentId !== null && dashed(parentId) === uuid) {
        throw refused(
          'parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent.',
        )
      }
      try {
        return await db.begin(async (tx) => {
          const parent = parentId === null ? undefined : await store.findProvider(tx, parentId)
          if (parentId !== null && parent === undefined) throw refused('parent provider UUID does not exist.')
          return await store.insertProvider(tx, {
            id: uuid,
            name,
            parentId: parent?.id ?? null,
            rootId: parent?.rootId ?? uuid,
          })
        })
      } catch (error) {
        switch (violatedConstraint(error)) {
          case 'providers_name':
            throw providerExists(`name: ${name}`)
          case 'providers_pkey':
            throw providerExists(`uuid: ${uuid}`)
          case 'providers_parent':
            throw refused('parent provider UUID does not exist.')
          default:
            throw error
        }
      }
    },

    async update(id, { name, parentId }, { mayMove }) {
      const refused = (message: string) => badProvider(`save resource provider ${id}`, message)
      try {
        return await db.begin(async (tx) => {
          if (parentId !== undefined) await store.lockTrees(tx)
          const before = await getProvider(tx, id)
          const place = parentId === undefined ? before : await placeBelow(tx, before, parentId, mayMove, refused)
          const changed = await store.changeProvider(tx, before.id, {
            name: name ?? before.name,
            parentId: place.parentId,
          })
          if (place.rootId === before.rootId) return changed!
          await store.setRoot(tx, await store.subtreeOf(tx, before.id), place.rootId)
          return { ...changed!, rootId: place.rootId }
        })
      } catch (error) {
        if (violatedConstraint(error) === 'providers_name') throw providerExists(name ?? '')
        if (violatedConstraint(error) === 'providers_parent') throw refused('parent provider UUID does not exist.')
        throw error
      }
    },

    async remove(id) {
      try {
        if (isUuid(id) && (await store.deleteProvider(db, id))) return
      } catch (error) {
        if (violatedConstraint(error) === 'providers_parent') throw providerHasChildren(id)
        if (violatedConstraint(error) === 'allocations_inventory') throw providerInUse(id)
        throw error
      }
      throw noProvider(id, ' for delete')
    },
  }
}

type Place = Pick<store.Provider, 'parentId' | 'rootId'>

/** Where a provider comes to stand when it gets a parent, or none. */
async function placeBelow(
  tx: Sql,
  provider: store.Provider,
  parentId: string | null,
  mayMove: boolean,
  refused: (message: string) => Error,
): Promise<Place> {
  if (parentId === null) {
    if (provider.parentId === null) return provider
    if (!mayMove) throw refused('un-parenting a provider is not currently allowed.')
    return { parentId: null, rootId: provider.id }
  }
  const parent = await store.findProvider(tx, parentId)
  if (parent === undefined) throw refused('parent provider UUID does not exist.')
  if (provider.parentId !== null && provider.parentId !== parent.id && !mayMove) {
    throw refused('re-parenting a provider is not currently allowed.')
  }
  if ((await store.subtreeOf(tx, provider.id)).includes(parent.id)) {
    throw refused('creating loop in the provider tree is not allowed.')
  }
  return { parentId: parent.id, rootId: parent.rootId }
}
