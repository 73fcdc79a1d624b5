/** Whether a caller may see or do a part of something, without refusing the whole. */
import type { Caller } from '../http/caller.ts'
import { type VolumePolicy, volumePolicies } from './policies.ts'

export function authorizes(policy: VolumePolicy, caller: Caller): boolean {
  return volumePolicies[policy].allows(caller, {})
}
