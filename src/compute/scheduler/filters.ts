/**
 * The filters, each a pure judge of one host. Sources: nova/scheduler/filters/ (names, conditions), nova/scheduler/
 * manager.py (requested and ignored hosts). Room and traits are placement's part, judged here on a snapshot so that the
 * answer can say what was missing; the claim checks again.
 */
import { matches } from './extra-spec-match.ts'
import { amountOf, fits, roomIn } from './room.ts'
import type { FilterName, FilterVerdict, ScheduleRequest, SchedulingHost } from './types.ts'
import { satisfiesVersion } from './version-predicate.ts'

/** From a request to a judge of hosts; undefined when the request gives the filter nothing to check. */
export type Filter = (request: ScheduleRequest) => ((host: SchedulingHost) => FilterVerdict) | undefined

/** The filters that also speak when a server is forced to a host. */
export const ALWAYS: ReadonlySet<FilterName> = new Set(['RequestedHost', 'placement'])

const compute: Filter = () => {
  const needed = 'up and enabled'
  const good: FilterVerdict = { filter: 'ComputeFilter', passed: true, needed, had: needed }
  return (host) =>
    host.enabled && host.up ? good : { filter: 'ComputeFilter', passed: false, needed, had: stateOf(host) }
}

function stateOf(host: SchedulingHost): string {
  const disabled = host.enabled ? '' : `disabled${host.disabledReason ? ` (${host.disabledReason})` : ''}`
  const down = host.up
    ? ''
    : host.forcedDown
      ? 'forced down'
      : `down, ${host.lastSeenAt === undefined ? 'never heard of' : `last heard of at ${host.lastSeenAt}`}`
  return [disabled, down].filter((part) => part !== '').join(', ')
}

const ignoredHosts: Filter = ({ ignoredHosts = [] }) => {
  if (ignoredHosts.length === 0) return undefined
  const ignored = new Set(ignoredHosts)
  const needed = 'a host that has not refused this server'
  const good: FilterVerdict = { filter: 'IgnoredHosts', passed: true, needed, had: 'not tried yet' }
  const bad: FilterVerdict = { filter: 'IgnoredHosts', passed: false, needed, had: 'has refused this server' }
  return (host) => (ignored.has(host.host) ? bad : good)
}

const requestedHost: Filter = ({ host: wanted, hypervisorHostname }) => {
  if (wanted === undefined && hypervisorHostname === undefined) return undefined
  const needed = [wanted && `host ${wanted}`, hypervisorHostname && `hypervisor ${hypervisorHostname}`]
    .filter(Boolean)
    .join(', ')
  return (host) => ({
    filter: 'RequestedHost',
    passed:
      (wanted === undefined || wanted === host.host) &&
      (hypervisorHostname === undefined || hypervisorHostname === host.hypervisorHostname),
    needed,
    had:
      hypervisorHostname === undefined
        ? `host ${host.host}`
        : `host ${host.host}, hypervisor ${host.hypervisorHostname}`,
  })
}

const availabilityZone: Filter = ({ availabilityZone: zone }) => {
  if (zone === undefined) return undefined
  const needed = `availability zone ${zone}`
  const good: FilterVerdict = { filter: 'AvailabilityZoneFilter', passed: true, needed, had: needed }
  return (host) =>
    host.availabilityZone === zone
      ? good
      : { filter: 'AvailabilityZoneFilter', passed: false, needed, had: `availability zone ${host.availabilityZone}` }
}

/** Capabilities of a host by the names that flavors use for them. */
const CAPABILITIES: Readonly<Record<string, (host: SchedulingHost) => string>> = {
  hypervisor_type: (host) => host.hypervisorType,
  hypervisor_version: (host) => String(host.hypervisorVersion),
  hypervisor_hostname: (host) => host.hypervisorHostname,
  host: (host) => host.host,
  host_ip: (host) => host.hostIp,
  vcpus_total: (host) => String(host.inventories.VCPU?.total ?? 0),
  vcpus_used: (host) => String(host.inventories.VCPU?.used ?? 0),
  free_ram_mb: (host) => String(roomIn(host.inventories.MEMORY_MB).free),
  total_usable_ram_mb: (host) => String(host.inventories.MEMORY_MB?.total ?? 0),
  free_disk_mb: (host) => String(roomIn(host.inventories.DISK_GB).free * 1024),
  total_usable_disk_gb: (host) => String(host.inventories.DISK_GB?.total ?? 0),
  num_instances: (host) => String(host.servers),
  num_io_ops: (host) => String(host.busyServers),
  'cpu_info:arch': (host) => host.cpuArchitecture,
  'cpu_info:model': (host) => host.cpuModel,
}

const capabilities: Filter = ({ extraSpecs = {} }) => {
  const wishes: { key: string; requirement: string }[] = []
  for (const [key, requirement] of Object.entries(extraSpecs)) {
    // A key without a namespace is a wish only if it names a capability; others are notes of the operator.
    if (key.startsWith('capabilities:')) wishes.push({ key: key.slice('capabilities:'.length), requirement })
    else if (Object.hasOwn(CAPABILITIES, key) && !key.includes(':')) wishes.push({ key, requirement })
  }
  if (wishes.length === 0) return undefined
  const needed = wishes.map(({ key, requirement }) => `${key} ${requirement}`).join(', ')
  return (host) => {
    const had = wishes.map(({ key, requirement }) => {
      const value = Object.hasOwn(CAPABILITIES, key) ? CAPABILITIES[key]!(host) : undefined
      return { key, value, passed: value !== undefined && matches(value, requirement) }
    })
    return {
      filter: 'ComputeCapabilitiesFilter',
      passed: had.every(({ passed }) => passed),
      needed,
      had: had.map(({ key, value }) => (value === undefined ? `no ${key}` : `${key} ${value}`)).join(', '),
    }
  }
}

/** Spellings of one architecture. Source: nova/objects/fields.py, Architecture.canonicalize */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  i386: 'i686',
  i486: 'i686',
  i586: 'i686',
  x86_32: 'i686',
  arm64: 'aarch64',
}
/** A 64-bit host runs guests of its own 32-bit ancestor too. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { x86_64: ['i686'] }

const imageProperties: Filter = ({ imageProperties: properties = {} }) => {
  const lower = (name: string) => properties[name]?.toLowerCase()
  const asked = lower('hw_architecture')
  const architecture = asked === undefined ? undefined : (ARCHITECTURES[asked] ?? asked)
  const hypervisor = lower('img_hv_type')
  const mode = lower('hw_vm_mode')
  const version = properties.img_hv_requested_version
  const nothing = architecture === undefined && hypervisor === undefined && mode === undefined
  // As upstream: a wished version counts only beside another wish.
  if (nothing) return undefined
  const needed = [architecture, hypervisor, mode, hypervisor && version && `version ${version}`]
    .filter(Boolean)
    .join(', ')
  return (host) => {
    const type = host.hypervisorType.toLowerCase()
    // A host that has KVM runs plain QEMU guests as well.
    const types = type === 'kvm' ? ['kvm', 'qemu'] : [type]
    const runs = [host.cpuArchitecture, ...(ALSO_RUNS[host.cpuArchitecture] ?? [])]
    return {
      filter: 'ImagePropertiesFilter',
      passed:
        (architecture === undefined || runs.includes(architecture)) &&
        (hypervisor === undefined || types.includes(hypervisor)) &&
        (mode === undefined || mode === 'hvm') &&
        (version === undefined || satisfiesVersion(host.hypervisorVersion, version)),
      needed,
      had: `${host.cpuArchitecture}, ${types.join(' or ')}, hvm, version ${versionText(host.hypervisorVersion)}`,
    }
  }
}

function versionText(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join('.')
}

const antiAffinity: Filter = ({ group }) => {
  if (group?.policy !== 'anti-affinity') return undefined
  const most = group.maxServerPerHost ?? 1
  const needed = `fewer than ${most} ${most === 1 ? 'server' : 'servers'} of group ${group.id}`
  return (host) => {
    const members = group.membersByHost[host.host] ?? 0
    return { filter: 'ServerGroupAntiAffinityFilter', passed: members < most, needed, had: `${members} of them` }
  }
}

const affinity: Filter = ({ group }) => {
  if (group?.policy !== 'affinity' || Object.keys(group.membersByHost).length === 0) return undefined
  const needed = `the host of the servers of group ${group.id}`
  return (host) => {
    const members = group.membersByHost[host.host] ?? 0
    return {
      filter: 'ServerGroupAffinityFilter',
      passed: members > 0,
      needed,
      had: members > 0 ? `${members} of them` : 'none of them',
    }
  }
}

const sameHost: Filter = ({ sameHost }) => {
  if (sameHost === undefined || sameHost.serverIds.length === 0) return undefined
  const hosts = new Set(sameHost.hosts)
  const needed = `a host of one of ${sameHost.serverIds.join(', ')}`
  return (host) => {
    const passed = hosts.has(host.host)
    return { filter: 'SameHostFilter', passed, needed, had: passed ? 'one of them' : 'none of them' }
  }
}

const differentHost: Filter = ({ differentHost }) => {
  if (differentHost === undefined || differentHost.serverIds.length === 0) return undefined
  const hosts = new Set(differentHost.hosts)
  const needed = `a host of none of ${differentHost.serverIds.join(', ')}`
  return (host) => {
    const passed = !hosts.has(host.host)
    return { filter: 'DifferentHostFilter', passed, needed, had: passed ? 'none of them' : 'one of them' }
  }
}

const traits: Filter = ({ requiredTraits = [], forbiddenTraits = [] }) => {
  if (requiredTraits.length + forbiddenTraits.length === 0) return undefined
  const needed = [...requiredTraits, ...forbiddenTraits.map((trait) => `no ${trait}`)].join(', ')
  return (host) => {
    const missing = requiredTraits.filter((trait) => !host.traits.includes(trait))
    const unwanted = forbiddenTraits.filter((trait) => host.traits.includes(trait))
    const passed = missing.length + unwanted.length === 0
    const had = passed ? needed : [...missing.map((trait) => `no ${trait}`), ...unwanted].join(', ')
    return { filter: 'traits', passed, needed, had }
  }
}

const placement: Filter = ({ resources }) => {
  const wishes = Object.entries(resources).filter(([, amount]) => amount > 0)
  const needed = wishes.length === 0 ? 'nothing' : wishes.map(([each, amount]) => amountOf(each, amount)).join(', ')
  return (host) => {
    let passed = true
    const had: string[] = []
    const numbers: Record<string, { needed: number; free: number; largest: number }> = {}
    for (const [resourceClass, amount] of wishes) {
      const room = host.inventories[resourceClass]
      const { free, largest } = roomIn(room)
      if (!fits(room, amount)) passed = false
      numbers[resourceClass] = { needed: amount, free, largest }
      had.push(largest < free ? `${amountOf(resourceClass, free)} (${largest} at once)` : amountOf(resourceClass, free))
    }
    return {
      filter: 'placement',
      passed,
      needed,
      had: had.length === 0 ? 'nothing' : `${had.join(', ')} free`,
      resources: numbers,
    }
  }
}

/** One judge a name, in the order of FILTERS. */
export const JUDGES: Readonly<Record<FilterName, Filter>> = {
  ComputeFilter: compute,
  IgnoredHosts: ignoredHosts,
  RequestedHost: requestedHost,
  AvailabilityZoneFilter: availabilityZone,
  ComputeCapabilitiesFilter: capabilities,
  ImagePropertiesFilter: imageProperties,
  ServerGroupAntiAffinityFilter: antiAffinity,
  ServerGroupAffinityFilter: affinity,
  SameHostFilter: sameHost,
  DifferentHostFilter: differentHost,
  traits,
  placement,
}
