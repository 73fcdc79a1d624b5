/** How much of its flavor a project has had, over a span of time. Pure. Source: nova/api/openstack/compute/simple_tenant_usage.py */
import type { FlavorId, ProjectId, ServerId } from '../../ids.ts'
import type { VmState } from '../lifecycle/states.ts'

export interface Span {
  readonly start: Date
  readonly stop: Date
}

/** A server that ran at some moment of the span. */
export interface UsedServer {
  readonly id: ServerId
  readonly name: string
  readonly projectId: ProjectId
  readonly flavorId: FlavorId
  readonly flavorName: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly rootGiB: number
  readonly ephemeralGiB: number
  readonly vmState: VmState
  readonly launchedAt: Date
  readonly terminatedAt: Date | null
}

export interface ServerUsage {
  readonly server: UsedServer
  /** Within the span. */
  readonly hours: number
  /** Of the server's whole life so far. */
  readonly uptimeSeconds: number
}

export interface ProjectUsage {
  readonly projectId: ProjectId
  readonly hours: number
  readonly vcpuHours: number
  readonly ramMiBHours: number
  readonly diskGiBHours: number
  readonly servers: readonly ServerUsage[]
}

/** In the order in which the projects come. */
export function usageByProject(servers: readonly UsedServer[], span: Span, now: Date): readonly ProjectUsage[] {
  const byProject = Map.groupBy(
    servers.map((server) => usageOf(server, span, now)),
    ({ server }) => server.projectId,
  )
  return [...byProject].map(([projectId, used]) => {
    const sum = (of: (server: UsedServer) => number) =>
      used.reduce((total, { server, hours }) => total + of(server) * hours, 0)
    return {
      projectId,
      hours: sum(() => 1),
      vcpuHours: sum(({ vcpus }) => vcpus),
      ramMiBHours: sum(({ ramMiB }) => ramMiB),
      diskGiBHours: sum(diskGiB),
      servers: used,
    }
  })
}

export function diskGiB({ rootGiB, ephemeralGiB }: UsedServer): number {
  return rootGiB + ephemeralGiB
}

function usageOf(server: UsedServer, { start, stop }: Span, now: Date): ServerUsage {
  const ended = server.terminatedAt ?? now
  const from = Math.max(server.launchedAt.getTime(), start.getTime())
  const to = Math.min(server.terminatedAt?.getTime() ?? stop.getTime(), stop.getTime())
  return {
    server,
    hours: Math.max(0, to - from) / 3_600_000,
    uptimeSeconds: Math.max(0, Math.floor((ended.getTime() - server.launchedAt.getTime()) / 1000)),
  }
}
