/**
 * Hosts as compute knows them: who is there, who is up, what each is able to give. The scheduler, the services and the
 * hypervisors of the API all look at these rows; the agents' heartbeats write them.
 */
import type { Agent, HostFacts } from '../../agent/contract.ts'
import type { Database } from '../../database/database.ts'
import { newId, type HostName } from '../../ids.ts'
import type { CandidateInventory, Placement, ProviderOrder } from '../../placement/index.ts'
import type { Room, SchedulingHost } from '../scheduler/index.ts'
import * as store from './store.ts'

export { DEFAULT_ZONE, type Host, type HostChange, type ProjectOnHost } from './store.ts'

export interface Hosts {
  /** Notes that a host lives, and keeps its provider in placement as its facts say. Repeating it changes nothing. */
  heartbeat(agent: Agent): Promise<void>
  /** By name, with zone, server counts and whether each is up. */
  list(names?: readonly string[]): Promise<readonly store.Host[]>
  find(name: string): Promise<store.Host | undefined>
  /** Every host with the room it has in placement at this moment. */
  forScheduling(): Promise<readonly SchedulingHost[]>
  /** Enables, disables, forces down. Placement learns of a disabled host by a trait. @returns whether there is such a host */
  change(name: HostName, change: store.HostChange): Promise<boolean>
  /** Forgets a host and its provider. @returns false when it has servers, or is not there */
  remove(name: HostName): Promise<boolean>
  /** The room of each host in placement, by host, for views. */
  rooms(): Promise<ReadonlyMap<HostName, Readonly<Record<string, CandidateInventory>>>>
  /** What the servers of each project take on a host. */
  projectsOn(host: HostName): Promise<readonly store.ProjectOnHost[]>
  serversOn(hosts: readonly HostName[]): Promise<ReadonlyMap<HostName, readonly { id: string; name: string }[]>>
}

/** What a new host gives more than it has, and what it keeps. Source: nova's options initial_*_allocation_ratio, reserved_host_* */
export interface HostRatios {
  readonly cpuAllocationRatio: number
  readonly ramAllocationRatio: number
  readonly diskAllocationRatio: number
  readonly reservedRamMiB: number
}

export const DEFAULT_RATIOS: HostRatios = {
  cpuAllocationRatio: 4,
  ramAllocationRatio: 1,
  diskAllocationRatio: 1,
  reservedRamMiB: 512,
}

/** Tells schedulers elsewhere that a provider takes no servers. */
const DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED'

export function openHosts({
  db,
  placement,
  ratios = DEFAULT_RATIOS,
}: {
  db: Database
  placement: Placement
  ratios?: HostRatios
}): Hosts {
  /** What placement was told last, by host: a heartbeat that says the same again costs one statement. */
  const told = new Map<HostName, string>()

  async function tellPlacement(host: store.SeenHost, facts: HostFacts): Promise<void> {
    const order = providerOrder(host, facts, ratios)
    const text = JSON.stringify(order)
    if (told.get(host.name) === text) return
    await placement.ensureProvider(order)
    told.set(host.name, text)
  }

  const roomsOf = async () =>
    new Map((await placement.candidates({ resources: {} })).map((each) => [each.providerId, each]))

  return {
    async heartbeat(agent) {
      const facts = await agent.facts()
      const host = await store.hostSeen(db, { name: agent.host, serviceId: newId(), providerId: newId(), facts })
      await tellPlacement(host, facts)
    },

    list: (names) => store.listHosts(db, names),

    async find(name) {
      return (await store.listHosts(db, [name]))[0]
    },

    async forScheduling() {
      const [hosts, rooms] = await Promise.all([store.listHosts(db), roomsOf()])
      return hosts.map((host) => schedulingHost(host, rooms.get(host.providerId)))
    },

    async change(name, change) {
      if (!(await store.changeHost(db, name, change))) return false
      const [host] = await store.listHosts(db, [name])
      if (host !== undefined) await tellPlacement(host, host.facts)
      return true
    },

    async remove(name) {
      const [host] = await store.listHosts(db, [name])
      if (host === undefined || !(await store.removeHost(db, name))) return false
      told.delete(name)
      await placement.removeProvider(host.providerId)
      return true
    },

    async rooms() {
      const [hosts, rooms] = await Promise.all([store.listHosts(db), roomsOf()])
      return new Map(hosts.map((host) => [host.name, rooms.get(host.providerId)?.inventories ?? {}]))
    },

    projectsOn: (host) => store.projectsOnHost(db, host),

    async serversOn(hosts) {
      const found = new Map<HostName, { id: string; name: string }[]>(hosts.map((host) => [host, []]))
      for (const { host, id, name } of await store.serversOnHosts(db, hosts)) found.get(host)?.push({ id, name })
      return found
    },
  }
}

function providerOrder(host: store.SeenHost, facts: HostFacts, ratios: HostRatios): ProviderOrder {
  const reserved = Math.min(ratios.reservedRamMiB, Math.floor(facts.ramMiB / 2))
  return {
    id: host.providerId,
    name: host.name,
    inventories: {
      VCPU: { total: facts.vcpus, allocationRatio: ratios.cpuAllocationRatio },
      MEMORY_MB: { total: facts.ramMiB, reserved, allocationRatio: ratios.ramAllocationRatio },
      ...(facts.diskGiB > 0 && { DISK_GB: { total: facts.diskGiB, allocationRatio: ratios.diskAllocationRatio } }),
    },
    traits: [...facts.traits, ...(host.enabled ? [] : [DISABLED_TRAIT])].sort(),
  }
}

function schedulingHost(
  host: store.Host,
  room: { traits: readonly string[]; inventories: Readonly<Record<string, Room>> } | undefined,
): SchedulingHost {
  return {
    host: host.name,
    providerId: host.providerId,
    hypervisorHostname: host.name,
    enabled: host.enabled,
    ...(host.disabledReason !== null && { disabledReason: host.disabledReason }),
    up: host.up,
    forcedDown: host.forcedDown,
    ...(host.lastSeenAt !== null && { lastSeenAt: host.lastSeenAt.toISOString() }),
    availabilityZone: host.availabilityZone,
    aggregateMetadata: host.aggregateMetadata,
    hypervisorType: host.facts.hypervisorType,
    hypervisorVersion: host.facts.hypervisorVersion,
    cpuArchitecture: host.facts.cpuArchitecture,
    cpuModel: host.facts.cpuModel,
    hostIp: host.facts.hostIp,
    traits: room?.traits ?? [],
    inventories: room?.inventories ?? {},
    servers: host.servers,
    busyServers: host.busyServers,
  }
}

/** The zones that have hosts. One is available when a host of it is enabled: that is upstream's word for it. */
export function zonesOf(
  hosts: readonly store.Host[],
): ReadonlyMap<string, { available: boolean; hosts: store.Host[] }> {
  const zones = new Map<string, { available: boolean; hosts: store.Host[] }>()
  for (const host of hosts) {
    const zone = zones.get(host.availabilityZone) ?? { available: false, hosts: [] }
    zone.hosts.push(host)
    if (host.enabled) zone.available = true
    zones.set(host.availabilityZone, zone)
  }
  return zones
}
