import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import type { NetworkId, PortId } from '../../ids.ts'
import type { FilterRule, PortSpec } from '../contract.ts'
import { renderRules } from './filter-rules.ts'
import { cloudNames } from './names.ts'
import { networkRules, portRules } from './port-rules.ts'
import { RuleSet } from './rule-set.ts'

const names = cloudNames('0badcafe')
const networkId = '11111111-2222-4333-8444-555555555555' as NetworkId
const portId = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee' as PortId
const otherPortId = 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee' as PortId
const invalid = (error: unknown) => isDomainError(error, 'agent.network.invalid')

function aPort(wish: Partial<PortSpec> = {}): PortSpec {
  return {
    id: portId,
    networkId,
    macAddress: 'fa:16:3e:00:00:11',
    adminStateUp: true,
    fixedIps: [{ subnetId: 'subnet', ipAddress: '10.0.0.11' }],
    allowedAddressPairs: [],
    portSecurity: true,
    rules: [],
    hostname: 'host',
    extraDhcpOptions: [],
    ...wish,
  }
}

const ingress = (wish: Partial<FilterRule> = {}): FilterRule => ({ direction: 'ingress', ipVersion: 4, ...wish })
const line = (rule: FilterRule) => renderRules([rule], rule.direction).lines[0]
const elementsIn = (port: PortSpec, set: string) =>
  portRules(port, 16, false)
    .elements.filter(([name]) => name === set)
    .map(([, element]) => element)

describe('a security rule', () => {
  const written: [what: string, rule: FilterRule, line: string][] = [
    ['for anything', ingress(), 'meta protocol ip accept'],
    [
      'outwards',
      { direction: 'egress', ipVersion: 6, remotes: ['fd00::/64'] },
      'meta protocol ip6 ip6 daddr fd00::/64 accept',
    ],
    [
      'for a range of ports',
      ingress({ protocol: 'tcp', portMin: 80, portMax: 90 }),
      'meta protocol ip meta l4proto 6 th dport 80-90 accept',
    ],
    [
      'for one port',
      ingress({ protocol: 'udp', portMin: 53, portMax: 53 }),
      'meta protocol ip meta l4proto 17 th dport 53 accept',
    ],
    ['for a protocol by number', ingress({ protocol: '47' }), 'meta protocol ip meta l4proto 47 accept'],
    ['for any protocol by name', ingress({ protocol: 'any' }), 'meta protocol ip accept'],
    [
      'for an ICMP type and code',
      ingress({ protocol: 'icmp', portMin: 8, portMax: 0 }),
      'meta protocol ip meta l4proto 1 icmp type 8 icmp code 0 accept',
    ],
    [
      'for ICMP on IPv6',
      ingress({ ipVersion: 6, protocol: 'icmp', portMin: 128 }),
      'meta protocol ip6 meta l4proto 58 icmpv6 type 128 accept',
    ],
    ['from one network', ingress({ remotes: ['10.0.0.9/8'] }), 'meta protocol ip ip saddr 10.0.0.0/8 accept'],
    ['from everywhere by name', ingress({ remotes: ['0.0.0.0/0'] }), 'meta protocol ip accept'],
  ]
  for (const [what, rule, expected] of written) it(`${what} is written`, () => assert.equal(line(rule), expected))

  it('for a group without members lets nobody in', () => {
    assert.deepEqual(renderRules([ingress({ remotes: [] })], 'ingress'), { lines: [], sets: [] })
  })

  it('for several remotes names a set called after its content', () => {
    const one = renderRules([ingress({ remotes: ['10.0.0.1', '10.0.0.2'] })], 'ingress')
    const other = renderRules([ingress({ protocol: 'tcp', remotes: ['10.0.0.2', '10.0.0.1'] })], 'ingress')
    assert.deepEqual(one.sets, other.sets)
    assert.deepEqual(one.sets[0]?.addresses, ['10.0.0.1', '10.0.0.2'])
    assert.equal(one.lines[0], `meta protocol ip ip saddr @${one.sets[0]?.name} accept`)
  })

  const refused: [what: string, rule: FilterRule][] = [
    ['an unknown protocol', ingress({ protocol: 'tcp accept; drop' })],
    ['a protocol beyond 255', ingress({ protocol: '256' })],
    ['ports without a protocol', ingress({ portMin: 1, portMax: 2 })],
    ['ports of a protocol without them', ingress({ protocol: 'gre', portMin: 1 })],
    ['ports beyond 65535', ingress({ protocol: 'tcp', portMin: 1, portMax: 65_536 })],
    ['ports backwards', ingress({ protocol: 'tcp', portMin: 2, portMax: 1 })],
    ['a remote of the other version', ingress({ remotes: ['fd00::/64'] })],
    ['a remote that is no network', ingress({ remotes: ['10.0.0.0/8 accept\n'] })],
  ]
  for (const [what, rule] of refused) it(`with ${what} is refused`, () => assert.throws(() => line(rule), invalid))
})

describe('a port’s rules', () => {
  it('name what the guest may call itself', () => {
    const port = aPort({
      fixedIps: [
        { subnetId: 's', ipAddress: '10.0.0.11' },
        { subnetId: 's', ipAddress: 'fd00::11' },
      ],
    })
    assert.deepEqual(elementsIn(port, 'mac'), ['"tapaaaaaaaa-bb" . fa:16:3e:00:00:11'])
    assert.deepEqual(elementsIn(port, 'v4src'), ['"tapaaaaaaaa-bb" . fa:16:3e:00:00:11 . 10.0.0.11'])
    assert.deepEqual(elementsIn(port, 'v6src'), [
      '"tapaaaaaaaa-bb" . fa:16:3e:00:00:11 . fe80::f816:3eff:fe00:11',
      '"tapaaaaaaaa-bb" . fa:16:3e:00:00:11 . fd00::11',
    ])
    assert.deepEqual(elementsIn(port, 'natgt').length, 2)
  })

  it('keep address pairs that are networks apart from addresses, and nested ones once', () => {
    const pair = (ipAddress: string) => ({ macAddress: 'fa:16:3e:00:00:22', ipAddress })
    const port = aPort({ allowedAddressPairs: ['10.0.0.64/30', '10.0.0.65', '10.0.0.80', 'fd00::/120'].map(pair) })
    assert.deepEqual(elementsIn(port, 'v4src_pairs'), ['"tapaaaaaaaa-bb" . fa:16:3e:00:00:22 . 10.0.0.64/30'])
    assert.ok(elementsIn(port, 'v4src').includes('"tapaaaaaaaa-bb" . fa:16:3e:00:00:22 . 10.0.0.80'))
    assert.equal(elementsIn(port, 'mac').length, 2)
    assert.deepEqual(elementsIn(port, 'natgt_pairs'), [
      '"tapaaaaaaaa-bb" . 0xfd000000000000000000000000000000-0xfd0000000000000000000000000000ff',
    ])
  })

  it('are none for a port that is down, so that its tap is closed', () => {
    assert.deepEqual(portRules(aPort({ adminStateUp: false }), 16, true), { elements: [], chains: [], sets: [] })
  })

  it('only open a port without port security', () => {
    assert.deepEqual(portRules(aPort({ portSecurity: false }), 16, false).elements, [['open', '"tapaaaaaaaa-bb"']])
  })

  it('stand in both families where the host is the gateway', () => {
    const { chains, elements } = portRules(aPort({ rules: [ingress()] }), 16, true)
    assert.deepEqual(
      chains.filter(({ name }) => name === 'to_16').map(({ family, rules }) => [family, rules]),
      [
        ['inet', ['meta protocol ip accept']],
        ['bridge', ['meta protocol ip accept']],
      ],
    )
    assert.ok(elements.some(([set]) => set === 'host_to'))
    assert.ok(elements.some(([set]) => set === 'upward'))
  })

  for (const [what, wish] of Object.entries({
    'a MAC address': { macAddress: 'fa:16:3e:00:00:11 accept' },
    'an address': { fixedIps: [{ subnetId: 's', ipAddress: '10.0.0.0/8' }] },
    'a pair': { allowedAddressPairs: [{ macAddress: 'fa:16:3e:00:00:22', ipAddress: '10.0.0.1, 0.0.0.0/0' }] },
    'an id': { id: 'aaaaaaaa" } drop' as PortId },
  } satisfies Record<string, Partial<PortSpec>>))
    it(`refuse what is no ${what.replace(/^an? /, '')}`, () =>
      assert.throws(() => portRules(aPort(wish), 16, false), invalid))
})

describe('a rule set', () => {
  const withPort = (wish: Partial<PortSpec> = {}) => {
    const rules = new RuleSet(names)
    rules.change(new Map([['network', networkRules({ id: networkId, hostIsGateway: false }, 7)]]))
    rules.change(new Map([['port', portRules(aPort(wish), 16, false)]]))
    return rules
  }
  const changeTo = (rules: RuleSet, wish: Partial<PortSpec>) =>
    rules.change(new Map([['port', portRules(aPort(wish), 16, false)]]))

  it('touches only tables of its cloud', () => {
    const tables = [
      ...withPort()
        .whole()
        .matchAll(/^(?:delete )?table (\S+ \S+)/gm),
    ].map((match) => match[1])
    assert.deepEqual(new Set(tables), new Set(['bridge stratolith_0badcafe', 'inet stratolith_0badcafe']))
  })

  it('says nothing when nothing changes', () => {
    assert.equal(changeTo(withPort(), {}), '')
  })

  it('changes a rule in its chain alone', () => {
    assert.equal(
      changeTo(withPort(), { rules: [ingress({ protocol: 'tcp', portMin: 22, portMax: 22 })] }),
      'flush chain inet stratolith_0badcafe to_16\n' +
        'add rule inet stratolith_0badcafe to_16 meta protocol ip meta l4proto 6 th dport 22 accept\n',
    )
  })

  it('takes the old address before it gives the new one', () => {
    const lines = changeTo(withPort(), { fixedIps: [{ subnetId: 's', ipAddress: '10.0.0.12' }] }).split('\n')
    assert.deepEqual(lines.slice(0, 2), [
      'delete element bridge stratolith_0badcafe v4src { "tapaaaaaaaa-bb" . fa:16:3e:00:00:11 . 10.0.0.11 }',
      'delete element bridge stratolith_0badcafe arpsrc { "tapaaaaaaaa-bb" . fa:16:3e:00:00:11 . 10.0.0.11 }',
    ])
    assert.match(lines[2]!, /^add element bridge stratolith_0badcafe v4src .* 10\.0\.0\.12 }$/)
  })

  it('keeps a set of addresses as long as some port uses it', () => {
    const group = { rules: [ingress({ remotes: ['10.0.0.1', '10.0.0.2'] })] }
    const rules = withPort(group)
    const other = portRules(aPort({ ...group, id: otherPortId }), 17, false)
    assert.ok(!rules.change(new Map([['other', other]])).includes('add set'))
    assert.ok(!rules.change(new Map([['port', undefined]])).includes('delete set'))
    const last = rules.change(new Map([['other', undefined]]))
    assert.match(
      last,
      /delete chain inet stratolith_0badcafe to_17\n.*delete set inet stratolith_0badcafe r4_[0-9a-f]{16}\n$/s,
    )
  })

  it('with everything taken out is as it was at first', () => {
    const rules = withPort()
    rules.change(
      new Map([
        ['port', undefined],
        ['network', undefined],
      ]),
    )
    assert.equal(rules.whole(), new RuleSet(names).whole())
  })
})
