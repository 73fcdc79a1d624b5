/** From a provider to the API's answer. */
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { Locations } from '../locations.ts'
import type { Provider } from './providers.ts'

const TREES = microversion('1.14')
const LINKED = [
  ['inventories', microversion('1.0')],
  ['usages', microversion('1.0')],
  ['aggregates', microversion('1.1')],
  ['traits', microversion('1.6')],
  ['allocations', microversion('1.11')],
] as const

export function viewProvider(provider: Provider, version: Microversion, locations: Locations) {
  const self = locations.path(`/resource_providers/${provider.id}`)
  return {
    uuid: provider.id,
    name: provider.name,
    generation: provider.generation,
    links: [
      { rel: 'self', href: self },
      ...LINKED.filter(([, since]) => version >= since).map(([rel]) => ({ rel, href: `${self}/${rel}` })),
    ],
    ...(version >= TREES && { parent_provider_uuid: provider.parentId, root_provider_uuid: provider.rootId }),
  }
}
