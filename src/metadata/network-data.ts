/**
 * `network_data.json`: cards, addresses and name servers. Drawn from the ports that are plugged and from nothing else: a
 * MAC address that no card has makes cloud-init give up before it applies anything. Pure.
 * Source: nova/virt/netutils.py, get_network_metadata.
 */
import type { BoundAddress, BoundPort } from '../network/index.ts'
import { netmaskOf, networkOf } from './netmask.ts'

interface NetworkData {
  readonly links: readonly Link[]
  readonly networks: readonly Record<string, unknown>[]
  readonly services: readonly Dns[]
}

interface Link {
  readonly id: string
  readonly vif_id: string
  readonly type: string
  /** Null where DHCP tells it. */
  readonly mtu: number | null
  readonly ethernet_mac_address: string
}

interface Dns {
  readonly type: 'dns'
  readonly address: string
}

export function networkData(ports: readonly BoundPort[]): NetworkData {
  const links: Link[] = []
  const networks: Record<string, unknown>[] = []
  const services: Dns[] = []
  for (const port of ports) {
    // A port without addresses is a card without settings.
    if (port.fixedIps.length === 0) continue
    links.push({
      id: port.tap,
      vif_id: port.portId,
      // `phy` is an ordinary card; upstream keeps the driver's word for a few kinds that guests know.
      type: 'phy',
      mtu: port.fixedIps.some((address) => address.enableDhcp) ? null : port.mtu,
      ethernet_mac_address: port.macAddress,
    })
    for (const address of port.fixedIps) {
      networks.push(networkEntry(port, address, networks.length))
      for (const server of address.dnsNameservers) {
        if (!services.some((known) => known.address === server)) services.push({ type: 'dns', address: server })
      }
    }
  }
  return { links, networks, services }
}

function networkEntry(port: BoundPort, address: BoundAddress, index: number): Record<string, unknown> {
  const { ipVersion, cidr, enableDhcp, ipv6AddressMode } = address
  const base = { id: `network${index}`, link: port.tap, network_id: port.networkId }
  if (enableDhcp && ipv6AddressMode === undefined) return { ...base, type: `ipv${ipVersion}_dhcp` }
  return {
    ...base,
    type: ipv6AddressMode === undefined ? `ipv${ipVersion}` : `ipv6_${ipv6AddressMode}`,
    ip_address: address.ipAddress,
    netmask: netmaskOf(cidr),
    routes: [
      ...(address.gatewayIp === undefined ? [] : [defaultRoute(ipVersion, address.gatewayIp)]),
      ...address.hostRoutes.map(({ destination, nexthop }) => ({
        network: networkOf(destination),
        netmask: netmaskOf(destination),
        gateway: nexthop,
      })),
    ],
    services: address.dnsNameservers.map((server) => ({ type: 'dns', address: server })),
  }
}

function defaultRoute(ipVersion: 4 | 6, gateway: string) {
  const any = ipVersion === 4 ? '0.0.0.0' : '::'
  return { network: any, netmask: any, gateway }
}
