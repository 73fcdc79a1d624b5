/** From facts to what a host is told: pure. */
import type { FilterRule, NetworkSpec, PortSpec, SubnetSpec } from '../../agent/contract.ts'
import type { SecurityGroupId } from '../../ids.ts'
import { protocolNumber } from '../security-group-rules/protocols.ts'
import type { NetworkFacts, PlaneFacts, PortFacts, RuleFacts, SubnetFacts } from './facts.ts'

export function networkSpec(network: NetworkFacts): NetworkSpec {
  // A network that is administratively down serves no addresses; its ports forward nothing either.
  const dhcp = network.adminStateUp ? network.dhcp : null
  return {
    id: network.id,
    mtu: network.mtu,
    segment: network.segment,
    hostIsGateway: network.external,
    subnets: network.subnets.map(subnetSpec),
    ...(dhcp !== null && dhcp.addresses.length > 0 && { dhcp }),
  }
}

function subnetSpec(subnet: SubnetFacts): SubnetSpec {
  return {
    id: subnet.id,
    cidr: subnet.cidr,
    ipVersion: subnet.ipVersion,
    enableDhcp: subnet.enableDhcp,
    dnsNameservers: subnet.dnsNameservers,
    hostRoutes: subnet.hostRoutes,
    ...(subnet.gatewayIp !== null && { gatewayIp: subnet.gatewayIp }),
    ...(subnet.ipv6AddressMode !== null && { ipv6AddressMode: subnet.ipv6AddressMode }),
    ...(subnet.ipv6RaMode !== null && { ipv6RaMode: subnet.ipv6RaMode }),
  }
}

/** All ports of the facts, in their order. */
export function portSpecs(facts: PlaneFacts): PortSpec[] {
  const rules = Map.groupBy(facts.rules, ({ groupId }) => groupId)
  const members = new Map(facts.members.map(({ groupId, addresses }) => [groupId, byVersion(addresses)]))
  const networks = new Map(facts.networks.map((network) => [network.id, network]))
  return facts.ports.map((port) => ({
    id: port.id,
    networkId: port.networkId,
    macAddress: port.macAddress,
    adminStateUp: port.adminStateUp && networks.get(port.networkId)!.adminStateUp,
    fixedIps: port.fixedIps,
    allowedAddressPairs: port.allowedAddressPairs.map(({ mac_address, ip_address }) => ({
      macAddress: mac_address,
      ipAddress: ip_address,
    })),
    portSecurity: port.portSecurity,
    rules: port.portSecurity ? filterRules(port.groupIds, rules, members) : [],
    hostname: hostnameOf(port),
    extraDhcpOptions: port.extraDhcpOpts.map(({ opt_name, opt_value, ip_version }) => ({
      name: opt_name,
      value: opt_value,
      ipVersion: ip_version,
    })),
  }))
}

/** The first label of its DNS name; without one, a name made of its first address, as upstream has it. */
function hostnameOf({ dnsName, fixedIps }: PortFacts): string {
  const [label] = dnsName.split('.')
  if (label !== undefined && label !== '') return label
  const [first] = fixedIps
  return first === undefined ? '' : `host-${first.ipAddress.replace(/[.:]/g, '-')}`
}

/** What the groups come to together. Rules that mean the same are told once. */
function filterRules(
  groupIds: readonly SecurityGroupId[],
  rules: ReadonlyMap<SecurityGroupId, readonly RuleFacts[]>,
  members: ReadonlyMap<SecurityGroupId, CidrsByVersion>,
): FilterRule[] {
  const told = new Map<string, FilterRule>()
  for (const groupId of groupIds) {
    for (const rule of rules.get(groupId) ?? []) {
      const filter = filterRule(rule, members)
      told.set(JSON.stringify(filter), filter)
    }
  }
  return [...told.values()]
}

function filterRule(rule: RuleFacts, members: ReadonlyMap<SecurityGroupId, CidrsByVersion>): FilterRule {
  const ipVersion = rule.ethertype === 'IPv4' ? 4 : 6
  // Protocol 0 is any, as iptables reads it and upstream hands it on.
  const protocol = rule.protocol === null || protocolNumber(rule.protocol) === 0 ? undefined : rule.protocol
  const remotes = remotesOf(rule, ipVersion, members)
  return {
    direction: rule.direction,
    ipVersion,
    ...(protocol !== undefined && { protocol }),
    ...(rule.portMin !== null && { portMin: rule.portMin }),
    ...(rule.portMax !== null && { portMax: rule.portMax }),
    ...(remotes !== undefined && { remotes }),
  }
}

/** CIDRs; `undefined` is anyone. A group without members is nobody. */
function remotesOf(
  rule: RuleFacts,
  ipVersion: 4 | 6,
  members: ReadonlyMap<SecurityGroupId, CidrsByVersion>,
): readonly string[] | undefined {
  if (rule.remoteGroupId !== null) return members.get(rule.remoteGroupId)?.[ipVersion] ?? []
  if (rule.remotePrefix === null || rule.remotePrefix === '0.0.0.0/0' || rule.remotePrefix === '::/0') return undefined
  return [rule.remotePrefix]
}

interface CidrsByVersion {
  readonly 4: readonly string[]
  readonly 6: readonly string[]
}

/** Once for all ports that let the group in: there may be as many of them as there are members. */
function byVersion(addresses: readonly string[]): CidrsByVersion {
  const six = addresses.filter((address) => address.includes(':'))
  const four = addresses.filter((address) => !address.includes(':'))
  const asCidr = (length: number) => (address: string) => (address.includes('/') ? address : `${address}/${length}`)
  return { 4: four.map(asCidr(32)), 6: six.map(asCidr(128)) }
}
