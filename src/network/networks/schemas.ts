/**
 * What a network may be asked to be.
 * Source: neutron-lib neutron_lib/api/definitions/network.py, external_net.py, provider_net.py, network_mtu.py,
 * network_availability_zone.py, port_security.py, dns.py.
 */
import { defaulted, readOnly, unset } from '../resources/attributes.ts'
import { byBoolean, byConstant, byInteger, byText } from '../resources/filters.ts'
import { standardAttributes } from '../resources/standard-attributes.ts'
import { boolean, integer, nameText, orNull, type Parse, text, Unfit, uniqueList } from '../resources/values.ts'

/** A domain that names are completed with: absolute, so it ends in a dot; empty for none. */
export const dnsDomain: Parse<string> = (value) => {
  const domain = text(255)(value).toLowerCase()
  if (domain === '') return domain
  if (!domain.endsWith('.')) throw new Unfit(`'${domain}' is not a FQDN`)
  const labels = domain.slice(0, -1).split('.')
  for (const label of labels) refuseLabel(label)
  if (labels.length > 1 && /^\d+$/.test(labels.at(-1)!))
    throw new Unfit(`TLD '${labels.at(-1)}' must not be all numeric`)
  return domain
}

/** @throws Unfit for what RFC 1123 does not let be a label */
export function refuseLabel(label: string): void {
  if (!/^[a-z0-9-]{1,63}$/i.test(label) || label.startsWith('-') || label.endsWith('-')) {
    throw new Unfit(`'${label}' is no label of a host name: 1 to 63 letters, digits and inner hyphens`)
  }
}

const zoneHints: Parse<readonly string[]> = (value) => {
  const zones = uniqueList(text(255))(value)
  if (JSON.stringify(zones).length > 255) throw new Unfit('there are too many availability_zone_hints')
  return zones
}

export const networkAttributes = {
  ...standardAttributes('n'),
  name: defaulted('', nameText(255), { put: true, filter: byText('n.name'), sort: 'n.name' }),
  status: readOnly({ filter: byConstant('ACTIVE'), sort: `'ACTIVE'::text` }),
  admin_state_up: defaulted(true, boolean, {
    put: true,
    filter: byBoolean('n.admin_state_up'),
    sort: 'n.admin_state_up',
  }),
  shared: defaulted(false, boolean, { put: true, filter: byBoolean('n.shared') }),
  'router:external': defaulted(false, boolean, { put: true, filter: byBoolean('n.external') }),
  subnets: readOnly({}),
  mtu: unset(integer(0, 2 ** 31 - 1), { put: true, filter: byInteger('n.mtu'), sort: 'n.mtu' }),
  port_security_enabled: defaulted(true, boolean, { put: true }),
  dns_domain: defaulted('', dnsDomain, { put: true }),
  availability_zone_hints: defaulted([], zoneHints, {}),
  availability_zones: readOnly({}),
  'provider:network_type': unset(text(32), { filter: byConstant('vxlan') }),
  'provider:physical_network': unset(orNull(text(64)), { filter: byConstant('') }),
  'provider:segmentation_id': unset(integer(0, 2 ** 31 - 1), { filter: byInteger('n.segment') }),
} as const
