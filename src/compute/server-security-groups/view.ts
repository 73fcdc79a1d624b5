/** A security group in the shape of the network API's elder. Source: nova/api/openstack/compute/security_groups.py */
import type { DescribedSecurityGroup, Network } from '../../network/index.ts'

type Rule = DescribedSecurityGroup['rules'][number]

/** Groups that rules point to, by id. */
export async function remoteGroups(network: Network, groups: readonly DescribedSecurityGroup[]) {
  const known = new Map(groups.map((group) => [group.id, group]))
  const pointed = groups.flatMap(({ rules }) => rules.map(({ remoteGroupId }) => remoteGroupId))
  const missing = [...new Set(pointed)].filter((id) => id !== null && !known.has(id)) as string[]
  if (missing.length > 0) for (const group of await network.describeSecurityGroups(missing)) known.set(group.id, group)
  return known
}

/** The elder API knew rules for what comes in, and no others. */
export function viewGroup(group: DescribedSecurityGroup, remotes: ReadonlyMap<string, DescribedSecurityGroup>) {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    tenant_id: group.projectId,
    rules: group.rules
      .filter(({ direction }) => direction === 'ingress')
      .map((rule) => ({
        id: rule.id,
        parent_group_id: group.id,
        ip_protocol: rule.protocol,
        ...viewPorts(rule),
        ...viewRemote(rule, remotes),
      })),
  }
}

function viewPorts({ protocol, portRangeMin, portRangeMax }: Rule) {
  if (protocol === null || portRangeMin !== null || portRangeMax !== null) {
    return { from_port: portRangeMin, to_port: portRangeMax }
  }
  return ['tcp', 'udp'].includes(protocol.toLowerCase())
    ? { from_port: 1, to_port: 65_535 }
    : { from_port: -1, to_port: -1 }
}

function viewRemote({ remoteGroupId, remoteIpPrefix }: Rule, remotes: ReadonlyMap<string, DescribedSecurityGroup>) {
  if (remoteGroupId === null) return { group: {}, ip_range: { cidr: remoteIpPrefix ?? '0.0.0.0/0' } }
  const remote = remotes.get(remoteGroupId)
  return { group: remote === undefined ? {} : { name: remote.name, tenant_id: remote.projectId }, ip_range: {} }
}
