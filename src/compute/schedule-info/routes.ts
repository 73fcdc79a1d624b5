/**
 * `GET /servers/{id}/os-schedule-info`, our one addition to the compute API: the verdict of each filter on each host, of
 * the latest attempt to place the server. Admins see names of hosts, users the hashes that they know as `hostId`.
 */
import type { FastifyPluginAsync } from 'fastify'
import type { Database } from '../../database/database.ts'
import type { HostName } from '../../ids.ts'
import { noSchedule } from '../errors.ts'
import { COMPUTE_POLICIES } from '../policies.ts'
import { type HostVerdict, explain } from '../scheduler/index.ts'
import type { Servers } from '../servers/servers.ts'
import { findSchedule } from '../servers/store.ts'
import { hostIdOf } from '../servers/view.ts'
import { toSeconds } from '../timestamps.ts'

type OfServer = { Params: { server_id: string } }

export const scheduleInfoRoutes: FastifyPluginAsync<{ db: Database; servers: Servers }> = async (
  app,
  { db, servers },
) => {
  app.get<OfServer>(
    '/servers/:server_id/os-schedule-info',
    { config: { policy: 'compute:server:schedule_info' } },
    async (request) => {
      const server = await servers.get(request.caller, request.params.server_id)
      const schedule = await findSchedule(db, server.id)
      if (schedule === undefined) throw noSchedule(server.id)
      const verdicts = schedule.verdicts as readonly HostVerdict[]
      const seesHosts = COMPUTE_POLICIES['compute:server:schedule_info:host']!.allows(request.caller, {})
      const name = (host: HostName) =>
        seesHosts ? { host } : { hostId: hostIdOf({ projectId: server.projectId, host }) }
      return {
        schedule_info: {
          server_id: server.id,
          scheduled_at: toSeconds(schedule.madeAt),
          explanation: verdicts.some(({ passed }) => passed) ? null : explain(verdicts),
          hosts: verdicts.map(({ host, passed, rank, weight, weights, filters }) => ({
            ...name(host),
            passed,
            rank: rank ?? null,
            weight: weight ?? null,
            weights: weights ?? {},
            filters: filters.map(({ filter, passed, needed, had }) => ({ filter, passed, needed, had })),
          })),
        },
      }
    },
  )
}
