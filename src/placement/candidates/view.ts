/** From candidates to the API's answer. */
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { AllocationRequest, Candidates } from './candidates.ts'
import type { CandidatesRequest } from './request.ts'
import type { WorldProvider } from './world.ts'

const OBJECTS = microversion('1.12')
const TRAITS = microversion('1.17')
const EVERY_CLASS = microversion('1.27')
export const NESTED = microversion('1.29')
const MAPPINGS = microversion('1.34')

export function viewCandidates(
  { requests, providers }: Candidates,
  { groups }: CandidatesRequest,
  version: Microversion,
) {
  const asked = new Set(groups.flatMap(({ resources }) => Object.keys(resources)))
  return {
    allocation_requests: requests.map((request) => viewRequest(request, version)),
    provider_summaries: Object.fromEntries(
      providers.map((provider) => [provider.id, viewSummary(provider, asked, version)]),
    ),
  }
}

function viewRequest({ resources, mappings }: AllocationRequest, version: Microversion) {
  const byProvider = new Map<string, Record<string, number>>()
  for (const { provider, resourceClass, amount } of resources) {
    byProvider.set(provider.id, { ...byProvider.get(provider.id), [resourceClass]: amount })
  }
  if (version < OBJECTS) {
    return {
      allocations: [...byProvider].map(([uuid, taken]) => ({ resource_provider: { uuid }, resources: taken })),
    }
  }
  return {
    allocations: Object.fromEntries([...byProvider].map(([uuid, taken]) => [uuid, { resources: taken }])),
    ...(version >= MAPPINGS && {
      mappings: Object.fromEntries([...mappings].map(([suffix, providers]) => [suffix, [...providers]])),
    }),
  }
}

function viewSummary(provider: WorldProvider, asked: ReadonlySet<string>, version: Microversion) {
  return {
    resources: Object.fromEntries(
      [...provider.inventories]
        .filter(([name]) => version >= EVERY_CLASS || asked.has(name))
        .map(([name, { capacity, used }]) => [name, { capacity, used }]),
    ),
    ...(version >= TRAITS && { traits: [...provider.traits] }),
    ...(version >= NESTED && {
      parent_provider_uuid: provider.parentId,
      root_provider_uuid: provider.rootId,
    }),
  }
}
