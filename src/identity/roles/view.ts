/** Roles, and which implies which, as they go out. */
import type { Links } from '../links.ts'
import type { Implication, Role } from './store.ts'

export function viewRole(role: Role, links: Links): Record<string, unknown> {
  return {
    ...role.extra,
    id: role.id,
    name: role.name,
    domain_id: role.domainId,
    description: role.description,
    options: role.options,
    links: { self: links.self('roles', role.id) },
  }
}

/** A role in short, as inferences show it. */
export function viewRoleName(role: { id: string; name: string }, links: Links): Record<string, unknown> {
  return { id: role.id, name: role.name, links: { self: links.self('roles', role.id) } }
}

export function viewImplied(implication: Implication, links: Links): Record<string, unknown> {
  return viewRoleName({ id: implication.impliedId, name: implication.impliedName }, links)
}
