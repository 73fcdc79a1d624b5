/**
 * Who may do what, as a few sets and functions: what identity must agree with after any sequence of changes. Nothing here
 * is taken from identity's own code; it follows upstream's description of assignments and of what ends a token.
 */

export type Scope =
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'system' }
  | { readonly kind: 'domain'; readonly id: string }
  | { readonly kind: 'project'; readonly id: string }

/** `user:ID` or `group:ID`. */
export type Actor = `${'user' | 'group'}:${string}`
/** `project:ID`, `domain:ID` or `system`. */
export type Target = `${'project' | 'domain'}:${string}` | 'system'

export interface Grant {
  readonly role: string
  readonly actor: Actor
  readonly target: Target
  readonly inherited: boolean
}

export interface IssuedToken {
  readonly user: string
  readonly scope: Scope
  /** What the user and the project had been through when it was issued. */
  readonly userAge: number
  readonly scopeAge: number
  revoked: boolean
}

export interface Model {
  /** Project to its parent; undefined right under its domain. */
  readonly projects: Map<string, { domain: string; parent: string | undefined; enabled: boolean; age: number }>
  readonly users: Map<string, { enabled: boolean; age: number }>
  /** Role to the domain that it belongs to, or undefined. */
  readonly roles: Map<string, string | undefined>
  readonly implies: Set<string>
  readonly members: Set<string>
  readonly grants: Map<string, Grant>
}

export const grantKey = (grant: Grant): string =>
  JSON.stringify([grant.role, grant.actor, grant.target, grant.inherited])
export const pair = (a: string, b: string): string => `${a} ${b}`

/** Names of roles that a token of the user would have in the scope. */
export function rolesOf(model: Model, user: string, scope: Scope): ReadonlySet<string> {
  const actors = new Set<Actor>([`user:${user}`])
  for (const member of model.members) {
    const [group, of] = member.split(' ') as [string, string]
    if (of === user) actors.add(`group:${group}`)
  }
  const given = [...model.grants.values()].filter((grant) => actors.has(grant.actor) && counts(model, grant, scope))
  const roles = new Set(given.map((grant) => grant.role))
  for (let grown = true; grown; ) {
    grown = false
    for (const rule of model.implies) {
      const [prior, implied] = rule.split(' ') as [string, string]
      if (!roles.has(prior) || roles.has(implied)) continue
      roles.add(implied)
      grown = true
    }
  }
  return new Set([...roles].filter((role) => model.roles.get(role) === undefined))
}

function counts(model: Model, { target, inherited }: Grant, scope: Scope): boolean {
  switch (scope.kind) {
    case 'unscoped':
      return false
    case 'system':
      return target === 'system'
    case 'domain':
      return !inherited && target === `domain:${scope.id}`
    case 'project':
      return inherited ? above(model, scope.id).includes(target) : target === `project:${scope.id}`
  }
}

/** The projects above one, and its domain. */
function above(model: Model, id: string): readonly Target[] {
  const { domain, parent } = model.projects.get(id)!
  return parent === undefined ? [`domain:${domain}`] : [`project:${parent}`, ...above(model, parent)]
}

/** Whether a token may be issued now. */
export function mayHave(model: Model, user: string, scope: Scope): boolean {
  if (model.users.get(user)?.enabled !== true) return false
  if (scope.kind === 'unscoped') return true
  if (scope.kind === 'project' && model.projects.get(scope.id)?.enabled !== true) return false
  return rolesOf(model, user, scope).size > 0
}

export function isGood(model: Model, token: IssuedToken): boolean {
  if (token.revoked || !mayHave(model, token.user, token.scope)) return false
  if (model.users.get(token.user)!.age !== token.userAge) return false
  return token.scope.kind !== 'project' || model.projects.get(token.scope.id)!.age === token.scopeAge
}
