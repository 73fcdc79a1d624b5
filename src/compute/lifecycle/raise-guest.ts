/**
 * From whatever is left of a guest to a running one, on the host where its disks are: the steps that start, hard reboot
 * and the return of a host share. Everything is ensured anew, because a host that was rebooted has lost taps and exports.
 * No undo: what is plugged stays plugged, and the next attempt finds it so.
 */
import type { Step } from '../../durable/saga.ts'
import type { Parts } from './parts.ts'
import { bootOrder } from './boot-order.ts'
import { writeConfigDrive } from './config-drive.ts'
import type { Deed } from './deed.ts'
import { domainSpec } from './domain-spec.ts'
import { prepareLocalDisks } from './local-disks.ts'
import { connectVolumes, volumesInUse } from './volumes.ts'
import { findServer } from '../servers/store.ts'

export async function raiseGuest(step: Step, parts: Parts, { serverId, host }: Deed): Promise<void> {
  const agent = parts.agents.on(host)
  const { order, availabilityZone } = await step('look at what it has', {
    run: async () => {
      const [order, server] = await Promise.all([bootOrder(parts.db, serverId), findServer(parts.db, serverId)])
      return { order, availabilityZone: server?.availabilityZone ?? '' }
    },
  })
  const ports = await step('bind ports', {
    run: () => parts.network.bindPorts({ ...order.ports, host, availabilityZone }),
  })
  const connections =
    order.volumes.length === 0
      ? {}
      : await step('connect volumes', { run: () => connectVolumes(parts, order, agent.connector) })
  const disks =
    order.localDisks.length === 0
      ? {}
      : await step('prepare disks', { run: (signal) => prepareLocalDisks(agent, order, signal) })
  const configDrive = order.configDrive
    ? await step('write config drive', { run: () => writeConfigDrive(parts, agent, serverId) })
    : undefined
  const spec = domainSpec(order, { ports, connections, disks, configDrive })
  await step('power on', {
    run: async () => {
      await agent.hypervisor.define(spec)
      await agent.hypervisor.start(serverId)
      await volumesInUse(parts, order)
    },
  })
}
