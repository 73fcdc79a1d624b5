/**
 * What a subnet comes to, from what was asked for: pure.
 * Source: neutron/db/db_base_plugin_v2.py _validate_subnet, neutron/db/ipam_backend_mixin.py.
 */
import { type NetworkId, newId, type SubnetId } from '../../ids.ts'
import { checkedPools, defaultPools } from '../addresses/allocation-pools.ts'
import {
  type Address,
  type Cidr,
  contains,
  isLoopback,
  isMulticast,
  parseAddress,
  parseCidr,
  showAddress,
} from '../addresses/ip-address.ts'
import { refusal } from '../errors.ts'
import type { CreateOrder } from '../resources/attributes.ts'
import type { subnetAttributes } from './schemas.ts'
import type { HostRoute, Ipv6Mode, NewSubnet } from './store.ts'

const MOST_NAMESERVERS = 5
const MOST_HOST_ROUTES = 20

const invalid = (why: string) => refusal('network.request.invalid-input', why)

/** @throws DomainError invalid or conflict, whatever does not fit together */
export function planSubnet(order: CreateOrder<typeof subnetAttributes>): NewSubnet {
  if (order.cidr == null) {
    throw refusal('network.request.bad', 'subnets', 'a cidr must be given, for subnet pools are not offered')
  }
  const cidr = parseCidr(order.cidr)!
  refuseVersion('cidr', cidr.version, order.ip_version)
  refuseUselessCidr(cidr)
  const gateway = gatewayOf(order.gateway_ip, cidr)
  if (order.enable_dhcp) refuseDhcpOn(cidr)
  refuseNameservers(order.dns_nameservers, cidr)
  refuseHostRoutes(order.host_routes, cidr)
  refuseModes(cidr, order)
  return {
    id: newId<SubnetId>(),
    networkId: order.network_id as NetworkId,
    projectId: order.project_id,
    name: order.name,
    description: order.description,
    ipVersion: cidr.version,
    cidr: order.cidr,
    gatewayIp: gateway === undefined ? null : showAddress(gateway),
    enableDhcp: order.enable_dhcp,
    dnsNameservers: order.dns_nameservers,
    hostRoutes: order.host_routes,
    ipv6AddressMode: order.ipv6_address_mode ?? null,
    ipv6RaMode: order.ipv6_ra_mode ?? null,
    pools:
      order.allocation_pools === undefined
        ? defaultPools(cidr, gateway)
        : checkedPools(order.allocation_pools, cidr, gateway),
  }
}

/** `undefined` asks for the first address, null for none. A gateway outside of the subnet is allowed. */
export function gatewayOf(asked: string | null | undefined, cidr: Cidr): Address | undefined {
  if (asked === null) return undefined
  if (asked === undefined) {
    return cidr.first === cidr.last ? undefined : { version: cidr.version, value: cidr.first + 1n }
  }
  const gateway = parseAddress(asked)!
  refuseVersion('gateway_ip', gateway.version, cidr.version)
  if (cidr.version === 4 && contains(cidr, gateway) && (gateway.value === cidr.first || gateway.value === cidr.last)) {
    throw invalid('Gateway is not valid on subnet')
  }
  return gateway
}

export function refuseDhcpOn(cidr: Cidr): void {
  if (cidr.prefixLength > (cidr.version === 4 ? 30 : 126)) {
    throw invalid('the subnet is too small for DHCP')
  }
  if (isMulticast(cidr)) throw invalid('a multicast subnet cannot have DHCP')
  if (isLoopback(cidr)) throw invalid('a loopback subnet cannot have DHCP')
  if (cidr.version === 4 && cidr.first === 0n) throw invalid('a subnet that begins at 0.0.0.0 cannot have DHCP')
}

export function refuseNameservers(servers: readonly string[], cidr: Cidr): void {
  if (servers.length > MOST_NAMESERVERS) throw refusal('network.subnet.too-many-nameservers', MOST_NAMESERVERS)
  for (const server of servers) refuseVersion('dns_nameserver', parseAddress(server)!.version, cidr.version)
}

export function refuseHostRoutes(routes: readonly HostRoute[], cidr: Cidr): void {
  if (routes.length > MOST_HOST_ROUTES) throw refusal('network.subnet.too-many-routes', MOST_HOST_ROUTES)
  for (const { destination, nexthop } of routes) {
    refuseVersion('nexthop', parseAddress(nexthop)!.version, cidr.version)
    refuseVersion('destination', parseCidr(destination)!.version, cidr.version)
  }
}

function refuseUselessCidr(cidr: Cidr): void {
  if (cidr.prefixLength === 0) throw invalid('0 is not allowed as CIDR prefix length')
  if (cidr.version === 6 && cidr.first === 0n) throw invalid(`IPv6 subnet '::' is not supported`)
}

interface Modes {
  readonly ipv6_address_mode?: Ipv6Mode
  readonly ipv6_ra_mode?: Ipv6Mode
  readonly enable_dhcp: boolean
}

function refuseModes(cidr: Cidr, { ipv6_address_mode, ipv6_ra_mode, enable_dhcp }: Modes): void {
  if (ipv6_address_mode === undefined && ipv6_ra_mode === undefined) return
  if (cidr.version === 4) {
    throw invalid(
      `${ipv6_ra_mode === undefined ? 'ipv6_address_mode' : 'ipv6_ra_mode'} is not valid when ip_version is 4`,
    )
  }
  if (!enable_dhcp) throw invalid('ipv6_ra_mode and ipv6_address_mode need enable_dhcp')
  if (ipv6_address_mode !== undefined && ipv6_ra_mode !== undefined && ipv6_address_mode !== ipv6_ra_mode) {
    throw invalid(`ipv6_ra_mode '${ipv6_ra_mode}' and ipv6_address_mode '${ipv6_address_mode}' must be the same`)
  }
  const automatic = ipv6_address_mode === 'slaac' || ipv6_address_mode === 'dhcpv6-stateless'
  if (automatic && cidr.prefixLength !== 64) {
    throw invalid(`the IPv6 address mode ${ipv6_address_mode} needs a /64, because addresses are made of MAC addresses`)
  }
}

function refuseVersion(what: string, version: 4 | 6, expected: 4 | 6): void {
  if (version !== expected) throw invalid(`the ${what} does not match the ip_version '${expected}'`)
}
