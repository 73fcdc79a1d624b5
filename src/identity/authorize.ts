/** Policy as identity's deeds ask it: with the whole target, under identity's own names. */
import type { Caller } from '../http/caller.ts'
import { authorize } from '../http/policy.ts'
import { type IdentityTarget, identityPolicies } from './policies.ts'

export type IdentityPolicy = keyof typeof identityPolicies

/** @throws DomainError forbidden, `policy.not-authorized` */
export function mayDo(policy: IdentityPolicy, caller: Caller, target: IdentityTarget): void {
  authorize(identityPolicies, policy, caller, target)
}

/** Whether `mayDo` would pass. */
export function could(policy: IdentityPolicy, caller: Caller, target: IdentityTarget): boolean {
  return identityPolicies[policy].allows(caller, target)
}
