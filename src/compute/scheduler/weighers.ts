/**
 * What makes one fitting host better than another. Each weigher's raw values are normalized to 0..1 over the hosts in
 * question, multiplied, and added up. Sources: nova/weights.py, nova/scheduler/weights/; an aggregate's metadata may
 * set a multiplier for its hosts, the smallest where several do.
 */
import { roomIn } from './room.ts'
import type { Multipliers, ScheduleRequest, SchedulingHost, WeigherName } from './types.ts'

/** Upstream's defaults. */
export const DEFAULT_MULTIPLIERS: Multipliers = {
  ram: 1,
  cpu: 1,
  disk: 1,
  'io-ops': -1,
  'soft-affinity': 1,
  'soft-anti-affinity': 1,
}

interface Weigher {
  readonly name: WeigherName
  /** The key of an aggregate's metadata that overrides the multiplier. */
  readonly aggregateKey: string
  readonly raw: (request: ScheduleRequest, host: SchedulingHost) => number
  /** Lower end of the scale, where it is not the least of the hosts. */
  readonly floor?: number
}

const members = (request: ScheduleRequest, host: SchedulingHost) => request.group?.membersByHost[host.host] ?? 0

const WEIGHERS: readonly Weigher[] = [
  { name: 'ram', aggregateKey: 'ram_weight_multiplier', raw: (_, host) => roomIn(host.inventories.MEMORY_MB).free },
  { name: 'cpu', aggregateKey: 'cpu_weight_multiplier', raw: (_, host) => roomIn(host.inventories.VCPU).free },
  { name: 'disk', aggregateKey: 'disk_weight_multiplier', raw: (_, host) => roomIn(host.inventories.DISK_GB).free },
  { name: 'io-ops', aggregateKey: 'io_ops_weight_multiplier', raw: (_, host) => host.busyServers, floor: 0 },
  {
    name: 'soft-affinity',
    aggregateKey: 'soft_affinity_weight_multiplier',
    raw: (request, host) => (request.group?.policy === 'soft-affinity' ? members(request, host) : 0),
  },
  {
    name: 'soft-anti-affinity',
    aggregateKey: 'soft_anti_affinity_weight_multiplier',
    raw: (request, host) => (request.group?.policy === 'soft-anti-affinity' ? -members(request, host) : 0),
  },
]

export interface Weighed {
  readonly host: SchedulingHost
  readonly weight: number
  readonly weights: Readonly<Partial<Record<WeigherName, number>>>
}

/** In the order given; linear in the number of hosts. */
export function weigh(
  request: ScheduleRequest,
  hosts: readonly SchedulingHost[],
  multipliers: Multipliers,
): readonly Weighed[] {
  const sums = hosts.map(() => 0)
  const parts = hosts.map((): Partial<Record<WeigherName, number>> => ({}))
  for (const weigher of WEIGHERS) {
    const raw = hosts.map((host) => weigher.raw(request, host))
    const least = raw.reduce((a, b) => Math.min(a, b), weigher.floor ?? Number.POSITIVE_INFINITY)
    const most = raw.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    if (least === most) continue
    hosts.forEach((host, at) => {
      const normal = (raw[at]! - least) / (most - least)
      const part = normal * multiplierFor(host, weigher, multipliers)
      parts[at]![weigher.name] = Math.round(part * 10_000) / 10_000
      sums[at]! += part
    })
  }
  return hosts.map((host, at) => ({ host, weight: Math.round(sums[at]! * 10_000) / 10_000, weights: parts[at]! }))
}

function multiplierFor(host: SchedulingHost, weigher: Weigher, multipliers: Multipliers): number {
  let found: number | undefined
  for (const metadata of host.aggregateMetadata) {
    const text = metadata[weigher.aggregateKey]
    if (text === undefined || text.trim() === '') continue
    const value = Number(text)
    if (Number.isFinite(value)) found = found === undefined ? value : Math.min(found, value)
  }
  return found ?? multipliers[weigher.name]
}
