/**
 * What a port comes to, from what was asked for: pure.
 * Source: neutron/plugins/ml2/plugin.py, neutron/db/extradhcpopt_db.py, neutron/db/allowedaddresspairs_db.py.
 */
import { type NetworkId, newId, type PortId, type SecurityGroupId } from '../../ids.ts'
import { randomMac } from '../addresses/mac-address.ts'
import { refusal } from '../errors.ts'
import type { CreateOrder, UpdateOrder } from '../resources/attributes.ts'
import type { AddressPairWish, DhcpOptionWish, portAttributes } from './schemas.ts'
import type { AddressPair, DhcpOption, NewPort, PortChanges, PortRow } from './store.ts'

export type PortOrder = CreateOrder<typeof portAttributes>
export type PortUpdate = UpdateOrder<typeof portAttributes>

/** Ports of the cloud itself, which nobody filters. */
export function isTrusted(deviceOwner: string): boolean {
  return deviceOwner.startsWith('network:')
}

export function portSecurityOf(order: PortOrder, network: { readonly portSecurityEnabled: boolean }): boolean {
  if (isTrusted(order.device_owner)) return false
  return order.port_security_enabled ?? network.portSecurityEnabled
}

/** Whether the port gets the default security group of its project. */
export function wantsDefaultGroup(order: PortOrder, network: { readonly portSecurityEnabled: boolean }): boolean {
  return order.security_groups === undefined && portSecurityOf(order, network)
}

export function planPort(
  order: PortOrder,
  network: { readonly portSecurityEnabled: boolean },
  defaultGroup: SecurityGroupId | undefined,
): NewPort {
  const portSecurityEnabled = portSecurityOf(order, network)
  if (!portSecurityEnabled) refuseWithoutSecurity(order.security_groups ?? [], order.allowed_address_pairs)
  const macAddress = order.mac_address ?? randomMac()
  const asked = order.security_groups ?? (defaultGroup === undefined ? [] : [defaultGroup])
  return {
    id: newId<PortId>(),
    networkId: order.network_id as NetworkId,
    projectId: order.project_id,
    name: order.name,
    description: order.description,
    adminStateUp: order.admin_state_up,
    status: 'DOWN',
    macAddress,
    deviceId: order.device_id,
    deviceOwner: order.device_owner,
    portSecurityEnabled,
    allowedAddressPairs: pairsOf(order.allowed_address_pairs, macAddress),
    extraDhcpOpts: mergedOptions([], order.extra_dhcp_opts),
    dnsName: order.dns_name,
    ipAllocation: order.fixed_ips?.length === 0 ? 'none' : 'immediate',
    vnicType: order['binding:vnic_type'],
    bindingProfile: order['binding:profile'] ?? {},
    bindingHost: order['binding:host_id'] ?? '',
    tags: order.tags,
    securityGroupIds: isTrusted(order.device_owner) ? [] : asked,
  }
}

function refuseWithoutSecurity(groups: readonly string[], pairs: readonly unknown[]): void {
  if (pairs.length > 0) throw refusal('network.port.pairs-need-security')
  if (groups.length > 0) throw refusal('network.port.needs-address')
}

export interface PlannedChange {
  readonly columns: PortChanges
  readonly macAddress: string
  /** Absent: as they are. */
  readonly securityGroupIds?: readonly string[]
}

/** @throws DomainError for a change that does not go with what the port is */
export function planPortChange(port: PortRow, order: PortUpdate): PlannedChange {
  const deviceOwner = order.device_owner ?? port.deviceOwner
  const macAddress = order.mac_address === undefined ? port.macAddress : (order.mac_address ?? randomMac())
  if (macAddress !== port.macAddress) refuseMacChange(port, deviceOwner)
  const host = order['binding:host_id'] === undefined ? port.bindingHost : (order['binding:host_id'] ?? '')
  if (host !== port.bindingHost && port.pluggedOn !== null) throw refusal('network.port.plugged', port.id)

  const portSecurityEnabled = order.port_security_enabled ?? port.portSecurityEnabled
  const pairs =
    order.allowed_address_pairs === undefined
      ? port.allowedAddressPairs
      : pairsOf(order.allowed_address_pairs, macAddress)
  const groups = order.security_groups
  if (!portSecurityEnabled) {
    refuseWithoutSecurity(groups ?? [], pairs)
    if (groups === undefined && port.securityGroupIds.length > 0) throw refusal('network.port.has-security-group')
  }
  const status = order.admin_state_up === undefined ? port.status : statusOf(port, order.admin_state_up)
  return {
    macAddress,
    ...(groups !== undefined && { securityGroupIds: isTrusted(deviceOwner) ? [] : groups }),
    columns: {
      ...(order.name !== undefined && { name: order.name }),
      ...(order.description !== undefined && { description: order.description }),
      ...(order.admin_state_up !== undefined && { adminStateUp: order.admin_state_up, status }),
      ...(macAddress !== port.macAddress && { macAddress }),
      ...(order.device_id !== undefined && { deviceId: order.device_id }),
      ...(order.device_owner !== undefined && { deviceOwner: order.device_owner }),
      ...(order.port_security_enabled !== undefined && { portSecurityEnabled }),
      ...(order.allowed_address_pairs !== undefined && { allowedAddressPairs: pairs }),
      ...(order.extra_dhcp_opts !== undefined && {
        extraDhcpOpts: mergedOptions(port.extraDhcpOpts, order.extra_dhcp_opts),
      }),
      ...(order.dns_name !== undefined && { dnsName: order.dns_name }),
      ...(order.fixed_ips !== undefined && { ipAllocation: order.fixed_ips.length === 0 ? 'none' : 'immediate' }),
      ...(order['binding:vnic_type'] !== undefined && { vnicType: order['binding:vnic_type'] }),
      ...(order['binding:profile'] !== undefined && { bindingProfile: order['binding:profile'] }),
      ...(order['binding:host_id'] !== undefined && { bindingHost: host }),
    },
  }
}

/** Of a plugged port and of the DHCP server's: whether it forwards. Others are DOWN. */
function statusOf(port: PortRow, adminStateUp: boolean): PortRow['status'] {
  const inUse = port.pluggedOn !== null || port.deviceOwner === 'network:dhcp'
  return inUse && adminStateUp ? 'ACTIVE' : 'DOWN'
}

function refuseMacChange(port: PortRow, deviceOwner: string): void {
  if (isTrusted(deviceOwner)) {
    throw refusal('network.port.owner-unsupported', 'a change of the MAC address', deviceOwner, port.id)
  }
  if (port.pluggedOn !== null) throw refusal('network.port.plugged', port.id)
}

/** A pair without a MAC address is of the port's own. */
function pairsOf(wishes: readonly AddressPairWish[], macAddress: string): AddressPair[] {
  const seen = new Set<string>()
  return wishes.map(({ ip_address, mac_address }) => {
    const pair = { mac_address: mac_address ?? macAddress, ip_address }
    const key = `${pair.mac_address} ${ip_address}`
    if (seen.has(key)) throw refusal('network.port.pair-twice', pair.mac_address, ip_address)
    seen.add(key)
    return pair
  })
}

/** Options are told apart by name and IP version; a null value takes one away, others stay. */
export function mergedOptions(current: readonly DhcpOption[], wishes: readonly DhcpOptionWish[]): DhcpOption[] {
  const options = new Map(current.map((option) => [`${option.ip_version} ${option.opt_name}`, option]))
  for (const { opt_name, opt_value, ip_version = 4 } of wishes) {
    const key = `${ip_version} ${opt_name}`
    if (opt_value === null) options.delete(key)
    else options.set(key, { opt_name, opt_value, ip_version })
  }
  return [...options.values()]
}
