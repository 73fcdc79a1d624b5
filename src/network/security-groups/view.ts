/** A security group as the API answers it. */
import { viewStandard } from '../resources/standard-attributes.ts'
import { viewRule } from '../security-group-rules/view.ts'
import type { SecurityGroupRow } from './store.ts'

export function viewSecurityGroup(group: SecurityGroupRow): Record<string, unknown> {
  return {
    id: group.id,
    name: group.name,
    stateful: true,
    security_group_rules: group.rules.map(viewRule),
    ...viewStandard(group),
  }
}
