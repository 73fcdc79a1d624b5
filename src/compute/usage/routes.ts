/** `os-simple-tenant-usage`: what projects have used. Rules: ./usage.ts */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Database } from '../../database/database.ts'
import { microversion } from '../../http/microversions.ts'
import { last, nextPageUrl, pageOf } from '../../http/paging.ts'
import { authorize, type PolicyTable } from '../../http/policy.ts'
import { isUuid } from '../../ids.ts'
import { badField } from '../errors.ts'
import { many, query } from '../parameter-types.ts'
import { toMicroseconds } from '../timestamps.ts'
import { isServer, serversIn } from './store.ts'
import { diskGiB, type ProjectUsage, type ServerUsage, type Span, usageByProject } from './usage.ts'

interface UsageParts {
  readonly db: Database
  readonly policies: PolicyTable
  readonly base: string
}

type Query = Readonly<Record<string, string | string[] | undefined>>
type OfProject = { Params: { tenant_id: string } }

const MAX_PAGE = 1000
const PAGED = microversion('2.40')
const text = Type.Optional(many(Type.String()))
const paging = {
  limit: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.40' })),
  marker: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.40' })),
}
const ListQuery = query({ start: text, end: text, detailed: text, ...paging }, { looseUntil: '2.74' })
const ShowQuery = query({ start: text, end: text, ...paging }, { looseUntil: '2.74' })

export const usageRoutes: FastifyPluginAsync<UsageParts> = async (app, { db, policies, base }) => {
  const url = '/os-simple-tenant-usage'

  /** A page of servers, summed up by project; `next` is the last one's id where more follow. */
  const read = async (request: FastifyRequest, projectId: string | undefined) => {
    const asked = request.query as Query
    const now = new Date()
    const span = spanOf(asked, now)
    const isPaged = request.microversion >= PAGED
    const { limit, marker } = isPaged ? pageOf(asked, MAX_PAGE) : { limit: MAX_PAGE, marker: undefined }
    if (marker !== undefined && !(isUuid(marker) && (await isServer(db, marker)))) {
      throw badField(`marker [${marker.slice(0, 255)}] not found`)
    }
    const found = await serversIn(db, span, { projectId, limit: limit + 1, marker })
    const page = found.slice(0, limit)
    return {
      usages: usageByProject(page, span, now),
      span,
      asked,
      next: isPaged && found.length > limit ? page.at(-1)?.id : undefined,
    }
  }

  app.get(
    url,
    { config: { policy: 'os_compute_api:os-simple-tenant-usage:list' }, schema: { querystring: ListQuery } },
    async (request) => {
      const { usages, span, asked, next } = await read(request, undefined)
      const detailed = last(asked.detailed) === '1'
      return {
        tenant_usages: usages.map((usage) => viewProject(usage, span, detailed)),
        ...(next !== undefined && {
          tenant_usages_links: [{ rel: 'next', href: nextPageUrl(base, `/v2.1${url}`, asked, next) }],
        }),
      }
    },
  )

  app.get<OfProject>(
    `${url}/:tenant_id`,
    { config: { policy: 'os_compute_api:os-simple-tenant-usage:show' }, schema: { querystring: ShowQuery } },
    async (request) => {
      const { tenant_id: projectId } = request.params
      authorize(policies, 'os_compute_api:os-simple-tenant-usage:show', request.caller, { projectId })
      const { usages, span, asked, next } = await read(request, projectId)
      return {
        // Of a project that has used nothing there is nothing to say.
        tenant_usage: usages[0] === undefined ? {} : viewProject(usages[0], span, true),
        ...(next !== undefined && {
          tenant_usage_links: [{ rel: 'next', href: nextPageUrl(base, `/v2.1${url}/${projectId}`, asked, next) }],
        }),
      }
    },
  )
}

/** Without an end it is now, and so is a beginning that is missing, which leaves nothing: upstream refuses it then. */
function spanOf(asked: Query, now: Date): Span {
  const start = timeOf(asked.start, now)
  const end = timeOf(asked.end, now)
  if (!(start < end)) throw badField('Invalid start time. The start time cannot occur after the end time.')
  return { start, stop: end > now ? now : end }
}

/** `2026-01-02T03:04:05`, with or without a fraction, or with a space in its middle; always UTC. */
function timeOf(value: string | string[] | undefined, now: Date): Date {
  const text = last(value)
  if (text === undefined || text === '') return now
  const time = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$/.test(text)
    ? new Date(`${text.replace(' ', 'T').replace(/(\.\d{3})\d+$/, '$1')}Z`)
    : undefined
  if (time === undefined || Number.isNaN(time.getTime())) throw badField('Datetime is in invalid format')
  return time
}

function viewProject(usage: ProjectUsage, { start, stop }: Span, detailed: boolean) {
  return {
    tenant_id: usage.projectId,
    total_hours: usage.hours,
    total_vcpus_usage: usage.vcpuHours,
    total_memory_mb_usage: usage.ramMiBHours,
    total_local_gb_usage: usage.diskGiBHours,
    start: toMicroseconds(start),
    stop: toMicroseconds(stop),
    ...(detailed && { server_usages: usage.servers.map(viewServerUsage) }),
  }
}

function viewServerUsage({ server, hours, uptimeSeconds }: ServerUsage) {
  const ended = server.terminatedAt
  return {
    instance_id: server.id,
    name: server.name,
    tenant_id: server.projectId,
    flavor: server.flavorName,
    vcpus: server.vcpus,
    memory_mb: server.ramMiB,
    local_gb: diskGiB(server),
    hours,
    uptime: uptimeSeconds,
    started_at: toMicroseconds(server.launchedAt),
    ended_at: ended === null ? null : toMicroseconds(ended),
    state: ended === null ? server.vmState : 'terminated',
  }
}
