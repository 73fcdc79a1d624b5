/**
 * What a port may be asked to be.
 * Source: neutron-lib neutron_lib/api/definitions/port.py, portbindings.py, allowedaddresspairs.py, extra_dhcp_opt.py,
 * port_security.py, dns.py, ip_allocation.py, neutron/extensions/securitygroup.py.
 */
import { isMulticast, parseAddress, parseCidr } from '../addresses/ip-address.ts'
import { isMulticastMac } from '../addresses/mac-address.ts'
import type { FixedIpWish } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import { refuseLabel } from '../networks/schemas.ts'
import { defaulted, readOnly, required, unset } from '../resources/attributes.ts'
import { addresses, byBoolean, byMac, byText, byUuid, type Filter } from '../resources/filters.ts'
import { standardAttributes } from '../resources/standard-attributes.ts'
import {
  boolean,
  cidr,
  ipAddress,
  ipVersion,
  isObject,
  isStorable,
  macAddress,
  nameText,
  objectOf,
  optional,
  orEmpty,
  orNull,
  type Parse,
  shown,
  text,
  Unfit,
  uniqueList,
  uuid,
} from '../resources/values.ts'
import { isUuid } from '../../ids.ts'

const MOST_ADDRESS_PAIRS = 10
const MOST_PROFILE_BYTES = 4095

const fixedIp = objectOf({ subnet_id: optional(uuid), ip_address: optional(ipAddress) })
const fixedIps: Parse<readonly FixedIpWish[]> = (value) => {
  if (!Array.isArray(value)) throw new Unfit(`'${shown(value)}' is no list of fixed IPs`)
  const wishes: readonly FixedIpWish[] = value.map(fixedIp)
  const named = wishes.flatMap(({ ip_address }) => (ip_address === undefined ? [] : [ip_address]))
  const twice = named.find((address, index) => named.indexOf(address) !== index)
  if (twice !== undefined) throw new Unfit(`Duplicate IP address '${twice}'`)
  return wishes
}

/** As kept: without a MAC address it is the port's own, which only the rules know. */
export interface AddressPairWish {
  readonly ip_address: string
  readonly mac_address?: string
}

const pair = objectOf({ ip_address: (value) => addressOrCidr(value), mac_address: optional(orNull(macAddress)) })

function addressOrCidr(value: unknown): string {
  return typeof value === 'string' && value.includes('/') ? cidr(value) : ipAddress(value)
}

const addressPairs: Parse<readonly AddressPairWish[]> = (value) => {
  if (value === null) return []
  if (!Array.isArray(value)) throw new Unfit('Allowed address pairs must be a list')
  if (value.length > MOST_ADDRESS_PAIRS) throw refusal('network.port.too-many-pairs', MOST_ADDRESS_PAIRS)
  const seen = new Set<string>()
  return value.map((item) => {
    if (isObject(item) && !Object.hasOwn(item, 'ip_address')) throw refusal('network.port.pair-without-address')
    const { ip_address, mac_address } = pair(item)
    const key = `${mac_address ?? ''} ${ip_address}`
    if (seen.has(key)) throw refusal('network.port.pair-twice', mac_address ?? '', ip_address)
    seen.add(key)
    refuseMulticast(ip_address)
    if (mac_address != null && isMulticastMac(mac_address))
      throw new Unfit(`'${mac_address}' is a multicast MAC address`)
    return { ip_address, ...(mac_address != null && { mac_address }) }
  })
}

function refuseMulticast(address: string): void {
  const single = parseAddress(address)
  const network = parseCidr(address)!
  if (single === undefined && network.prefixLength === 0) return
  if (isMulticast(network)) throw new Unfit(`'${address}' is multicast, which an address pair cannot be`)
}

/** These may be there without a value. */
const BLANK_OPTIONS: readonly string[] = ['router', 'classless-static-route']

export interface DhcpOptionWish {
  readonly opt_name: string
  /** Null takes the option away. */
  readonly opt_value: string | null
  readonly ip_version?: 4 | 6
}

const oneLine =
  (most: number): Parse<string> =>
  (value) => {
    const line = text(most)(value)
    if (line.trim() === '' || /[\r\n]/.test(line)) throw new Unfit(`'${shown(value)}' is not one line of text`)
    return line
  }

const dhcpOption = objectOf({
  opt_name: oneLine(64),
  opt_value: orNull(text(255)),
  ip_version: optional(ipVersion),
})

const dhcpOptions: Parse<readonly DhcpOptionWish[]> = (value) => {
  if (value === null) return []
  if (!Array.isArray(value)) throw new Unfit(`'${shown(value)}' is no list of DHCP options`)
  return value.map((item) => {
    const option = dhcpOption(item)
    if (option.opt_value !== null && !(option.opt_value === '' && BLANK_OPTIONS.includes(option.opt_name))) {
      oneLine(255)(option.opt_value)
    }
    return option
  })
}

const dnsName: Parse<string> = (value) => {
  const name = text(255)(value).toLowerCase()
  if (name === '') return name
  const labels = name.replace(/\.$/, '').split('.')
  for (const label of labels) refuseLabel(label)
  if (labels.length > 1 && /^\d+$/.test(labels.at(-1)!))
    throw new Unfit(`TLD '${labels.at(-1)}' must not be all numeric`)
  return name
}

/** Taps are all that the data planes plug. */
const vnicType: Parse<'normal'> = (value) => {
  if (value !== 'normal') throw new Unfit(`the vnic_type '${shown(value)}' is not offered; normal is`)
  return value
}

const profile: Parse<Readonly<Record<string, unknown>>> = (value) => {
  if (value === null) return {}
  if (!isObject(value)) throw new Unfit(`'${shown(value)}' is not a dictionary`)
  if (!isStorable(value) || JSON.stringify(value).length > MOST_PROFILE_BYTES) {
    throw new Unfit(`the profile is larger than ${MOST_PROFILE_BYTES} bytes or holds what cannot be stored`)
  }
  return value
}

/** Written `KEY=VALUE`; several keys must all hold, several values of a key are alternatives. */
const byFixedIps: Filter = (sql, values) => {
  const asked = new Map<string, string[]>()
  for (const value of values) {
    const place = value.indexOf('=')
    const key = value.slice(0, place).trim()
    if (place < 1) throw new Unfit(`'${shown(value)}' is not of the form <key>=[value]`, 'converter')
    asked.set(key, [...(asked.get(key) ?? []), value.slice(place + 1).trim()])
  }
  let condition = sql`true`
  for (const [key, wanted] of asked) {
    if (key === 'ip_address') condition = sql`${condition} and a.ip_address = any(${addresses(wanted)}::inet[])`
    else if (key === 'subnet_id') condition = sql`${condition} and a.subnet_id = any(${wanted.filter(isUuid)}::uuid[])`
    else if (key === 'ip_address_substr') {
      const patterns = wanted.map((part) => `%${part.replace(/[\\%_]/g, '\\$&')}%`)
      condition = sql`${condition} and host(a.ip_address) like any(${patterns}::text[])`
    } else throw new Unfit(`fixed_ips cannot be filtered by '${shown(key)}'`)
  }
  return asked.size === 0
    ? sql`true`
    : sql`exists (select from network.ip_allocations a where a.port_id = p.id and ${condition})`
}

const bySecurityGroups: Filter = (sql, values) => sql`exists (
  select from network.port_security_groups g
   where g.port_id = p.id and g.security_group_id = any(${values.filter(isUuid)}::uuid[]))`

export const portAttributes = {
  ...standardAttributes('p'),
  name: defaulted('', nameText(255), { put: true, filter: byText('p.name'), sort: 'p.name' }),
  network_id: required(uuid, { filter: byUuid('p.network_id'), sort: 'p.network_id' }),
  admin_state_up: defaulted(true, boolean, {
    put: true,
    filter: byBoolean('p.admin_state_up'),
    sort: 'p.admin_state_up',
  }),
  status: readOnly({ filter: byText('p.status'), sort: 'p.status' }),
  mac_address: unset(orNull(macAddress), { put: true, filter: byMac('p.mac_address'), sort: 'p.mac_address' }),
  fixed_ips: unset(fixedIps, { put: true, filter: byFixedIps }),
  device_id: defaulted('', text(255), { put: true, filter: byText('p.device_id'), sort: 'p.device_id' }),
  device_owner: defaulted('', text(255), { put: true, filter: byText('p.device_owner'), sort: 'p.device_owner' }),
  security_groups: unset(orEmpty(uniqueList(uuid)), { put: true, filter: bySecurityGroups }),
  port_security_enabled: unset(boolean, { put: true }),
  allowed_address_pairs: defaulted([], addressPairs, { put: true }),
  extra_dhcp_opts: defaulted([], dhcpOptions, { put: true }),
  dns_name: defaulted('', dnsName, { put: true }),
  dns_assignment: readOnly({}),
  ip_allocation: readOnly({ filter: byText('p.ip_allocation'), sort: 'p.ip_allocation' }),
  'binding:vnic_type': defaulted('normal', vnicType, { put: true }),
  'binding:host_id': unset(orNull(text(255)), { put: true, filter: byText('p.binding_host') }),
  'binding:profile': unset(profile, { put: true }),
  'binding:vif_type': readOnly({}),
  'binding:vif_details': readOnly({}),
  tags: { ...defaulted([], uniqueList(text(255)), {}), filter: standardAttributes('p').tags.filter! },
} as const
