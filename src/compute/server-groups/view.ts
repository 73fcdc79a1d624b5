/** From a server group to the API's answer. Source: nova/api/openstack/compute/server_groups.py */
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { ServerGroup } from './server-groups.ts'

const OWNERS = microversion('2.13')
const ONE_POLICY = microversion('2.64')

export function viewServerGroup(group: ServerGroup, version: Microversion) {
  return {
    id: group.id,
    name: group.name,
    ...(version >= ONE_POLICY
      ? { policy: group.policy, rules: group.rules }
      : { policies: [group.policy], metadata: {} }),
    members: group.members,
    ...(version >= OWNERS && { project_id: group.projectId, user_id: group.userId }),
  }
}
