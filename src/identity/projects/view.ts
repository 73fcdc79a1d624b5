/** Projects as they go out; shapes in the API reference of identity v3. */
import type { Links } from '../links.ts'
import type { Project } from './store.ts'

export function viewProject(project: Project, links: Links): Record<string, unknown> {
  return {
    ...project.extra,
    id: project.id,
    name: project.name,
    domain_id: project.domainId,
    description: project.description,
    enabled: project.enabled,
    parent_id: project.parentId,
    is_domain: project.isDomain,
    tags: project.tags,
    options: project.options,
    links: { self: links.self('projects', project.id) },
  }
}

/** `{parent: {domain: null}}`: up to and with the project that acts as the domain; null for that one. */
export function parentsAsIds(ancestors: readonly Project[]): Record<string, unknown> | null {
  return ancestors.reduceRight<Record<string, unknown> | null>((above, ancestor) => ({ [ancestor.id]: above }), null)
}

/** `{child: {grandchild: null}}`; null for a leaf. */
export function subtreeAsIds(rootId: string, descendants: readonly Project[]): Record<string, unknown> | null {
  const children = descendants.filter((each) => each.parentId === rootId)
  if (children.length === 0) return null
  return Object.fromEntries(children.map((child) => [child.id, subtreeAsIds(child.id, descendants)]))
}
