/**
 * Import one image: bytes that were staged become the image's. Read it downwards. If a step fails, its undo and those
 * above it run, last first, so that the failure is told last.
 */
import type { Database } from '../../database/database.ts'
import { isDomainError } from '../../domain-error.ts'
import { saga } from '../../durable/saga.ts'
import type { ImageId } from '../../ids.ts'
import type { ByteStore } from '../data/byte-store.ts'
import type { Inspect } from '../data/inspect.ts'
import * as data from '../data/store.ts'
import { goneWhileUploading } from '../errors.ts'
import * as images from '../images/store.ts'
import { STORE } from '../images/view.ts'
import * as tasks from '../tasks/store.ts'

/** The task is the story's id, too. */
export type ImportOrder = { readonly imageId: ImageId; readonly taskId: string; readonly uploadId: string }

/** An image of much data takes long to read through. */
const INSPECT_WITHIN_MS = 300_000

export function importStory({ db, bytes, inspect }: { db: Database; bytes: ByteStore; inspect: Inspect }) {
  return async ({ imageId, taskId, uploadId }: ImportOrder): Promise<void> => {
    await saga(async (step) => {
      await step('report importing', {
        run: () => tasks.begin(db, taskId),
        undo: async () => {
          await bytes.discard(imageId, uploadId)
          await db.begin(async (tx) => {
            await data.giveUpImport(tx, imageId, uploadId)
            await tasks.end(tx, taskId, 'failure')
          })
        },
      })

      // Nothing to undo: looking changes nothing.
      const { virtualSizeBytes } = await step('inspect the bytes', {
        withinMs: INSPECT_WITHIN_MS,
        run: async () => {
          try {
            const image = await images.find(db, imageId)
            if (image === undefined) throw goneWhileUploading(imageId)
            return { virtualSizeBytes: await inspect(bytes.incomingPath(imageId, uploadId), image) }
          } catch (error) {
            await tasks.explain(db, taskId, isDomainError(error) ? error.message : 'The image could not be inspected.')
            throw error
          }
        },
      })

      await step('keep the bytes', {
        run: () =>
          db.begin(async (tx) => {
            if (!(await data.lockUpload(tx, imageId, uploadId, ['importing']))) throw goneWhileUploading(imageId)
            await bytes.keep(bytes.incomingPath(imageId, uploadId), imageId)
          }),
        undo: () => bytes.remove(imageId),
      })

      await step('report active', {
        run: () =>
          db.begin(async (tx) => {
            if (await data.becomeActiveFromStage(tx, imageId, uploadId, virtualSizeBytes)) {
              await tasks.explain(tx, taskId, `Imported to store ${STORE}`)
              await tasks.end(tx, taskId, 'success', { image_id: imageId })
            } else if (!(await data.isActiveFrom(tx, imageId, uploadId))) throw goneWhileUploading(imageId)
          }),
        undo: () => data.backToImporting(db, imageId, uploadId),
      })
    })
  }
}
