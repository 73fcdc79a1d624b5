/**
 * Where images may lie. `file` is always there and the default: the byte store itself. An operator may add further
 * folders by name, on other disks as a rule. The bytes of an image are the same in each of its stores.
 */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { isDomainError } from '../../domain-error.ts'
import type { ImageId } from '../../ids.ts'
import type { ByteStore } from '../data/byte-store.ts'
import { imageNotFound, storageFull } from '../errors.ts'
import type { FurtherStore } from '../settings.ts'
import { copySparse } from './copy-sparse.ts'

export const DEFAULT_STORE = 'file'

export interface StoreFacts {
  readonly id: string
  readonly description: string
  readonly dir: string
}

export interface Stores {
  /** The default first, then as the operator has them. */
  readonly all: readonly StoreFacts[]
  /** The byte store, with reading and removing extended to all stores. */
  readonly bytes: ByteStore
  isKnown(id: string): boolean
  /**
   * Makes ready what `keep` then gives its name: a flushed copy, under a name that no reader looks for. Where the default
   * store has received the bytes as `target`, they are that already. Repeating it makes it anew.
   */
  prepare(
    store: string,
    from: string,
    target: Target,
    options?: { signal?: AbortSignal; onCopied?: (bytes: number) => void },
  ): Promise<void>
  /** Gives what was prepared its name. Survives being repeated. */
  keep(store: string, target: Target): Promise<void>
  /** Removes what `prepare` has made. Finding nothing is fine. */
  discard(store: string, target: Target): Promise<void>
  /** Finding nothing is fine. */
  remove(store: string, imageId: ImageId): Promise<void>
  /** For reading, from the first of these that has it, or else from any. @throws DomainError not-found */
  open(imageId: ImageId, preferred: readonly string[]): Promise<FileHandle>
  /** A path under which the image can be read, in the first of these stores that has it. @throws DomainError not-found */
  find(imageId: ImageId, stores: readonly string[]): Promise<string>
  /** Whose bytes lie in a store. */
  kept(store: string): Promise<readonly ImageId[]>
  /** What was prepared in further stores, with the time since it was last written to. */
  prepared(): Promise<readonly (Target & { store: string; idleMs: number })[]>
}

export interface Target {
  readonly imageId: ImageId
  readonly uploadId: string
}

const INCOMING = 'incoming'
const READ_BYTES = 2 ** 20

/** @param dataDir where the byte store keeps its files, for operators to know */
export async function openStores(bytes: ByteStore, dataDir: string, further: readonly FurtherStore[]): Promise<Stores> {
  for (const { dir } of further) await mkdir(join(dir, INCOMING), { recursive: true, mode: 0o700 })
  const all: StoreFacts[] = [
    { id: DEFAULT_STORE, description: 'Files of the control plane', dir: dataDir },
    ...further.map(({ id, dir, description = 'Further files of the control plane' }) => ({ id, dir, description })),
  ]
  const dirs = new Map(further.map(({ id, dir }) => [id, dir]))
  const dirOf = (store: string) => {
    const dir = dirs.get(store)
    if (dir === undefined) throw new Error(`no further store ${store}`)
    return dir
  }
  const pathIn = (store: string, id: ImageId) => join(dirOf(store), id)
  const preparedPath = (store: string, { imageId, uploadId }: Target) =>
    store === DEFAULT_STORE
      ? bytes.incomingPath(imageId, uploadId)
      : join(dirOf(store), INCOMING, `${imageId}.${uploadId}`)

  const openAnywhere = async (id: ImageId, preferred: readonly string[] = []): Promise<FileHandle> => {
    for (const store of new Set([...preferred, ...all.map((each) => each.id)])) {
      try {
        return store === DEFAULT_STORE ? await bytes.open(id) : await open(pathIn(store, id), constants.O_RDONLY)
      } catch (error) {
        if (!isDomainError(error, 'image.image.not-found') && !isMissing(error)) throw error
      }
    }
    throw imageNotFound(id)
  }

  return {
    all,
    isKnown: (id) => all.some((store) => store.id === id),

    bytes:
      dirs.size === 0
        ? bytes
        : {
            ...bytes,
            open: (id) => openAnywhere(id),
            async remove(id) {
              await bytes.remove(id)
              for (const store of dirs.keys()) await removeIfThere(pathIn(store, id))
            },
          },

    open: openAnywhere,

    async prepare(store, from, target, { signal, onCopied } = {}) {
      const to = preparedPath(store, target)
      if (from === to) return
      try {
        await copySparse(from, to, { signal, onCopied })
      } catch (error) {
        const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')
        throw isFull ? storageFull(error) : error
      }
    },

    async keep(store, target) {
      if (store === DEFAULT_STORE) return await bytes.keep(preparedPath(store, target), target.imageId)
      const path = pathIn(store, target.imageId)
      await rename(preparedPath(store, target), path).catch(async (error) => {
        if (!isMissing(error)) throw error
        await stat(path) // It was kept before, or there is nothing to keep.
      })
      await flushFolder(dirOf(store))
    },

    async discard(store, target) {
      await removeIfThere(preparedPath(store, target))
    },

    async remove(store, id) {
      if (store === DEFAULT_STORE) await bytes.remove(id)
      else await removeIfThere(pathIn(store, id))
    },

    async find(id, stores) {
      for (const store of stores) {
        const path = store === DEFAULT_STORE ? join(dataDir, 'images', id) : dirs.has(store) ? pathIn(store, id) : ''
        if (path !== '' && (await isThere(path))) return path
      }
      throw imageNotFound(id)
    },

    async kept(store) {
      if (store === DEFAULT_STORE) return await bytes.kept()
      return (await readdir(dirOf(store))).filter((name) => name !== INCOMING) as ImageId[]
    },

    async prepared() {
      const found: (Target & { store: string; idleMs: number })[] = []
      for (const [store, dir] of dirs) {
        for (const name of await readdir(join(dir, INCOMING))) {
          const [imageId = '', uploadId = ''] = name.split('.')
          const facts = await stat(join(dir, INCOMING, name)).catch(() => undefined)
          if (facts === undefined) continue
          found.push({ store, imageId: imageId as ImageId, uploadId, idleMs: Date.now() - facts.mtimeMs })
        }
      }
      return found
    },
  }
}

/** The bytes of an image from `start` up to, not including, `end`, from whichever store has them. */
export async function readFromAnywhere(bytes: ByteStore, id: ImageId, { start, end }: { start: number; end: number }) {
  const file = await bytes.open(id)
  if (end <= start) {
    await file.close()
    return Readable.from([])
  }
  return file.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES })
}

/** Nor is it there where its folder is none. */
function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error) => {
    if (!isMissing(error)) throw error
  })
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error) => {
      if (isMissing(error)) return false
      throw error
    },
  )
}

/** A rename is on the disk only when its folder is. */
async function flushFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}
