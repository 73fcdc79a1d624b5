/** Addresses of a server, without the details that its own view adds. */
import type { FastifyPluginAsync } from 'fastify'
import type { Network } from '../../network/index.ts'
import { noNetworkOfThatName } from '../errors.ts'
import type { Servers } from '../servers/servers.ts'
import { viewAddresses } from '../servers/view.ts'

type OfServer = { Params: { server_id: string } }
type OfNetwork = { Params: { server_id: string; network_label: string } }

export const serverIpRoutes: FastifyPluginAsync<{ servers: Servers; network: Network }> = async (
  app,
  { servers, network },
) => {
  const addresses = async (request: { caller: Parameters<Servers['get']>[0]; params: { server_id: string } }) => {
    const { id } = await servers.get(request.caller, request.params.server_id)
    return viewAddresses((await network.portsOf([id])).get(id) ?? [], { brief: true })
  }

  app.get<OfServer>('/servers/:server_id/ips', { config: { policy: 'os_compute_api:ips:index' } }, async (request) => ({
    addresses: await addresses(request),
  }))

  app.get<OfNetwork>(
    '/servers/:server_id/ips/:network_label',
    { config: { policy: 'os_compute_api:ips:show' } },
    async (request) => {
      const label = request.params.network_label
      const all = await addresses(request)
      if (!Object.hasOwn(all, label)) throw noNetworkOfThatName(label)
      return { [label]: all[label] }
    },
  )
}
