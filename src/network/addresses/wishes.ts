/**
 * Which addresses a port should have: pure, from what was asked for and the subnets of its network.
 * Source: neutron/db/ipam_pluggable_backend.py, neutron/db/ipam_backend_mixin.py.
 */
import type { SubnetId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { AddressWish, SubnetPools } from './allocate.ts'
import { type Cidr, eui64, parseAddress, showAddress, usableBy } from './ip-address.ts'

export interface NetworkSubnet extends SubnetPools {
  readonly cidr: Cidr
  readonly enableDhcp: boolean
  readonly ipv6AddressMode: string | null
}

/** As the API writes it; at least one of the two. */
export interface FixedIpWish {
  readonly subnet_id?: string
  readonly ip_address?: string
}

export interface FixedIp {
  readonly subnetId: SubnetId
  readonly ipAddress: string
}

interface PortFacts {
  readonly networkId: string
  readonly macAddress: string
  readonly deviceOwner: string
  /** Automatic addresses of an older MAC address go. */
  readonly macChanged?: boolean
}

/** Guests of the subnet make their own address of their MAC address. */
export function isAutomatic({ ipVersion, ipv6AddressMode }: NetworkSubnet): boolean {
  return ipVersion === 6 && (ipv6AddressMode === 'slaac' || ipv6AddressMode === 'dhcpv6-stateless')
}

/**
 * @param asked `undefined`: one IPv4 address, one of stateful IPv6, and one of each automatic subnet, as far as there
 *   are such subnets; automatic ones come in any case
 * @throws DomainError for an address or subnet that does not fit the network
 */
export function wishesFor(
  subnets: readonly NetworkSubnet[],
  asked: readonly FixedIpWish[] | undefined,
  port: PortFacts,
): AddressWish[] {
  const chosen = asked === undefined ? anyOfEach(subnets) : asked.flatMap((wish) => wishFor(subnets, wish, port))
  const taken = new Set(chosen.map((wish) => ('ipAddress' in wish ? wish.ipAddress : '')))
  return [...chosen, ...automatic(subnets, port).filter(({ ipAddress }) => !taken.has(ipAddress))]
}

function anyOfEach(subnets: readonly NetworkSubnet[]): AddressWish[] {
  const four = subnets.filter(({ ipVersion }) => ipVersion === 4)
  const stateful = subnets.filter((subnet) => subnet.ipVersion === 6 && !isAutomatic(subnet))
  return [four, stateful].filter((family) => family.length > 0).map((anyOf) => ({ anyOf }))
}

function automatic(subnets: readonly NetworkSubnet[], port: PortFacts): FixedIp[] {
  if (port.deviceOwner.startsWith('network:router_')) return []
  return subnets.filter(isAutomatic).map(({ id, cidr }) => ({
    subnetId: id,
    ipAddress: showAddress(eui64(cidr, port.macAddress)),
  }))
}

function wishFor(subnets: readonly NetworkSubnet[], wish: FixedIpWish, port: PortFacts): AddressWish[] {
  const subnet = subnetFor(subnets, wish, port)
  if (wish.ip_address === undefined) return isAutomatic(subnet) ? [] : [{ anyOf: [subnet] }]
  if (isAutomatic(subnet) && !port.deviceOwner.startsWith('network:router_')) {
    if (showAddress(eui64(subnet.cidr, port.macAddress)) !== wish.ip_address) {
      throw refusal('network.address.automatic', wish.ip_address, subnet.id)
    }
  }
  return [{ subnetId: subnet.id, ipAddress: wish.ip_address }]
}

function subnetFor(subnets: readonly NetworkSubnet[], wish: FixedIpWish, port: PortFacts): NetworkSubnet {
  if (subnets.length === 0) {
    throw refusal('network.request.invalid-input', 'addresses need a subnet, and the network has none')
  }
  const address = wish.ip_address === undefined ? undefined : parseAddress(wish.ip_address)
  if (wish.subnet_id !== undefined) {
    const subnet = subnets.find(({ id }) => id === wish.subnet_id)
    if (subnet === undefined) {
      throw refusal('network.request.invalid-input', `subnet ${wish.subnet_id} is not of network ${port.networkId}`)
    }
    if (address !== undefined && !usableBy(subnet.cidr, address, port.deviceOwner)) {
      throw refusal('network.address.not-of-subnet', wish.ip_address!)
    }
    return subnet
  }
  if (address === undefined) {
    throw refusal('network.request.invalid-input', 'a fixed IP needs subnet_id or ip_address')
  }
  const subnet = subnets.find(({ cidr }) => usableBy(cidr, address, port.deviceOwner))
  if (subnet === undefined) throw refusal('network.address.not-of-network', wish.ip_address!)
  return subnet
}

export interface AddressChange {
  readonly keep: readonly FixedIp[]
  readonly drop: readonly FixedIp[]
  readonly add: readonly AddressWish[]
}

/**
 * From the addresses that a port has to those that it should have. An address that is asked for again stays; a wish
 * that names only a subnet is content with an address that the port has there; automatic addresses stay.
 */
export function changeOf(
  subnets: readonly NetworkSubnet[],
  current: readonly FixedIp[],
  asked: readonly FixedIpWish[],
  port: PortFacts,
): AddressChange {
  const left = new Map(current.map((fixed) => [fixed.ipAddress, fixed]))
  const keep: FixedIp[] = []
  const open: FixedIpWish[] = []
  for (const wish of asked) {
    const same = wish.ip_address === undefined ? undefined : left.get(wish.ip_address)
    if (same === undefined || (wish.subnet_id !== undefined && wish.subnet_id !== same.subnetId)) open.push(wish)
    else {
      keep.push(same)
      left.delete(same.ipAddress)
    }
  }
  const unmet: FixedIpWish[] = []
  for (const wish of open) {
    const there =
      wish.ip_address === undefined ? [...left.values()].find(({ subnetId }) => subnetId === wish.subnet_id) : undefined
    if (there === undefined) unmet.push(wish)
    else {
      keep.push(there)
      left.delete(there.ipAddress)
    }
  }
  const automaticIds = new Set(subnets.filter(isAutomatic).map(({ id }) => id))
  const drop: FixedIp[] = []
  for (const fixed of left.values()) {
    const stays = automaticIds.has(fixed.subnetId) && port.macChanged !== true
    ;(stays ? keep : drop).push(fixed)
  }
  const handled = new Set(keep.map(({ subnetId }) => subnetId))
  const add = wishesFor(subnets, unmet, port).filter(
    (wish) => !('subnetId' in wish && automaticIds.has(wish.subnetId) && handled.has(wish.subnetId)),
  )
  return { keep, drop, add }
}
