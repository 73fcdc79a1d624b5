/** A port as the API answers it. */
import { viewStandard } from '../resources/standard-attributes.ts'
import type { PortRow } from './store.ts'

/** The domain that names of ports are completed with, as the DHCP server hands it out. */
const DNS_DOMAIN = 'openstacklocal.'

/** @param hostIsKnown whether the port's host is one that can be bound to */
export function viewPort(port: PortRow, hostIsKnown: boolean): Record<string, unknown> {
  return {
    id: port.id,
    name: port.name,
    network_id: port.networkId,
    admin_state_up: port.adminStateUp,
    status: port.status,
    mac_address: port.macAddress,
    fixed_ips: port.fixedIps.map(({ subnetId, ipAddress }) => ({ subnet_id: subnetId, ip_address: ipAddress })),
    device_id: port.deviceId,
    device_owner: port.deviceOwner,
    security_groups: port.securityGroupIds,
    port_security_enabled: port.portSecurityEnabled,
    allowed_address_pairs: port.allowedAddressPairs,
    extra_dhcp_opts: port.extraDhcpOpts,
    dns_name: port.dnsName,
    dns_assignment: port.fixedIps.map(({ ipAddress }) => assignment(port.dnsName, ipAddress)),
    ip_allocation: port.ipAllocation,
    'binding:vnic_type': port.vnicType,
    'binding:host_id': port.bindingHost,
    'binding:profile': port.bindingProfile,
    ...binding(port.bindingHost, hostIsKnown),
    ...viewStandard(port),
  }
}

function binding(host: string, hostIsKnown: boolean) {
  if (host === '') return { 'binding:vif_type': 'unbound', 'binding:vif_details': {} }
  if (!hostIsKnown) return { 'binding:vif_type': 'binding_failed', 'binding:vif_details': {} }
  return { 'binding:vif_type': 'bridge', 'binding:vif_details': { connectivity: 'l2', port_filter: true } }
}

function assignment(dnsName: string, ipAddress: string) {
  const hostname = dnsName === '' ? `host-${ipAddress.replace(/[.:]/g, '-')}` : dnsName.replace(/\.$/, '')
  const fqdn = dnsName.endsWith('.') ? dnsName : `${hostname}.${DNS_DOMAIN}`
  return { hostname, ip_address: ipAddress, fqdn }
}
