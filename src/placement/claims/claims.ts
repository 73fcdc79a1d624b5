/** The calls that compute makes in process: a host's provider, candidates, claim and release. */
import { type Database, type Sql, violatedConstraint } from '../../database/database.ts'
import type { ProviderId } from '../../ids.ts'
import { inventoryFull, inventoryInUse, noProvider, providerExists, unknownClass, unknownTraits } from '../errors.ts'
import { classesInUse } from '../inventories/store.ts'
import { standardNames } from '../standard/names.ts'
import type { Candidate, CandidateRequest, ClaimOrder, ProviderOrder } from '../index.ts'
import * as store from './store.ts'

export interface Claims {
  ensureProvider(provider: ProviderOrder): Promise<void>
  removeProvider(id: ProviderId): Promise<void>
  candidates(request: CandidateRequest): Promise<readonly Candidate[]>
  claim(claim: ClaimOrder): Promise<void>
  release(consumerId: string): Promise<void>
  consumersOn(providerId: ProviderId): Promise<readonly string[]>
}

export function openClaims(db: Database): Claims {
  return {
    async ensureProvider(order) {
      await db.begin((tx) => ensureProvider(tx, order))
    },

    async removeProvider(id) {
      await db.begin(async (tx) => {
        await store.lockProvider(tx, id)
        for (const consumerId of await store.consumersOn(tx, id)) await store.giveBack(tx, consumerId)
        await store.deleteProvider(tx, id)
      })
    },

    async candidates({ resources, required = [], forbidden = [] }) {
      const wanted = Object.fromEntries(Object.entries(resources).filter(([, amount]) => amount > 0))
      return await store.candidates(db, { resources: wanted, required: [...new Set(required)], forbidden })
    },

    async claim(order) {
      const { taken, standing, short } = await again(() => store.take(db, order))
      if (taken || standing) return
      throw short.length > 0 ? inventoryFull(short.join(', '), order.providerId) : noProvider(order.providerId)
    },

    async release(consumerId) {
      await again(() => store.giveBack(db, consumerId))
    },

    async consumersOn(providerId) {
      return await store.consumersOn(db, providerId)
    },
  }
}

async function ensureProvider(tx: Sql, { id, name, inventories, traits }: ProviderOrder): Promise<void> {
  const custom = traits.filter((trait) => trait.startsWith('CUSTOM_'))
  const standard = await standardNames()
  const unknown = traits.filter((trait) => !custom.includes(trait) && !standard.traits.has(trait))
  if (unknown.length > 0) throw unknownTraits(`Host ${name}: `, unknown)
  try {
    await store.putProvider(tx, id, name)
    await store.lockProvider(tx, id)
    const used = await classesInUse(tx, id, Object.keys(inventories))
    if (used.length > 0) throw inventoryInUse(`Host ${name}: `, used, id)
    const changes = [
      await store.putInventories(tx, id, inventories),
      await store.removeOtherInventories(tx, id, Object.keys(inventories)),
    ]
    if (custom.length > 0) await store.putCustomTraits(tx, custom)
    changes.push(await store.putTraits(tx, id, traits))
    if (changes.includes(true)) await store.moveGeneration(tx, id)
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'providers_name':
        throw providerExists(`name: ${name}`)
      case 'inventories_class':
        throw unknownClass(`Host ${name}`, Object.keys(inventories).join(', '))
      default:
        throw error
    }
  }
}

/** Two calls for one consumer may meet in each other's rows; the loser finds everything in place the second time. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const code = (error as { code?: string }).code
    // deadlock_detected, serialization_failure, unique_violation
    if (code !== '40P01' && code !== '40001' && code !== '23505') throw error
    return await run()
  }
}
