import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MemberFacts, NetworkFacts, PlaneFacts, PortFacts, RuleFacts, SubnetFacts } from './facts.ts'
import { networkSpec, portSpecs } from './specs.ts'

const aSubnet = (wishes: Partial<SubnetFacts> = {}): SubnetFacts => ({
  id: 'subnet-1' as never,
  cidr: '10.0.0.0/24',
  ipVersion: 4,
  gatewayIp: '10.0.0.1',
  enableDhcp: true,
  dnsNameservers: [],
  hostRoutes: [],
  ipv6AddressMode: null,
  ipv6RaMode: null,
  ...wishes,
})
const aNetwork = (wishes: Partial<NetworkFacts> = {}): NetworkFacts => ({
  id: 'net-1' as never,
  mtu: 1450,
  segment: 1001,
  external: false,
  adminStateUp: true,
  subnets: [aSubnet()],
  dhcp: { portId: 'dhcp-1' as never, macAddress: 'fa:16:3e:00:00:01', addresses: ['10.0.0.2'] },
  ...wishes,
})
const aPort = (wishes: Partial<PortFacts> = {}): PortFacts => ({
  id: 'port-1' as never,
  networkId: 'net-1' as never,
  pluggedOn: 'host-1' as never,
  macAddress: 'fa:16:3e:00:00:02',
  adminStateUp: true,
  portSecurity: true,
  allowedAddressPairs: [],
  extraDhcpOpts: [],
  dnsName: 'web',
  fixedIps: [{ subnetId: 'subnet-1' as never, ipAddress: '10.0.0.5' }],
  groupIds: ['group-1' as never],
  ...wishes,
})
const aRule = (wishes: Partial<RuleFacts> = {}): RuleFacts => ({
  groupId: 'group-1' as never,
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  portMin: null,
  portMax: null,
  remotePrefix: null,
  remoteGroupId: null,
  ...wishes,
})
const facts = (wishes: Partial<PlaneFacts> = {}): PlaneFacts => ({
  networks: [aNetwork()],
  ports: [aPort()],
  rules: [],
  members: [],
  ...wishes,
})
const rulesOf = (rules: RuleFacts[], members: MemberFacts[] = [], port: Partial<PortFacts> = {}) =>
  portSpecs(facts({ rules, members, ports: [aPort(port)] }))[0]!.rules

describe('what a host is told of a network', () => {
  it('leaves out what is not set', () => {
    assert.deepEqual(
      networkSpec(aNetwork({ subnets: [aSubnet({ gatewayIp: null, enableDhcp: false })], dhcp: null })),
      {
        id: 'net-1',
        mtu: 1450,
        segment: 1001,
        hostIsGateway: false,
        subnets: [
          { id: 'subnet-1', cidr: '10.0.0.0/24', ipVersion: 4, enableDhcp: false, dnsNameservers: [], hostRoutes: [] },
        ],
      },
    )
  })

  it('makes the host the gateway of external networks', () => {
    assert.equal(networkSpec(aNetwork({ external: true })).hostIsGateway, true)
  })

  it('says the IPv6 modes of subnets', () => {
    const subnet = aSubnet({ ipVersion: 6, cidr: 'fd00::/64', ipv6AddressMode: 'slaac', ipv6RaMode: 'slaac' })
    const [spec] = networkSpec(aNetwork({ subnets: [subnet] })).subnets
    assert.deepEqual([spec!.ipv6AddressMode, spec!.ipv6RaMode], ['slaac', 'slaac'])
  })

  it('has no DHCP while the network is administratively down or its DHCP port has no address', () => {
    assert.equal(networkSpec(aNetwork({ adminStateUp: false })).dhcp, undefined)
    assert.equal(networkSpec(aNetwork({ dhcp: { ...aNetwork().dhcp!, addresses: [] } })).dhcp, undefined)
    assert.deepEqual(networkSpec(aNetwork()).dhcp, aNetwork().dhcp)
  })
})

describe('what a host is told of a port', () => {
  it('is all that the guest may be and hear', () => {
    const port = aPort({
      allowedAddressPairs: [{ mac_address: 'fa:16:3e:00:00:02', ip_address: '10.9.0.0/16' }],
      extraDhcpOpts: [{ opt_name: 'mtu', opt_value: '1400', ip_version: 4 }],
      groupIds: [],
    })
    assert.deepEqual(portSpecs(facts({ ports: [port] })), [
      {
        id: 'port-1',
        networkId: 'net-1',
        macAddress: 'fa:16:3e:00:00:02',
        adminStateUp: true,
        fixedIps: [{ subnetId: 'subnet-1', ipAddress: '10.0.0.5' }],
        allowedAddressPairs: [{ macAddress: 'fa:16:3e:00:00:02', ipAddress: '10.9.0.0/16' }],
        portSecurity: true,
        rules: [],
        hostname: 'web',
        extraDhcpOptions: [{ name: 'mtu', value: '1400', ipVersion: 4 }],
      },
    ])
  })

  it('names it after its DNS name, or else after its first address', () => {
    const named = (wishes: Partial<PortFacts>) => portSpecs(facts({ ports: [aPort(wishes)] }))[0]!.hostname
    assert.equal(named({ dnsName: 'web.example.org.' }), 'web')
    assert.equal(named({ dnsName: '' }), 'host-10-0-0-5')
    const six = [{ subnetId: 'subnet-1' as never, ipAddress: 'fd00::5' }]
    assert.equal(named({ dnsName: '', fixedIps: six }), 'host-fd00--5')
    assert.equal(named({ dnsName: '', fixedIps: [] }), '')
  })

  it('is down with its network', () => {
    const network = aNetwork({ adminStateUp: false })
    assert.equal(portSpecs(facts({ networks: [network] }))[0]!.adminStateUp, false)
  })

  it('has no rules without port security', () => {
    assert.deepEqual(rulesOf([aRule()], [], { portSecurity: false }), [])
  })

  it('is anyone where a rule names nobody, and one network where it names one', () => {
    assert.deepEqual(rulesOf([aRule({ protocol: 'tcp', portMin: 22, portMax: 22 })]), [
      { direction: 'ingress', ipVersion: 4, protocol: 'tcp', portMin: 22, portMax: 22 },
    ])
    assert.deepEqual(rulesOf([aRule({ remotePrefix: '0.0.0.0/0' })]), [{ direction: 'ingress', ipVersion: 4 }])
    assert.deepEqual(rulesOf([aRule({ remotePrefix: '10.0.0.0/8', direction: 'egress' })]), [
      { direction: 'egress', ipVersion: 4, remotes: ['10.0.0.0/8'] },
    ])
  })

  it('turns a remote group into the addresses of its members, of the right version', () => {
    const members = [{ groupId: 'group-2' as never, addresses: ['10.0.0.7', '10.8.0.0/16', 'fd00::7'] }]
    const remoteGroupId = 'group-2' as never
    assert.deepEqual(rulesOf([aRule({ remoteGroupId }), aRule({ remoteGroupId, ethertype: 'IPv6' })], members), [
      { direction: 'ingress', ipVersion: 4, remotes: ['10.0.0.7/32', '10.8.0.0/16'] },
      { direction: 'ingress', ipVersion: 6, remotes: ['fd00::7/128'] },
    ])
  })

  it('lets nobody in where the remote group is empty', () => {
    assert.deepEqual(rulesOf([aRule({ remoteGroupId: 'group-9' as never })]), [
      { direction: 'ingress', ipVersion: 4, remotes: [] },
    ])
  })

  it('takes the rules of all its groups together, the same one once', () => {
    const groupIds = ['group-1' as never, 'group-2' as never]
    const rules = [
      aRule(),
      aRule({ groupId: 'group-2' as never }),
      aRule({ groupId: 'group-2' as never, protocol: 'icmp' }),
      aRule({ groupId: 'group-3' as never, protocol: 'gre' }),
    ]
    assert.deepEqual(
      rulesOf(rules, [], { groupIds }).map(({ protocol }) => protocol),
      [undefined, 'icmp'],
    )
  })

  it('reads protocol 0 as any', () => {
    for (const protocol of ['0', 'ip', 'hopopt']) assert.equal('protocol' in rulesOf([aRule({ protocol })])[0]!, false)
  })
})
