/**
 * What a security group may be asked to be.
 * Source: neutron/extensions/securitygroup.py, neutron-lib stateful_security_group.py.
 */
import { refusal } from '../errors.ts'
import { defaulted, readOnly } from '../resources/attributes.ts'
import { byText } from '../resources/filters.ts'
import { standardAttributes } from '../resources/standard-attributes.ts'
import { boolean, type Parse, text, Unfit } from '../resources/values.ts'

const groupName: Parse<string> = (value) => {
  const name = text(255)(value)
  if (name.toLowerCase() === 'default') throw refusal('network.security-group.default-exists')
  return name
}

/** Rules are enforced with connection tracking; the other kind is refused by name. */
const stateful: Parse<true> = (value) => {
  if (!boolean(value)) throw new Unfit('stateless security groups are not offered')
  return true
}

export const securityGroupAttributes = {
  ...standardAttributes('g'),
  name: defaulted('', groupName, { put: true, filter: byText('g.name'), sort: 'g.name' }),
  stateful: defaulted(true, stateful, { put: true }),
  security_group_rules: readOnly({}),
} as const
