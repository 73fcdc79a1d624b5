/**
 * Staging and import: bytes come first, to no place that anybody reads, and become the image's when the owner says so.
 * Source: stage in glance/api/v2/image_data.py, import_image in glance/api/v2/images.py
 */
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import type { StoryId } from '../../ids.ts'
import { admit, type DataTools, withLease } from '../data/data.ts'
import * as data from '../data/store.ts'
import { goneWhileUploading, importImpossible, invalidBody, sizeMismatch, storeNotFound } from '../errors.ts'
import { authorizeOn } from '../images/access.ts'
import { visibleImage } from '../images/images.ts'
import { STORE } from '../images/view.ts'
import * as tasks from '../tasks/store.ts'
import type { ImportOrder } from './import-image.ts'

/** In the order in which clients are told of them. */
export const IMPORT_METHODS = ['glance-direct'] as const

export interface ImportRules {
  /** Takes the bytes of a queued image aside; it is `uploading` when this resolves, and queued again when it throws. */
  stage(caller: Caller, id: string, source: Readable, declaredBytes: number | undefined): Promise<void>
  /** Begins the import of what was staged; the image is `importing` when this resolves. */
  begin(caller: Caller, id: string, body: unknown, storeHeader: string | undefined): Promise<void>
}

interface Tools extends DataTools {
  readonly stories: Stories
  readonly story: Story<ImportOrder>
}

export function importRules(tools: Tools): ImportRules {
  const { db, settings, bytes, stories, story } = tools
  return {
    async stage(caller, id, source, declaredBytes) {
      const uploadId = randomUUID()
      const { image, capBytes } = await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        authorizeOn('modify_image', caller, image)
        return { image, capBytes: await admit(tx, image, uploadId, 'uploading', declaredBytes, settings) }
      })
      try {
        const received = await withLease(tools, image.id, uploadId, () =>
          bytes.receive({ imageId: image.id, uploadId, source, capBytes, idleMs: settings.uploadIdleMs }),
        )
        if (declaredBytes !== undefined && received.sizeBytes !== declaredBytes) {
          throw sizeMismatch(declaredBytes, received.sizeBytes)
        }
        if (!(await data.becomeStaged(db, image.id, uploadId, received))) throw goneWhileUploading(image.id)
      } catch (error) {
        await bytes.discard(image.id, uploadId)
        await data.giveUpUpload(db, image.id, uploadId)
        throw error
      }
    },

    async begin(caller, id, body, storeHeader) {
      const request = readImport(body, storeHeader)
      const taskId = randomUUID()
      await stories.commit(async (tx, ask) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        const uploadId = await data.stagedUpload(tx, image.id)
        if (image.status === 'active') {
          throw importImpossible('Image with status active cannot be target for import')
        }
        if (uploadId === undefined) {
          throw importImpossible("Image needs to be staged before 'glance-direct' method can be used")
        }
        for (const name of ['containerFormat', 'diskFormat'] as const) {
          const shown = name === 'diskFormat' ? 'disk_format' : 'container_format'
          if (image[name] === null) throw importImpossible(`'${shown}' needs to be set before import`)
        }
        authorizeOn('modify_image', caller, image)
        await data.beginImport(tx, image.id)
        await tasks.insert(tx, {
          id: taskId,
          type: 'api_image_import',
          owner: caller.projectId ?? '',
          userId: caller.userId,
          requestId: caller.requestId,
          imageId: image.id,
          input: { image_id: image.id, import_req: request, backend: [STORE] },
        })
        await ask(story, taskId as StoryId, { imageId: image.id, taskId, uploadId })
      })
    },
  }
}

interface ImportRequest {
  readonly method: { readonly name: string }
  readonly [option: string]: unknown
}

function readImport(body: unknown, storeHeader: string | undefined): ImportRequest {
  if (body === undefined || body === null) throw invalidBody('Body expected in request.')
  const { method, all_stores = false, all_stores_must_succeed = true, stores } = body as Record<string, unknown>
  if (method === undefined) throw invalidBody("Import request requires a 'method' field.")
  const name = typeof method === 'object' && method !== null ? (method as { name?: unknown }).name : undefined
  if (typeof name !== 'string') throw invalidBody("Import request requires a 'name' field.")
  if (!(IMPORT_METHODS as readonly string[]).includes(name)) {
    throw invalidBody(`Unknown import method name '${name.slice(0, 64)}'.`)
  }
  if (typeof all_stores_must_succeed !== 'boolean') {
    throw invalidBody("'all_stores_must_succeed' must be boolean value only")
  }
  if (typeof all_stores !== 'boolean') throw invalidBody("'all_stores' must be boolean value only")
  if (stores !== undefined && storeHeader !== undefined) {
    throw invalidBody("Stores parameter and x-image-meta-store header can't be both specified")
  }
  if (all_stores && (stores !== undefined || storeHeader !== undefined)) {
    throw invalidBody("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
  }
  if (stores !== undefined && !(Array.isArray(stores) && stores.every((store) => typeof store === 'string'))) {
    throw invalidBody("'stores' must be a list of store ids")
  }
  const unknown = [...((stores as string[] | undefined) ?? []), storeHeader ?? STORE].find((store) => store !== STORE)
  if (unknown !== undefined) throw importImpossible(storeNotFound(unknown).message)
  return body as ImportRequest
}
