/** Between the API's allocations and ours. */
import { type Microversion, microversion } from '../../http/microversions.ts'
import { dashed } from '../query.ts'
import type { Allocations, ConsumerOrder } from './allocations.ts'
import type { AllocationOfConsumer } from './store.ts'

const OWNERS = microversion('1.12')
const GENERATIONS = microversion('1.28')
const TYPES = microversion('1.38')

/** Whose an allocation is that names nobody, as they were before 1.8. Source: placement's option incomplete_consumer_project_id */
const NOBODY = '00000000-0000-0000-0000-000000000000'

/** What a request says of one consumer, whatever its version's form. */
export interface ConsumerBody {
  readonly allocations: unknown
  readonly project_id?: string
  readonly user_id?: string
  readonly consumer_generation?: number | null
  readonly consumer_type?: string
}

export function orderOf(consumerId: string, body: ConsumerBody): ConsumerOrder {
  return {
    consumerId: dashed(consumerId),
    projectId: body.project_id ?? NOBODY,
    userId: body.user_id ?? NOBODY,
    type: body.consumer_type,
    generation: body.consumer_generation,
    allocations: resourcesByProvider(body.allocations),
  }
}

type Resources = Readonly<Record<string, number>>

function resourcesByProvider(allocations: unknown): Record<string, Resources> {
  if (Array.isArray(allocations)) {
    const list = allocations as { resource_provider: { uuid: string }; resources: Resources }[]
    return Object.fromEntries(list.map((each) => [dashed(each.resource_provider.uuid), each.resources]))
  }
  return Object.fromEntries(
    Object.entries(allocations as Record<string, { resources: Resources }>).map(([provider, { resources }]) => [
      dashed(provider),
      resources,
    ]),
  )
}

export function viewConsumer(found: readonly AllocationOfConsumer[], version: Microversion) {
  const allocations: Record<string, { generation: number; resources: Record<string, number> }> = {}
  for (const { providerId, providerGeneration, resourceClass, used } of found) {
    allocations[providerId] ??= { generation: providerGeneration, resources: {} }
    allocations[providerId].resources[resourceClass] = used
  }
  const consumer = found[0]
  return {
    allocations,
    ...(consumer !== undefined &&
      version >= OWNERS && {
        project_id: consumer.projectId,
        user_id: consumer.userId,
        ...(version >= GENERATIONS && { consumer_generation: consumer.consumerGeneration }),
        ...(version >= TYPES && { consumer_type: consumer.type ?? 'unknown' }),
      }),
  }
}

export function viewProviderAllocations(
  { generation, allocations: found }: Awaited<ReturnType<Allocations['onProvider']>>,
  version: Microversion,
) {
  const allocations: Record<string, { resources: Record<string, number>; consumer_generation?: number }> = {}
  for (const { consumerId, resourceClass, used, consumerGeneration } of found) {
    allocations[consumerId] ??= {
      resources: {},
      ...(version >= GENERATIONS && { consumer_generation: consumerGeneration }),
    }
    allocations[consumerId].resources[resourceClass] = used
  }
  return { allocations, resource_provider_generation: generation }
}
