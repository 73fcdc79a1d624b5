/**
 * What a subnet may be asked to be.
 * Source: neutron-lib neutron_lib/api/definitions/subnet.py, subnet_external_network.py.
 */
import { defaulted, readOnly, required, unset } from '../resources/attributes.ts'
import { byAddress, byBoolean, byConstant, byInteger, byParsedText, byText, byUuid } from '../resources/filters.ts'
import { standardAttributes } from '../resources/standard-attributes.ts'
import {
  boolean,
  cidr,
  ipAddress,
  ipVersion,
  nameText,
  objectOf,
  oneOf,
  orEmpty,
  orNull,
  type Parse,
  Unfit,
  uniqueList,
  uuid,
} from '../resources/values.ts'

export const IPV6_MODES = ['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'] as const
const ipv6Mode = oneOf(...IPV6_MODES)

const notOffered =
  (what: string): Parse<null> =>
  (value) => {
    if (value !== null) throw new Unfit(`${what} are not offered`)
    return null
  }

export const subnetAttributes = {
  ...standardAttributes('s'),
  name: defaulted('', nameText(255), { put: true, filter: byText('s.name'), sort: 's.name' }),
  network_id: required(uuid, { filter: byUuid('s.network_id'), sort: 's.network_id' }),
  ip_version: required(ipVersion, { filter: byInteger('s.ip_version'), sort: 's.ip_version' }),
  cidr: unset(orNull(cidr), { filter: byParsedText('s.cidr::text', cidr), sort: 's.cidr' }),
  subnetpool_id: unset(notOffered('subnet pools'), { filter: byConstant('') }),
  prefixlen: unset(notOffered('subnet pools'), {}),
  gateway_ip: unset(orNull(ipAddress), {
    put: true,
    filter: byAddress('s.gateway_ip'),
    sort: `coalesce(host(s.gateway_ip), '')`,
  }),
  allocation_pools: unset(uniqueList(objectOf({ start: ipAddress, end: ipAddress })), { put: true }),
  dns_nameservers: defaulted([], orEmpty(uniqueList(ipAddress)), { put: true }),
  host_routes: defaulted([], orEmpty(uniqueList(objectOf({ destination: cidr, nexthop: ipAddress }))), { put: true }),
  enable_dhcp: defaulted(true, boolean, { put: true, filter: byBoolean('s.enable_dhcp'), sort: 's.enable_dhcp' }),
  ipv6_address_mode: unset(ipv6Mode, {
    filter: byText('s.ipv6_address_mode'),
    sort: `coalesce(s.ipv6_address_mode, '')`,
  }),
  ipv6_ra_mode: unset(ipv6Mode, { filter: byText('s.ipv6_ra_mode'), sort: `coalesce(s.ipv6_ra_mode, '')` }),
  shared: readOnly({ filter: byBoolean('n.shared') }),
  'router:external': readOnly({ filter: byBoolean('n.external') }),
} as const
