/**
 * Staging, imports and copies: bytes come first to a place that nobody reads, and become the image's when they were
 * looked at. Source: stage in glance/api/v2/image_data.py, import_image and delete_from_store in glance/api/v2/images.py
 */
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Sql } from '../../database/database.ts'
import { isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import type { StoryId } from '../../ids.ts'
import { admit, type DataTools, withLease } from '../data/data.ts'
import * as data from '../data/store.ts'
import {
  alreadyInStore,
  goneWhileUploading,
  importImpossible,
  importUnderWay,
  lastStore,
  notInStore,
  notStoredThere,
  sizeMismatch,
  storeNotOnNode,
} from '../errors.ts'
import { authorizeOn } from '../images/access.ts'
import type { Image } from '../images/image.ts'
import { type ImageRules, visibleImage } from '../images/images.ts'
import type { ImageSettings } from '../settings.ts'
import { DEFAULT_STORE } from '../stores/stores.ts'
import * as tasks from '../tasks/store.ts'
import type { CopyOrder } from './copy-image.ts'
import type { ImportOrder } from './import-image.ts'
import { readLegacyImport } from './legacy-task.ts'
import { type ImportRequest, readImport } from './request.ts'
import * as store from './store.ts'
import { allowedSource } from './web/download.ts'

export interface ImportRules {
  /** Takes the bytes of a queued image aside; it is `uploading` when this resolves, and queued again when it throws. */
  stage(caller: Caller, id: string, source: Readable, declaredBytes: number | undefined): Promise<void>
  /** Begins an import or a copy; the image is held by it when this resolves. */
  begin(caller: Caller, id: string, body: unknown, storeHeader: string | undefined): Promise<void>
  /** Makes an image and imports it from the web, by a task of the older kind. @returns the task's id */
  beginLegacyTask(caller: Caller, body: unknown): Promise<string>
  /** Takes the bytes out of one store, if another has them, too. */
  leaveStore(caller: Caller, id: string, from: string): Promise<void>
}

interface Tools extends DataTools {
  readonly images: ImageRules
  readonly stories: Stories
  readonly importStory: Story<ImportOrder>
  readonly copyStory: Story<CopyOrder>
}

export function importRules(tools: Tools): ImportRules {
  const { db, settings, quotas, bytes, stores, stories, images, importStory, copyStory } = tools
  return {
    async stage(caller, id, source, declaredBytes) {
      const uploadId = randomUUID()
      const quota = await quotas.of(caller.projectId ?? '')
      const { image, capBytes } = await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        authorizeOn('modify_image', caller, image)
        return { image, capBytes: await admit(tx, image, uploadId, 'uploading', declaredBytes, { settings, quota }) }
      })
      try {
        const received = await withLease(tools, image.id, uploadId, () =>
          bytes.receive({ imageId: image.id, uploadId, source, capBytes, idleMs: settings.uploadIdleMs }),
        )
        if (declaredBytes !== undefined && received.sizeBytes !== declaredBytes) {
          throw sizeMismatch(declaredBytes, received.sizeBytes)
        }
        if (!(await store.becomeStaged(db, image.id, uploadId, received))) throw goneWhileUploading(image.id)
      } catch (error) {
        await bytes.discard(image.id, uploadId)
        await data.giveUpUpload(db, image.id, uploadId)
        throw error
      }
    },

    async begin(caller, id, body, storeHeader) {
      const request = readImport(body, storeHeader, stores)
      const quota = await quotas.of(caller.projectId ?? '')
      await db.begin((tx) => quota.require(tx, { image_size_total: 0 }))
      if (request.method === 'web-download') {
        // What is wrong with the image is told before what is wrong with the source, whose name takes time to resolve.
        await examine(db, caller, await visibleImage(db, caller, id), request)
        await refuseSource(request.uri, settings)
      }
      await stories.commit(async (tx, ask) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        const staged = await examine(tx, caller, image, request)
        const wanted = storesFor(image, request)
        if (wanted.length === 0) return
        const taskId = randomUUID()
        await tasks.insert(tx, {
          ...ownedBy(caller),
          id: taskId,
          type: 'api_image_import',
          imageId: image.id,
          input: { image_id: image.id, import_req: request.body, backend: wanted },
        })
        const order = {
          imageId: image.id,
          taskId,
          stores: wanted,
          mustAllSucceed: request.mustAllSucceed,
          quotaProjectId: caller.projectId ?? '',
        }
        if (request.method === 'copy-image') {
          await store.beginCopy(tx, order)
          return await ask(copyStory, taskId as StoryId, order)
        }
        const uploadId = staged ?? randomUUID()
        await store.beginImport(tx, { ...order, uploadId })
        await ask(importStory, taskId as StoryId, {
          ...order,
          uploadId,
          ...(request.method === 'web-download' && { web: { uri: request.uri, expected: request.expected } }),
        })
      })
    },

    async beginLegacyTask(caller, body) {
      const { uri, image: wish, input } = readLegacyImport(body)
      await refuseSource(uri, settings)
      // Where we die before the story is asked for, the image is there, queued, and whoever sees it may fill it.
      const image = await images.create(caller, wish)
      const taskId = randomUUID()
      await stories.commit(async (tx, ask) => {
        const order = {
          imageId: image.id,
          taskId,
          uploadId: randomUUID(),
          stores: [DEFAULT_STORE],
          mustAllSucceed: true,
          quotaProjectId: caller.projectId ?? '',
        }
        await tasks.insert(tx, { ...ownedBy(caller), id: taskId, type: 'import', imageId: image.id, input })
        await store.beginImport(tx, order)
        await ask(importStory, taskId as StoryId, { ...order, web: { uri, expected: {} } })
      })
      return taskId
    },

    async leaveStore(caller, id, from) {
      if (!stores.isKnown(from)) throw storeNotOnNode(from)
      const image = await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        authorizeOn('get_image_location', caller, image)
        authorizeOn('delete_image_location', caller, image)
        if (image.status !== 'active') {
          throw notInStore("It's not allowed to remove image data from store if image status is not 'active'")
        }
        if (image.importTask !== null) throw importUnderWay()
        if (image.stores.length === 1) throw lastStore()
        if (!image.stores.includes(from)) throw notStoredThere(image.id, from)
        await store.leaveStore(tx, image.id, from)
        return image
      })
      // After a crash here the gardener removes what lies around: no row says that it lies there. A copy may have brought
      // it there anew by now, and then it stays.
      await db.begin(async (tx) => {
        if (await data.lockWithoutNeedOfBytes(tx, from, image.id)) await stores.remove(from, image.id)
      })
    },
  }
}

function ownedBy({ projectId, userId, requestId }: Caller) {
  return { owner: projectId ?? '', userId, requestId }
}

/** A name without an address is left to the story: it may have one by then, and a client waits for the task anyway. */
async function refuseSource(uri: string, { web }: ImageSettings): Promise<void> {
  try {
    await allowedSource(uri, web)
  } catch (error) {
    if (!isDomainError(error, 'image.import.source-failed')) throw error
  }
}

/**
 * Whether an image may be imported or copied so, by this caller.
 * @returns the upload that staged its bytes, if that is where they come from
 */
async function examine(sql: Sql, caller: Caller, image: Image, { method }: ImportRequest): Promise<string | undefined> {
  if (method === 'copy-image' && image.status !== 'active') {
    throw importImpossible('Only images with status active can be targeted for copying')
  }
  if (method !== 'copy-image' && image.status === 'active') {
    throw importImpossible('Image with status active cannot be target for import')
  }
  if (method === 'web-download' && image.status !== 'queued') {
    throw importImpossible("Image needs to be in 'queued' state to use 'web-download' method")
  }
  const staged = method === 'glance-direct' ? await store.stagedUpload(sql, image.id) : undefined
  if (method === 'glance-direct' && staged === undefined) {
    throw importImpossible("Image needs to be staged before 'glance-direct' method can be used")
  }
  if (image.containerFormat === null) throw importImpossible("'container_format' needs to be set before import")
  if (image.diskFormat === null) throw importImpossible("'disk_format' needs to be set before import")
  authorizeOn(method === 'copy-image' ? 'copy_image' : 'modify_image', caller, image)
  if (image.importTask !== null) throw importUnderWay()
  return staged
}

/** Where a copy finds the image already it is not brought again: to all stores means to the rest of them. */
function storesFor(image: Image, { method, stores, isAllStores }: ImportRequest): string[] {
  if (method !== 'copy-image') return [...stores]
  const has = (store: string) => image.stores.includes(store)
  if (isAllStores) return stores.filter((store) => !has(store))
  const already = stores.find(has)
  if (already !== undefined) throw alreadyInStore(already)
  return [...stores]
}
