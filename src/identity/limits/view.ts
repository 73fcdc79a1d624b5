/** Limits as they go out. */
import type { Limit } from './store.ts'

/** Without its links: inside of a project it has none. */
export function viewLimit(limit: Limit): Record<string, unknown> {
  return {
    id: limit.id,
    project_id: limit.projectId,
    domain_id: limit.domainId,
    service_id: limit.serviceId,
    region_id: limit.regionId,
    resource_name: limit.resourceName,
    resource_limit: limit.resourceLimit,
    description: limit.description,
  }
}
