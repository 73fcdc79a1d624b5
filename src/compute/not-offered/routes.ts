/** Paths of upstream's that are not offered yet, refused by name, and some that upstream itself has taken away. */
import type { FastifyPluginAsync } from 'fastify'
import { gone, notOffered } from '../errors.ts'
import type { Servers } from '../servers/servers.ts'

type OfServer = { Params: { server_id: string } }

export const notOfferedRoutes: FastifyPluginAsync<{ servers: Servers }> = async (app, { servers }) => {
  const ofServer = (method: 'GET' | 'POST', path: string, policy: string, what: string, since?: string) =>
    app.route<OfServer>({
      method,
      url: `/servers/:server_id/${path}`,
      config: { policy: `os_compute_api:${policy}`, ...(since !== undefined && { since }) },
      handler: async (request) => {
        await servers.get(request.caller, request.params.server_id)
        throw notOffered(what)
      },
    })

  ofServer('POST', 'remote-consoles', 'os-remote-consoles', 'A remote console', '2.6')
  ofServer('GET', 'diagnostics', 'os-server-diagnostics', 'Diagnostics of a server')

  app.post(
    '/os-server-external-events',
    { config: { policy: 'os_compute_api:os-server-external-events:create' } },
    async () => {
      // Network and block storage tell compute by a call within the process.
      throw notOffered('Telling compute of external events')
    },
  )

  app.get<OfServer>('/servers/:server_id/os-virtual-interfaces', { config: { policy: 'compute:gone' } }, async () => {
    throw gone()
  })
}
