/** A subnet as the API answers it. */
import { viewStandard } from '../resources/standard-attributes.ts'
import type { SubnetRow } from './store.ts'

export function viewSubnet(subnet: SubnetRow): Record<string, unknown> {
  return {
    id: subnet.id,
    name: subnet.name,
    network_id: subnet.networkId,
    ip_version: subnet.ipVersion,
    cidr: subnet.cidr,
    subnetpool_id: null,
    gateway_ip: subnet.gatewayIp,
    allocation_pools: subnet.allocationPools,
    dns_nameservers: subnet.dnsNameservers,
    host_routes: subnet.hostRoutes,
    enable_dhcp: subnet.enableDhcp,
    ipv6_address_mode: subnet.ipv6AddressMode,
    ipv6_ra_mode: subnet.ipv6RaMode,
    'router:external': subnet.networkExternal,
    ...viewStandard(subnet),
  }
}
