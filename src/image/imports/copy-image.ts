/**
 * Copy one image into further stores, while users go on reading it. Read it downwards. If a step fails, its undo and
 * those above it run, last first: the image lies then where it lay before.
 */
import { saga } from '../../durable/saga.ts'
import type { ImageId } from '../../ids.ts'
import { goneWhileUploading, noStoreTookIt } from '../errors.ts'
import * as images from '../images/store.ts'
import * as tasks from '../tasks/store.ts'
import { COPY_WITHIN_MS, type ImportTools } from './import-image.ts'
import { bringTo, takeBackFrom } from './placing.ts'
import { stuckUndoTold, telling } from './progress.ts'
import { requireRoom } from './room.ts'
import * as store from './store.ts'

/** The task is the story's id, too. */
export type CopyOrder = {
  readonly imageId: ImageId
  readonly taskId: string
  readonly stores: readonly string[]
  readonly mustAllSucceed: boolean
  /** Whose limits count. */
  readonly quotaProjectId: string
}

export function copyStory(tools: ImportTools) {
  const { db, stores } = tools
  return async (order: CopyOrder): Promise<void> => {
    const { imageId, taskId, stores: wanted, mustAllSucceed } = order
    const target = { imageId, uploadId: taskId }
    const told = <T>(run: () => Promise<T>) => telling(db, taskId, run)

    await saga(
      async (step) => {
        await step('report copying', {
          run: () =>
            told(async () => {
              await tasks.begin(db, taskId)
              await requireRoom(tools, order, 'staged')
            }),
          undo: () =>
            db.begin(async (tx) => {
              await store.giveUpCopy(tx, { imageId, taskId, wanted })
              await tasks.end(tx, taskId, 'failure')
            }),
        })

        const brought: boolean[] = []
        for (const where of wanted) {
          brought.push(
            await step(`copy the bytes to ${where}`, {
              withinMs: COPY_WITHIN_MS,
              run: (signal) =>
                told(async () => {
                  const image = await images.find(db, imageId)
                  if (image === undefined) throw goneWhileUploading(imageId)
                  const from = await stores.find(
                    imageId,
                    image.stores.filter((each) => each !== where),
                  )
                  return await bringTo(tools, { where, from, target, taskId, signal, mayFail: !mustAllSucceed })
                }),
              undo: () => takeBackFrom(tools, { where, target, taskId }),
            }),
          )
        }

        await step('report copied', {
          run: () =>
            told(async () => {
              const kept = wanted.filter((_where, index) => brought[index])
              if (kept.length === 0) throw noStoreTookIt()
              await db.begin(async (tx) => {
                if (await tasks.hasSucceeded(tx, taskId)) return
                if (!(await store.endImport(tx, imageId, taskId))) throw goneWhileUploading(imageId)
                await tasks.explain(tx, taskId, `Copied to store ${kept.join(', ')}`)
                await tasks.end(tx, taskId, 'success', { image_id: imageId })
              })
            }),
          undo: () => store.reclaimCopy(db, { imageId, taskId }),
        })
      },
      stuckUndoTold(tools, 'image.copy-image', imageId),
    )
  }
}
