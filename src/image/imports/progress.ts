/** What a task tells of its import while it goes on, and when it fails. */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import { isDomainError } from '../../domain-error.ts'
import type { SagaOptions } from '../../durable/saga.ts'
import type { ImageId } from '../../ids.ts'
import { goneWhileUploading } from '../errors.ts'
import * as tasks from '../tasks/store.ts'
import * as store from './store.ts'

const TELL_EVERY_MS = 2_000

/** Runs a step; what it fails of is what the task says. */
export async function telling<T>(db: Database, taskId: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    await tasks.explain(db, taskId, isDomainError(error) ? error.message : 'The import failed on our side.')
    throw error
  }
}

/** An undo that keeps failing is news for an operator; what it leaves the gardeners find. */
export function stuckUndoTold({ log }: { log: Logger }, story: string, image: ImageId): SagaOptions {
  return {
    onStuckUndo: (step, error) => log.error({ err: error, story, image, step }, 'an undo keeps failing'),
  }
}

export interface Progress extends AsyncDisposable {
  /** Aborts when the step is over its time, and when the image is no longer this import's. */
  readonly signal: AbortSignal
  /** So many bytes are done. */
  readonly at: (bytes: number) => void
}

/** Tells of bytes on the way, now and then. */
export function reportProgress({
  db,
  taskId,
  imageId,
  signal,
}: {
  db: Database
  taskId: string
  imageId: ImageId
  signal: AbortSignal
}): Progress {
  const gone = new AbortController()
  let bytes = 0
  let underWay: Promise<void> = Promise.resolve()
  const tell = async () => {
    if (!(await store.isImporting(db, imageId, taskId))) gone.abort(goneWhileUploading(imageId))
    else await tasks.explain(db, taskId, `Copied ${Math.floor(bytes / 2 ** 20)} MiB`)
  }
  const clock = setInterval(() => {
    // The next one makes up for one that fails.
    underWay = tell().catch(() => {})
  }, TELL_EVERY_MS)
  return {
    signal: AbortSignal.any([signal, gone.signal]),
    at: (done) => {
      bytes = done
    },
    async [Symbol.asyncDispose]() {
      clearInterval(clock)
      await underWay
    },
  }
}
