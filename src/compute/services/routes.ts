/**
 * Compute services, as the Compute API reference lists them: one `nova-compute` a host. Rules: ../hosts/hosts.ts
 * The scheduler and the conductor are no services of their own here, so none is listed.
 */
import type { FastifyPluginAsync } from 'fastify'
import type { Static } from 'typebox'
import { type Microversion, microversion } from '../../http/microversions.ts'
import { last } from '../../http/paging.ts'
import { type HostName, isUuid } from '../../ids.ts'
import type { Host, HostChange, Hosts } from '../hosts/hosts.ts'
import { isTrue } from '../parameter-types.ts'
import { toMicroseconds } from '../timestamps.ts'
import { badServiceId, badServiceUpdate, hostHasServers, noBinary, noService } from './errors.ts'
import { ServiceDeedBody, ServiceListQuery, ServiceUpdateBody } from './schemas.ts'

const BINARY = 'nova-compute'
const FORCED_DOWN = microversion('2.11')
const UUIDS = microversion('2.53')

type ById = { Params: { service_id: string } }

export const serviceRoutes: FastifyPluginAsync<{ hosts: Hosts }> = async (app, { hosts }) => {
  const byId = async (id: string, version: Microversion): Promise<Host> => {
    if (version >= UUIDS && !isUuid(id)) throw badServiceId(id, 'uuid')
    if (version < UUIDS && !/^\d{1,15}$/.test(id)) throw badServiceId(id, 'integer')
    const found = (await hosts.list()).find((host) =>
      version >= UUIDS ? host.serviceId === id.toLowerCase() : host.number === Number(id),
    )
    if (found === undefined) throw noService(id)
    return found
  }

  app.get<{ Querystring: Record<string, unknown> }>(
    '/os-services',
    { config: { policy: 'os_compute_api:os-services:list' }, schema: { querystring: ServiceListQuery } },
    async ({ query, microversion: version }) => {
      const host = last(query.host)
      const binary = last(query.binary)
      const found = binary === undefined || binary === '' || binary === BINARY ? await hosts.list() : []
      return {
        services: found
          .filter(({ name }) => host === undefined || host === '' || name === host)
          .map((each) => viewService(each, version)),
      }
    },
  )

  for (const [deed, since] of [
    ['enable', '2.1'],
    ['disable', '2.1'],
    ['disable-log-reason', '2.1'],
    ['force-down', '2.11'],
  ] as const) {
    app.put<{ Body: Static<typeof ServiceDeedBody> }>(
      `/os-services/${deed}`,
      {
        config: { policy: 'os_compute_api:os-services:update', since, until: '2.52' },
        schema: { body: ServiceDeedBody },
      },
      async ({ body }) => {
        const { change, said } = changeOf(deed, body)
        if (body.binary !== BINARY) {
          throw badServiceUpdate(
            `Updating a ${body.binary} service is not supported. Only nova-compute services can be updated.`,
          )
        }
        if (!(await hosts.change(body.host as HostName, change))) throw noBinary(body.binary, body.host)
        return { service: { host: body.host, binary: body.binary, ...said } }
      },
    )
  }

  app.put<ById & { Body: Static<typeof ServiceUpdateBody> }>(
    '/os-services/:service_id',
    {
      config: { policy: 'os_compute_api:os-services:update', since: '2.53' },
      schema: { body: ServiceUpdateBody },
    },
    async ({ params, body, microversion: version }) => {
      const { name } = await byId(params.service_id, version)
      await hosts.change(name, updateOf(body))
      return { service: viewService((await hosts.find(name))!, version) }
    },
  )

  app.delete<ById>(
    '/os-services/:service_id',
    { config: { policy: 'os_compute_api:os-services:delete' } },
    async ({ params, microversion: version }, reply) => {
      const { name } = await byId(params.service_id, version)
      if (!(await hosts.remove(name))) throw hostHasServers()
      return reply.code(204).send()
    },
  )
}

function viewService(host: Host, version: Microversion) {
  return {
    binary: BINARY,
    host: host.name,
    id: version >= UUIDS ? host.serviceId : host.number,
    zone: host.availabilityZone,
    status: host.enabled ? 'enabled' : 'disabled',
    state: host.up ? 'up' : 'down',
    updated_at: host.lastSeenAt === null ? null : toMicroseconds(host.lastSeenAt),
    disabled_reason: host.disabledReason,
    ...(version >= FORCED_DOWN && { forced_down: host.forcedDown }),
  }
}

/** What a deed of old changes, and what its answer says. */
function changeOf(
  deed: 'enable' | 'disable' | 'disable-log-reason' | 'force-down',
  body: Static<typeof ServiceDeedBody>,
): { change: HostChange; said: object } {
  switch (deed) {
    case 'enable':
      return { change: { enabled: true, disabledReason: null }, said: { status: 'enabled' } }
    case 'disable':
      return { change: { enabled: false, disabledReason: null }, said: { status: 'disabled' } }
    case 'disable-log-reason': {
      const reason = body.disabled_reason
      if (reason === undefined) throw badServiceUpdate('Missing disabled reason field')
      return {
        change: { enabled: false, disabledReason: reason },
        said: { status: 'disabled', disabled_reason: reason },
      }
    }
    case 'force-down': {
      if (body.forced_down === undefined) throw badServiceUpdate('Missing forced_down field')
      const forcedDown = isTrue(body.forced_down)
      return { change: { forcedDown }, said: { forced_down: forcedDown } }
    }
  }
}

function updateOf(body: Static<typeof ServiceUpdateBody>): HostChange {
  const { status, disabled_reason: reason, forced_down: forcedDown } = body
  if (status === 'enabled' && reason !== undefined) {
    throw badServiceUpdate("Specifying 'disabled_reason' with status 'enabled' is invalid.")
  }
  if (status === undefined && forcedDown === undefined) {
    throw badServiceUpdate("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
  }
  return {
    ...(status !== undefined && {
      enabled: status === 'enabled',
      disabledReason: status === 'enabled' ? null : (reason ?? null),
    }),
    ...(forcedDown !== undefined && { forcedDown: isTrue(forcedDown) }),
  }
}
