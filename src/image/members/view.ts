/** From a membership to what a client reads. */
import { viewTime } from '../images/view.ts'
import type { Member } from './store.ts'

export function viewMember(member: Member) {
  return {
    member_id: member.memberId,
    image_id: member.imageId,
    status: member.status,
    created_at: viewTime(member.createdAt),
    updated_at: viewTime(member.updatedAt),
    schema: '/v2/schemas/member',
  }
}

export function viewMembers(members: readonly Member[]) {
  return { members: members.map(viewMember), schema: '/v2/schemas/members' }
}
