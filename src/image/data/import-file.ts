/** An image of our own making: the first one of a cloud comes from a file of the host. */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Database } from '../../database/database.ts'
import { type ImageId, newId } from '../../ids.ts'
import * as images from '../images/store.ts'
import type { Images } from '../index.ts'
import { lockProject } from '../quotas/store.ts'
import type { ImageSettings } from '../settings.ts'
import { DEFAULT_STORE } from '../stores/stores.ts'
import type { ByteStore } from './byte-store.ts'
import type { Inspect } from './inspect.ts'
import * as store from './store.ts'

/**
 * The image of that name and owner, made from the file if none is active. Its row appears in the same transaction that
 * makes it active, so a crash on the way leaves nothing but a file for the gardener.
 */
export function importFiles({
  db,
  settings,
  bytes,
  inspect,
}: {
  db: Database
  settings: ImageSettings
  bytes: ByteStore
  inspect: Inspect
}): Images['importFile'] {
  return async ({ name, path, diskFormat, properties, ownerProjectId }) => {
    const standing = await images.findActiveByName(db, ownerProjectId, name)
    if (standing !== undefined) return standing.id

    const imageId = newId<ImageId>()
    const uploadId = randomUUID()
    try {
      const received = await bytes.receive({
        imageId,
        uploadId,
        source: createReadStream(path, { highWaterMark: 2 ** 20 }),
        capBytes: settings.imageSizeCapBytes,
        idleMs: settings.uploadIdleMs,
      })
      const virtualSizeBytes = await inspect(received.path, { diskFormat, containerFormat: 'bare' })
      return await db.begin(async (tx) => {
        await lockProject(tx, ownerProjectId)
        const meanwhile = await images.findActiveByName(tx, ownerProjectId, name)
        if (meanwhile !== undefined) return meanwhile.id
        await images.insert(tx, imageId, {
          name,
          visibility: 'public',
          protected: false,
          osHidden: false,
          owner: ownerProjectId,
          containerFormat: 'bare',
          diskFormat,
          minDiskGiB: 0,
          minRamMiB: 0,
          properties,
          tags: [],
        })
        await store.lockBytes(tx, imageId)
        await bytes.keep(received.path, imageId)
        await store.becomeActive(tx, imageId, { ...received, virtualSizeBytes }, DEFAULT_STORE)
        return imageId
      })
    } finally {
      await bytes.discard(imageId, uploadId)
    }
  }
}
