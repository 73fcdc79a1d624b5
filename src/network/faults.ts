/**
 * How errors look to clients of the network API: `{"NeutronError": {"type", "message", "detail"}}`, where the type is
 * the name of upstream's exception class, which clients look up.
 * Source: neutron-lib neutron_lib/api/faults.py and neutron_lib/exceptions, neutron/api/api_common.py.
 */
import type { DomainError } from '../domain-error.ts'
import type { Fault } from '../http/service.ts'
import type { ErrorCode } from './errors.ts'

const TYPES: Record<ErrorCode, string> = {
  'network.request.malformed': 'HTTPBadRequest',
  'network.request.invalid-input': 'InvalidInput',
  'network.request.bad': 'BadRequest',
  'network.request.not-found': 'HTTPNotFound',
  'network.revision.mismatch': 'RevisionNumberConstraintFailed',
  'network.network.not-found': 'NetworkNotFound',
  'network.network.ambiguous': 'NetworkAmbiguous',
  'network.network.no-subnet': 'NetworkRequiresSubnet',
  'network.network.external': 'ExternalNetworkAttachForbidden',
  'network.network.in-use': 'NetworkInUse',
  'network.network.shared-in-use': 'InvalidSharedSetting',
  'network.network.segment-taken': 'TunnelIdInUse',
  'network.network.mtu-too-small': 'NetworkMTUSubnetConflict',
  'network.availability-zone.not-found': 'AvailabilityZoneNotFound',
  'network.subnet.not-found': 'SubnetNotFound',
  'network.subnet.in-use': 'SubnetInUse',
  'network.subnet.too-many-nameservers': 'DNSNameServersExhausted',
  'network.subnet.too-many-routes': 'HostRoutesExhausted',
  'network.pool.invalid': 'InvalidAllocationPool',
  'network.pool.out-of-bounds': 'OutOfBoundsAllocationPool',
  'network.pool.overlap': 'OverlappingAllocationPools',
  'network.pool.holds-gateway': 'GatewayConflictWithAllocationPools',
  'network.address.none-left': 'IpAddressGenerationFailure',
  'network.address.in-use': 'IpAddressInUse',
  'network.address.not-of-network': 'InvalidIpForNetwork',
  'network.address.not-of-subnet': 'InvalidIpForSubnet',
  'network.address.automatic': 'AllocationOnAutoAddressSubnet',
  'network.port.not-found': 'PortNotFound',
  'network.port.in-use': 'PortInUse',
  'network.port.mac-in-use': 'MacAddressInUse',
  'network.port.no-mac-left': 'NetworkMacAddressGenerationFailure',
  'network.port.plugged': 'PortBound',
  'network.port.owner-unsupported': 'UnsupportedPortDeviceOwner',
  'network.port.needs-address': 'PortSecurityAndIPRequiredForSecurityGroups',
  'network.port.has-security-group': 'PortSecurityPortHasSecurityGroup',
  'network.port.pairs-need-security': 'AddressPairAndPortSecurityRequired',
  'network.port.pair-without-address': 'AllowedAddressPairsMissingIP',
  'network.port.pair-twice': 'DuplicateAddressPairInRequest',
  'network.port.too-many-pairs': 'AllowedAddressPairExhausted',
  'network.port.no-address': 'PortRequiresFixedIP',
  'network.security-group.not-found': 'SecurityGroupNotFound',
  'network.security-group.ambiguous': 'SecurityGroupConflict',
  'network.security-group.in-use': 'SecurityGroupInUse',
  'network.security-group.default-stays': 'SecurityGroupCannotRemoveDefault',
  'network.security-group.default-keeps-name': 'SecurityGroupCannotUpdateDefault',
  'network.security-group.default-exists': 'SecurityGroupDefaultAlreadyExists',
  'network.security-group-rule.not-found': 'SecurityGroupRuleNotFound',
  'network.security-group-rule.exists': 'SecurityGroupRuleExists',
  'network.security-group-rule.twice-in-request': 'DuplicateSecurityGroupRuleInPost',
  'network.security-group-rule.protocol': 'SecurityGroupRuleInvalidProtocol',
  'network.security-group-rule.ethertype': 'SecurityGroupRuleInvalidEtherType',
  'network.security-group-rule.port': 'SecurityGroupInvalidPortValue',
  'network.security-group-rule.port-range': 'SecurityGroupInvalidPortRange',
  'network.security-group-rule.ports-need-protocol': 'SecurityGroupProtocolRequiredWithPorts',
  'network.security-group-rule.protocol-without-ports': 'SecurityGroupInvalidProtocolForPort',
  'network.security-group-rule.icmp-value': 'SecurityGroupInvalidIcmpValue',
  'network.security-group-rule.icmp-type-missing': 'SecurityGroupMissingIcmpType',
  'network.security-group-rule.ethertype-conflict': 'SecurityGroupEthertypeConflictWithProtocol',
  'network.security-group-rule.prefix-conflict': 'SecurityGroupRuleParameterConflict',
  'network.security-group-rule.two-remotes': 'SecurityGroupMultipleRemoteEntites',
  'network.security-group-rule.cidr': 'InvalidCIDR',
  'network.security-group-rule.several-groups': 'SecurityGroupNotSingleGroupRules',
  'network.tag.not-found': 'TagNotFound',
  'network.extension.not-found': 'ExtensionsNotFound',
  'network.agent.not-found': 'AgentNotFound',
  'network.quota.exceeded': 'OverQuota',
}

/** Errors that all services share. */
const SHARED_TYPES: Readonly<Record<string, string>> = {
  'policy.not-authorized': 'PolicyNotAuthorized',
  'http.route.unknown': 'HTTPNotFound',
  'http.method.not-allowed': 'HTTPMethodNotAllowed',
}

/** What a kind of refusal is where its code names no class of its own. */
const BY_REASON: Record<DomainError['reason'], { status: number; type: string }> = {
  invalid: { status: 400, type: 'HTTPBadRequest' },
  unauthenticated: { status: 401, type: 'HTTPUnauthorized' },
  forbidden: { status: 403, type: 'HTTPForbidden' },
  'not-found': { status: 404, type: 'HTTPNotFound' },
  conflict: { status: 409, type: 'Conflict' },
  'over-quota': { status: 409, type: 'OverQuota' },
  'no-capacity': { status: 409, type: 'Conflict' },
  unavailable: { status: 503, type: 'ServiceUnavailable' },
}

const STATUSES: Readonly<Record<string, number>> = {
  'network.revision.mismatch': 412,
  'http.body.media-type': 415,
  'http.method.not-allowed': 405,
  'http.surprise': 500,
}

export function typeOf(error: DomainError): string {
  if (error.code === 'http.surprise') return 'HTTPInternalServerError'
  return (TYPES as Record<string, string>)[error.code] ?? SHARED_TYPES[error.code] ?? BY_REASON[error.reason].type
}

export function networkFault(error: DomainError): Fault {
  const status = STATUSES[error.code] ?? BY_REASON[error.reason].status
  const { allow } = error.details as { allow?: string }
  return {
    status,
    body: { NeutronError: { type: typeOf(error), message: error.message, detail: '' } },
    ...(allow !== undefined && { headers: { allow } }),
  }
}
