/**
 * After a reboot of a host its guests are off, though nobody stopped them: those that should run are started again,
 * with all their devices. A guest that ended by itself is not: only the host's own start tells the two apart.
 */
import type { Agent } from '../../agent/contract.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import { newId, type ServerId, type StoryId } from '../../ids.ts'
import { openActions } from '../instance-actions/store.ts'
import type { Deed } from '../lifecycle/deed.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { shouldRun } from '../lifecycle/states.ts'
import { beginTask, lockServer } from '../servers/store.ts'
import { noteBoot, serversOn } from './store.ts'

/** Clocks and uptimes in whole seconds are this far apart at most. */
const SAME_BOOT_WITHIN_MS = 30_000

export interface Returning extends Pick<Parts, 'db' | 'log'> {
  readonly stories: Stories
  readonly startServer: Story<Deed>
}

/** @returns whether the host has been rebooted since it was last seen */
export async function hostHasRebooted({ db }: Returning, agent: Agent): Promise<boolean> {
  const { uptimeSeconds } = await agent.facts()
  const bootedAt = new Date(Date.now() - uptimeSeconds * 1000)
  const before = await noteBoot(db, agent.host, bootedAt)
  return before !== undefined && bootedAt.getTime() - before.getTime() > SAME_BOOT_WITHIN_MS
}

export async function resumeGuests(returning: Returning, agent: Agent): Promise<void> {
  const { db, log, stories, startServer } = returning
  const running = new Set(
    (await agent.hypervisor.list()).filter(({ state }) => state === 'running').map(({ id }) => id as ServerId),
  )
  for (const { id, vmState, taskState } of await serversOn(db, agent.host)) {
    if (!shouldRun(vmState) || taskState !== null || running.has(id)) continue
    await stories.commit(async (tx, ask) => {
      const server = await lockServer(tx, id)
      if (server === undefined || !shouldRun(server.vmState) || server.taskState !== null) return
      const storyId = newId<StoryId>()
      const asOwner = { requestId: `req-${newId()}`, projectId: server.projectId, userId: server.userId }
      await openActions(tx, 'start', asOwner, [{ serverId: id, storyId }])
      await beginTask(tx, id, 'powering-on', storyId)
      await ask(startServer, storyId, { serverId: id, storyId, host: agent.host })
    })
    log.info({ server: id, host: agent.host }, 'guest is started again after a reboot of its host')
  }
}
