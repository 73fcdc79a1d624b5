/**
 * Import one image: bytes that were staged, or that are fetched from the web, become the image's in each of its stores.
 * Read it downwards. If a step fails, its undo and those above it run, last first, so that the failure is told last.
 */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import { saga } from '../../durable/saga.ts'
import type { ImageId } from '../../ids.ts'
import type { Inspect } from '../data/inspect.ts'
import { goneWhileUploading, noStoreTookIt } from '../errors.ts'
import * as images from '../images/store.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { ImageSettings } from '../settings.ts'
import { DEFAULT_STORE, type Stores } from '../stores/stores.ts'
import * as tasks from '../tasks/store.ts'
import { fetchInto, type WebSource } from './fetch.ts'
import { bringTo, takeBackFrom } from './placing.ts'
import { stuckUndoTold, telling } from './progress.ts'
import { requireRoom } from './room.ts'
import * as store from './store.ts'

/** The task is the story's id, too. */
export type ImportOrder = {
  readonly imageId: ImageId
  readonly taskId: string
  readonly uploadId: string
  /** Absent in orders from before there were several. */
  readonly stores?: readonly string[]
  readonly mustAllSucceed?: boolean
  /** Whose limits count. */
  readonly quotaProjectId?: string
  /** Where the bytes are fetched from; absent where they were staged. */
  readonly web?: WebSource
}

export interface ImportTools {
  readonly db: Database
  readonly settings: ImageSettings
  readonly quotas: Quotas
  readonly stores: Stores
  readonly inspect: Inspect
  readonly log: Logger
}

/** An image of much data takes long to read through, and to copy. */
const INSPECT_WITHIN_MS = 300_000
export const COPY_WITHIN_MS = 6 * 3_600_000

export function importStory(tools: ImportTools) {
  const { db, settings, stores, inspect } = tools
  const { bytes } = stores
  return async (order: ImportOrder): Promise<void> => {
    const { imageId, taskId, uploadId, web, mustAllSucceed = true } = order
    // The default store takes the incoming file itself, so it comes last.
    const wanted = [...(order.stores ?? [DEFAULT_STORE])].sort(
      (one, other) => Number(one === DEFAULT_STORE) - Number(other === DEFAULT_STORE),
    )
    const path = bytes.incomingPath(imageId, uploadId)
    const told = <T>(run: () => Promise<T>) => telling(db, taskId, run)

    await saga(
      async (step) => {
        await step('report importing', {
          run: () =>
            told(async () => {
              await tasks.begin(db, taskId)
              await requireRoom(tools, order, web === undefined ? 'stored' : 'staged')
            }),
          undo: async () => {
            await bytes.discard(imageId, uploadId)
            await db.begin(async (tx) => {
              await store.giveUpImport(tx, { imageId, taskId, wanted })
              await tasks.end(tx, taskId, 'failure')
            })
          },
        })

        if (web !== undefined) {
          await step('fetch the bytes', {
            withinMs: settings.web.withinMs,
            run: (signal) => told(() => fetchInto(tools, { imageId, taskId, uploadId, web, signal })),
            undo: () => bytes.discard(imageId, uploadId),
          })
        }

        // Nothing to undo: looking changes nothing.
        const { virtualSizeBytes } = await step('inspect the bytes', {
          withinMs: INSPECT_WITHIN_MS,
          run: () =>
            told(async () => {
              const image = await images.find(db, imageId)
              if (image === undefined) throw goneWhileUploading(imageId)
              return { virtualSizeBytes: await inspect(path, image) }
            }),
        })

        const brought: boolean[] = []
        for (const where of wanted) {
          brought.push(
            await step(where === DEFAULT_STORE ? 'keep the bytes' : `keep the bytes in ${where}`, {
              withinMs: COPY_WITHIN_MS,
              run: (signal) =>
                told(() =>
                  bringTo(tools, {
                    where,
                    from: path,
                    target: { imageId, uploadId },
                    taskId,
                    signal,
                    mayFail: !mustAllSucceed,
                    // Where one store is enough, users need not wait for the others.
                    onKept: async (tx) => {
                      if (!mustAllSucceed) await store.becomeActive(tx, imageId, taskId, virtualSizeBytes)
                    },
                  }),
                ),
              undo: async () => {
                await store.reclaimImport(db, { imageId, taskId, uploadId })
                await takeBackFrom(tools, { where, target: { imageId, uploadId }, taskId })
              },
            }),
          )
        }

        await step('report active', {
          run: () =>
            told(async () => {
              const kept = wanted.filter((_where, index) => brought[index])
              if (kept.length === 0) throw noStoreTookIt()
              await db.begin(async (tx) => {
                if (await tasks.hasSucceeded(tx, taskId)) return
                await store.becomeActive(tx, imageId, taskId, virtualSizeBytes)
                if (!(await store.endImport(tx, imageId, taskId))) throw goneWhileUploading(imageId)
                await tasks.explain(tx, taskId, `Imported to store ${kept.join(', ')}`)
                await tasks.end(tx, taskId, 'success', { image_id: imageId })
              })
              await bytes.discard(imageId, uploadId)
            }),
          undo: () => store.reclaimImport(db, { imageId, taskId, uploadId }),
        })
      },
      stuckUndoTold(tools, 'image.import-image', imageId),
    )
  }
}
