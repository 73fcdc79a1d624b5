/** Hypervisors, as the Compute API reference lists them: one a host. Rules: ../hosts/hosts.ts */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { type Microversion, microversion } from '../../http/microversions.ts'
import { last, nextPageUrl, pageOf } from '../../http/paging.ts'
import { isUuid } from '../../ids.ts'
import { noMarker } from '../flavors/errors.ts'
import type { Host, Hosts } from '../hosts/hosts.ts'
import { truthOf } from '../parameter-types.ts'
import { badHypervisorId, badHypervisorQuery, hostIsSilent, noHypervisor, noMatchingHypervisor } from './errors.ts'
import { HypervisorListQuery, HypervisorQuery } from './schemas.ts'
import { UUIDS, uptimeText, viewHypervisor, viewHypervisorName, viewServers, viewUsage } from './view.ts'

type Query = { Querystring: Record<string, unknown> }
type ById = { Params: { hypervisor_id: string } } & Query
type ByPattern = { Params: { hypervisor_hostname_pattern: string } }

const PAGES = microversion('2.33')
const MAX_PAGE = 1000

export const hypervisorRoutes: FastifyPluginAsync<{ hosts: Hosts; base: string }> = async (app, { hosts, base }) => {
  listRoutes(app, hosts, base)
  singleRoutes(app, hosts)
}

function listRoutes(app: FastifyInstance, hosts: Hosts, base: string): void {
  /** Brief or in detail, with servers where the query asks for them. */
  const shown = async (found: readonly Host[], detail: boolean, version: Microversion, withServers: boolean) => {
    const [rooms, servers] = await Promise.all([
      detail ? hosts.rooms() : undefined,
      withServers ? hosts.serversOn(found.map(({ name }) => name)) : undefined,
    ])
    return found.map((host) => ({
      ...(detail ? viewHypervisor(host, rooms?.get(host.name) ?? {}, version) : viewHypervisorName(host, version)),
      ...(servers !== undefined && viewServers(servers.get(host.name) ?? [], version)),
    }))
  }

  for (const [path, policy, detail] of [
    ['/os-hypervisors', 'list', false],
    ['/os-hypervisors/detail', 'list-detail', true],
  ] as const) {
    app.get<Query>(
      path,
      { config: { policy: `os_compute_api:os-hypervisors:${policy}` }, schema: { querystring: HypervisorListQuery } },
      async (request) => {
        const { query, microversion: version } = request
        const withServers = wantsServers(request)
        const pattern = version >= UUIDS ? last(query.hypervisor_hostname_pattern) : undefined
        if (pattern !== undefined) {
          if (query.limit !== undefined || query.marker !== undefined) {
            throw badHypervisorQuery(
              'Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.',
            )
          }
          return { hypervisors: await shown(await matching(hosts, pattern), detail, version, withServers) }
        }
        const all = byNumber(await hosts.list())
        const page = version >= PAGES ? pageOf(query, MAX_PAGE) : { limit: all.length }
        const found = after(all, page.marker, version).slice(0, page.limit)
        const next = version >= PAGES && found.length > 0 && found.length === page.limit ? found.at(-1) : undefined
        return {
          hypervisors: await shown(found, detail, version, withServers),
          ...(next !== undefined && {
            hypervisors_links: [
              { rel: 'next', href: nextPageUrl(base, `/v2.1${path}`, query, String(idOf(next, version))) },
            ],
          }),
        }
      },
    )
  }

  app.get(
    '/os-hypervisors/statistics',
    { config: { policy: 'os_compute_api:os-hypervisors:statistics', until: '2.87' } },
    async () => {
      const [all, rooms] = await Promise.all([hosts.list(), hosts.rooms()])
      const each = all.map((host) => ({ host, room: rooms.get(host.name) ?? {} }))
      return { hypervisor_statistics: { count: all.length, ...viewUsage(each) } }
    },
  )

  for (const [deed, withServers] of [
    ['search', false],
    ['servers', true],
  ] as const) {
    app.get<ByPattern>(
      `/os-hypervisors/:hypervisor_hostname_pattern/${deed}`,
      { config: { policy: `os_compute_api:os-hypervisors:${deed}`, until: '2.52' } },
      async ({ params, microversion: version }) => ({
        hypervisors: await shown(
          await matching(hosts, params.hypervisor_hostname_pattern),
          false,
          version,
          withServers,
        ),
      }),
    )
  }
}

function singleRoutes(app: FastifyInstance, hosts: Hosts): void {
  const byId = async (id: string, version: Microversion): Promise<Host> => {
    if (version >= UUIDS && !isUuid(id)) throw badHypervisorId(id)
    const found = (await hosts.list()).find((host) => String(idOf(host, version)) === id.toLowerCase())
    if (found === undefined) throw noHypervisor(id)
    return found
  }

  app.get<ById>(
    '/os-hypervisors/:hypervisor_id',
    { config: { policy: 'os_compute_api:os-hypervisors:show' }, schema: { querystring: HypervisorQuery } },
    async (request) => {
      const version = request.microversion
      const withServers = wantsServers(request)
      const host = await byId(request.params.hypervisor_id, version)
      const [rooms, servers] = await Promise.all([
        hosts.rooms(),
        withServers ? hosts.serversOn([host.name]) : undefined,
      ])
      return {
        hypervisor: {
          ...viewHypervisor(host, rooms.get(host.name) ?? {}, version),
          ...(servers !== undefined && viewServers(servers.get(host.name) ?? [], version)),
        },
      }
    },
  )

  app.get<ById>(
    '/os-hypervisors/:hypervisor_id/uptime',
    { config: { policy: 'os_compute_api:os-hypervisors:uptime', until: '2.87' } },
    async ({ params, microversion: version }) => {
      const host = await byId(params.hypervisor_id, version)
      if (!host.up) throw hostIsSilent(host.name)
      return { hypervisor: { ...viewHypervisorName(host, version), uptime: uptimeText(host) } }
    },
  )
}

function idOf(host: Host, version: Microversion): string | number {
  return version >= UUIDS ? host.providerId : host.number
}

function byNumber(hosts: readonly Host[]): Host[] {
  return [...hosts].sort((a, b) => a.number - b.number)
}

function after(hosts: readonly Host[], marker: string | undefined, version: Microversion): readonly Host[] {
  if (marker === undefined) return hosts
  const at = hosts.findIndex((host) => String(idOf(host, version)) === marker)
  if (at === -1) throw noMarker(marker)
  return hosts.slice(at + 1)
}

/** By a part of the name, as upstream's `LIKE %pattern%`. */
async function matching(hosts: Hosts, pattern: string): Promise<readonly Host[]> {
  const found = byNumber(await hosts.list()).filter(({ name }) => name.includes(pattern))
  if (found.length === 0) throw noMatchingHypervisor(pattern)
  return found
}

function wantsServers(request: FastifyRequest<Query>): boolean {
  const asked = request.microversion >= UUIDS ? last(request.query.with_servers) : undefined
  if (asked === undefined) return false
  const truth = truthOf(asked)
  if (truth === undefined) throw badHypervisorQuery(`Invalid with_servers value [${asked.slice(0, 64)}]`)
  return truth
}
