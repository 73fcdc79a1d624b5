/** The personas: what each has where, as our services see it and as upstream's do. */
import type { Caller } from '../../src/http/caller.ts'
import type { Credentials } from './check-string.ts'

type Scope = 'system' | 'domain' | 'project' | 'other project' | 'none'

export interface Persona {
  readonly name: string
  readonly scope: Scope
  /** The role that was given; undefined for none. */
  readonly role?: string
}

/** What each role brings with it. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  admin: ['admin', 'manager', 'member', 'reader'],
  manager: ['manager', 'member', 'reader'],
  member: ['member', 'reader'],
  reader: ['reader'],
  service: ['service'],
}

const of = (scope: Scope, ...roles: string[]): Persona[] =>
  roles.map((role) => ({ name: `${scope} ${role}`, scope, role }))

export const PERSONAS: readonly Persona[] = [
  ...of('system', 'admin', 'member', 'reader'),
  ...of('domain', 'admin', 'manager', 'member', 'reader'),
  ...of('project', 'admin', 'manager', 'member', 'reader', 'service'),
  ...of('other project', 'member'),
  { name: 'unscoped', scope: 'none' },
]

/** Ids that everything compares: the persona's own, by the kind of what they are. */
export const IDS = {
  user: 'my-user',
  project: 'my-project',
  domain: 'my-domain',
  otherProject: 'their-project',
} as const

export function rolesOf({ role }: Persona): readonly string[] {
  return role === undefined ? [] : IMPLIED[role]!
}

export function callerOf(persona: Persona): Caller {
  const roles = rolesOf(persona)
  const projectId = projectOf(persona)
  return {
    userId: IDS.user as never,
    userName: persona.name,
    userDomainId: IDS.domain as never,
    ...(projectId !== undefined && { projectId: projectId as never, projectDomainId: IDS.domain as never }),
    ...(persona.scope === 'domain' && { domainId: IDS.domain as never }),
    ...(persona.scope === 'system' && { system: 'all' as const }),
    roles,
    isAdmin: roles.includes('admin'),
    requestId: 'req-persona',
  }
}

/** @param ids those of a real token, where there is one */
export function credentialsOf(
  persona: Persona,
  ids: { userId: string; projectId?: string | undefined; domainId?: string | undefined; projectDomainId?: string } = {
    userId: IDS.user,
    projectId: projectOf(persona),
    domainId: persona.scope === 'domain' ? IDS.domain : undefined,
    projectDomainId: IDS.domain,
  },
): Credentials {
  const roles = rolesOf(persona)
  return {
    user_id: ids.userId,
    project_id: ids.projectId ?? null,
    domain_id: ids.domainId ?? null,
    system_scope: persona.scope === 'system' ? 'all' : null,
    roles,
    // What the context of block storage and compute says of administrators, by their rule `context_is_admin`.
    is_admin: roles.includes('admin'),
    is_admin_project: true,
    token: {
      project: ids.projectId === undefined ? null : { domain: { id: ids.projectDomainId } },
      domain: ids.domainId === undefined ? null : { id: ids.domainId },
    },
  }
}

/** The word of upstream's `scope_types`; a token without a scope counts as a project's. */
export function scopeOf({ scope }: Persona): 'system' | 'domain' | 'project' {
  return scope === 'system' || scope === 'domain' ? scope : 'project'
}

function projectOf({ scope }: Persona): string | undefined {
  return scope === 'project' ? IDS.project : scope === 'other project' ? IDS.otherProject : undefined
}
