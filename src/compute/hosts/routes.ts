/** `os-hosts`, up to 2.42: hosts as operators saw them before services and hypervisors. Source: nova's hosts.py */
import type { FastifyPluginAsync } from 'fastify'
import Type, { type Static } from 'typebox'
import { DomainError } from '../../domain-error.ts'
import { last } from '../../http/paging.ts'
import type { HostName } from '../../ids.ts'
import { notOffered } from '../errors.ts'
import type { HostRoom } from '../hypervisors/view.ts'
import { many, query } from '../parameter-types.ts'
import type { Host, Hosts, ProjectOnHost } from './hosts.ts'

const word = Type.Optional(Type.Enum(['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE']))
const HostBody = Type.Object(
  { status: word, maintenance_mode: word },
  { additionalProperties: false, minProperties: 1 },
)
const HostListQuery = query({ zone: Type.Optional(many(Type.String())) }, { looseUntil: '2.42' })

type ByName = { Params: { host_name: string } }
const UNTIL = '2.42'

export const hostRoutes: FastifyPluginAsync<{ hosts: Hosts }> = async (app, { hosts }) => {
  const byName = async (name: string) => {
    const found = await hosts.find(name)
    if (found !== undefined) return found
    throw new DomainError(
      'not-found',
      'compute.host.not-found',
      `Compute host ${name.slice(0, 255)} could not be found.`,
    )
  }

  app.get<{ Querystring: Record<string, unknown> }>(
    '/os-hosts',
    { config: { policy: 'os_compute_api:os-hosts:list', until: UNTIL }, schema: { querystring: HostListQuery } },
    async ({ query: asked }) => {
      const zone = last(asked.zone)
      const found = (await hosts.list()).filter(
        ({ enabled, availabilityZone }) => enabled && (zone === undefined || zone === '' || availabilityZone === zone),
      )
      return {
        hosts: found.map((host) => ({ host_name: host.name, service: 'compute', zone: host.availabilityZone })),
      }
    },
  )

  app.get<ByName>(
    '/os-hosts/:host_name',
    { config: { policy: 'os_compute_api:os-hosts:show', until: UNTIL } },
    async ({ params }) => {
      const host = await byName(params.host_name)
      const [rooms, projects] = await Promise.all([hosts.rooms(), hosts.projectsOn(host.name)])
      return { host: viewResources(host, rooms.get(host.name) ?? {}, projects) }
    },
  )

  app.put<ByName & { Body: Static<typeof HostBody> }>(
    '/os-hosts/:host_name',
    { config: { policy: 'os_compute_api:os-hosts:update', until: UNTIL }, schema: { body: HostBody } },
    async ({ params, body }) => {
      const { name } = await byName(params.host_name)
      if (body.maintenance_mode !== undefined) throw notOffered('The maintenance mode of a host')
      const enabled = body.status?.toLowerCase() === 'enable'
      await hosts.change(name as HostName, { enabled, disabledReason: null })
      return { host: name, status: enabled ? 'enabled' : 'disabled' }
    },
  )

  for (const [deed, policy] of [
    ['reboot', 'reboot'],
    ['shutdown', 'shutdown'],
    ['startup', 'start'],
  ] as const) {
    app.get<ByName>(
      `/os-hosts/:host_name/${deed}`,
      { config: { policy: `os_compute_api:os-hosts:${policy}`, until: UNTIL } },
      async ({ params }) => {
        await byName(params.host_name)
        throw notOffered(`The ${deed} of a host`)
      },
    )
  }
}

function viewResources({ name, facts }: Host, room: HostRoom, projects: readonly ProjectOnHost[]) {
  const row = (project: string, cpu: number, memory: number, disk: number) => ({
    resource: { host: name, project, cpu, memory_mb: memory, disk_gb: disk },
  })
  const used = (resourceClass: string) => (room[resourceClass]?.used ?? 0) + (room[resourceClass]?.reserved ?? 0)
  const sum = (value: (project: ProjectOnHost) => number) => projects.reduce((total, each) => total + value(each), 0)
  return [
    row('(total)', facts.vcpus, facts.ramMiB, facts.diskGiB),
    row('(used_now)', used('VCPU'), used('MEMORY_MB'), used('DISK_GB')),
    row(
      '(used_max)',
      sum(({ vcpus }) => vcpus),
      sum(({ ramMiB }) => ramMiB),
      sum(({ diskGiB }) => diskGiB),
    ),
    ...projects.map((each) => row(each.projectId, each.vcpus, each.ramMiB, each.diskGiB)),
  ]
}
