import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explain } from './explain.ts'
import { rankHosts } from './rank-hosts.ts'
import { aHost, aRequest, room } from './testing.ts'

const FLAVORS = [
  { name: 'm1.tiny', vcpus: 1, ramMiB: 512, diskGiB: 1 },
  { name: 'm1.small', vcpus: 1, ramMiB: 2048, diskGiB: 20 },
  { name: 'm1.large', vcpus: 4, ramMiB: 8192, diskGiB: 80 },
]

describe('the explanation', () => {
  it('says what is short, how much there is, and the largest flavor that fits', () => {
    const host = aHost('a', { inventories: { VCPU: room(8), MEMORY_MB: room(4096), DISK_GB: room(100) } })
    const request = aRequest({ resources: { VCPU: 4, MEMORY_MB: 8192, DISK_GB: 80 } })
    assert.equal(
      explain(rankHosts(request, [host]).verdicts, { flavors: FLAVORS }),
      'No valid host was found. Of 1 host, 1 lacks room (8192 MiB RAM needed, at most 4096 free). The largest flavor that fits now is m1.small.',
    )
  })
  it('counts hosts by what stopped them, the most common first', () => {
    const hosts = [
      aHost('a', { enabled: false }),
      aHost('b', { inventories: {} }),
      aHost('c', { inventories: {} }),
      aHost('d', { up: false }),
      aHost('e', { inventories: {} }),
    ]
    assert.equal(
      explain(rankHosts(aRequest({ resources: { VCPU: 1 } }), hosts).verdicts),
      'No valid host was found. Of 5 hosts, 3 lack room (1 vCPU needed, at most 0 free), 2 are down or disabled.',
    )
  })
  it('names the zone in which the server would fit', () => {
    const verdicts = rankHosts(aRequest({ availabilityZone: 'az9' }), [aHost('a')]).verdicts
    assert.equal(
      explain(verdicts),
      'No valid host was found. Of 1 host, 1 is outside availability zone az9. It would fit in zone nova.',
    )
  })
  it('says so when the cloud has no host at all', () => {
    assert.equal(explain([]), 'No valid host was found. The cloud has no compute host.')
  })
  it('says so when hosts fitted and refused', () => {
    assert.match(
      explain(rankHosts(aRequest(), [aHost('a')]).verdicts),
      /^No valid host was found\. The hosts that fitted/,
    )
  })
  it('names no host', () => {
    const verdicts = rankHosts(aRequest({ host: 'nowhere' }), [aHost('secret-name')]).verdicts
    assert.doesNotMatch(explain(verdicts), /secret-name/)
  })
  it('never passes 255 characters, whatever the request says', () => {
    const long = 'X'.repeat(300)
    const requests = [
      aRequest({ availabilityZone: long }),
      aRequest({ requiredTraits: [`CUSTOM_${long}`] }),
      aRequest({ resources: { [`CUSTOM_${long}`]: 1 } }),
      aRequest({ extraSpecs: { 'capabilities:flux': long } }),
      aRequest({ resources: Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`CUSTOM_NUMBER_${at}`, 1])) }),
    ]
    for (const request of requests) {
      const text = explain(rankHosts(request, [aHost('a')]).verdicts)
      assert.ok(text.length <= 255, `${text.length} characters`)
      assert.match(text, /^No valid host was found\. Of 1 host, /)
    }
  })
})
