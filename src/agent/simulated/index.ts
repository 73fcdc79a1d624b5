/**
 * A whole pretend host: hypervisor, disks and network plane in memory, honouring ../contract.ts. Every test and every
 * newcomer's laptop can run the cloud on it; with a `dir` it remembers its guests over a restart.
 */
import { join } from 'node:path'
import type { HostName, ServerId } from '../../ids.ts'
import { agentsOf } from '../agents.ts'
import type {
  Agent,
  Agents,
  HostFacts,
  Hypervisor,
  NetworkPlane,
  NetworkSpec,
  Pausing,
  PowerState,
  ServerDisks,
} from '../contract.ts'
import { type DiskRow, simulateDisks } from './disks.ts'
import { Faults } from './faults.ts'
import { type DomainRow, type Guests, simulateHypervisor } from './hypervisor.ts'
import { Journal } from './journal.ts'
import { type PortRow, simulateNetworkPlane } from './network-plane.ts'

export { openSimulatedBackend, type SimulatedBackend } from './volume-backend.ts'

export type AgentCall =
  | `hypervisor.${Exclude<keyof Hypervisor, 'watch' | 'pausing'> | keyof Pausing}`
  | `disks.${keyof ServerDisks}`
  | `network.${Exclude<keyof NetworkPlane, 'portOfMetadataPeer' | 'metadataAddress'>}`

export interface SimulatedAgent extends Agent {
  readonly hypervisor: Hypervisor & { readonly pausing: Pausing }
  /** `faults.failNext('hypervisor.start', error)`, `faults.delay('disks.ensureRootDisk', 50)`. */
  readonly faults: Faults<AgentCall>
  /** Makes guests act by themselves. */
  readonly guests: Guests
  snapshot(): HostSnapshot
  /** What a domain has plugged in now, or will have at its next start if it is off. @throws DomainError `agent.domain.unknown` */
  plugged(serverId: ServerId): { readonly disks: readonly string[]; readonly macAddresses: readonly string[] }
  /** The files of a server's config drive, as they were given; undefined after a restart of this process. */
  configDrive(serverId: ServerId): ReadonlyMap<string, Uint8Array> | undefined
  /** The host loses power and comes back: definitions and disks stay, guests are off, devices of the network are gone. */
  rebootHost(): void
}

/** What a host holds. All lists empty is a clean slate. */
export interface HostSnapshot {
  readonly domains: readonly { readonly id: ServerId; readonly state: PowerState }[]
  readonly taps: readonly string[]
  readonly networks: readonly string[]
  /** Paths. */
  readonly disks: readonly string[]
}

export interface SimulatedAgentOptions {
  readonly host: string
  readonly facts?: Partial<HostFacts>
  /** Where to remember; absent: nowhere. */
  readonly dir?: string
}

const FACTS: HostFacts = {
  hypervisorType: 'QEMU',
  hypervisorVersion: 7_002_001,
  vcpus: 64,
  ramMiB: 256 * 1024,
  diskGiB: 4096,
  hostIp: '127.0.0.1',
  cpuModel: 'qemu64',
  cpuArchitecture: 'x86_64',
  traits: [
    'COMPUTE_IMAGE_TYPE_QCOW2',
    'COMPUTE_IMAGE_TYPE_RAW',
    'COMPUTE_NET_ATTACH_INTERFACE',
    'COMPUTE_NODE',
    'COMPUTE_VOLUME_EXTEND',
    'HW_ARCH_X86_64',
    'HW_CPU_X86_SSE',
    'HW_CPU_X86_SSE2',
  ],
  uptimeSeconds: 0,
  loadAverages: [0, 0, 0],
}

export function openSimulatedAgent({ host, facts, dir }: SimulatedAgentOptions): SimulatedAgent {
  const journal = new Journal(dir === undefined ? undefined : join(dir, `${encodeURIComponent(host)}.jsonl`))
  const domains = journal.table<DomainRow>('domains')
  const disks = journal.table<DiskRow>('disks')
  const networks = journal.table<NetworkSpec>('networks')
  const ports = journal.table<PortRow>('ports')
  const configDrives = new Map<ServerId, ReadonlyMap<string, Uint8Array>>()
  const faults = new Faults<AgentCall>()
  const openedAt = process.uptime()

  const taps = () => ports.values().map((port) => port.tap)
  const { hypervisor, guests, plugged, cutPower } = simulateHypervisor(domains, {
    hasTap: (tap) => taps().includes(tap),
    hasFile: (path) => disks.has(path),
  })
  return {
    host: host as HostName,
    async facts() {
      return { ...FACTS, ...facts, uptimeSeconds: Math.floor(process.uptime() - openedAt) }
    },
    hypervisor: {
      ...faults.over('hypervisor', hypervisor, ['watch']),
      pausing: faults.over('hypervisor', hypervisor.pausing),
    },
    disks: faults.over('disks', simulateDisks(disks, host, configDrives)),
    network: faults.over('network', simulateNetworkPlane(networks, ports), ['portOfMetadataPeer', 'metadataAddress']),
    connector: {
      host: host as HostName,
      ip: facts?.hostIp ?? FACTS.hostIp,
      initiator: `iqn.1993-08.org.debian:01:${host}`,
    },
    async close() {},
    faults,
    guests,
    plugged,
    snapshot: () => ({
      domains: domains.values().map(({ spec, state }) => ({ id: spec.id, state })),
      taps: taps(),
      networks: networks.keys(),
      disks: disks.keys(),
    }),
    configDrive: (serverId) => configDrives.get(serverId),
    rebootHost() {
      cutPower()
      for (const id of ports.keys()) ports.delete(id)
      for (const id of networks.keys()) networks.delete(id)
    },
  }
}

export interface SimulatedAgents extends Agents {
  on(host: HostName): SimulatedAgent
  all(): readonly SimulatedAgent[]
}

/** `n` pretend hosts, `host-1` and so on. @throws DomainError unavailable `agent.host.unknown` from `on` */
export function simulatedAgents(n: number, options: Omit<SimulatedAgentOptions, 'host'> = {}): SimulatedAgents {
  return agentsOf(
    Array.from({ length: n }, (_, index) => openSimulatedAgent({ ...options, host: `host-${index + 1}` })),
  )
}
