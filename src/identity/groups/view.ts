/** Groups as they go out. */
import type { Links } from '../links.ts'
import type { Group } from './store.ts'

export function viewGroup(group: Group, links: Links): Record<string, unknown> {
  return {
    ...group.extra,
    id: group.id,
    name: group.name,
    domain_id: group.domainId,
    description: group.description,
    links: { self: links.self('groups', group.id) },
  }
}
