/** Endpoints as they go out. */
import type { Links } from '../links.ts'
import type { Endpoint } from './store.ts'

export function viewEndpoint(endpoint: Endpoint, links: Links): Record<string, unknown> {
  return {
    ...endpoint.extra,
    id: endpoint.id,
    interface: endpoint.interface,
    region_id: endpoint.regionId,
    region: endpoint.regionId,
    service_id: endpoint.serviceId,
    url: endpoint.url,
    enabled: endpoint.enabled,
    ...(endpoint.name !== null && { name: endpoint.name }),
    ...(endpoint.description !== null && { description: endpoint.description }),
    links: { self: links.self('endpoints', endpoint.id) },
  }
}
