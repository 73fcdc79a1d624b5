/** The rules of traits, and of which provider has which. Source: placement/objects/trait.py, handlers/trait.py */
import { type Database, violatedConstraint } from '../../database/database.ts'
import { putTraits } from '../claims/store.ts'
import { badTraitName, noSuchTraitToSet, noTrait, staleProvider, traitInUse, traitIsStandard } from '../errors.ts'
import { getProvider } from '../providers/providers.ts'
import { lockProviders, moveGeneration, unknownTraits } from '../providers/store.ts'
import * as store from './store.ts'

export type { Trait } from './store.ts'

export interface Traits {
  list(filter: Parameters<typeof store.listTraits>[1]): Promise<readonly store.Trait[]>
  /** @throws DomainError not-found `placement.trait.not-found` */
  get(name: string): Promise<store.Trait>
  /** @returns whether it was made. @throws DomainError invalid `placement.trait.invalid` */
  ensure(name: string): Promise<boolean>
  remove(name: string): Promise<void>
  ofProvider(id: string): Promise<ProviderTraits>
  /** @param generation that the caller has seen; undefined takes any */
  setOfProvider(id: string, names: readonly string[], generation: number | undefined): Promise<ProviderTraits>
}

export interface ProviderTraits {
  readonly traits: readonly store.Trait[]
  readonly generation: number
}

const CUSTOM = /^CUSTOM_[A-Z0-9_]+$/

export function openTraits(db: Database): Traits {
  const ofProvider = async (id: string) => {
    const { id: providerId, generation } = await getProvider(db, id)
    return { traits: await store.traitsOfProvider(db, providerId), generation }
  }

  return {
    list: (filter) => store.listTraits(db, filter),

    async get(name) {
      const found = await store.findTrait(db, name)
      if (found === undefined) throw noTrait(name)
      return found
    },

    async ensure(name) {
      if (!CUSTOM.test(name) || name.length > 255) throw badTraitName()
      return await store.insertTrait(db, name)
    },

    async remove(name) {
      if ((await store.findTrait(db, name)) === undefined) throw noTrait(name)
      if (!name.startsWith('CUSTOM_')) throw traitIsStandard(name)
      try {
        if (!(await store.deleteTrait(db, name))) throw noTrait(name)
      } catch (error) {
        if (violatedConstraint(error) === 'provider_traits_trait') throw traitInUse(name)
        throw error
      }
    },

    ofProvider,

    async setOfProvider(id, names, generation) {
      await db.begin(async (tx) => {
        const { id: providerId } = await getProvider(tx, id)
        const [provider] = await lockProviders(tx, [providerId])
        if (generation !== undefined && provider?.generation !== generation) {
          throw staleProvider(
            "Resource provider's generation already changed. Please update the generation and try again.",
          )
        }
        const unknown = await unknownTraits(tx, names)
        if (unknown.length > 0) throw noSuchTraitToSet(unknown)
        if (await putTraits(tx, providerId, [...new Set(names)])) await moveGeneration(tx, providerId)
      })
      return await ofProvider(id)
    },
  }
}
