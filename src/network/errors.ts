/** Every error that network raises, in one list. `throw refusal('network.port.not-found', id)`. */
import { DomainError, type Reason } from '../domain-error.ts'

interface Kind {
  readonly reason: Reason
  // biome-ignore lint/suspicious/noExplicitAny: each kind names its own arguments, and refusal() checks them
  readonly text: (...facts: any[]) => string
}

const ERRORS = {
  // --- of requests -------------------------------------------------------------------------------------------------
  'network.request.malformed': { reason: 'invalid', text: (what: string) => what },
  'network.request.invalid-input': {
    reason: 'invalid',
    text: (why: string) => `Invalid input for operation: ${why}.`,
  },
  'network.request.bad': { reason: 'invalid', text: (what: string, why: string) => `Bad ${what} request: ${why}.` },
  'network.request.not-found': { reason: 'not-found', text: () => 'The resource could not be found.' },
  'network.revision.mismatch': {
    reason: 'conflict',
    text: (wanted: number, current: number) => `Asked for revision ${wanted}, but the current revision is ${current}`,
  },

  // --- networks ----------------------------------------------------------------------------------------------------
  'network.network.not-found': { reason: 'not-found', text: (id: string) => `Network ${id} could not be found.` },
  'network.network.ambiguous': {
    reason: 'conflict',
    text: () => 'Multiple possible networks found, use a Network ID to be more specific.',
  },
  'network.network.no-subnet': {
    reason: 'invalid',
    text: (id: string) => `Network ${id} requires a subnet in order to boot servers on.`,
  },
  'network.network.external': {
    reason: 'forbidden',
    text: (id: string) => `It is not allowed to attach a server to the external network ${id}, which is not shared.`,
  },
  'network.network.in-use': {
    reason: 'conflict',
    text: (id: string, ports: string) => `Network ${id} cannot be deleted: these ports are still on it: ${ports}.`,
  },
  'network.network.shared-in-use': {
    reason: 'conflict',
    text: (name: string) => `Network ${name} cannot stop being shared: other projects are using it.`,
  },
  'network.network.segment-taken': {
    reason: 'conflict',
    text: (segment: number) => `The tunnel ID ${segment} is in use by another network.`,
  },
  'network.network.mtu-too-small': {
    reason: 'conflict',
    text: (id: string, mtu: number) => `The MTU of network ${id} cannot be below ${mtu}, which its subnets need.`,
  },
  'network.availability-zone.not-found': {
    reason: 'not-found',
    text: (zone: string) => `AvailabilityZone ${zone} could not be found.`,
  },

  // --- subnets and addresses ---------------------------------------------------------------------------------------
  'network.subnet.not-found': { reason: 'not-found', text: (id: string) => `Subnet ${id} could not be found.` },
  'network.subnet.in-use': {
    reason: 'conflict',
    text: (id: string) => `Subnet ${id} cannot be deleted: one or more ports have an address of it.`,
  },
  'network.subnet.too-many-nameservers': {
    reason: 'invalid',
    text: (most: number) => `A subnet has at most ${most} DNS nameservers.`,
  },
  'network.subnet.too-many-routes': {
    reason: 'invalid',
    text: (most: number) => `A subnet has at most ${most} host routes.`,
  },
  'network.pool.invalid': { reason: 'invalid', text: (pool: string) => `The allocation pool ${pool} is not valid.` },
  'network.pool.out-of-bounds': {
    reason: 'invalid',
    text: (pool: string, cidr: string) => `The allocation pool ${pool} reaches beyond the subnet ${cidr}.`,
  },
  'network.pool.overlap': {
    reason: 'conflict',
    text: (one: string, other: string, cidr: string) =>
      `The allocation pools ${one} and ${other} of subnet ${cidr} overlap.`,
  },
  'network.pool.holds-gateway': {
    reason: 'conflict',
    text: (gateway: string, pool: string) => `Gateway ip ${gateway} lies within the allocation pool ${pool}.`,
  },
  'network.address.none-left': {
    reason: 'conflict',
    text: (networkId: string) => `No more IP addresses available on network ${networkId}.`,
  },
  'network.address.in-use': {
    reason: 'conflict',
    text: (networkId: string, address: string) => `The IP address ${address} of network ${networkId} is in use.`,
  },
  'network.address.not-of-network': {
    reason: 'invalid',
    text: (address: string) => `IP address ${address} is in none of the subnets of the network.`,
  },
  'network.address.not-of-subnet': {
    reason: 'invalid',
    text: (address: string) => `IP address ${address} is not a usable address of the subnet.`,
  },
  'network.address.automatic': {
    reason: 'invalid',
    text: (address: string, subnetId: string) =>
      `IPv6 address ${address} cannot be chosen: subnet ${subnetId} derives addresses from MAC addresses.`,
  },

  // --- ports -------------------------------------------------------------------------------------------------------
  'network.port.not-found': { reason: 'not-found', text: (id: string) => `Port ${id} could not be found.` },
  'network.port.in-use': {
    reason: 'conflict',
    text: (id: string, device: string) => `Port ${id} is already attached to ${device}.`,
  },
  'network.port.mac-in-use': {
    reason: 'conflict',
    text: (networkId: string, mac: string) => `The mac address ${mac} is in use on network ${networkId}.`,
  },
  'network.port.no-mac-left': {
    reason: 'unavailable',
    text: (networkId: string) => `Unable to find a free MAC address on network ${networkId}.`,
  },
  'network.port.plugged': {
    reason: 'conflict',
    text: (id: string) => `Port ${id} is plugged into a running server; its host and MAC address stay as they are.`,
  },
  'network.port.owner-unsupported': {
    reason: 'conflict',
    text: (what: string, owner: string, id: string) => `${what} is not possible on port ${id} of ${owner}.`,
  },
  'network.port.needs-address': {
    reason: 'invalid',
    text: () => 'A port needs port security and an IP address to have security groups.',
  },
  'network.port.has-security-group': {
    reason: 'conflict',
    text: () => 'Port security and addresses stay while the port has a security group.',
  },
  'network.port.pairs-need-security': {
    reason: 'conflict',
    text: () => 'Allowed address pairs need port security.',
  },
  'network.port.pair-without-address': { reason: 'invalid', text: () => 'An allowed address pair needs an ip_address' },
  'network.port.pair-twice': {
    reason: 'invalid',
    text: (mac: string, ip: string) => `The address pair mac_address ${mac} ip_address ${ip} is there twice.`,
  },
  'network.port.too-many-pairs': {
    reason: 'invalid',
    text: (most: number) => `A port has at most ${most} allowed address pairs.`,
  },
  'network.port.no-address': {
    reason: 'invalid',
    text: (id: string) => `Port ${id} requires a FixedIP in order to be used.`,
  },

  // --- security groups ---------------------------------------------------------------------------------------------
  'network.security-group.not-found': {
    reason: 'not-found',
    text: (id: string) => `Security group ${id} does not exist`,
  },
  'network.security-group.ambiguous': {
    reason: 'conflict',
    text: (name: string) => `Multiple security groups are named ${name}. Use an ID to be more specific.`,
  },
  'network.security-group.in-use': { reason: 'conflict', text: (id: string) => `Security Group ${id} is in use.` },
  'network.security-group.default-stays': {
    reason: 'conflict',
    text: () => 'The default security group can only be removed by an administrator.',
  },
  'network.security-group.default-keeps-name': {
    reason: 'conflict',
    text: () => 'The default security group cannot be renamed.',
  },
  'network.security-group.default-exists': {
    reason: 'conflict',
    text: () => 'Default security group already exists.',
  },
  'network.security-group-rule.not-found': {
    reason: 'not-found',
    text: (id: string) => `Security group rule ${id} does not exist`,
  },
  'network.security-group-rule.exists': {
    reason: 'conflict',
    text: (id: string) => `Security group rule already exists. Rule id is ${id}.`,
  },
  'network.security-group-rule.twice-in-request': {
    reason: 'conflict',
    text: () => 'The request holds the same security group rule twice.',
  },
  'network.security-group-rule.protocol': {
    reason: 'invalid',
    text: (protocol: string, names: string) =>
      `Security group rule protocol ${protocol} is not supported. Supported are ${names} and numbers from 0 to 255.`,
  },
  'network.security-group-rule.ethertype': {
    reason: 'invalid',
    text: (ethertype: string) =>
      `Security group rule ethertype '${ethertype}' is not supported. Supported: IPv4, IPv6.`,
  },
  'network.security-group-rule.port': { reason: 'invalid', text: (port: string) => `Invalid value for port ${port}` },
  'network.security-group-rule.port-range': {
    reason: 'invalid',
    text: () => 'For protocols with ports, both must be given and port_range_min must be <= port_range_max',
  },
  'network.security-group-rule.ports-need-protocol': {
    reason: 'invalid',
    text: () => 'A port range needs a protocol.',
  },
  'network.security-group-rule.protocol-without-ports': {
    reason: 'invalid',
    text: (protocol: string) => `Protocol ${protocol} has no ports: they are for TCP, UDP, UDPLITE, SCTP and DCCP.`,
  },
  'network.security-group-rule.icmp-value': {
    reason: 'invalid',
    text: (field: string, attribute: string, value: number) =>
      `Invalid value for ICMP ${field} (${attribute}) ${value}. It is a number from 0 to 255.`,
  },
  'network.security-group-rule.icmp-type-missing': {
    reason: 'invalid',
    text: (code: number) =>
      `ICMP code (port-range-max) ${code} is given, but the ICMP type (port-range-min) is missing.`,
  },
  'network.security-group-rule.ethertype-conflict': {
    reason: 'invalid',
    text: (ethertype: string, protocol: string) => `Invalid ethertype ${ethertype} for protocol ${protocol}.`,
  },
  'network.security-group-rule.prefix-conflict': {
    reason: 'invalid',
    text: (ethertype: string, cidr: string) => `The ethertype ${ethertype} does not go with the CIDR ${cidr}`,
  },
  'network.security-group-rule.two-remotes': {
    reason: 'invalid',
    text: () => 'Only one of remote_ip_prefix and remote_group_id may be given.',
  },
  'network.security-group-rule.cidr': {
    reason: 'invalid',
    text: (cidr: string) => `Invalid CIDR ${cidr} given as IP prefix.`,
  },
  'network.security-group-rule.several-groups': {
    reason: 'invalid',
    text: () => 'All rules of one request belong to one security group',
  },

  // --- the rest ----------------------------------------------------------------------------------------------------
  'network.tag.not-found': { reason: 'not-found', text: (tag: string) => `Tag ${tag} could not be found.` },
  'network.extension.not-found': {
    reason: 'not-found',
    text: (alias: string) => `Extension with alias ${alias} does not exist`,
  },
  'network.agent.not-found': { reason: 'not-found', text: (id: string) => `Agent ${id} could not be found` },
  'network.quota.exceeded': {
    reason: 'over-quota',
    text: (resource: string) => `Quota exceeded for resources: ['${resource}'].`,
  },
} as const satisfies Record<string, Kind>

export type ErrorCode = keyof typeof ERRORS

/** All codes, for the test that compares them with faults.ts. */
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

export function refusal<Code extends ErrorCode>(
  code: Code,
  ...facts: Parameters<(typeof ERRORS)[Code]['text']>
): DomainError {
  const { reason, text } = ERRORS[code] as Kind
  return new DomainError(reason, code, text(...facts))
}
