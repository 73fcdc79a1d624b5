/**
 * The port of a network's DHCP server: `network:dhcp`, with an address in each subnet that has DHCP. It is made with
 * the first such subnet, not with the first guest, so that its address is taken before users plan theirs and a boot
 * need not care; it goes with the last one. Every host that has guests of the network serves from this one address.
 */
import { isDomainError } from '../../domain-error.ts'
import type { Transaction } from '../../database/database.ts'
import { type NetworkId, newId, type PortId } from '../../ids.ts'
import { type AddressWish, allocate } from '../addresses/allocate.ts'
import { eui64, showAddress } from '../addresses/ip-address.ts'
import { randomMac } from '../addresses/mac-address.ts'
import { isAutomatic, type NetworkSubnet } from '../addresses/wishes.ts'
import { forAddressing } from '../subnets/store.ts'
import * as store from './store.ts'

/** Makes the DHCP port as the subnets want it. Repeating it changes nothing. */
export async function ensureDhcpPort(tx: Transaction, networkId: NetworkId): Promise<void> {
  const current = await store.dhcpPortOf(tx, networkId)
  if (current === undefined) return
  const served = ((await forAddressing(tx, [networkId])).get(networkId) ?? []).filter(({ enableDhcp }) => enableDhcp)
  if (served.length === 0) {
    if (current.id !== null) await store.remove(tx, current.id, undefined)
    return
  }
  const macAddress = current.macAddress ?? randomMac()
  const id = current.id ?? (await make(tx, networkId, current.networkProjectId, macAddress))
  const unserved = current.fixedIps.filter(({ subnetId }) => !served.some((subnet) => subnet.id === subnetId))
  await store.dropAddresses(
    tx,
    id,
    unserved.map(({ ipAddress }) => ipAddress),
  )
  let position = current.fixedIps.length
  for (const subnet of served) {
    if (current.fixedIps.some(({ subnetId }) => subnetId === subnet.id)) continue
    await takeOne(tx, { portId: id, networkId, position: position++, wish: wishFor(subnet, macAddress) })
  }
}

async function make(tx: Transaction, networkId: NetworkId, projectId: string, macAddress: string): Promise<PortId> {
  const id = newId<PortId>()
  await store.insert(tx, [
    {
      id,
      networkId,
      projectId: projectId as never,
      name: '',
      description: '',
      adminStateUp: true,
      status: 'ACTIVE',
      macAddress,
      deviceId: `dhcp-${networkId}`,
      deviceOwner: 'network:dhcp',
      portSecurityEnabled: false,
      allowedAddressPairs: [],
      extraDhcpOpts: [],
      dnsName: '',
      ipAllocation: 'immediate',
      vnicType: 'normal',
      bindingProfile: {},
      bindingHost: '',
      tags: [],
      securityGroupIds: [],
    },
  ])
  return id
}

function wishFor(subnet: NetworkSubnet, macAddress: string): AddressWish {
  if (!isAutomatic(subnet)) return { anyOf: [subnet] }
  return { subnetId: subnet.id, ipAddress: showAddress(eui64(subnet.cidr, macAddress)) }
}

/** A subnet without a free address goes without DHCP, as upstream's agent leaves it. */
async function takeOne(tx: Transaction, order: Parameters<typeof allocate>[1][number]): Promise<void> {
  try {
    await allocate(tx, [order])
  } catch (error) {
    if (!isDomainError(error, 'network.address.none-left', 'network.address.in-use')) throw error
  }
}
