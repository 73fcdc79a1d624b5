/** Servers, as the Compute API reference lists them. Rules: ./create.ts, ./list.ts, ./servers.ts */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Database } from '../../database/database.ts'
import { nextPageUrl } from '../../http/paging.ts'
import type { ServerId } from '../../ids.ts'
import type { Network } from '../../network/index.ts'
import { devicesOf } from './block-devices-store.ts'
import { type CreateParts, createServers } from './create.ts'
import { canonical, liftCreate, wantsReservationId } from './lift.ts'
import { listPage, type ServerPage } from './list.ts'
import { ServerCreateBody, ServerListQuery, ServerShowQuery, ServerUpdateBody } from './schemas.ts'
import type { Server } from './server.ts'
import type { Servers } from './servers.ts'
import { type ServerChange, userDataOf } from './store.ts'
import { type ServerFacts, type Viewer, viewAccepted, viewBrief, viewServer, viewUpdated } from './view.ts'

export interface ServerRouteParts {
  readonly db: Database
  readonly network: Network
  readonly servers: Servers
  readonly create: CreateParts
  /** Public URL of compute, without the version. */
  readonly base: string
  /** What the API calls the status of a host, by name, for admins. */
  hostStatuses(hosts: readonly string[]): Promise<ReadonlyMap<string, string>>
}

type Query = Readonly<Record<string, string | string[] | undefined>>

export const serverRoutes: FastifyPluginAsync<ServerRouteParts> = async (app, parts) => {
  const { servers, base } = parts
  const viewerOf = ({ caller, microversion }: FastifyRequest): Viewer => ({ caller, version: microversion, base })

  app.post(
    '/servers',
    { config: { policy: 'os_compute_api:servers:create' }, schema: { body: ServerCreateBody } },
    async (request, reply) => {
      const body = request.body as ServerCreateBody
      const wish = liftCreate(body, request.microversion)
      const created = await createServers(parts.create, request.caller, wish)
      reply.code(202)
      if (wantsReservationId(body)) return { reservation_id: created.reservationId }
      const id = created.ids[0]!
      reply.header('location', `${base}/v2.1/servers/${id}`)
      const securityGroups = wish.securityGroups.length > 0 ? wish.securityGroups : ['default']
      return { server: viewAccepted({ ...created, id, securityGroups }, viewerOf(request)) }
    },
  )

  app.get(
    '/servers',
    { config: { policy: 'os_compute_api:servers:index' }, schema: { querystring: ServerListQuery } },
    async (request) => {
      const query = request.query as Query
      const page = await listPage(parts, request.caller, request.microversion, query, 'index')
      const viewer = viewerOf(request)
      return {
        servers: page.servers.map((server) => viewBrief(server, viewer)),
        ...nextLink(base, '/v2.1/servers', query, page),
      }
    },
  )

  app.get(
    '/servers/detail',
    { config: { policy: 'os_compute_api:servers:detail' }, schema: { querystring: ServerListQuery } },
    async (request) => {
      const query = request.query as Query
      const page = await listPage(parts, request.caller, request.microversion, query, 'detail')
      const viewer = viewerOf(request)
      const facts = await factsOf(parts, page.servers, viewer, page.ports)
      return {
        servers: facts.map((each) => viewServer(each, viewer)),
        ...nextLink(base, '/v2.1/servers/detail', query, page),
      }
    },
  )

  app.get<{ Params: { server_id: string } }>(
    '/servers/:server_id',
    { config: { policy: 'os_compute_api:servers:show' }, schema: { querystring: ServerShowQuery } },
    async (request) => {
      const server = await servers.get(request.caller, request.params.server_id)
      const viewer = viewerOf(request)
      return { server: viewServer(await singleFacts(parts, server, viewer), viewer) }
    },
  )

  app.put<{ Params: { server_id: string } }>(
    '/servers/:server_id',
    { config: { policy: 'os_compute_api:servers:update' }, schema: { body: ServerUpdateBody } },
    async (request) => {
      const server = await servers.update(
        request.caller,
        request.params.server_id,
        liftUpdate(request.body as ServerUpdate),
      )
      const viewer = viewerOf(request)
      return { server: viewUpdated(await singleFacts(parts, server, viewer), viewer) }
    },
  )

  app.delete<{ Params: { server_id: string } }>(
    '/servers/:server_id',
    { config: { policy: 'os_compute_api:servers:delete' } },
    async (request, reply) => {
      await servers.delete(request.caller, request.params.server_id)
      return reply.code(204).send()
    },
  )
}

/** All that the views of several servers need, in as many statements as for one. */
export async function factsOf(
  { db, network, hostStatuses }: Pick<ServerRouteParts, 'db' | 'network' | 'hostStatuses'>,
  servers: readonly Server[],
  { caller }: Viewer,
  known?: ReadonlyMap<ServerId, readonly { portId: string }[]>,
): Promise<ServerFacts[]> {
  if (servers.length === 0) return []
  const ids = servers.map(({ id }) => id)
  const hosts = [...new Set(servers.map(({ host }) => host).filter((host) => host !== null))]
  const [ports, devices, userData, statuses] = await Promise.all([
    known === undefined ? network.portsOf(ids) : (known as Awaited<ReturnType<Network['portsOf']>>),
    devicesOf(db, ids),
    caller.isAdmin ? userDataOf(db, ids) : new Map<ServerId, string>(),
    caller.isAdmin ? hostStatuses(hosts) : undefined,
  ])
  const devicesByServer = Map.groupBy(devices, (device) => device.serverId)
  return servers.map((server) => ({
    server,
    ports: ports.get(server.id) ?? [],
    devices: devicesByServer.get(server.id) ?? [],
    userData: userData.get(server.id) ?? null,
    ...(statuses !== undefined && { hostStatus: server.host === null ? '' : (statuses.get(server.host) ?? 'UNKNOWN') }),
  }))
}

/** A single server shows its groups as well. */
export async function singleFacts(parts: ServerRouteParts, server: Server, viewer: Viewer): Promise<ServerFacts> {
  const [facts] = await factsOf(parts, [server], viewer)
  const group = server.schedulerHints.group
  const found = typeof group === 'string' ? await parts.create.groups.find(viewer.caller, group) : undefined
  return { ...facts!, serverGroups: found === undefined ? [] : [found.id] }
}

function nextLink(base: string, path: string, query: Query, { next }: ServerPage) {
  if (next === undefined) return {}
  return { servers_links: [{ rel: 'next', href: nextPageUrl(base, path, query, next) }] }
}

interface ServerUpdate {
  readonly server: {
    readonly name?: string
    readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL'
    readonly accessIPv4?: string
    readonly accessIPv6?: string
    readonly description?: string | null
    readonly hostname?: string
    readonly pinned_availability_zone?: string | null
  }
}

function liftUpdate({ server }: ServerUpdate): ServerChange {
  return {
    ...(server.name !== undefined && { name: server.name.trim() }),
    ...(server['OS-DCF:diskConfig'] !== undefined && { diskConfig: server['OS-DCF:diskConfig'] }),
    ...(server.accessIPv4 !== undefined && { accessIpV4: server.accessIPv4 }),
    ...(server.accessIPv6 !== undefined && { accessIpV6: canonical(server.accessIPv6) }),
    ...(server.description !== undefined && { description: server.description }),
    ...(server.hostname !== undefined && { hostname: server.hostname }),
    ...(server.pinned_availability_zone !== undefined && { pinnedAvailabilityZone: server.pinned_availability_zone }),
  }
}
