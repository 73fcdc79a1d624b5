/** Who is asking: what a valid token says, as every service's rules see it. */
import type { DomainId, ProjectId, UserId } from '../ids.ts'
import type { AccessRule } from './access-rules.ts'

export interface Caller {
  readonly userId: UserId
  readonly userName: string
  readonly userDomainId: DomainId
  /** Set when the token is scoped to a project. */
  readonly projectId?: ProjectId
  readonly projectName?: string
  readonly projectDomainId?: DomainId
  /** Set when the token is scoped to a domain. */
  readonly domainId?: DomainId
  /** Set when the token is scoped to the whole system. */
  readonly system?: 'all'
  /** Names of roles, implied ones included: `admin` brings `manager`, `member` and `reader`. */
  readonly roles: readonly string[]
  readonly isAdmin: boolean
  /** Set when the token may make certain requests only; asService refuses all others. */
  readonly accessRules?: readonly AccessRule[]
  /** `req-<uuid>` of the request that brought this caller. */
  readonly requestId: string
}

/** The caller that the cloud itself is when a story or a gardener acts, not a person. */
export function cloudItself(requestId: string): Caller {
  return {
    userId: 'stratolith' as UserId,
    userName: 'stratolith',
    userDomainId: 'default' as DomainId,
    system: 'all',
    roles: ['admin', 'manager', 'member', 'reader', 'service'],
    isAdmin: true,
    requestId,
  }
}
