/** Domains as they go out. */
import type { Links } from '../links.ts'
import type { Project } from '../projects/store.ts'

export function viewDomain(domain: Project, links: Links): Record<string, unknown> {
  return {
    ...domain.extra,
    id: domain.id,
    name: domain.name,
    description: domain.description,
    enabled: domain.enabled,
    tags: domain.tags,
    options: domain.options,
    links: { self: links.self('domains', domain.id) },
  }
}
