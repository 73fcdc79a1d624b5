/**
 * Who may do what. Each service keeps one table, policy name to rule, with upstream's names and defaults; every route
 * names its policy, and a test fails for one that does not.
 *
 * The rules follow oslo.policy's defaults after secure role-based access: personas admin, member, reader (and manager,
 * service) by project, domain or system scope.
 */
import { DomainError } from '../domain-error.ts'
import type { Caller } from './caller.ts'

/** What a request is about, as far as a rule may ask. An absent field is not compared. */
export interface Target {
  readonly projectId?: string | undefined
  readonly userId?: string | undefined
  readonly domainId?: string | undefined
  /** For rules of single services, such as `network_project_id`. */
  readonly [extra: string]: unknown
}

export interface Rule {
  /** As `stratolith routes` shows it. */
  readonly name: string
  readonly allows: (caller: Caller, target: Target) => boolean
}

export type PolicyTable = Readonly<Record<string, Rule>>

const has = (role: string) => (caller: Caller) => caller.roles.includes(role)
const inProject = (caller: Caller, target: Target) =>
  caller.projectId !== undefined && (target.projectId === undefined || target.projectId === caller.projectId)

const rule = (name: string, allows: Rule['allows']): Rule => ({ name, allows })

/** No token is asked for: version documents and the like. */
export const ANYONE = rule('anyone', () => true)
/** Any valid token, whatever it is for: what upstream guards by no policy. */
export const AUTHENTICATED = rule('authenticated', () => true)
export const ADMIN = rule('admin', (caller) => caller.isAdmin)
export const SERVICE_OR_ADMIN = rule('service_or_admin', (caller) => caller.isAdmin || has('service')(caller))
export const PROJECT_READER = rule('project_reader', (c, t) => has('reader')(c) && inProject(c, t))
export const PROJECT_MEMBER = rule('project_member', (c, t) => has('member')(c) && inProject(c, t))
export const PROJECT_MANAGER = rule('project_manager', (c, t) => has('manager')(c) && inProject(c, t))
export const PROJECT_READER_OR_ADMIN = anyOf('project_reader_or_admin', ADMIN, PROJECT_READER)
export const PROJECT_MEMBER_OR_ADMIN = anyOf('project_member_or_admin', ADMIN, PROJECT_MEMBER)
export const PROJECT_MANAGER_OR_ADMIN = anyOf('project_manager_or_admin', ADMIN, PROJECT_MANAGER)
/** Any role in the project will do; or admin. */
export const ADMIN_OR_OWNER = anyOf('admin_or_owner', ADMIN, rule('owner', inProject))

/** A rule that allows what one of `rules` allows. */
export function anyOf(name: string, ...rules: Rule[]): Rule {
  return rule(name, (caller, target) => rules.some((each) => each.allows(caller, target)))
}

/** A rule of a single service. */
export function ruleOf(name: string, allows: Rule['allows']): Rule {
  return rule(name, allows)
}

/** @throws DomainError forbidden, `policy.not-authorized`, when the table's rule for `policy` says no */
export function authorize(table: PolicyTable, policy: string, caller: Caller, target: Target = {}): void {
  const found = table[policy]
  if (found === undefined) throw new Error(`policy ${policy} is in no table`)
  if (found.allows(caller, target)) return
  throw notAuthorized(policy)
}

export function notAuthorized(policy: string): DomainError {
  return new DomainError('forbidden', 'policy.not-authorized', `Policy doesn't allow ${policy} to be performed.`, {
    details: { policy },
  })
}
