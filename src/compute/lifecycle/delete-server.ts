/**
 * Delete one server: everything that it has goes, then its row counts no more. A delete only goes forward: its steps
 * have no undo, each may find nothing, and what fails leaves the server in ERROR, to be deleted again.
 */
import type { Agent } from '../../agent/contract.ts'
import { isDomainError } from '../../domain-error.ts'
import { saga, type Step } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { HostName, ServerId, StoryId } from '../../ids.ts'
import { closeAction, storiesUnderWay } from '../instance-actions/store.ts'
import { devicesOf } from '../servers/block-devices-store.ts'
import { becameDeleted, deletionFailed, findServer } from '../servers/store.ts'
import { volumeDisk } from './boot-order.ts'
import type { Parts } from './parts.ts'
import { faultOf } from './server-fault.ts'
import { disconnectVolumes, removeVolumes } from './volumes.ts'

export interface DeleteServer {
  readonly [key: string]: unknown
  readonly serverId: ServerId
  readonly storyId: StoryId
}

/** A story that was under way ends at its next step; one that fetches something may need as long. */
const OTHERS_END_WITHIN_MS = 10 * 60_000

export function defineDeleteServer(stories: Stories, parts: Parts): Story<DeleteServer> {
  return stories.define('compute.delete-server', (order) =>
    deleteServer(parts, order, async (step) => {
      await step('wait for what is under way', {
        run: async () => {
          const others = await storiesUnderWay(parts.db, order.serverId, order.storyId)
          await Promise.all(others.map((story) => stories.ended(story)))
        },
        withinMs: OTHERS_END_WITHIN_MS,
      })
    }),
  )
}

/** Also the end of a boot that was abandoned. `first` is what has to be awaited. */
export async function deleteServer(
  parts: Parts,
  order: DeleteServer,
  first: (step: Step) => Promise<void> = async () => {},
): Promise<void> {
  try {
    await saga(async (step) => {
      await first(step)
      await takeDown(step, parts, order)
    })
  } catch (error) {
    await saga((step) =>
      step('report ERROR', {
        run: async () => {
          parts.log.error({ server: order.serverId, err: error }, 'server was not deleted')
          await deletionFailed(parts.db, order.serverId, faultOf(error))
          await closeAction(parts.db, order.serverId, order.storyId, { failed: faultOf(error) })
        },
      }),
    )
  }
}

async function takeDown(step: Step, parts: Parts, { serverId, storyId }: DeleteServer): Promise<void> {
  const { db, network, placement } = parts
  const { host, volumes } = await step('look at what it has', {
    run: async () => {
      const [server, devices] = await Promise.all([findServer(db, serverId), devicesOf(db, [serverId])])
      const volumes = devices.filter((device) => device.destinationType === 'volume').map(volumeDisk)
      return { host: server?.host ?? null, volumes }
    },
  })
  const agent = host === null ? undefined : agentOf(parts, host)
  if (agent !== undefined) {
    await step('cut the power', { run: () => agent.hypervisor.undefine(serverId), attempts: 3 })
  }
  if (volumes.length > 0) {
    await step('disconnect volumes', { run: () => disconnectVolumes(parts, { volumes }), attempts: 3 })
  }
  await step('unbind ports', { run: () => network.unbindPorts(serverId), attempts: 3 })
  if (agent !== undefined) {
    await step('remove disks', { run: () => agent.disks.removeServer(serverId), attempts: 3 })
  }
  const ending = volumes.filter((volume) => volume.deleteOnTermination).map(({ volumeId }) => volumeId)
  if (ending.length > 0) {
    await step('remove volumes', { run: () => removeVolumes(parts, ending), attempts: 3 })
  }
  await step('report DELETED', {
    run: async () => {
      await placement.release(serverId)
      await becameDeleted(db, serverId)
      await closeAction(db, serverId, storyId)
    },
    attempts: 3,
  })
}

/** A host that is gone keeps nothing from being deleted: should it come back, its gardener clears what is left. */
function agentOf(parts: Parts, host: HostName): Agent | undefined {
  try {
    return parts.agents.on(host)
  } catch (error) {
    if (isDomainError(error, 'agent.host.unknown')) return undefined
    throw error
  }
}
