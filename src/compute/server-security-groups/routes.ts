/**
 * Security groups of a server, whole, in the shape of the network API's elder.
 * Source: nova/api/openstack/compute/security_groups.py, nova/network/security_group_api.py
 */
import type { FastifyPluginAsync } from 'fastify'
import type { DescribedSecurityGroup, Network } from '../../network/index.ts'
import type { Servers } from '../servers/servers.ts'

type OfServer = { Params: { server_id: string } }
type Rule = DescribedSecurityGroup['rules'][number]

export const serverSecurityGroupRoutes: FastifyPluginAsync<{ servers: Servers; network: Network }> = async (
  app,
  { servers, network },
) => {
  app.get<OfServer>(
    '/servers/:server_id/os-security-groups',
    { config: { policy: 'os_compute_api:os-security-groups:list' } },
    async (request) => {
      const { id } = await servers.get(request.caller, request.params.server_id)
      const ports = (await network.portsOf([id])).get(id) ?? []
      const ids = [...new Set(ports.flatMap((port) => port.securityGroups.map((group) => group.id)))]
      const groups = await network.describeSecurityGroups(ids)
      const remotes = await remoteGroups(network, groups)
      return { security_groups: groups.map((group) => viewGroup(group, remotes)) }
    },
  )
}

/** Groups that rules point to, by id. */
async function remoteGroups(network: Network, groups: readonly DescribedSecurityGroup[]) {
  const known = new Map(groups.map((group) => [group.id, group]))
  const pointed = groups.flatMap(({ rules }) => rules.map(({ remoteGroupId }) => remoteGroupId))
  const missing = [...new Set(pointed)].filter((id) => id !== null && !known.has(id)) as string[]
  if (missing.length > 0) for (const group of await network.describeSecurityGroups(missing)) known.set(group.id, group)
  return known
}

/** The elder API knew rules for what comes in, and no others. */
function viewGroup(group: DescribedSecurityGroup, remotes: ReadonlyMap<string, DescribedSecurityGroup>) {
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
