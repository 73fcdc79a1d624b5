/**
 * Where the bytes of images lie: `images/<image id>`, whole and flushed, or in `incoming/` under a name that no reader
 * looks for. A file gets its final name only in the transaction that makes its image active, so every other file is
 * somebody's upload or rubbish; the gardener (./gardener.ts) tells them apart.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { ImageId } from '../../ids.ts'
import { imageNotFound } from '../errors.ts'
import { openHashPool } from './hashing.ts'
import { receive, type Received } from './receive.ts'
import { openTurns } from './turns.ts'

export interface ByteStore {
  /** Writes a stream to a temporary file of that upload, hashing it. See ./receive.ts for what it throws. */
  receive(order: {
    imageId: ImageId
    uploadId: string
    source: Readable
    capBytes: number
    idleMs: number
  }): Promise<Received>
  /** Where the bytes of an upload are, while they are not the image's. */
  incomingPath(imageId: ImageId, uploadId: string): string
  /** Gives a received file its final name, replacing what may stand there. Survives a power cut, and being repeated. */
  keep(path: string, id: ImageId): Promise<void>
  /** Removes what an upload has left. Finding nothing is fine. */
  discard(imageId: ImageId, uploadId: string): Promise<void>
  /** The bytes from `start` up to, not including, `end`. */
  read(id: ImageId, range: { start: number; end: number }): Readable
  /** For reading, by whom it is given to. @throws DomainError not-found, where the bytes have just gone */
  open(id: ImageId): Promise<FileHandle>
  /** Finding nothing is fine. */
  remove(id: ImageId): Promise<void>
  /** What lies in `incoming/`, with the time since it was last written to. */
  incoming(): Promise<readonly { imageId: ImageId; uploadId: string; idleMs: number }[]>
  /** Whose bytes lie in `images/`. */
  kept(): Promise<readonly ImageId[]>
  close(): Promise<void>
}

/** How much is read at once for a download: each read crosses to a pool thread and back. */
const READ_BYTES = 2 ** 20
const FLUSHES_AT_ONCE = 1

export async function openByteStore(dir: string): Promise<ByteStore> {
  const images = join(dir, 'images')
  const incoming = join(dir, 'incoming')
  for (const folder of [images, incoming]) await mkdir(folder, { recursive: true, mode: 0o700 })
  const tools = { hashes: openHashPool(), flushing: openTurns(FLUSHES_AT_ONCE) }
  const path = (id: ImageId) => join(images, id)
  const incomingPath = (imageId: ImageId, uploadId: string) => join(incoming, `${imageId}.${uploadId}`)

  return {
    async receive({ imageId, uploadId, ...order }) {
      return await receive({ ...order, path: incomingPath(imageId, uploadId) }, tools)
    },

    incomingPath,

    async keep(from, id) {
      await rename(from, path(id)).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
        await stat(path(id)) // It was kept before, or there is nothing to keep.
      })
      await flushFolder(images)
    },

    async discard(imageId, uploadId) {
      await rm(incomingPath(imageId, uploadId), { force: true })
    },

    read(id, { start, end }) {
      return createReadStream(path(id), { start, end: end - 1, highWaterMark: READ_BYTES })
    },

    async open(id) {
      try {
        return await open(path(id), 'r')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw imageNotFound(id)
        throw error
      }
    },

    async remove(id) {
      await rm(path(id), { force: true })
    },

    async incoming() {
      const files = await Promise.all(
        (await readdir(incoming)).map(async (name) => {
          const [imageId = '', uploadId = ''] = name.split('.')
          const facts = await stat(join(incoming, name)).catch(() => undefined)
          return facts && { imageId: imageId as ImageId, uploadId, idleMs: Date.now() - facts.mtimeMs }
        }),
      )
      return files.filter((file) => file !== undefined)
    },

    async kept() {
      return (await readdir(images)) as ImageId[]
    },

    async close() {
      await tools.hashes.close()
    },
  }
}

/** A rename is on the disk only when its folder is. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
