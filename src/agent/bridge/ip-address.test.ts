import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import {
  contains,
  eui64,
  formatAddress,
  formatNetwork,
  lastOf,
  LINK_LOCAL,
  outermost,
  parseAddress,
  parseMac,
  parseNetwork,
} from './ip-address.ts'

const invalid = (error: unknown) => isDomainError(error, 'agent.network.invalid')

describe('an IP address', () => {
  const spellings: [given: string, canonical: string][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0::1', 'fd00::1'],
    ['fd00:0:0:1:0:0:0:1', 'fd00:0:0:1::1'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ]
  for (const [given, canonical] of spellings)
    it(`${given} is written ${canonical}`, () => assert.equal(formatAddress(parseAddress(given)), canonical))

  for (const text of ['', '10.0.0', '10.0.0.1 ', '10.0.0.01', '1.2.3.4\n', 'fe80::1%eth0', '::1::', '10.0.0.1/24', 'x'])
    it(`${JSON.stringify(text)} is none`, () => assert.throws(() => parseAddress(text), invalid))

  it('comes from a MAC address by EUI-64', () => {
    assert.equal(formatAddress(eui64(LINK_LOCAL, 'fa:16:3e:00:00:11')), 'fe80::f816:3eff:fe00:11')
    assert.equal(formatAddress(eui64(parseNetwork('fd00:a::/64'), 'fa:16:3e:00:00:11')), 'fd00:a::f816:3eff:fe00:11')
  })
})

describe('a network', () => {
  it('loses its host bits', () => {
    assert.equal(formatNetwork(parseNetwork('10.0.0.77/24')), '10.0.0.0/24')
    assert.equal(formatNetwork(parseNetwork('fd00::77/64')), 'fd00::/64')
  })

  it('of one address is written as that address', () => {
    assert.equal(formatNetwork(parseNetwork('10.0.0.1/32')), '10.0.0.1')
    assert.equal(formatNetwork(parseNetwork('fd00::1')), 'fd00::1')
  })

  for (const text of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.0/ 8', '/8'])
    it(`is not ${JSON.stringify(text)}`, () => assert.throws(() => parseNetwork(text), invalid))

  it('contains its addresses and smaller networks, of its own version', () => {
    const network = parseNetwork('10.0.0.0/24')
    assert.ok(contains(network, parseAddress('10.0.0.255')))
    assert.ok(!contains(network, parseAddress('10.0.1.0')))
    assert.ok(contains(network, parseNetwork('10.0.0.128/25')))
    assert.ok(!contains(network, parseNetwork('10.0.0.0/23')))
    assert.ok(!contains(parseNetwork('0.0.0.0/0'), parseAddress('::1')))
  })

  it('swallows those inside it', () => {
    const networks = ['10.0.0.5', '10.0.0.0/24', '10.0.0.128/25', '10.0.1.0/24', 'fd00::/64', '10.0.0.0/24']
    assert.deepEqual(outermost(networks.map(parseNetwork)).map(formatNetwork).toSorted(), [
      '10.0.0.0/24',
      '10.0.1.0/24',
      'fd00::/64',
    ])
  })

  it('ends at its last address', () => {
    assert.equal(formatAddress(lastOf(parseNetwork('10.0.0.64/30'))), '10.0.0.67')
    assert.equal(formatAddress(lastOf(parseNetwork('fd00::/64'))), 'fd00::ffff:ffff:ffff:ffff')
  })
})

describe('a MAC address', () => {
  it('is taken in any case', () => assert.equal(parseMac('FA:16:3E:00:00:0A'), 'fa:16:3e:00:00:0a'))
  for (const text of ['fa:16:3e:00:00', 'fa-16-3e-00-00-01', 'fa:16:3e:00:00:01\nx', 'fa:16:3e:00:00:01,set:x'])
    it(`is not ${JSON.stringify(text)}`, () => assert.throws(() => parseMac(text), invalid))
})
