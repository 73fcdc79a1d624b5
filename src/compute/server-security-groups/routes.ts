/**
 * Security groups of a server, whole, in the shape of the network API's elder.
 * Source: nova/api/openstack/compute/security_groups.py, nova/network/security_group_api.py
 */
import type { FastifyPluginAsync } from 'fastify'
import type { Network } from '../../network/index.ts'
import type { Servers } from '../servers/servers.ts'
import { remoteGroups, viewGroup } from './view.ts'

type OfServer = { Params: { server_id: string } }

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
