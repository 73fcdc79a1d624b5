import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import type { NetworkId, PortId } from '../../ids.ts'
import type { NetworkSpec, PortSpec, SubnetSpec } from '../contract.ts'
import { onlyAdds } from './dnsmasq.ts'
import { dnsmasqFiles, type ServerPlace } from './dnsmasq-files.ts'

const subnetId = '99999999-2222-4333-8444-555555555555'
const networkId = '11111111-2222-4333-8444-555555555555' as NetworkId
const invalid = (error: unknown) => isDomainError(error, 'agent.network.invalid')

const aSubnet = (wish: Partial<SubnetSpec> = {}): SubnetSpec => ({
  id: subnetId,
  cidr: '10.0.0.0/24',
  ipVersion: 4,
  gatewayIp: '10.0.0.1',
  enableDhcp: true,
  dnsNameservers: [],
  hostRoutes: [],
  ...wish,
})
const aNetwork = (subnet: Partial<SubnetSpec> = {}, wish: Partial<NetworkSpec> = {}): NetworkSpec => ({
  id: networkId,
  mtu: 1450,
  segment: 1,
  hostIsGateway: false,
  subnets: [aSubnet(subnet)],
  dhcp: { portId: 'dhcp' as PortId, macAddress: 'fa:16:3e:00:00:02', addresses: ['10.0.0.2'] },
  ...wish,
})
const aPort = (wish: Partial<PortSpec> = {}): PortSpec => ({
  id: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee' as PortId,
  networkId,
  macAddress: 'fa:16:3e:00:00:11',
  adminStateUp: true,
  fixedIps: [{ subnetId, ipAddress: '10.0.0.11' }],
  allowedAddressPairs: [],
  portSecurity: true,
  rules: [],
  hostname: 'web-1',
  extraDhcpOptions: [],
  ...wish,
})
const filesOf = (network: NetworkSpec, ports: PortSpec[] = [], place: ServerPlace = 'namespace') =>
  dnsmasqFiles(place, network, ports, {
    dir: '/state',
    domain: 'openstacklocal',
    user: 'dnsmasq',
    group: 'nogroup',
    forwarders: ['192.0.2.53'],
  })
const options = (network: NetworkSpec) =>
  filesOf(network)?.options.replaceAll(`tag:subnet-${subnetId},`, '').split('\n')

describe('what dnsmasq is told', () => {
  it('is the address of each card, under its name', () => {
    assert.equal(filesOf(aNetwork(), [aPort()])?.hosts, 'fa:16:3e:00:00:11,web-1.openstacklocal,10.0.0.11\n')
    assert.equal(filesOf(aNetwork(), [aPort()])?.names, '10.0.0.11 web-1.openstacklocal web-1\n')
  })

  it('is no address in a subnet without DHCP', () => {
    assert.equal(filesOf(aNetwork({ enableDhcp: false })), undefined)
  })

  it('is the way to the metadata address and the default route, both ways in which clients read them', () => {
    assert.deepEqual(options(aNetwork()), [
      'option:router,10.0.0.1',
      'option:mtu,1450',
      'option:classless-static-route,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1',
      '249,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1',
      '',
    ])
  })

  it('is an empty router without a gateway, or dnsmasq would name itself', () => {
    const { gatewayIp: _, ...subnet } = aSubnet()
    const lines = options(aNetwork({}, { subnets: [subnet] }))
    assert.equal(lines?.[0], 'option:router')
    assert.ok(!lines?.some((line) => line.includes('0.0.0.0/0')))
  })

  it('is the default route of a host route in place of the gateway’s', () => {
    const lines = options(aNetwork({ hostRoutes: [{ destination: '0.0.0.0/0', nexthop: '10.0.0.9' }] }))
    assert.equal(lines?.[2], 'option:classless-static-route,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.9')
  })

  it('is the nameservers; 0.0.0.0 is none at all', () => {
    assert.equal(
      options(aNetwork({ dnsNameservers: ['1.1.1.1', '9.9.9.9'] }))?.[1],
      'option:dns-server,1.1.1.1,9.9.9.9',
    )
    assert.equal(options(aNetwork({ dnsNameservers: ['0.0.0.0'] }))?.[1], 'option:dns-server')
  })

  it('is a port’s own options, by name and by number', () => {
    const extraDhcpOptions = [
      { name: 'bootfile-name', value: 'a,b', ipVersion: 4 as const },
      { name: '150', value: '192.0.2.1', ipVersion: 4 as const },
    ]
    const files = filesOf(aNetwork(), [aPort({ extraDhcpOptions })])
    const tag = 'port-aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
    assert.equal(files?.hosts, `fa:16:3e:00:00:11,set:${tag},web-1.openstacklocal,10.0.0.11\n`)
    assert.ok(files?.options.endsWith(`tag:${tag},option:bootfile-name,a,b\ntag:${tag},150,192.0.2.1\n`))
  })

  for (const [raMode, range] of [
    ['slaac', 'fd00::,ra-only,64'],
    ['dhcpv6-stateless', 'fd00::,ra-stateless,64'],
    ['dhcpv6-stateful', 'fd00::,static,64'],
  ] as const) {
    const v6 = {
      cidr: 'fd00::/64',
      ipVersion: 6,
      gatewayIp: 'fd00::1',
      ipv6RaMode: raMode,
      ipv6AddressMode: raMode,
    } as const
    it(`is to advertise ${raMode}, as no router`, () => {
      const conf = filesOf(aNetwork(v6))?.conf ?? ''
      assert.ok(conf.includes(`dhcp-range=set:subnet-${subnetId},${range},86400s\n`), conf)
      assert.match(conf, /^enable-ra\nra-param=dhcp0,mtu:1450,30,0$/m)
    })
    it(`is to advertise ${raMode} on the host where that is the gateway, as a router`, () => {
      const network = aNetwork(v6, { hostIsGateway: true })
      assert.equal(filesOf(network), undefined)
      assert.match(filesOf(network, [], 'host')?.conf ?? '', /^ra-param=brq11111111-22,mtu:1450,30,90$/m)
    })
  }

  it('is an IPv6 address only where DHCPv6 gives addresses', () => {
    const port = aPort({ fixedIps: [{ subnetId, ipAddress: 'fd00::11' }] })
    const v6 = {
      cidr: 'fd00::/64',
      ipVersion: 6,
      gatewayIp: 'fd00::1',
      ipv6RaMode: 'slaac',
      ipv6AddressMode: 'slaac',
    } as const
    assert.equal(filesOf(aNetwork(v6), [port])?.hosts, '')
    assert.equal(
      filesOf(aNetwork({ ...v6, ipv6RaMode: 'dhcpv6-stateful', ipv6AddressMode: 'dhcpv6-stateful' }), [port])?.hosts,
      'fa:16:3e:00:00:11,web-1.openstacklocal,[fd00::11]\n',
    )
  })

  const hostile: [what: string, port: Partial<PortSpec>][] = [
    ['a name with a line break', { hostname: 'web\ndhcp-script=/bin/sh' }],
    ['a name with a comma', { hostname: 'web,set:x' }],
    ['a name that is too long', { hostname: 'x'.repeat(64) }],
    ['an address with more to it', { fixedIps: [{ subnetId, ipAddress: '10.0.0.11,ignore' }] }],
    ['a MAC address with more to it', { macAddress: 'fa:16:3e:00:00:11,ignore' }],
    ['an option that dnsmasq does not know', { extraDhcpOptions: [{ name: 'nonsense', value: '1', ipVersion: 4 }] }],
    ['an option number out of range', { extraDhcpOptions: [{ name: '255', value: '1', ipVersion: 4 }] }],
    ['an option value with a line break', { extraDhcpOptions: [{ name: 'mtu', value: '1\nx', ipVersion: 4 }] }],
    ['an option value with a quote', { extraDhcpOptions: [{ name: 'mtu', value: '"', ipVersion: 4 }] }],
  ]
  for (const [what, wish] of hostile)
    it(`is never ${what}`, () => assert.throws(() => filesOf(aNetwork(), [aPort(wish)]), invalid))

  for (const [what, wish] of Object.entries({
    nameserver: { dnsNameservers: ['1.1.1.1\nuser=x'] },
    'route destination': { hostRoutes: [{ destination: '0.0.0.0/0,x', nexthop: '10.0.0.1' }] },
    'next hop': { hostRoutes: [{ destination: '10.1.0.0/16', nexthop: 'x' }] },
    gateway: { gatewayIp: '10.0.0.1 ' },
    cidr: { cidr: '10.0.0.0/24,proxy' },
    id: { id: 'x,y' },
  } satisfies Record<string, Partial<SubnetSpec>>))
    it(`is never a hostile ${what}`, () => assert.throws(() => filesOf(aNetwork(wish)), invalid))
})

describe('a running dnsmasq', () => {
  const files = (ports: PortSpec[], network = aNetwork()) => filesOf(network, ports)!
  const other = aPort({
    id: 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee' as PortId,
    macAddress: 'fa:16:3e:00:00:12',
    hostname: 'b',
  })
  const tagged = aPort({ extraDhcpOptions: [{ name: 'mtu', value: '1400', ipVersion: 4 }] })

  it('is told of a further port by signal', () => {
    assert.equal(onlyAdds(files([aPort()]), files([aPort(), other])), true)
  })

  it('is restarted when a port goes, when one changes and when the network does', () => {
    assert.equal(onlyAdds(files([aPort(), other]), files([aPort()])), false)
    assert.equal(onlyAdds(files([aPort()]), files([aPort({ macAddress: 'fa:16:3e:00:00:13' })])), false)
    assert.equal(onlyAdds(files([aPort()]), files([aPort()], aNetwork({ dnsNameservers: ['1.1.1.1'] }))), false)
  })

  it('is restarted where ports have options of their own, whose tags would crash it', () => {
    assert.equal(onlyAdds(files([tagged]), files([tagged, other])), false)
  })
})
