/**
 * A server waits for the story in charge of it. Stories survive crashes, but not the loss of their own records: a server
 * whose story is gone ends in ERROR, or goes on being deleted, so that BUILD never lasts for ever.
 */
import type { Stories, Story } from '../../durable/stories.ts'
import { newId, type StoryId } from '../../ids.ts'
import { openActions } from '../instance-actions/store.ts'
import type { DeleteServer } from '../lifecycle/delete-server.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { becameError, endTask, lockServer, requestDeletion } from '../servers/store.ts'
import { forgetStory, longBusy, openStories } from './store.ts'

export interface Freeing extends Pick<Parts, 'db' | 'log'> {
  readonly stories: Stories
  readonly deleteServer: Story<DeleteServer>
}

/** A story that is under way touches its server more often than that. */
export const WAITING_SECONDS = 60

/** @param seconds how long a server has waited, at least */
export async function freeFromGoneStories(
  { db, log, stories, deleteServer }: Freeing,
  seconds = WAITING_SECONDS,
): Promise<void> {
  for (const { id, storyId, vmState, deletionRequested } of await longBusy(db, seconds)) {
    if ((await stories.status(storyId)) === 'under-way') continue
    log.error({ server: id, story: storyId, vmState }, 'the story in charge of a server is gone')
    await forgetStory(db, storyId)
    if (deletionRequested) {
      await stories.commit(async (tx, ask) => {
        const server = await lockServer(tx, id)
        if (server === undefined || server.storyId !== storyId) return
        const next = newId<StoryId>()
        const asOwner = { requestId: `req-${newId()}`, projectId: server.projectId, userId: server.userId }
        await openActions(tx, 'delete', asOwner, [{ serverId: id, storyId: next }])
        await requestDeletion(tx, id, next)
        await ask(deleteServer, next, { serverId: id, storyId: next })
      })
    } else {
      const fault = {
        code: 500,
        message: 'The work on this server was lost; delete it, or reboot it hard.',
        details: `story ${storyId} is gone`,
        createdAt: new Date().toISOString(),
      }
      await (vmState === 'building' ? becameError(db, id, fault) : endTask(db, id, fault))
    }
  }
  for (const story of await openStories(db, seconds)) {
    if ((await stories.status(story)) !== 'under-way') await forgetStory(db, story)
  }
}
