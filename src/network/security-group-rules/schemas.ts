/**
 * What a rule may be asked to be. What does not fit together is refused in plan.ts.
 * Source: neutron/extensions/securitygroup.py; neutron-lib security_groups_normalized_cidr.py.
 */
import { parseAddress, parseCidr } from '../addresses/ip-address.ts'
import { refusal } from '../errors.ts'
import { defaulted, readOnly, required } from '../resources/attributes.ts'
import { byBoolean, byInteger, byParsedText, byText, byUuid } from '../resources/filters.ts'
import { standardAttributes } from '../resources/standard-attributes.ts'
import { oneOf, orNull, type Parse, shown, text } from '../resources/values.ts'
import { PROTOCOLS } from './protocols.ts'

/** A name in lower case or a number as text; null is any. */
const protocol: Parse<string | null> = (value) => {
  if (value === null || value === 'any') return null
  const word = typeof value === 'number' || typeof value === 'string' ? String(value).trim().toLowerCase() : ''
  if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return String(Number(word))
  if (Object.hasOwn(PROTOCOLS, word)) return word
  throw refusal('network.security-group-rule.protocol', shown(value), Object.keys(PROTOCOLS).join(', '))
}

const ethertype: Parse<'IPv4' | 'IPv6'> = (value) => {
  const word = typeof value === 'string' ? value.toLowerCase() : ''
  if (word === 'ipv4') return 'IPv4'
  if (word === 'ipv6') return 'IPv6'
  throw refusal('network.security-group-rule.ethertype', shown(value))
}

const port: Parse<number | null> = (value) => {
  if (value === null) return null
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^\d{1,5}$/.test(value)
        ? Number(value)
        : Number.NaN
  if (!Number.isInteger(number) || number < 0 || number > 65535) {
    throw refusal('network.security-group-rule.port', shown(value))
  }
  return number
}

/** `address/length` with the bits behind the prefix as they were written; null for the empty text, as upstream. */
const remotePrefix: Parse<string | null> = (value) => {
  if (value === null || value === '') return null
  const parsed = typeof value === 'string' ? parseCidr(value) : undefined
  if (parsed === undefined) throw refusal('network.security-group-rule.cidr', shown(value))
  const written = (value as string).split('/')[0]!
  return parseAddress(written)!.version === 6
    ? `${canonical(written)}/${parsed.prefixLength}`
    : `${written}/${parsed.prefixLength}`
}

function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}

/** Anybody's id: one that is none is not found, rather than not valid. */
const groupId = text(36)

export const securityGroupRuleAttributes = {
  ...standardAttributes('r'),
  security_group_id: required(groupId, { filter: byUuid('r.security_group_id'), sort: 'r.security_group_id' }),
  direction: required(oneOf('ingress', 'egress'), { filter: byText('r.direction'), sort: 'r.direction' }),
  ethertype: defaulted('IPv4', ethertype, { filter: byText('r.ethertype'), sort: 'r.ethertype' }),
  protocol: defaulted(null, protocol, { filter: byText('r.protocol'), sort: `coalesce(r.protocol, '')` }),
  port_range_min: defaulted(null, port, {
    filter: byInteger('r.port_range_min'),
    sort: 'coalesce(r.port_range_min, -1)',
  }),
  port_range_max: defaulted(null, port, {
    filter: byInteger('r.port_range_max'),
    sort: 'coalesce(r.port_range_max, -1)',
  }),
  remote_ip_prefix: defaulted(null, remotePrefix, {
    filter: byParsedText('text(r.remote_ip_prefix)', (value) => remotePrefix(value) ?? ''),
    sort: `coalesce(text(r.remote_ip_prefix), '')`,
  }),
  normalized_cidr: readOnly({
    filter: byText('network(r.remote_ip_prefix)::text'),
    sort: `coalesce(network(r.remote_ip_prefix)::text, '')`,
  }),
  remote_group_id: defaulted(null, orNull(groupId), {
    filter: byUuid('r.remote_group_id'),
    sort: `coalesce(r.remote_group_id::text, '')`,
  }),
  belongs_to_default_sg: readOnly({ filter: byBoolean('g.is_default') }),
} as const
