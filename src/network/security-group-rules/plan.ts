/**
 * What a rule comes to, from what was asked for: pure.
 * Source: neutron/db/securitygroups_db.py _validate_base_security_group_rule_attributes, _rule_to_key.
 */
import { newId, type ProjectId, type SecurityGroupId, type SecurityGroupRuleId } from '../../ids.ts'
import { parseCidr } from '../addresses/ip-address.ts'
import { refusal } from '../errors.ts'
import type { CreateOrder } from '../resources/attributes.ts'
import { hasPorts, ICMPV6, isIcmp, isIpv6Only, protocolNumber } from './protocols.ts'
import type { securityGroupRuleAttributes } from './schemas.ts'

export interface NewRule {
  readonly id: SecurityGroupRuleId
  readonly securityGroupId: SecurityGroupId
  readonly projectId: ProjectId
  readonly description: string
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly portRangeMin: number | null
  readonly portRangeMax: number | null
  readonly remoteIpPrefix: string | null
  readonly remoteGroupId: SecurityGroupId | null
  readonly ruleKey: string
}

/** @throws DomainError invalid for what does not go together */
export function planRule(order: CreateOrder<typeof securityGroupRuleAttributes>): NewRule {
  const protocol = canonicalProtocol(order.protocol, order.ethertype)
  const [portRangeMin, portRangeMax] = canonicalPorts(order.port_range_min, order.port_range_max)
  refusePorts(protocol, portRangeMin, portRangeMax)
  if (order.remote_ip_prefix !== null) {
    if (`IPv${parseCidr(order.remote_ip_prefix)!.version}` !== order.ethertype) {
      throw refusal('network.security-group-rule.prefix-conflict', order.ethertype, order.remote_ip_prefix)
    }
    if (order.remote_group_id !== null) throw refusal('network.security-group-rule.two-remotes')
  }
  if (protocol !== null && order.ethertype === 'IPv4' && isIpv6Only(protocolNumber(protocol))) {
    throw refusal('network.security-group-rule.ethertype-conflict', order.ethertype, protocol)
  }
  return ruleOf({
    securityGroupId: order.security_group_id.toLowerCase() as SecurityGroupId,
    projectId: order.project_id,
    description: order.description,
    direction: order.direction,
    ethertype: order.ethertype,
    protocol,
    portRangeMin,
    portRangeMax,
    remoteIpPrefix: order.remote_ip_prefix,
    remoteGroupId: (order.remote_group_id?.toLowerCase() ?? null) as SecurityGroupId | null,
  })
}

/** A rule with a fresh id and its key. */
export function ruleOf(rule: Omit<NewRule, 'id' | 'ruleKey'>): NewRule {
  return { ...rule, id: newId<SecurityGroupRuleId>(), ruleKey: ruleKey(rule) }
}

/** In IPv6, ICMP is ICMPv6 by whatever name or number of the older one it was called. */
function canonicalProtocol(protocol: string | null, ethertype: string): string | null {
  if (ethertype !== 'IPv6') return protocol
  if (protocol === 'icmp' || protocol === 'icmpv6') return 'ipv6-icmp'
  return protocol === '1' ? String(ICMPV6) : protocol
}

/** All ports are no condition. */
function canonicalPorts(min: number | null, max: number | null): [number | null, number | null] {
  return min === 1 && max === 65535 ? [null, null] : [min, max]
}

function refusePorts(protocol: string | null, min: number | null, max: number | null): void {
  if (min === null && max === null) return
  if (protocol === null) throw refusal('network.security-group-rule.ports-need-protocol')
  const number = protocolNumber(protocol)
  if (hasPorts(number)) {
    if (min === 0 || max === 0) throw refusal('network.security-group-rule.port', '0')
    if (min === null || max === null || min > max) throw refusal('network.security-group-rule.port-range')
    return
  }
  if (!isIcmp(number)) throw refusal('network.security-group-rule.protocol-without-ports', protocol)
  if (min !== null && min > 255) throw refusal('network.security-group-rule.icmp-value', 'type', 'port_range_min', min)
  if (max !== null && max > 255) throw refusal('network.security-group-rule.icmp-value', 'code', 'port_range_max', max)
  if (min === null && max !== null) throw refusal('network.security-group-rule.icmp-type-missing', max)
}

/**
 * Two rules of a group with the same key are the same: a protocol's name and number are one, and everywhere is the same
 * as no prefix. The group is not part of the key.
 */
export function ruleKey(
  rule: Omit<NewRule, 'id' | 'ruleKey' | 'securityGroupId' | 'projectId' | 'description'>,
): string {
  const prefix = rule.remoteIpPrefix
  return [
    rule.direction,
    rule.ethertype,
    rule.protocol === null ? '*' : protocolNumber(rule.protocol),
    rule.portRangeMin ?? '*',
    rule.portRangeMax ?? '*',
    rule.remoteGroupId ?? '*',
    prefix === null || prefix === '0.0.0.0/0' || prefix === '::/0' ? '*' : prefix,
  ].join(' ')
}
