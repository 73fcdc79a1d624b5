/** The rules of ports that people make. Ports of servers are plugged in ../servers/. */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import type { Caller } from '../../http/caller.ts'
import type { ProjectId, SecurityGroupId } from '../../ids.ts'
import { allocate } from '../addresses/allocate.ts'
import { randomMac } from '../addresses/mac-address.ts'
import { changeOf, wishesFor } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import { networksFor } from '../networks/networks.ts'
import type { Planes } from '../plane/planes.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import { inOrder, markerIsUuid, refuseMarker } from '../resources/listing.ts'
import type { Resource } from '../resources/resource-routes.ts'
import { refuseOtherRevision } from '../resources/revision.ts'
import { changeTags } from '../resources/tags.ts'
import { isCanonicalUuid } from '../resources/values.ts'
import { ensureDefaultGroup } from '../security-groups/default-group.ts'
import { forAddressing } from '../subnets/store.ts'
import { ensureDhcpPort } from './dhcp-port.ts'
import { planPort, planPortChange, type PortOrder, wantsDefaultGroup } from './plan.ts'
import { portAttributes } from './schemas.ts'
import * as store from './store.ts'
import type { NewPort, PortRow } from './store.ts'
import { viewPort } from './view.ts'

const MAC_ATTEMPTS = 16

/** Told when somebody deletes a port that a server has; compute takes the card out of the guest. */
export type PortRemoved = (event: { portId: string; serverId: string; macAddress: string }) => Promise<void>

export function ports(db: Database, planes: Planes, removed: PortRemoved): Resource<typeof portAttributes, PortRow> {
  const get = async (caller: Caller, id: string) => {
    const [port] = isCanonicalUuid(id) ? await store.find(db, [id], caller) : []
    if (port === undefined) throw refusal('network.port.not-found', id.slice(0, 64))
    return port
  }

  const networksOf = (caller: Caller, orders: readonly PortOrder[]) =>
    networksFor(
      db,
      caller,
      orders.map((order) => order.network_id),
    )

  return {
    singular: 'port',
    plural: 'ports',
    path: 'ports',
    attributes: portAttributes,
    view: (port) => viewPort(port, planes.knows(port.bindingHost)),
    target: (port) => ({
      projectId: port.projectId,
      networkProjectId: port.networkProjectId,
      shared: port.networkShared,
      external: port.networkExternal,
    }),
    get,

    async list(caller, listing) {
      if (listing.marker !== undefined) {
        if (!markerIsUuid(listing) || (await store.find(db, [listing.marker])).length === 0)
          refuseMarker(listing.marker)
      }
      return inOrder(await store.list(db, caller, listing), listing)
    },

    async targets(caller, orders) {
      const networks = await networksOf(caller, orders)
      return orders.map((order, index) => ({
        projectId: order.project_id,
        networkProjectId: networks[index]!.projectId,
        shared: networks[index]!.shared,
        external: networks[index]!.external,
        deviceOwner: order.device_owner,
      }))
    },

    async create(caller, orders) {
      const networks = await networksOf(caller, orders)
      const defaults = new Map<ProjectId, SecurityGroupId>()
      for (const [index, order] of orders.entries()) {
        if (!wantsDefaultGroup(order, networks[index]!) || defaults.has(order.project_id)) continue
        defaults.set(order.project_id, await ensureDefaultGroup(db, order.project_id))
      }
      for (const order of orders) await refuseForeignGroups(db, caller, order.project_id, order.security_groups)
      const planned = orders.map((order, index) => planPort(order, networks[index]!, defaults.get(order.project_id)))
      return await withinQuota(() =>
        transaction(db, async (tx) => {
          const settled = await insertAll(tx, planned, orders)
          const subnets = await forAddressing(tx, [...new Set(settled.map(({ networkId }) => networkId))])
          const addresses = settled.flatMap((port, index) =>
            wishesFor(subnets.get(port.networkId) ?? [], orders[index]!.fixed_ips, port).map((wish, position) => ({
              portId: port.id,
              networkId: port.networkId,
              position,
              wish,
            })),
          )
          await allocate(tx, addresses)
          const rows = await store.find(
            tx,
            settled.map(({ id }) => id),
          )
          return settled.map(({ id }) => rows.find((row) => row.id === id)!)
        }),
      )
    },

    async update(caller, port, order, revision) {
      refuseOtherRevision(port, revision)
      const change = planPortChange(port, order)
      await refuseForeignGroups(db, caller, port.projectId, change.securityGroupIds)
      const macChanged = change.macAddress !== port.macAddress
      const deviceOwner = order.device_owner ?? port.deviceOwner
      const untouched =
        Object.keys(change.columns).length === 0 &&
        change.securityGroupIds === undefined &&
        order.fixed_ips === undefined
      if (untouched) return port
      await transaction(db, async (tx) => {
        if (!(await store.update(tx, port, change.columns, revision))) {
          throw revision === undefined
            ? refusal('network.port.not-found', port.id)
            : refusal('network.revision.mismatch', revision, port.revisionNumber + 1)
        }
        if (order.fixed_ips !== undefined || macChanged) {
          const subnets = (await forAddressing(tx, [port.networkId])).get(port.networkId) ?? []
          const asked =
            order.fixed_ips ??
            port.fixedIps.map((fixed) => ({ subnet_id: fixed.subnetId, ip_address: fixed.ipAddress }))
          const { drop, add } = changeOf(subnets, port.fixedIps, withoutStale(asked, order.fixed_ips, subnets), {
            networkId: port.networkId,
            macAddress: change.macAddress,
            deviceOwner,
            macChanged,
          })
          await store.dropAddresses(
            tx,
            port.id,
            drop.map(({ ipAddress }) => ipAddress),
          )
          await allocate(
            tx,
            add.map((wish, index) => ({
              portId: port.id,
              networkId: port.networkId,
              position: port.fixedIps.length + index,
              wish,
            })),
          )
        }
        if (change.securityGroupIds !== undefined) {
          await store.replaceSecurityGroups(tx, port.id, change.securityGroupIds)
        }
      })
      if (port.pluggedOn !== null) {
        await planes.portsChanged([port.id])
        planes.membersChanged([...new Set([...port.securityGroupIds, ...(change.securityGroupIds ?? [])])])
      }
      return await get(caller, port.id)
    },

    async remove(_caller, port, revision) {
      refuseOtherRevision(port, revision)
      const { deviceOwner } = port
      if (deviceOwner.startsWith('network:router_')) {
        throw refusal('network.port.owner-unsupported', 'deletion', deviceOwner, port.id)
      }
      const deleteRow = async () => {
        await transaction(db, async (tx) => {
          if (!(await store.remove(tx, port.id, revision))) {
            throw revision === undefined
              ? refusal('network.port.not-found', port.id)
              : refusal('network.revision.mismatch', revision, port.revisionNumber + 1)
          }
          // The subnets still want DHCP: as with upstream's agent, another port takes the place at once.
          if (deviceOwner === 'network:dhcp') await ensureDhcpPort(tx, port.networkId)
        })
      }
      if (port.pluggedOn === null) await deleteRow()
      else await planes.unplug(port.pluggedOn, [port], deleteRow)
      if (deviceOwner === 'network:dhcp') await planes.networksChanged([port.networkId])
      if (port.pluggedOn !== null) {
        planes.membersChanged(port.securityGroupIds)
        await removed({ portId: port.id, serverId: port.deviceId, macAddress: port.macAddress })
      }
    },

    changeTags: (port, change) => changeTags(db, 'network.ports', port.id, change),
  }
}

/** A MAC address that we drew and somebody has is drawn anew; one that a user chose is refused. */
async function insertAll(
  tx: Parameters<typeof store.insert>[0],
  planned: readonly NewPort[],
  orders: readonly PortOrder[],
): Promise<readonly NewPort[]> {
  let settled = [...planned]
  let open = settled
  for (let attempt = 1; open.length > 0; attempt++) {
    const written = new Set(await store.insert(tx, open))
    const missing = open.filter(({ id }) => !written.has(id))
    for (const port of missing) {
      const chosen = orders[settled.findIndex(({ id }) => id === port.id)]!.mac_address
      if (chosen != null) throw refusal('network.port.mac-in-use', port.networkId, chosen)
      if (attempt >= MAC_ATTEMPTS) throw refusal('network.port.no-mac-left', port.networkId)
    }
    open = missing.map((port) => redrawn(port))
    settled = settled.map((port) => open.find(({ id }) => id === port.id) ?? port)
  }
  return settled
}

function redrawn(port: NewPort): NewPort {
  const macAddress = randomMac()
  const allowedAddressPairs = port.allowedAddressPairs.map((pair) =>
    pair.mac_address === port.macAddress ? { ...pair, mac_address: macAddress } : pair,
  )
  return { ...port, macAddress, allowedAddressPairs }
}

/** Without an own wish, a new MAC address keeps what it can: automatic addresses are not asked for again. */
function withoutStale(
  asked: readonly { readonly subnet_id?: string; readonly ip_address?: string }[],
  wished: unknown,
  subnets: Parameters<typeof changeOf>[0],
) {
  if (wished !== undefined) return asked
  return asked.filter(({ subnet_id }) => {
    const subnet = subnets.find(({ id }) => id === subnet_id)
    return subnet === undefined || subnet.ipv6AddressMode === null || subnet.ipv6AddressMode === 'dhcpv6-stateful'
  })
}

async function refuseForeignGroups(
  db: Database,
  caller: Caller,
  projectId: ProjectId,
  groupIds: readonly string[] | undefined,
): Promise<void> {
  if (groupIds === undefined || groupIds.length === 0) return
  const usable = await store.usableGroups(db, groupIds, caller, projectId)
  const missing = groupIds.filter((id) => !usable.has(id))
  if (missing.length > 0) throw refusal('network.security-group.not-found', missing.join(', '))
}
