/**
 * Keeps bytes and rows in step after a crash: images that a dead control plane was uploading are queued again, and files
 * that stand for nothing go, and tasks whose time is over. Takes no input; runs at start and on a clock. Several control planes may do it at once.
 */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import { isUuid } from '../../ids.ts'
import type { Stores } from '../stores/stores.ts'
import { removeExpired } from '../tasks/store.ts'
import * as store from './store.ts'

const EVERY_MS = 15_000
const STALE_MS = 120_000

interface Tools {
  readonly db: Database
  readonly stores: Stores
  readonly log: Logger
}

/** @param tendRest what is tended on the clock alone: when the service opens, stories have not begun */
export function startGardener(tools: Tools, tendRest: () => Promise<void>): { stop(): Promise<void> } {
  const { log } = tools
  let underWay: Promise<void> = Promise.resolve()
  const watched = (work: Promise<void>) => {
    underWay = work.catch((error) => log.error({ err: error }, 'tending images failed'))
  }
  const clock = setInterval(() => watched(tendBytes(tools).then(tendRest)), EVERY_MS)
  clock.unref()
  watched(tendBytes(tools))
  return {
    async stop() {
      clearInterval(clock)
      await underWay
    },
  }
}

export async function tendBytes({ db, stores, log }: Tools): Promise<void> {
  const { bytes } = stores
  await removeExpired(db)
  for (const image of await store.giveUpExpired(db)) log.warn({ image }, 'upload given up: its control plane has died')

  // Listed before the rows are read: a file is written only after its row says so. What importFile brings in has no row
  // yet, so a young file is left alone.
  const lying = [
    ...(await bytes.incoming()).map((each) => ({ ...each, store: undefined })),
    ...(await stores.prepared()),
  ].filter(({ uploadId, idleMs }) => isUuid(uploadId) && idleMs > STALE_MS)
  if (lying.length > 0) {
    const alive = await store.uploadsUnderWay(
      db,
      lying.map(({ uploadId }) => uploadId),
    )
    for (const { imageId, uploadId, store } of lying) {
      if (alive.has(uploadId)) continue
      if (store === undefined) await bytes.discard(imageId, uploadId)
      else await stores.discard(store, { imageId, uploadId })
      log.info({ image: imageId }, 'left-over upload removed')
    }
  }

  for (const { id: where } of stores.all) {
    const kept = (await stores.kept(where)).filter(isUuid)
    if (kept.length === 0) continue
    for (const image of await store.withoutNeedOfBytes(db, where, kept)) {
      await db.begin(async (tx) => {
        if (!(await store.lockWithoutNeedOfBytes(tx, where, image))) return
        await stores.remove(where, image)
        log.info({ image, store: where }, 'bytes without an image removed')
      })
    }
  }
}
