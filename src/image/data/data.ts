/**
 * The rules of an image's bytes: up, checked, and down. Source: glance/api/v2/image_data.py, set_data in
 * glance/location.py
 */
import { randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Logger } from 'pino'
import type { Database, Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { ImageId } from '../../ids.ts'
import {
  deactivatedDownload,
  formatsMissing,
  goneWhileUploading,
  imageTooLarge,
  noTransition,
  sizeMismatch,
  storageQuotaFull,
} from '../errors.ts'
import { authorizeOn } from '../images/access.ts'
import type { Image } from '../images/image.ts'
import { visibleImage } from '../images/images.ts'
import { mayBecome } from '../images/states.ts'
import { inMiB, type ProjectQuotas, type Quotas } from '../quotas/quotas.ts'
import { lockProject } from '../quotas/store.ts'
import type { ImageSettings } from '../settings.ts'
import { DEFAULT_STORE, type Stores } from '../stores/stores.ts'
import type { ByteStore } from './byte-store.ts'
import type { Inspect } from './inspect.ts'
import { type Range, rangeOf } from './range.ts'
import * as store from './store.ts'

export interface DataRules {
  /**
   * Takes the bytes of a queued image; it is active when this resolves, and queued again when it throws.
   * @param declaredBytes what the client says it will send, if it does
   * @param where the store that is to have them
   */
  upload(caller: Caller, id: string, source: Readable, declaredBytes: number | undefined, where: string): Promise<void>
  /**
   * @param preferred stores from which the bytes are to come, where they have them
   * @returns nothing where the image has no bytes yet
   */
  download(
    caller: Caller,
    id: string,
    headers: Parameters<typeof rangeOf>[0],
    preferred: readonly string[],
  ): Promise<Download | undefined>
}

export interface Download {
  /** To be closed by whom it is given to. */
  readonly file: FileHandle
  readonly checksum: string
  readonly sizeBytes: number
  readonly range: Range
  /** Whether that is what was asked for, and not the whole. */
  readonly isPart: boolean
}

export interface DataTools {
  readonly db: Database
  readonly settings: ImageSettings
  readonly quotas: Quotas
  readonly bytes: ByteStore
  readonly stores: Stores
  readonly inspect: Inspect
  readonly log: Logger
}

const RENEW_MS = (store.LEASE_SECONDS * 1000) / 3

export function dataRules(tools: DataTools): DataRules {
  const { db, settings, quotas, bytes, stores, inspect } = tools
  return {
    async upload(caller, id, source, declaredBytes, where) {
      const uploadId = randomUUID()
      const quota = await quotas.of(caller.projectId ?? '')
      const { image, capBytes } = await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        authorizeOn('upload_image', caller, image)
        return { image, capBytes: await admit(tx, image, uploadId, 'saving', declaredBytes, { settings, quota }) }
      })
      try {
        const received = await withLease(tools, image.id, uploadId, () =>
          bytes.receive({ imageId: image.id, uploadId, source, capBytes, idleMs: settings.uploadIdleMs }),
        )
        if (declaredBytes !== undefined && received.sizeBytes !== declaredBytes) {
          throw sizeMismatch(declaredBytes, received.sizeBytes)
        }
        const virtualSizeBytes = await withLease(tools, image.id, uploadId, () => inspect(received.path, image))
        const target = { imageId: image.id, uploadId }
        await withLease(tools, image.id, uploadId, () => stores.prepare(where, received.path, target))
        await db.begin(async (tx) => {
          if (!(await store.lockUpload(tx, image.id, uploadId, ['saving']))) throw goneWhileUploading(image.id)
          await stores.keep(where, target)
          await store.becomeActive(tx, image.id, { ...received, virtualSizeBytes }, where)
        })
        if (where !== DEFAULT_STORE) await bytes.discard(image.id, uploadId)
      } catch (error) {
        await stores.discard(where, { imageId: image.id, uploadId })
        await bytes.discard(image.id, uploadId)
        await store.giveUpUpload(db, image.id, uploadId)
        throw error
      }
    },

    async download(caller, id, headers, preferred) {
      const image = await visibleImage(db, caller, id)
      if (image.status === 'deactivated' && !caller.isAdmin) throw deactivatedDownload()
      authorizeOn('download_image', caller, image)
      if (preferred.length > 0) authorizeOn('download_from_store', caller, image)
      if (image.checksum === null || image.sizeBytes === null) return undefined
      const range = rangeOf(headers, image.sizeBytes)
      return {
        file: await stores.open(image.id, preferred),
        checksum: image.checksum,
        sizeBytes: image.sizeBytes,
        range: range ?? { start: 0, end: image.sizeBytes },
        isPart: range !== undefined,
      }
    },
  }
}

/**
 * Lets an upload begin: the image is queued and knows its formats, and there is room. The caller holds its row.
 * @returns how many bytes may come
 */
export async function admit(
  tx: Sql,
  image: Image,
  uploadId: string,
  status: 'saving' | 'uploading',
  declaredBytes: number | undefined,
  { settings, quota }: { settings: ImageSettings; quota: ProjectQuotas },
): Promise<number> {
  if (!mayBecome(image.status, status)) throw noTransition(image.status, status)
  if (status === 'saving') requireFormats(image)
  if (declaredBytes !== undefined && declaredBytes > settings.imageSizeCapBytes) {
    throw imageTooLarge(settings.imageSizeCapBytes)
  }
  await quota.require(tx, {
    [status === 'saving' ? 'image_size_total' : 'image_stage_total']: inMiB(declaredBytes),
    image_count_uploading: 1,
  })
  const capBytes = await roomFor(tx, image, settings, declaredBytes)
  await store.beginUpload(tx, image.id, uploadId, status)
  return capBytes
}

/**
 * How many bytes an image may have.
 * @param copies in how many stores it is to lie, each of which counts
 * @throws DomainError over-quota, where there is no room for what is announced
 */
export async function roomFor(
  sql: Sql,
  image: Image,
  { imageSizeCapBytes, projectStorageBytes, unifiedLimits }: ImageSettings,
  declaredBytes = 0,
  copies = 1,
): Promise<number> {
  if (projectStorageBytes === undefined || unifiedLimits) return imageSizeCapBytes
  await lockProject(sql, image.owner ?? '')
  const taken = await store.storageOf(sql, image.owner ?? '', image.id)
  const remaining = Math.max(0, projectStorageBytes - taken)
  const needed = declaredBytes * copies
  if (needed > remaining || remaining === 0) throw storageQuotaFull(needed, remaining)
  return Math.min(imageSizeCapBytes, Math.floor(remaining / copies))
}

export function requireFormats(image: Image): void {
  const missing = [
    ...(image.diskFormat === null ? ['disk_format'] : []),
    ...(image.containerFormat === null ? ['container_format'] : []),
  ]
  if (missing.length > 0) throw formatsMissing(missing)
}

/** Renews the lease of an upload while `work` goes on. */
export async function withLease<T>(
  { db, log }: Pick<DataTools, 'db' | 'log'>,
  image: ImageId,
  uploadId: string,
  work: () => Promise<T>,
): Promise<T> {
  const clock = setInterval(() => {
    // The next one makes up for it; when none succeeds, the upload finds that its image has gone.
    store.renewLease(db, image, uploadId).catch((error) => log.warn({ err: error, image }, 'lease was not renewed'))
  }, RENEW_MS)
  try {
    return await work()
  } finally {
    clearInterval(clock)
  }
}
