/**
 * Keeps bytes and rows in step after a crash: images that a dead control plane was uploading are queued again, and files
 * that stand for nothing go, and tasks whose time is over. Takes no input; runs at start and on a clock. Several control planes may do it at once.
 */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import { isUuid } from '../../ids.ts'
import type { ByteStore } from './byte-store.ts'
import { removeExpired } from '../tasks/store.ts'
import * as store from './store.ts'

const EVERY_MS = 15_000
const STALE_MS = 120_000

export function startGardener({ db, bytes, log }: { db: Database; bytes: ByteStore; log: Logger }): {
  stop(): Promise<void>
} {
  let underWay: Promise<void> = Promise.resolve()
  const tend = () => {
    underWay = tendBytes({ db, bytes, log }).catch((error) => log.error({ err: error }, 'tending images failed'))
  }
  const clock = setInterval(tend, EVERY_MS)
  clock.unref()
  tend()
  return {
    async stop() {
      clearInterval(clock)
      await underWay
    },
  }
}

export async function tendBytes({ db, bytes, log }: { db: Database; bytes: ByteStore; log: Logger }): Promise<void> {
  await removeExpired(db)
  for (const image of await store.giveUpExpired(db)) log.warn({ image }, 'upload given up: its control plane has died')

  // Listed before the rows are read: a file is written only after its row says so. What importFile brings in has no row
  // yet, so a young file is left alone.
  const incoming = (await bytes.incoming()).filter(({ uploadId, idleMs }) => isUuid(uploadId) && idleMs > STALE_MS)
  if (incoming.length > 0) {
    const alive = await store.uploadsUnderWay(
      db,
      incoming.map(({ uploadId }) => uploadId),
    )
    for (const { imageId, uploadId } of incoming) {
      if (alive.has(uploadId)) continue
      await bytes.discard(imageId, uploadId)
      log.info({ image: imageId }, 'left-over upload removed')
    }
  }

  const kept = (await bytes.kept()).filter(isUuid)
  if (kept.length === 0) return
  for (const image of await store.withoutNeedOfBytes(db, kept)) {
    await db.begin(async (tx) => {
      if (!(await store.lockWithoutNeedOfBytes(tx, image))) return
      await bytes.remove(image)
      log.info({ image }, 'bytes without an image removed')
    })
  }
}
