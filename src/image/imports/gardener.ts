/**
 * Frees images whose import or copy has ended without saying so, when its undos found no database for too long, say.
 * Idempotent; several control planes may do it at once.
 */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import type { Stories } from '../../durable/stories.ts'
import type { StoryId } from '../../ids.ts'
import * as tasks from '../tasks/store.ts'
import * as store from './store.ts'

/** A story is asked for and begun within seconds. */
const QUIET_SECONDS = 60

interface Tools {
  readonly db: Database
  readonly stories: Pick<Stories, 'status'>
  readonly log: Logger
}

export async function tendImports({ db, stories, log }: Tools): Promise<void> {
  for (const { imageId, taskId, wanted } of await store.quietImports(db, QUIET_SECONDS)) {
    if ((await stories.status(taskId as StoryId)) === 'under-way') continue
    await db.begin(async (tx) => {
      await store.giveUpImport(tx, { imageId, taskId, wanted })
      await store.giveUpCopy(tx, { imageId, taskId, wanted })
      await tasks.failIfOpen(tx, taskId, 'The import ended on our side without a word.')
    })
    log.warn({ image: imageId, story: taskId }, 'image freed from an import that has ended')
  }
}
