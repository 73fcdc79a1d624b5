/** The question that one boot puts to the scheduler: hosts as they are now, hints resolved, the verdicts kept. */
import type { HostName, ProviderId } from '../../ids.ts'
import { noValidHost } from '../errors.ts'
import { explain, type HintedServers, type ScheduleRequest, rankHosts as rank } from '../scheduler/index.ts'
import { hostsOf, saveSchedule } from '../servers/store.ts'
import type { BootOrder } from './boot-order.ts'
import type { Parts } from './parts.ts'

/** What the boot needs to know of a candidate. */
export interface RankedHost {
  readonly host: HostName
  readonly providerId: ProviderId
  readonly availabilityZone: string
}

/** As many as are tried, and some more to show. */
const CANDIDATES_KEPT = 10

/**
 * Best first.
 * @throws DomainError no-capacity `compute.server.no-valid-host`, saying what each host lacked
 */
export async function rankHosts(parts: Parts, order: BootOrder): Promise<readonly RankedHost[]> {
  const [hosts, request] = await Promise.all([parts.hosts.forScheduling(), requestOf(parts, order)])
  const { ranked, verdicts } = rank(request, hosts)
  await saveSchedule(parts.db, order.serverId, verdicts)
  if (ranked.length === 0) {
    throw noValidHost(explain(verdicts, { flavors: await parts.sizesFor(order.projectId) }))
  }
  const byName = new Map(hosts.map((host) => [host.host, host]))
  return ranked.slice(0, CANDIDATES_KEPT).map((name) => {
    const { host, providerId, availabilityZone } = byName.get(name)!
    return { host, providerId, availabilityZone }
  })
}

async function requestOf(parts: Parts, { serverId, demand, wish }: BootOrder): Promise<ScheduleRequest> {
  const same = serversIn(wish.hints.same_host)
  const different = serversIn(wish.hints.different_host)
  const [groupId] = serversIn(wish.hints.group)
  const [located, group] = await Promise.all([
    same.length + different.length > 0 ? hostsOf(parts.db, [...same, ...different]) : [],
    groupId === undefined ? undefined : parts.groups.scheduleGroup(groupId, serverId),
  ])
  const hosts = new Map<string, HostName | null>(located.map(({ id, host }) => [id, host]))
  const hinted = (serverIds: string[]): HintedServers => ({
    serverIds,
    hosts: serverIds.map((id) => hosts.get(id)).filter((host) => host !== undefined && host !== null),
  })
  return {
    resources: demand.resources,
    requiredTraits: demand.requiredTraits,
    forbiddenTraits: demand.forbiddenTraits,
    extraSpecs: wish.extraSpecs,
    imageProperties: wish.imageProperties,
    ...(wish.availabilityZone !== null && { availabilityZone: wish.availabilityZone }),
    ...(wish.host !== null && { host: wish.host }),
    ...(wish.forced && { forced: true }),
    ...(same.length > 0 && { sameHost: hinted(same) }),
    ...(different.length > 0 && { differentHost: hinted(different) }),
    ...(group !== undefined && { group }),
  }
}

/** A hint is one id or a list of them. */
export function serversIn(hint: unknown): string[] {
  return [hint].flat().filter((id) => typeof id === 'string')
}
