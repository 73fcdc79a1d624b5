import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rankHosts } from './rank-hosts.ts'
import { aHost, aRequest, room } from './testing.ts'
import type { FilterName, FilterVerdict, ScheduleRequest, SchedulingHost } from './types.ts'

/** What one filter says of one host. */
function verdict(filter: FilterName, request: ScheduleRequest, host: SchedulingHost): FilterVerdict {
  const found = rankHosts(request, [host]).verdicts[0]!.filters.find((each) => each.filter === filter)
  assert.ok(found, `${filter} said nothing`)
  return found
}

function says(passed: boolean, needed: string, had: string) {
  return { passed, needed, had }
}

function judged(filter: FilterName, request: ScheduleRequest, host: SchedulingHost) {
  const { passed, needed, had } = verdict(filter, request, host)
  return { passed, needed, had }
}

const SERVER_A = '11111111-1111-4111-8111-111111111111'
const SERVER_B = '22222222-2222-4222-8222-222222222222'

describe('ComputeFilter', () => {
  const needed = 'up and enabled'
  it('lets a host pass that is up and enabled', () => {
    assert.deepEqual(judged('ComputeFilter', aRequest(), aHost('a')), says(true, needed, 'up and enabled'))
  })
  it('says why a host is disabled', () => {
    const host = aHost('a', { enabled: false, disabledReason: 'new fans' })
    assert.deepEqual(judged('ComputeFilter', aRequest(), host), says(false, needed, 'disabled (new fans)'))
  })
  it('says since when a host is silent, and that it is disabled too', () => {
    const silent = aHost('a', { up: false, lastSeenAt: '2026-01-02T03:04:05Z' })
    const had = 'down, last heard of at 2026-01-02T03:04:05Z'
    assert.deepEqual(judged('ComputeFilter', aRequest(), silent), says(false, needed, had))
    const both = { ...silent, enabled: false }
    assert.deepEqual(judged('ComputeFilter', aRequest(), both), says(false, needed, `disabled, ${had}`))
  })
  it('tells a host forced down from one never heard of', () => {
    const forced = aHost('a', { up: false, forcedDown: true })
    assert.deepEqual(judged('ComputeFilter', aRequest(), forced), says(false, needed, 'forced down'))
    const unknown = aHost('a', { up: false })
    assert.deepEqual(judged('ComputeFilter', aRequest(), unknown), says(false, needed, 'down, never heard of'))
  })
})

describe('IgnoredHosts', () => {
  it('refuses a host that has refused the server, and no other', () => {
    const request = aRequest({ ignoredHosts: ['a'] })
    const needed = 'a host that has not refused this server'
    assert.deepEqual(judged('IgnoredHosts', request, aHost('a')), says(false, needed, 'has refused this server'))
    assert.deepEqual(judged('IgnoredHosts', request, aHost('b')), says(true, needed, 'not tried yet'))
  })
})

describe('RequestedHost', () => {
  it('takes only the host of that name', () => {
    const request = aRequest({ host: 'a' })
    assert.deepEqual(judged('RequestedHost', request, aHost('a')), says(true, 'host a', 'host a'))
    assert.deepEqual(judged('RequestedHost', request, aHost('b')), says(false, 'host a', 'host b'))
  })
  it('takes only the hypervisor of that name', () => {
    const request = aRequest({ hypervisorHostname: 'a.example' })
    const host = aHost('a', { hypervisorHostname: 'b.example' })
    assert.deepEqual(
      judged('RequestedHost', request, host),
      says(false, 'hypervisor a.example', 'host a, hypervisor b.example'),
    )
  })
  it('passes every other filter by when forced, but not placement', () => {
    const host = aHost('a', { enabled: false, inventories: { VCPU: room(0) } })
    const { verdicts } = rankHosts(aRequest({ host: 'a', forced: true }), [host])
    assert.deepEqual(
      verdicts[0]!.filters.map(({ filter, passed }) => [filter, passed]),
      [
        ['RequestedHost', true],
        ['placement', false],
      ],
    )
  })
})

describe('AvailabilityZoneFilter', () => {
  it('takes hosts of the zone only', () => {
    const request = aRequest({ availabilityZone: 'az1' })
    const needed = 'availability zone az1'
    assert.deepEqual(
      judged('AvailabilityZoneFilter', request, aHost('a')),
      says(false, needed, 'availability zone nova'),
    )
    const inside = aHost('a', { availabilityZone: 'az1' })
    assert.deepEqual(judged('AvailabilityZoneFilter', request, inside), says(true, needed, needed))
  })
})

describe('ComputeCapabilitiesFilter', () => {
  it('compares each capability and shows what the host has', () => {
    const request = aRequest({
      extraSpecs: { 'capabilities:hypervisor_type': 's== KVM', 'capabilities:cpu_info:arch': 'x86_64' },
    })
    const needed = 'hypervisor_type s== KVM, cpu_info:arch x86_64'
    assert.deepEqual(
      judged('ComputeCapabilitiesFilter', request, aHost('a')),
      says(false, needed, 'hypervisor_type QEMU, cpu_info:arch x86_64'),
    )
    const kvm = aHost('a', { hypervisorType: 'KVM' })
    assert.equal(judged('ComputeCapabilitiesFilter', request, kvm).passed, true)
  })
  it('refuses every host for a capability that nobody has', () => {
    const request = aRequest({ extraSpecs: { 'capabilities:flux': '1' } })
    assert.deepEqual(judged('ComputeCapabilitiesFilter', request, aHost('a')), says(false, 'flux 1', 'no flux'))
  })
  it('reads a key without namespace only if it names a capability', () => {
    const request = aRequest({ extraSpecs: { note: 'for the lab', 'hw:cpu_policy': 'shared' } })
    assert.equal(
      rankHosts(request, [aHost('a')]).verdicts[0]!.filters.some(
        ({ filter }) => filter === 'ComputeCapabilitiesFilter',
      ),
      false,
    )
    const named = aRequest({ extraSpecs: { free_ram_mb: '>= 20000' } })
    assert.deepEqual(
      judged('ComputeCapabilitiesFilter', named, aHost('a')),
      says(false, 'free_ram_mb >= 20000', 'free_ram_mb 16384'),
    )
  })
})

describe('ImagePropertiesFilter', () => {
  const had = 'x86_64, qemu, hvm, version 7.2.1'
  it('refuses an image of another architecture', () => {
    const request = aRequest({ imageProperties: { hw_architecture: 'arm64' } })
    assert.deepEqual(judged('ImagePropertiesFilter', request, aHost('a')), says(false, 'aarch64', had))
  })
  it('knows architectures by their other names, and runs 32-bit ones too', () => {
    for (const name of ['amd64', 'x86_64', 'i686']) {
      const request = aRequest({ imageProperties: { hw_architecture: name } })
      assert.equal(judged('ImagePropertiesFilter', request, aHost('a')).passed, true, name)
    }
  })
  it('lets a KVM host run images for QEMU, and not the other way round', () => {
    const qemu = aRequest({ imageProperties: { img_hv_type: 'qemu' } })
    assert.equal(judged('ImagePropertiesFilter', qemu, aHost('a', { hypervisorType: 'KVM' })).passed, true)
    const kvm = aRequest({ imageProperties: { img_hv_type: 'kvm' } })
    assert.deepEqual(judged('ImagePropertiesFilter', kvm, aHost('a')), says(false, 'kvm', had))
  })
  it('compares the hypervisor version that the image wants', () => {
    const wants = (version: string) =>
      aRequest({ imageProperties: { img_hv_type: 'qemu', img_hv_requested_version: version } })
    assert.equal(judged('ImagePropertiesFilter', wants('>=7.0, <8'), aHost('a')).passed, true)
    assert.deepEqual(
      judged('ImagePropertiesFilter', wants('>=8.0'), aHost('a')),
      says(false, 'qemu, version >=8.0', had),
    )
  })
  it('refuses modes other than hvm', () => {
    const request = aRequest({ imageProperties: { hw_vm_mode: 'xen' } })
    assert.deepEqual(judged('ImagePropertiesFilter', request, aHost('a')), says(false, 'xen', had))
  })
})

describe('ServerGroupAntiAffinityFilter', () => {
  const group = { id: 'g1', policy: 'anti-affinity', membersByHost: { a: 1 } } as const
  it('refuses a host that has a server of the group', () => {
    const needed = 'fewer than 1 server of group g1'
    assert.deepEqual(
      judged('ServerGroupAntiAffinityFilter', aRequest({ group }), aHost('a')),
      says(false, needed, '1 of them'),
    )
    assert.deepEqual(
      judged('ServerGroupAntiAffinityFilter', aRequest({ group }), aHost('b')),
      says(true, needed, '0 of them'),
    )
  })
  it('counts up to max_server_per_host', () => {
    const loose = aRequest({ group: { ...group, maxServerPerHost: 2 } })
    assert.deepEqual(
      judged('ServerGroupAntiAffinityFilter', loose, aHost('a')),
      says(true, 'fewer than 2 servers of group g1', '1 of them'),
    )
  })
})

describe('ServerGroupAffinityFilter', () => {
  it('takes only hosts of the group, and any host for the first server', () => {
    const group = { id: 'g1', policy: 'affinity', membersByHost: { a: 2 } } as const
    const needed = 'the host of the servers of group g1'
    assert.deepEqual(
      judged('ServerGroupAffinityFilter', aRequest({ group }), aHost('b')),
      says(false, needed, 'none of them'),
    )
    assert.deepEqual(
      judged('ServerGroupAffinityFilter', aRequest({ group }), aHost('a')),
      says(true, needed, '2 of them'),
    )
    const first = aRequest({ group: { ...group, membersByHost: {} } })
    assert.deepEqual(rankHosts(first, [aHost('b')]).ranked, ['b'])
  })
})

describe('SameHostFilter and DifferentHostFilter', () => {
  const hint = { serverIds: [SERVER_A, SERVER_B], hosts: ['a'] }
  it('keeps to hosts of the named servers', () => {
    const request = aRequest({ sameHost: hint })
    const needed = `a host of one of ${SERVER_A}, ${SERVER_B}`
    assert.deepEqual(judged('SameHostFilter', request, aHost('a')), says(true, needed, 'one of them'))
    assert.deepEqual(judged('SameHostFilter', request, aHost('b')), says(false, needed, 'none of them'))
  })
  it('keeps away from hosts of the named servers', () => {
    const request = aRequest({ differentHost: hint })
    const needed = `a host of none of ${SERVER_A}, ${SERVER_B}`
    assert.deepEqual(judged('DifferentHostFilter', request, aHost('a')), says(false, needed, 'one of them'))
    assert.deepEqual(judged('DifferentHostFilter', request, aHost('b')), says(true, needed, 'none of them'))
  })
})

describe('traits', () => {
  it('names the traits that are missing and those that are unwanted', () => {
    const request = aRequest({ requiredTraits: ['HW_CPU_X86_AVX2'], forbiddenTraits: ['CUSTOM_SLOW'] })
    const needed = 'HW_CPU_X86_AVX2, no CUSTOM_SLOW'
    assert.deepEqual(
      judged('traits', request, aHost('a', { traits: ['CUSTOM_SLOW'] })),
      says(false, needed, 'no HW_CPU_X86_AVX2, CUSTOM_SLOW'),
    )
    assert.equal(judged('traits', request, aHost('a', { traits: ['HW_CPU_X86_AVX2'] })).passed, true)
  })
})

describe('placement', () => {
  it('shows for each resource class what was needed and what was free', () => {
    const host = aHost('a', {
      inventories: { VCPU: room(8, { used: 7 }), MEMORY_MB: room(16_384, { reserved: 512 }), DISK_GB: room(100) },
    })
    const request = aRequest({ resources: { VCPU: 2, MEMORY_MB: 4096 } })
    assert.deepEqual(verdict('placement', request, host), {
      filter: 'placement',
      passed: false,
      needed: '2 vCPU, 4096 MiB RAM',
      had: '1 vCPU, 15872 MiB RAM free',
      resources: {
        VCPU: { needed: 2, free: 1, largest: 1 },
        MEMORY_MB: { needed: 4096, free: 15_872, largest: 15_872 },
      },
    })
  })
  it('counts the allocation ratio, and what may be taken at once', () => {
    const host = aHost('a', { inventories: { VCPU: room(2, { allocationRatio: 16, maxUnit: 2 }) } })
    const request = aRequest({ resources: { VCPU: 4 } })
    assert.deepEqual(judged('placement', request, host), says(false, '4 vCPU', '32 vCPU (2 at once) free'))
  })
  it('has no room of a class that the host does not know', () => {
    const request = aRequest({ resources: { CUSTOM_GOLD: 1 } })
    assert.deepEqual(judged('placement', request, aHost('a')), says(false, '1 CUSTOM_GOLD', '0 CUSTOM_GOLD free'))
  })
  it('lets a server pass that takes nothing', () => {
    const request = aRequest({ resources: { DISK_GB: 0 } })
    assert.deepEqual(judged('placement', request, aHost('a')), says(true, 'nothing', 'nothing'))
  })
})

describe('the ranking', () => {
  it('puts the emptiest host first and keeps ties in the order of names', () => {
    const full = aHost('a', { inventories: { ...aHost('a').inventories, MEMORY_MB: room(16_384, { used: 8192 }) } })
    assert.deepEqual(rankHosts(aRequest(), [aHost('c'), full, aHost('b')]).ranked, ['b', 'c', 'a'])
  })
  it('prefers a host on which nothing is being built', () => {
    const busy = aHost('a', { busyServers: 3 })
    assert.deepEqual(rankHosts(aRequest(), [busy, aHost('b')]).ranked, ['b', 'a'])
  })
  it('stacks where multipliers are negative', () => {
    const full = aHost('b', { inventories: { ...aHost('b').inventories, MEMORY_MB: room(16_384, { used: 8192 }) } })
    const multipliers = { ram: -1, cpu: -1, disk: -1, 'io-ops': -1, 'soft-affinity': 1, 'soft-anti-affinity': 1 }
    assert.deepEqual(rankHosts(aRequest(), [aHost('a'), full], multipliers).ranked, ['b', 'a'])
  })
  it('lets the metadata of an aggregate set the multiplier of its hosts', () => {
    const avoided = aHost('a', { aggregateMetadata: [{ cpu_weight_multiplier: '-5' }, { cpu_weight_multiplier: '2' }] })
    const small = aHost('b', { inventories: { ...aHost('b').inventories, VCPU: room(4) } })
    assert.deepEqual(rankHosts(aRequest(), [avoided, small]).ranked, ['b', 'a'])
  })
  it('gathers soft-affinity groups and spreads soft-anti-affinity ones', () => {
    const membersByHost = { b: 2 }
    const soft = (policy: 'soft-affinity' | 'soft-anti-affinity') =>
      rankHosts(aRequest({ group: { id: 'g', policy, membersByHost } }), [aHost('a'), aHost('b'), aHost('c')]).ranked
    assert.deepEqual(soft('soft-affinity'), ['b', 'a', 'c'])
    assert.deepEqual(soft('soft-anti-affinity'), ['a', 'c', 'b'])
  })
  it('keeps the verdicts of all filters on all hosts, ranked ones first', () => {
    const off = aHost('a', { enabled: false, inventories: {} })
    const { ranked, verdicts } = rankHosts(aRequest({ availabilityZone: 'nova' }), [off, aHost('b')])
    assert.deepEqual(ranked, ['b'])
    assert.deepEqual(
      verdicts.map(({ host, passed, rank, filters }) => [host, passed, rank, filters.map((each) => each.passed)]),
      [
        ['b', true, 1, [true, true, true]],
        ['a', false, undefined, [false, true, false]],
      ],
    )
  })
  it('is plain JSON', () => {
    const ranking = rankHosts(aRequest({ availabilityZone: 'az1' }), [
      aHost('a'),
      aHost('b', { availabilityZone: 'az1' }),
    ])
    assert.deepEqual(JSON.parse(JSON.stringify(ranking)), ranking)
  })
  it('looks at each host a fixed number of times, however many there are', () => {
    const reads = (count: number) => {
      let read = 0
      const counted: ProxyHandler<SchedulingHost> = {
        get(target, key) {
          read++
          return Reflect.get(target, key)
        },
      }
      const hosts = Array.from({ length: count }, (_, at) => new Proxy(aHost(`host-${at}`), counted))
      rankHosts(aRequest({ availabilityZone: 'nova', requiredTraits: [] }), hosts)
      return read
    }
    // What sorting reads grows a little faster than the hosts do; everything else exactly with them.
    const [few, many] = [reads(1_000), reads(10_000)]
    assert.ok(many < few * 15, `${few} reads for 1,000 hosts, ${many} for 10,000`)
    assert.ok(many < 10_000 * 100, `${many} reads for 10,000 hosts`)
  })
})
