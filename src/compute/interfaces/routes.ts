/** `os-interface`: the cards of a server. Source: nova/api/openstack/compute/attach_interfaces.py */
import type { FastifyPluginAsync } from 'fastify'
import Type, { type Static } from 'typebox'
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { BoundPort } from '../../network/index.ts'
import { badField } from '../errors.ts'
import { query } from '../parameter-types.ts'
import { Tag } from '../servers/schemas.ts'
import type { Servers } from '../servers/servers.ts'
import type { Interfaces } from './interfaces.ts'

type OfServer = { Params: { server_id: string } }
type OfPort = { Params: { server_id: string; port_id: string } }

const strict = { additionalProperties: false } as const
const Uuid = Type.String({ format: 'uuid' })
const IpAddress = Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })])

const AttachBody = Type.Object(
  {
    interfaceAttachment: Type.Optional(
      Type.Object(
        {
          net_id: Type.Optional(Uuid),
          port_id: Type.Optional(Uuid),
          fixed_ips: Type.Optional(
            Type.Array(Type.Object({ ip_address: IpAddress }, strict), { minItems: 1, maxItems: 1 }),
          ),
          tag: Type.Optional(Type.String({ ...Tag, since: '2.49' })),
        },
        strict,
      ),
    ),
  },
  strict,
)
const NoQuery = query({}, { looseUntil: '2.101' })

export const interfaceRoutes: FastifyPluginAsync<{ servers: Servers; interfaces: Interfaces }> = async (
  app,
  { servers, interfaces },
) => {
  const url = '/servers/:server_id/os-interface'
  const config = (name: string) => ({ policy: `os_compute_api:os-attach-interfaces:${name}` })

  app.get<OfServer>(url, { config: config('list'), schema: { querystring: NoQuery } }, async (request) => {
    const server = await servers.get(request.caller, request.params.server_id)
    const ports = await interfaces.list(server)
    return { interfaceAttachments: ports.map((port) => viewInterface(port, request.microversion)) }
  })

  app.get<OfPort>(`${url}/:port_id`, { config: config('show'), schema: { querystring: NoQuery } }, async (request) => {
    const server = await servers.get(request.caller, request.params.server_id)
    const port = await interfaces.get(server, request.params.port_id)
    return { interfaceAttachment: viewInterface(port, request.microversion) }
  })

  app.post<OfServer>(url, { config: config('create'), schema: { body: AttachBody } }, async (request) => {
    const { interfaceAttachment = {} } = (request.body ?? {}) as Static<typeof AttachBody>
    const { net_id, port_id, fixed_ips, tag } = interfaceAttachment
    if (net_id !== undefined && port_id !== undefined) throw badField('Must not input both network_id and port_id')
    if (fixed_ips !== undefined && net_id === undefined) {
      throw badField('Must input network_id when request IP address')
    }
    const server = await servers.get(request.caller, request.params.server_id)
    const port = await interfaces.attach(request.caller, server, {
      ...(net_id !== undefined && { networkId: net_id }),
      ...(port_id !== undefined && { portId: port_id }),
      ...(fixed_ips !== undefined && { fixedIp: fixed_ips[0]!.ip_address }),
      ...(tag !== undefined && { tag }),
    })
    return { interfaceAttachment: viewInterface(port, request.microversion) }
  })

  app.delete<OfPort>(`${url}/:port_id`, { config: config('delete') }, async (request, reply) => {
    const server = await servers.get(request.caller, request.params.server_id)
    await interfaces.detach(request.caller, server, request.params.port_id)
    return reply.code(202).send()
  })
}

const TAGGED = microversion('2.70')

function viewInterface(port: BoundPort, version: Microversion) {
  return {
    port_id: port.portId,
    net_id: port.networkId,
    mac_addr: port.macAddress,
    port_state: port.status,
    fixed_ips: port.fixedIps.map(({ ipAddress, subnetId }) => ({ ip_address: ipAddress, subnet_id: subnetId })),
    ...(version >= TAGGED && { tag: port.tag ?? null }),
  }
}
