import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import { type DeviceWish, makeLines, parseDevices, setLines } from './devices.ts'
import { chainProblems, droppingChains } from './problems.ts'

const wish: DeviceWish = {
  name: 'tapaaaaaaaa-bb',
  make: 'tuntap add dev tapaaaaaaaa-bb mode tap',
  alias: 'stratolith:0badcafe:port:x',
  group: 195_939_070,
  mtu: 1450,
  master: 'brq11111111-22',
  up: true,
  linkLocal: false,
}
const listed = {
  ifname: 'tapaaaaaaaa-bb',
  ifalias: 'stratolith:0badcafe:port:x',
  group: '195939070',
  mtu: 1450,
  address: '52:54:00:00:00:01',
  master: 'brq11111111-22',
  flags: ['BROADCAST', 'UP'],
  inet6_addr_gen_mode: 'none',
  addr_info: [{ local: 'fe80::1', prefixlen: 64, scope: 'link' }],
}
const have = (change: object = {}) => parseDevices(JSON.stringify([{}, { ...listed, ...change }])).get(wish.name)

describe('a device', () => {
  it('that is missing is made, and is ours before it is in its bridge and up', () => {
    assert.deepEqual(makeLines(wish, undefined), [wish.make])
    assert.deepEqual(setLines(wish, undefined), [
      'link set dev tapaaaaaaaa-bb addrgenmode none',
      'link set dev tapaaaaaaaa-bb alias stratolith:0badcafe:port:x',
      'link set dev tapaaaaaaaa-bb group 195939070',
      'link set dev tapaaaaaaaa-bb mtu 1450',
      'link set dev tapaaaaaaaa-bb master brq11111111-22',
      'link set dev tapaaaaaaaa-bb up',
    ])
  })

  it('that is as it should be is not touched', () => {
    assert.deepEqual([...makeLines(wish, have()), ...setLines(wish, have())], [])
  })

  it('gets what it lacks and nothing else', () => {
    assert.deepEqual(setLines(wish, have({ mtu: 1500 })), ['link set dev tapaaaaaaaa-bb mtu 1450'])
    assert.deepEqual(setLines(wish, have({ master: undefined })), ['link set dev tapaaaaaaaa-bb master brq11111111-22'])
    assert.deepEqual(setLines({ ...wish, up: false }, have()), ['link set dev tapaaaaaaaa-bb down'])
  })

  it('has exactly the addresses that are wished, where any are', () => {
    const addr_info = [{ local: '10.0.0.9', prefixlen: 24, scope: 'global' }, ...listed.addr_info]
    assert.deepEqual(setLines({ ...wish, addresses: ['10.0.0.1/24', 'fd00::1/64'] }, have({ addr_info })), [
      'addr del 10.0.0.9/24 dev tapaaaaaaaa-bb',
      'addr add 10.0.0.1/24 dev tapaaaaaaaa-bb',
      'addr add fd00::1/64 dev tapaaaaaaaa-bb nodad',
    ])
    assert.deepEqual(setLines(wish, have({ addr_info })), [])
  })

  it('takes no alias or MTU that could be more than that', () => {
    const invalid = (error: unknown) => isDomainError(error, 'agent.network.invalid')
    assert.throws(() => setLines({ ...wish, alias: 'x\nlink del eth0' }, undefined), invalid)
    assert.throws(() => setLines({ ...wish, mtu: 1.5 }, undefined), invalid)
  })
})

describe('a firewall of somebody else', () => {
  const chain = { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward', policy: 'drop' }

  it('is a problem where it drops forwarded packets, with the remedy', () => {
    assert.deepEqual(droppingChains([chain, { ...chain, policy: 'accept' }]), [chain])
    assert.match(
      chainProblems(chain, 'chain FORWARD { }', 'mdb-0badcafe').join(),
      /^The chain FORWARD .* nft insert rule ip filter FORWARD /,
    )
  })

  it('is none where it has a rule for tenant bridges', () => {
    const docker = 'chain FORWARD { jump DOCKER-USER }'
    assert.equal(chainProblems(chain, docker, 'mdb-0badcafe').length, 1)
    assert.deepEqual(chainProblems(chain, 'iifname "brq*" oifname "brq*" accept', 'mdb-0badcafe'), [])
  })

  it('is a problem where it drops what comes in, since metadata is asked for there', () => {
    const input = { ...chain, name: 'INPUT', hook: 'input' }
    assert.match(chainProblems(input, '', 'mdb-0badcafe').join(), /iifname mdb-0badcafe tcp dport 9697 accept$/)
  })

  it('is not one of ours', () => {
    assert.deepEqual(droppingChains([{ ...chain, table: 'stratolith_0badcafe' }]), [])
  })
})
