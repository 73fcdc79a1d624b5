/** A network as the API answers it. */
import { viewStandard } from '../resources/standard-attributes.ts'
import type { NetworkRow } from './store.ts'

export function viewNetwork(network: NetworkRow): Record<string, unknown> {
  return {
    id: network.id,
    name: network.name,
    status: 'ACTIVE',
    admin_state_up: network.adminStateUp,
    shared: network.shared,
    'router:external': network.external,
    subnets: network.subnetIds,
    mtu: network.mtu,
    port_security_enabled: network.portSecurityEnabled,
    dns_domain: network.dnsDomain,
    availability_zone_hints: network.availabilityZoneHints,
    availability_zones: network.hasDhcp ? ['nova'] : [],
    'provider:network_type': 'vxlan',
    'provider:physical_network': null,
    'provider:segmentation_id': network.segment,
    ...viewStandard(network),
  }
}
