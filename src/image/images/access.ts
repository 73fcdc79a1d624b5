/** Whether a caller may do a thing to an image that it sees. */
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { type ImagePolicy, imagePolicies, type ImageTarget } from '../policies.ts'
import type { Image } from './image.ts'

/** @throws DomainError forbidden, `policy.not-authorized` */
export function authorizeOn(policy: ImagePolicy, caller: Caller, image: Pick<Image, 'owner' | 'visibility'>): void {
  authorize(imagePolicies, policy, caller, targetOf(caller, image))
}

function targetOf(caller: Caller, { owner, visibility }: Pick<Image, 'owner' | 'visibility'>): ImageTarget {
  const isSharedWithCaller = visibility === 'shared' && owner !== caller.projectId
  return {
    projectId: owner ?? '',
    visibility,
    memberProjectId: isSharedWithCaller ? caller.projectId : undefined,
  }
}
