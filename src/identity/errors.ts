/** Every error that identity raises, with its stable code. How they look to a client is for faults.ts. */
import { DomainError } from '../domain-error.ts'

const NEEDS_AUTHENTICATION = 'The request you have made requires authentication.'

/** Kinds of things that can be missing; each has the code `identity.<kind>.not-found`. */
export type Kind =
  | 'application credential'
  | 'access rule'
  | 'credential'
  | 'domain'
  | 'endpoint'
  | 'group'
  | 'limit'
  | 'project'
  | 'project tag'
  | 'region'
  | 'registered limit'
  | 'role'
  | 'service'
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

export function markerNotFound(marker: string): DomainError {
  return new DomainError('not-found', 'identity.marker.not-found', `The marker ${shown(marker)} is not in the list.`)
}

export function assignmentNotFound(): DomainError {
  return new DomainError('not-found', 'identity.assignment.not-found', 'There is no such role assignment.')
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

/** The question makes no sense as it stands; `what` names the rule that it breaks, in kebab-case. */
export function invalid(what: string, message: string): DomainError {
  return new DomainError('invalid', `identity.${what}`, message)
}

/** The caller may do such things, but not this one in this state. */
export function forbidden(what: string, message: string): DomainError {
  return new DomainError('forbidden', `identity.${what}`, message)
}

export function immutable(kind: Kind, id: string): DomainError {
  return new DomainError(
    'forbidden',
    `identity.${kind}.immutable`,
    `The ${kind} ${shown(id)} is immutable: set its option "immutable" to false first.`,
  )
}

/** A part of the API that this cloud has not; refused by name. */
export function notOffered(what: string): DomainError {
  return new DomainError('forbidden', 'identity.not-offered', `${what} is not offered by this cloud.`, {
    details: { status: 501 },
  })
}

function shown(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
