/**
 * Boot one server, from an accepted request to a running guest. Read it downwards.
 *
 * The row is there already, in BUILD, with every id that the story needs: of its ports, its volumes, their attachments.
 * What has to be on the chosen host is a saga of its own: when that host refuses, its part is undone and the next
 * candidate is tried, three at most. When a delete is asked for meanwhile, the next step does not begin, all is undone,
 * and the story ends by deleting.
 */
import { type Step, saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import { DomainError, isDomainError } from '../../domain-error.ts'
import type { ServerId, StoryId } from '../../ids.ts'
import { closeAction } from '../instance-actions/store.ts'
import { noValidHost } from '../errors.ts'
import { deleteVolumeDevices } from '../servers/block-devices-store.ts'
import { becameActive, becameError, deletionRequested, enterTask, leftHost, tookHost } from '../servers/store.ts'
import { writeConfigDrive } from './config-drive.ts'
import { deleteServer } from './delete-server.ts'
import { domainSpec } from './domain-spec.ts'
import { prepareLocalDisks } from './local-disks.ts'
import { type BootOrder, bootOrder } from './boot-order.ts'
import type { Parts } from './parts.ts'
import { type RankedHost, rankHosts } from './rank-hosts.ts'
import { faultOf } from './server-fault.ts'
import {
  connectVolumes,
  disconnectVolumes,
  makeVolumes,
  releaseVolumes,
  removeMadeVolumes,
  volumesInUse,
} from './volumes.ts'

export interface BootServer {
  readonly [key: string]: unknown
  readonly serverId: ServerId
  readonly storyId: StoryId
}

/** Hosts that are tried before the boot is given up. Source: nova's option scheduler.max_attempts */
const MAX_HOSTS = 3
/** The first boot of an image on a host fetches it. */
const DISKS_WITHIN_MS = 30 * 60_000

export function defineBootServer(stories: Stories, parts: Parts): Story<BootServer> {
  const { db, agents, placement, network } = parts

  return stories.define('compute.boot-server', async ({ serverId, storyId }) => {
    const abandoned = () => deletionRequested(db, serverId)
    let everythingUndone = true
    try {
      await saga(
        async (step) => {
          const { order, hosts } = await step('rank hosts', {
            run: async () => {
              const order = await bootOrder(db, serverId)
              return { order, hosts: await rankHosts(parts, order) }
            },
            // The verdicts stay to be read; the volumes were set aside with the request.
            undo: () => releaseVolumes(parts, serverId),
          })
          if (order.volumes.some((volume) => volume.made)) {
            await step('create volumes', {
              run: () => makeVolumes(parts, order),
              undo: () => removeMadeVolumes(parts, order),
              withinMs: DISKS_WITHIN_MS,
            })
          }
          await onFirstThatTakesIt(hosts, (host) =>
            saga((step) => buildOn(host, order, step), { abandoned, onStuckUndo }),
          )
        },
        { abandoned, onStuckUndo },
      )
    } catch (error) {
      await endWithout(error)
    }

    /** Everything that happens on one host, up to the running guest. */
    async function buildOn(host: RankedHost, order: BootOrder, step: Step) {
      await step('claim host', {
        run: async () => {
          await placement.claim({ ...order.claim, providerId: host.providerId })
          await tookHost(db, serverId, host.host, host.availabilityZone)
        },
        undo: async () => {
          await placement.release(serverId)
          await leftHost(db, serverId)
        },
      })
      const agent = agents.on(host.host)
      const ports = await step('bind ports', {
        run: () => network.bindPorts({ ...order.ports, host: host.host, availabilityZone: host.availabilityZone }),
        undo: () => network.unbindPorts(serverId),
      })
      const connections =
        order.volumes.length === 0
          ? {}
          : await step('connect volumes', {
              run: () => connectVolumes(parts, order, agent.connector),
              undo: () => disconnectVolumes(parts, order),
            })
      const disks =
        order.localDisks.length === 0
          ? {}
          : await step('prepare disks', {
              run: (signal) => prepareLocalDisks(agent, order, signal),
              undo: () => agent.disks.removeServer(serverId),
              withinMs: DISKS_WITHIN_MS,
            })
      const configDrive = order.configDrive
        ? await step('write config drive', {
            run: () => writeConfigDrive(parts, agent, serverId),
            undo: () => agent.disks.removeServer(serverId),
          })
        : undefined
      const spec = domainSpec(order, { ports, connections, disks, configDrive })
      await step('power on', {
        run: async () => {
          await enterTask(db, serverId, 'spawning')
          await agent.hypervisor.define(spec)
          await agent.hypervisor.start(serverId)
        },
        undo: () => agent.hypervisor.undefine(serverId),
      })
      if (order.volumes.length > 0) {
        // Its undo is that of `connect volumes`: a detached volume is in use no more.
        await step('mark volumes in use', { run: () => volumesInUse(parts, order) })
      }
      await step('report ACTIVE', {
        run: async () => {
          if (!(await becameActive(db, serverId, storyId))) throw abandonedAtTheEnd()
        },
        // Nothing comes after it: a server that is ACTIVE stays so.
      })
    }

    /** No guest came of it: the server ends in ERROR and says why, or it is deleted, if that was asked for. */
    async function endWithout(error: unknown) {
      const isError = await saga((step) =>
        step('report ERROR', {
          run: async () => {
            const fault = faultOf(error)
            parts.log.info({ server: serverId, story: storyId, err: error }, 'server was not built')
            await closeAction(db, serverId, storyId, { action: 'create', failed: fault })
            if (isDomainError(error, ABANDONED)) return false
            // The volumes are free again, so the server has them no more. What is stuck, its deletion frees.
            if (everythingUndone) await deleteVolumeDevices(db, serverId)
            return await becameError(db, serverId, fault)
          },
        }),
      )
      if (!isError) await deleteServer(parts, { serverId, storyId })
    }

    function onStuckUndo(step: string, error: unknown) {
      everythingUndone = false
      parts.log.error({ server: serverId, step, err: error }, 'undo of a boot step kept failing')
    }
  })
}

/** Back to the claim and the next candidate, unless the order itself cannot be met on any host. */
async function onFirstThatTakesIt(hosts: readonly RankedHost[], build: (host: RankedHost) => Promise<void>) {
  let refusal: unknown
  for (const host of hosts.slice(0, MAX_HOSTS)) {
    try {
      return await build(host)
    } catch (error) {
      if (isTheOrdersFault(error)) throw error
      refusal = error
    }
  }
  const tried = Math.min(hosts.length, MAX_HOSTS)
  const reason = isDomainError(refusal) ? refusal.message : 'an unexpected error'
  throw noValidHost(
    `No valid host was found. ${tried} ${tried === 1 ? 'host' : 'hosts'} tried, the last refused: ${reason}`.slice(
      0,
      255,
    ),
    refusal,
  )
}

const ABANDONED = 'durable.saga.abandoned'

function abandonedAtTheEnd() {
  return new DomainError('conflict', ABANDONED, 'abandoned before "report ACTIVE"')
}

/** A missing port, a taken address, a volume in use: another host would not help. */
function isTheOrdersFault(error: unknown): boolean {
  return isDomainError(error) && error.reason !== 'no-capacity' && error.reason !== 'unavailable'
}
