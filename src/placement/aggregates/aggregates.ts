/** Which aggregates a provider is in. From 1.19 on changing them moves the provider's generation. */
import type { Database } from '../../database/database.ts'
import { staleProvider } from '../errors.ts'
import { getProvider } from '../providers/providers.ts'
import { lockProviders, moveGeneration } from '../providers/store.ts'
import { aggregatesOf, setAggregates } from './store.ts'

export interface Aggregates {
  ofProvider(id: string): Promise<ProviderAggregates>
  /** @param generation that the caller has seen; undefined neither checks nor moves it */
  setOfProvider(id: string, aggregates: readonly string[], generation: number | undefined): Promise<ProviderAggregates>
}

export interface ProviderAggregates {
  readonly aggregates: readonly string[]
  readonly generation: number
}

export function openAggregates(db: Database): Aggregates {
  return {
    async ofProvider(id) {
      const { id: providerId, generation } = await getProvider(db, id)
      return { aggregates: await aggregatesOf(db, providerId), generation }
    },

    async setOfProvider(id, aggregates, seen) {
      const generation = await db.begin(async (tx) => {
        const { id: providerId } = await getProvider(tx, id)
        const [provider] = await lockProviders(tx, [providerId])
        if (seen !== undefined && provider?.generation !== seen) {
          throw staleProvider(
            "Resource provider's generation already changed. Please update the generation and try again.",
          )
        }
        await setAggregates(tx, providerId, aggregates)
        return seen === undefined ? provider!.generation : (await moveGeneration(tx, providerId))!
      })
      return { aggregates, generation }
    },
  }
}
