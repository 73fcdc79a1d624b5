/** Every error that identity raises, with its stable code. How they look to a client is for faults.ts. */
import { DomainError } from '../domain-error.ts'

const NEEDS_AUTHENTICATION = 'The request you have made requires authentication.'

/** Kinds of things that can be missing; each has the code `identity.<kind>.not-found`. */
export type Kind =
  | 'application credential'
  | 'access rule'
  | 'access token'
  | 'consumer'
  | 'credential'
  | 'domain'
  | 'ec2 access key'
  | 'endpoint'
  | 'endpoint group'
  | 'group'
  | 'identity provider'
  | 'limit'
  | 'mapping'
  | 'policy'
  | 'project'
  | 'project tag'
  | 'protocol'
  | 'region'
  | 'registered limit'
  | 'role'
  | 'service'
  | 'service provider'
  | 'token'
  | 'trust'
  | 'user'

/** The token of the request itself: absent, forged, expired, revoked, or of somebody who may no longer come in. */
export function tokenInvalid(cause?: unknown): DomainError {
  return new DomainError('unauthenticated', 'identity.token.invalid', NEEDS_AUTHENTICATION, { cause })
}

/** A login that failed. One text for all reasons, so that nothing can be learned by trying; the cause goes to the log. */
export function loginFailed(why: string): DomainError {
  return new DomainError('unauthenticated', 'identity.login.failed', NEEDS_AUTHENTICATION, { cause: new Error(why) })
}

/** A method that this cloud does not take; the client is told which it does. */
export function methodUnsupported(methods: readonly string[]): DomainError {
  return new DomainError('unauthenticated', 'identity.login.method-unsupported', NEEDS_AUTHENTICATION, {
    details: { identity: { methods } },
  })
}

export function passwordExpired(userId: string): DomainError {
  return new DomainError(
    'unauthenticated',
    'identity.password.expired',
    `The password of user ${userId} has expired and must be changed.`,
  )
}

export function tooManyLogins(): DomainError {
  return new DomainError(
    'unavailable',
    'identity.password.busy',
    'Too many passwords are being checked at this moment. Try again shortly.',
  )
}

export function notFound(kind: Kind, id: string): DomainError {
  return new DomainError(
    'not-found',
    `identity.${kind.replaceAll(' ', '-')}.not-found`,
    `There is no ${kind} ${shown(id)}.`,
  )
}

/** The subject of a question about a token is not a good token: a 404, and not the 401 of a bad bearer. */
export function subjectUnknown(): DomainError {
  return new DomainError('not-found', 'identity.token.subject-unknown', 'There is no such token.')
}

/** Part of the methods that a user's rules want were shown; `receipt` stands for them. */
export function moreMethodsNeeded(receipt: string, body: object): DomainError {
  return new DomainError('unauthenticated', 'identity.login.more-methods', 'Further methods are needed.', {
    details: { body, receipt },
  })
}

/** @param path where in the request the text stands that PostgreSQL cannot keep */
export function textUnstorable(path: string): DomainError {
  return new DomainError(
    'invalid',
    'identity.text.unstorable',
    `The text at ${path} holds characters that no text may.`,
  )
}

/** There is one for the same service, region and resource (and the same project or domain). */
export function limitTaken(kind: 'limit' | 'registered limit'): DomainError {
  return new DomainError('conflict', `identity.${kind.replaceAll(' ', '-')}.taken`, `There is already such a ${kind}.`)
}

export function remoteIdTaken(): DomainError {
  return new DomainError(
    'conflict',
    'identity.identity-provider.remote-id-taken',
    'A remote id is that of another identity provider.',
  )
}

export function trustTaken(): DomainError {
  return new DomainError('conflict', 'identity.trust.taken', 'There is already such a trust, with the same end.')
}

export function markerNotFound(marker: string): DomainError {
  return new DomainError('not-found', 'identity.marker.not-found', `The marker ${shown(marker)} is not in the list.`)
}

export function assignmentNotFound(): DomainError {
  return new DomainError('not-found', 'identity.assignment.not-found', 'There is no such role assignment.')
}

/** @param part what of a domain's configuration is not set */
export function domainConfigNotFound(part: {
  readonly domainId: string
  readonly group?: string | undefined
  readonly option?: string | undefined
}): DomainError {
  const what = part.option ?? (part.group === undefined ? 'any option' : `any option of the group ${part.group}`)
  return new DomainError(
    'not-found',
    'identity.domain-config.not-found',
    `The domain ${shown(part.domainId)} does not set ${what}.`,
  )
}

export function policyAssociationNotFound(): DomainError {
  return new DomainError('not-found', 'identity.policy-association.not-found', 'The policy is not for that.')
}

export function endpointPolicyNotFound(endpointId: string): DomainError {
  return new DomainError(
    'not-found',
    'identity.endpoint-policy.not-found',
    `No policy is for the endpoint ${shown(endpointId)}.`,
  )
}

type Filtered = 'endpoint' | 'endpoint group'

/** A project has been given the endpoint, or the group of endpoints, before. */
export function alreadyAssociated(kind: Filtered, id: string, projectId: string): DomainError {
  return new DomainError(
    'conflict',
    `identity.${kind.replaceAll(' ', '-')}.associated`,
    `The project ${shown(projectId)} has the ${kind} ${shown(id)} already.`,
  )
}

export function associationNotFound(kind: Filtered, id: string, projectId: string): DomainError {
  return new DomainError(
    'not-found',
    `identity.${kind.replaceAll(' ', '-')}.not-associated`,
    `The project ${shown(projectId)} has no ${kind} ${shown(id)}.`,
  )
}

export function membershipNotFound(userId: string, groupId: string): DomainError {
  return new DomainError(
    'not-found',
    'identity.membership.not-found',
    `User ${shown(userId)} is not in group ${shown(groupId)}.`,
  )
}

export function implicationNotFound(priorId: string, impliedId: string): DomainError {
  return new DomainError(
    'not-found',
    'identity.implied-role.not-found',
    `Role ${shown(priorId)} does not imply role ${shown(impliedId)}.`,
  )
}

export function nameTaken(kind: Kind, name: string): DomainError {
  return new DomainError(
    'conflict',
    `identity.${kind.replaceAll(' ', '-')}.name-taken`,
    `There is already a ${kind} of the name ${shown(name)}.`,
  )
}

export function idTaken(kind: Kind, id: string): DomainError {
  return new DomainError(
    'conflict',
    `identity.${kind.replaceAll(' ', '-')}.id-taken`,
    `There is already a ${kind} ${shown(id)}.`,
  )
}

/** The question makes no sense as it stands: 400, `identity.<code>`. */
export function invalid(code: InvalidCode, message: string): DomainError {
  return new DomainError('invalid', `identity.${code}`, message)
}

type InvalidCode =
  | 'access-rule.incomplete'
  | 'access-rule.unknown'
  | 'application-credential.other-project'
  | 'application-credential.role-missing'
  | 'application-credential.role-unknown'
  | 'assignment.filters-exclude'
  | 'assignment.subtree-of-what'
  | 'body.media-type'
  | 'credential.blob'
  | 'credential.no-project'
  | 'credential.project-unknown'
  | 'credential.user-unknown'
  | 'endpoint.region-unknown'
  | 'endpoint.url'
  | 'group.domain-fixed'
  | 'group.domain-unknown'
  | 'id.changed'
  | 'limit.region-unknown'
  | 'limit.service-unknown'
  | 'limit.target'
  | 'limit.target-unknown'
  | 'list.filter'
  | 'list.limit'
  | 'list.time'
  | 'login.application-credential'
  | 'login.domain'
  | 'login.method-without-data'
  | 'login.scope'
  | 'login.user'
  | 'password.locked'
  | 'password.requirements'
  | 'password.too-young'
  | 'password.used-before'
  | 'project.domain-fixed'
  | 'project.domain-unknown'
  | 'project.domain-with-parent'
  | 'project.kind-fixed'
  | 'project.parent-disabled'
  | 'project.parent-elsewhere'
  | 'project.parent-unknown'
  | 'project.tag-taken'
  | 'project.too-many-tags'
  | 'project.two-forms'
  | 'region.circle'
  | 'role.domain-fixed'
  | 'role.domain-unknown'
  | 'role.of-domain-on-system'
  | 'time.malformed'
  | 'time.past'
  | 'trust.redelegation-with-uses'
  | 'trust.role-ambiguous'
  | 'trust.something-gone'
  | 'user.default-project-is-domain'
  | 'user.domain-fixed'
  | 'user.domain-unknown'

/** The caller may do such things, but not this one in this state: 403, `identity.<code>`. */
export function forbidden(code: ForbiddenCode, message: string): DomainError {
  return new DomainError('forbidden', `identity.${code}`, message)
}

type ForbiddenCode =
  | 'access-rule.in-use'
  | 'application-credential.by-trust'
  | 'application-credential.no-project'
  | 'application-credential.restricted'
  | 'catalog.no-project'
  | 'credential.other-project'
  | 'credential.totp-by-delegation'
  | 'domain-config.default-hidden'
  | 'domain-config.empty'
  | 'domain-config.other-part'
  | 'domain-config.password-rules'
  | 'domain-config.unsupported'
  | 'domain.default'
  | 'domain.enabled'
  | 'limit.no-reference'
  | 'login.ec2-token'
  | 'login.application-credential-token'
  | 'login.not-trustee'
  | 'login.scoped-token'
  | 'login.system-token'
  | 'login.trust-token'
  | 'password.too-long'
  | 'project.child-enabled'
  | 'project.not-a-leaf'
  | 'project.parent-disabled'
  | 'project.parent-fixed'
  | 'project.too-deep'
  | 'region.in-use'
  | 'registered-limit.in-use'
  | 'role.global-implies-domain'
  | 'role.never-implied'
  | 'role.of-other-domain'
  | 'trust.by-application-credential'
  | 'trust.line-disabled'
  | 'trust.no-roles'
  | 'trust.redelegation-count'
  | 'trust.redelegation-refused'
  | 'trust.redelegation-too-deep'
  | 'trust.role-lost'
  | 'trust.used-up'

export function immutable(kind: Kind, id: string): DomainError {
  return new DomainError(
    'forbidden',
    `identity.${kind}.immutable`,
    `The ${kind} ${shown(id)} is immutable: set its option "immutable" to false first.`,
  )
}

/** A part of the API that was taken back everywhere: 410. */
export function goneForGood(what: string): DomainError {
  return new DomainError('not-found', 'identity.gone', `${what} is no more.`)
}

/** A part of the API that this cloud has not; refused by name. */
export function notOffered(what: string): DomainError {
  return new DomainError('forbidden', 'identity.not-offered', `${what} is not offered by this cloud.`)
}

function shown(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
