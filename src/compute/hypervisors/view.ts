/** From a host to a hypervisor of the API. Source: nova/api/openstack/compute/hypervisors.py */
import type { HostFacts } from '../../agent/contract.ts'
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { CandidateInventory } from '../../placement/index.ts'
import type { Host } from '../hosts/hosts.ts'

const CPU_INFO_IS_AN_OBJECT = microversion('2.28')
export const UUIDS = microversion('2.53')
const EMPTY_SERVERS_SHOWN = microversion('2.75')
export const USAGE_IS_PLACEMENTS = microversion('2.88')

export type HostRoom = Readonly<Record<string, CandidateInventory>>

export function viewHypervisorName(host: Host, version: Microversion) {
  return {
    id: version >= UUIDS ? host.providerId : host.number,
    hypervisor_hostname: host.name,
    state: host.up ? 'up' : 'down',
    status: host.enabled ? 'enabled' : 'disabled',
  }
}

export function viewHypervisor(host: Host, room: HostRoom, version: Microversion) {
  const { facts } = host
  return {
    ...viewHypervisorName(host, version),
    hypervisor_type: facts.hypervisorType,
    hypervisor_version: facts.hypervisorVersion,
    host_ip: facts.hostIp,
    service: {
      id: version >= UUIDS ? host.serviceId : host.number,
      host: host.name,
      disabled_reason: host.disabledReason,
    },
    ...(version < USAGE_IS_PLACEMENTS
      ? {
          ...viewUsage([{ host, room }]),
          cpu_info: version >= CPU_INFO_IS_AN_OBJECT ? cpuInfo(facts) : JSON.stringify(cpuInfo(facts)),
        }
      : { uptime: host.up ? uptimeText(host) : null }),
  }
}

/** Sums over hosts, as `statistics` gives them for all. */
export function viewUsage(hosts: readonly { host: Host; room: HostRoom }[]) {
  const sum = (value: (each: { host: Host; room: HostRoom }) => number) =>
    hosts.reduce((total, each) => total + value(each), 0)
  const used = (resourceClass: string) =>
    sum(({ room }) => (room[resourceClass]?.used ?? 0) + (room[resourceClass]?.reserved ?? 0))
  const total = { ram: sum(({ host }) => host.facts.ramMiB), disk: sum(({ host }) => host.facts.diskGiB) }
  return {
    vcpus: sum(({ host }) => host.facts.vcpus),
    memory_mb: total.ram,
    local_gb: total.disk,
    vcpus_used: used('VCPU'),
    memory_mb_used: used('MEMORY_MB'),
    local_gb_used: used('DISK_GB'),
    free_ram_mb: total.ram - used('MEMORY_MB'),
    free_disk_gb: total.disk - used('DISK_GB'),
    current_workload: sum(({ host }) => host.busyServers),
    running_vms: sum(({ host }) => host.servers),
    disk_available_least: total.disk - used('DISK_GB'),
  }
}

export function viewServers(servers: readonly { id: string; name: string }[], version: Microversion) {
  if (servers.length === 0 && version < EMPTY_SERVERS_SHOWN) return {}
  return { servers: servers.map(({ id, name }) => ({ name, uuid: id })) }
}

function cpuInfo(facts: HostFacts) {
  return {
    arch: facts.cpuArchitecture,
    model: facts.cpuModel,
    vendor: '',
    features: facts.traits
      .filter((trait) => trait.startsWith('HW_CPU_X86_'))
      .map((trait) => trait.slice('HW_CPU_X86_'.length).toLowerCase()),
    topology: { cells: 1, sockets: 1, cores: facts.vcpus, threads: 1 },
  }
}

/** As the command `uptime` writes it, of the moment when the host was last heard of. */
export function uptimeText({ facts, lastSeenAt }: Host): string {
  const minutes = Math.floor(facts.uptimeSeconds / 60)
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60]
  const up = `${days > 0 ? `${days} ${days === 1 ? 'day' : 'days'}, ` : ''}${hours}:${String(rest).padStart(2, '0')}`
  const load = facts.loadAverages.map((average) => average.toFixed(2)).join(', ')
  return ` ${(lastSeenAt ?? new Date(0)).toISOString().slice(11, 19)} up ${up}, 0 users,  load average: ${load}`
}
