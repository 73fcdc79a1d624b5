/** What compute asks of network for a server: its ports are planned, bound, looked at and let go. */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import type { HostName, PortId, ServerId } from '../../ids.ts'
import { allocate } from '../addresses/allocate.ts'
import { randomMac } from '../addresses/mac-address.ts'
import { wishesFor } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import type { BindOrder, BoundPort, Network } from '../index.ts'
import type { Planes } from '../plane/planes.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import { addressing } from '../subnets/store.ts'
import { planNics, usableGroups } from './plan.ts'
import * as store from './store.ts'

type ServerSide = Pick<
  Network,
  | 'plan'
  | 'bindPorts'
  | 'unbindPorts'
  | 'unbindPort'
  | 'portsOf'
  | 'serverOfPort'
  | 'securityGroups'
  | 'changeSecurityGroup'
>

const MAC_ATTEMPTS = 16

export function serverSide(db: Database, planes: Planes): ServerSide {
  /** Rows first, then the host: a crash in between is repaired by the next attempt or by the host's reconcile. */
  const bindPorts = async (order: BindOrder): Promise<readonly BoundPort[]> => {
    if (order.nics.length === 0) return []
    const moves = await withinQuota(() => transaction(db, (tx) => holdAll(tx, order)))
    const taps = await planes.plug(
      order.host,
      order.nics.map(({ portId }) => portId),
    )
    const bound = await store.wired(db, order.serverId, taps)
    for (const { portId, networkId, from } of moves) {
      await planes.unplug(from, [{ id: portId, networkId }], async () => {})
    }
    const wanted = new Set(order.nics.map(({ portId }) => portId))
    const mine = bound.filter(({ portId }) => wanted.has(portId))
    planes.membersChanged([...new Set(mine.flatMap(({ securityGroups }) => securityGroups.map(({ id }) => id)))])
    return mine.map(withoutServer)
  }

  const unbind = async (serverId: ServerId, ports: readonly store.ServerPort[]): Promise<void> => {
    for (const [host, there] of Map.groupBy(ports, ({ pluggedOn }) => pluggedOn)) {
      const forget = () =>
        store.letGo(
          db,
          serverId,
          there.map(({ id }) => id),
        )
      if (host === null) await forget()
      else await planes.unplug(host, there, forget)
    }
    planes.membersChanged([...new Set(ports.flatMap(({ securityGroupIds }) => securityGroupIds))])
  }

  return {
    plan: (caller, wish) => planNics(db, caller, wish),
    bindPorts,

    async unbindPorts(serverId) {
      await unbind(serverId, await store.portsOfServer(db, serverId))
    },

    async unbindPort(serverId, portId) {
      await unbind(serverId, await store.portsOfServer(db, serverId, portId))
    },

    async portsOf(serverIds) {
      if (serverIds.length === 0) return new Map()
      const rows = await store.boundPorts(db, serverIds)
      return new Map(
        [...Map.groupBy(rows, ({ serverId }) => serverId)].map(([id, ports]) => [id, ports.map(withoutServer)]),
      )
    },

    serverOfPort: (portId) => store.serverOf(db, portId),

    async securityGroups(caller, namesOrIds) {
      if (caller.projectId === undefined || namesOrIds.length === 0) return []
      return await usableGroups(db, caller.projectId, namesOrIds)
    },

    async changeSecurityGroup(caller, serverId, nameOrId, change) {
      if (caller.projectId === undefined) throw refusal('network.security-group.not-found', nameOrId)
      const [group] = await usableGroups(db, caller.projectId, [nameOrId])
      const changed = await (change === 'add'
        ? store.addGroup(db, serverId, group!.id)
        : store.removeGroup(db, serverId, group!.id))
      if (change === 'remove' && changed.length === 0) throw refusal('network.security-group.not-found', nameOrId)
      await planes.portsChanged(changed)
      planes.membersChanged([group!.id])
    },
  }
}

interface Move {
  readonly portId: PortId
  readonly networkId: store.ServerPort['networkId']
  readonly from: HostName
}

/** @returns ports that were plugged on another host before */
async function holdAll(tx: Parameters<typeof store.hold>[0], order: BindOrder): Promise<readonly Move[]> {
  const holder = {
    serverId: order.serverId,
    serverName: order.serverName,
    hostname: order.hostname,
    projectId: order.projectId,
    host: order.host,
    deviceOwner: `compute:${order.availabilityZone}`,
  }
  const nics = order.nics.map((nic, index) => ({
    portId: nic.portId,
    networkId: nic.networkId,
    made: nic.made,
    index,
    tag: nic.tag ?? null,
    securityGroupIds: nic.securityGroupIds,
  }))
  for (let attempt = 1; ; attempt++) {
    const held = await store.hold(
      tx,
      holder,
      nics.map((nic) => ({ ...nic, macAddress: randomMac() })),
    )
    const refused = held.filter((nic) => !nic.held)
    for (const nic of refused) {
      const asked = order.nics.find(({ portId }) => portId === nic.portId)!
      if (nic.exists) throw refusal('network.port.in-use', nic.portId, 'another server')
      if (!asked.made) throw refusal('network.port.not-found', nic.portId)
      if (!nic.networkExists) throw refusal('network.network.not-found', asked.networkId)
      if (attempt >= MAC_ATTEMPTS) throw refusal('network.port.no-mac-left', asked.networkId)
    }
    if (refused.length > 0) continue // a MAC address that we drew is taken; what is held already is held again
    await allocate(
      tx,
      held.flatMap((nic) => addressesFor(nic, order)),
    )
    return held.flatMap((nic) => {
      if (nic.wasPluggedOn === null || nic.wasPluggedOn === order.host) return []
      const { networkId } = order.nics.find(({ portId }) => portId === nic.portId)!
      return [{ portId: nic.portId, networkId, from: nic.wasPluggedOn }]
    })
  }
}

/** Ports that the boot makes get theirs here; others brought their own. */
function addressesFor(nic: store.HeldNic, order: BindOrder) {
  const asked = order.nics.find(({ portId }) => portId === nic.portId)!
  if (!asked.made || nic.hasAddress) return []
  const fixedIps = asked.fixedIp === undefined ? undefined : [{ ip_address: asked.fixedIp }]
  const wishes = wishesFor(nic.subnets.map(addressing), fixedIps, {
    networkId: asked.networkId,
    macAddress: nic.macAddress,
    deviceOwner: `compute:${order.availabilityZone}`,
  })
  return wishes.map((wish, position) => ({ portId: nic.portId, networkId: asked.networkId, position, wish }))
}

function withoutServer({ serverId: _, tag, ...port }: BoundPort & { readonly serverId: ServerId }): BoundPort {
  return { ...port, ...(tag != null && { tag }) }
}
