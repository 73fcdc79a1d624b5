/** A rule as the API answers it, alone and within its group. */
import { viewStandard } from '../resources/standard-attributes.ts'
import type { RuleRow } from './store.ts'

export function viewRule(rule: RuleRow): Record<string, unknown> {
  return {
    id: rule.id,
    security_group_id: rule.securityGroupId,
    direction: rule.direction,
    ethertype: rule.ethertype,
    protocol: rule.protocol,
    port_range_min: rule.portRangeMin,
    port_range_max: rule.portRangeMax,
    remote_ip_prefix: rule.remoteIpPrefix,
    normalized_cidr: rule.normalizedCidr,
    remote_group_id: rule.remoteGroupId,
    belongs_to_default_sg: rule.ofDefaultGroup,
    ...viewStandard(rule),
  }
}
