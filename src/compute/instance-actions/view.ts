/** From an action and the steps of its story to what a client sees. Source: nova/api/openstack/compute/instance_actions.py */
import type { Caller } from '../../http/caller.ts'
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { Span } from '../../durable/history.ts'
import { COMPUTE_POLICIES } from '../policies.ts'
import type { InstanceAction, Server } from '../servers/server.ts'
import { hostIdOf } from '../servers/view.ts'
import { toMicroseconds } from '../timestamps.ts'

const V = {
  eventsForAll: microversion('2.51'),
  updatedAt: microversion('2.58'),
  host: microversion('2.62'),
  details: microversion('2.84'),
} as const

/** The event that clients know, before the steps that are ours. */
const UPSTREAM_EVENT: Readonly<Record<string, string>> = {
  create: 'compute__do_build_and_run_instance',
  delete: 'compute_terminate_instance',
  start: 'compute_start_instance',
  stop: 'compute_stop_instance',
  reboot: 'compute_reboot_instance',
  attach_volume: 'compute_attach_volume',
  extend_volume: 'compute_extend_volume',
  detach_volume: 'compute_detach_volume',
  attach_interface: 'compute_attach_interface',
  detach_interface: 'compute_detach_interface',
}

export function viewAction(action: InstanceAction, version: Microversion): Record<string, unknown> {
  return {
    action: action.action,
    instance_uuid: action.serverId,
    request_id: action.requestId,
    user_id: action.userId,
    project_id: action.projectId,
    start_time: toMicroseconds(action.startedAt),
    message: action.message,
    ...(version >= V.updatedAt && { updated_at: toMicroseconds(action.updatedAt) }),
  }
}

export function viewActionWithEvents(
  action: InstanceAction,
  spans: readonly Span[],
  server: Pick<Server, 'projectId'>,
  { caller, version }: { caller: Caller; version: Microversion },
): Record<string, unknown> {
  const allows = (policy: string) =>
    COMPUTE_POLICIES[`os_compute_api:os-instance-actions:${policy}`]!.allows(caller, {})
  const seesTraces = allows('events')
  if (!seesTraces && version < V.eventsForAll) return viewAction(action, version)
  const where = { projectId: server.projectId, host: action.host as Server['host'] }
  const event = (name: string, startedAt: Date, finishedAt: Date | null, error: string | undefined) => ({
    event: name,
    start_time: toMicroseconds(startedAt),
    finish_time: finishedAt === null ? null : toMicroseconds(finishedAt),
    result: finishedAt === null ? null : error === undefined ? 'Success' : 'Error',
    ...(seesTraces && { traceback: error ?? null }),
    ...(version >= V.host && { hostId: hostIdOf(where) }),
    ...(version >= V.host && seesTraces && action.host !== null && { host: action.host }),
    ...(version >= V.details && allows('events:details') && { details: error ?? null }),
  })
  const whole = event(
    UPSTREAM_EVENT[action.action] ?? action.action,
    action.startedAt,
    action.finishedAt,
    action.message === null ? undefined : (action.details ?? 'Error'),
  )
  const steps = spans.map((span) => event(span.step, span.startedAt, span.finishedAt, span.error))
  return { ...viewAction(action, version), events: [whole, ...steps] }
}
