/**
 * Images as this host keeps them: fetched once, inspected again, flat, read-only, shared by the overlays of all servers
 * that boot from them or from another image of the same bytes. `_base/<content id>-<format>.raw` is raw whatever the image
 * was, so that QEMU follows no header of a stranger's. Its name ends so because libvirt's helper for AppArmor, itself
 * confined, may read backing files by certain endings only, and what it cannot read the guest may not open.
 * Source: libvirt, src/security/apparmor/usr.lib.libvirt.virt-aa-helper.in
 */
import { statSync, unlinkSync } from 'node:fs'
import { chmod, mkdir, open, readdir, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ImageRefused, type Inspection, inspectDiskImage } from '@stratolith/disk-image'
import type { ImageId } from '../../ids.ts'
import type { ImageSource } from '../contract.ts'
import { runOnImage } from './host-tools.ts'
import { openJoined } from './joined.ts'
import { imageCutShort, imageUnacceptable, noRoom } from './problems.ts'
import { makeWhole, sweepUnfinished, unfinishedName } from './whole-files.ts'

export interface BaseImage {
  readonly path: string
  readonly virtualSizeBytes: number
}

export interface BaseImages {
  /** What `work` answers; until then the image stays. Fetched first where it is missing, once for all who ask at once. */
  use<T>(image: WantedImage, signal: AbortSignal, work: (base: BaseImage) => Promise<T>): Promise<T>
  /**
   * Removes those that nobody has used for so long, and answers which.
   * @param backing files that overlays lie on now
   */
  removeUnused(unusedForMs: number, backing: () => Promise<ReadonlySet<string>>): Promise<readonly string[]>
}

export interface WantedImage {
  readonly imageId: ImageId
  readonly contentId: string
  readonly imageFormat: string
  readonly imageSizeBytes: number
}

const ENDING = '.raw'
/** Formats whose bytes are the disk's. */
const FLAT = ['raw', 'iso', 'ami', 'aki', 'ari']
/** QEMU's names, where they differ from the API's. */
const QEMU_FORMAT: Readonly<Record<string, string>> = { vhd: 'vpc', ploop: 'parallels' }
/** What must stay free on the host's disk. */
const RESERVE_BYTES = 256 * 2 ** 20
/** The largest file that ext4 holds. */
const LARGEST_DISK_BYTES = 2 ** 44

export async function openBaseImages(dir: string, images: ImageSource): Promise<BaseImages> {
  await mkdir(dir, { recursive: true, mode: 0o711 })
  await sweepUnfinished(dir)
  const joined = openJoined()
  /** How many are making something on top of an image, and the images that somebody has done so with since a round began. */
  const users = new Map<string, number>()
  const usedMeanwhile = new Set<string>()

  const fetch = async (image: WantedImage, path: string, signal: AbortSignal) => {
    await requireRoom(dir, image.imageSizeBytes)
    const isFlat = FLAT.includes(image.imageFormat)
    await makeWhole(path, async (made) => {
      const fetched = isFlat ? made : unfinishedName(dir)
      try {
        await download(images, image, fetched, signal)
        const { virtualSizeBytes } = await inspect(image, fetched)
        if (!isFlat) await flatten(image, virtualSizeBytes, fetched, made, signal)
      } finally {
        if (!isFlat) await rm(fetched, { force: true })
      }
      await chmod(made, 0o444)
    })
  }

  const ensure = async (image: WantedImage, signal: AbortSignal): Promise<BaseImage> => {
    const name = nameOf(image)
    const path = join(dir, `${name}${ENDING}`)
    const standing = await sizeOf(path)
    if (standing === undefined) {
      let ours = false
      const joinFetch = () =>
        joined.run(name, signal, (calledOff) => {
          ours = true
          return fetch(image, path, calledOff)
        })
      // Another image of the same bytes may be what is fetched, and fail for a reason of its own.
      await joinFetch().catch((error: unknown) => {
        if (ours || signal.aborted) throw error
        return joinFetch()
      })
    }
    await usedNow(path)
    return { path, virtualSizeBytes: standing ?? (await stat(path)).size }
  }

  return {
    async use(image, signal, work) {
      const name = nameOf(image)
      // Counted before the first wait, so that it is either seen by who removes, or finds that the image is gone.
      users.set(name, (users.get(name) ?? 0) + 1)
      try {
        return await work(await ensure(image, signal))
      } finally {
        const left = users.get(name)! - 1
        if (left === 0) users.delete(name)
        else users.set(name, left)
        usedMeanwhile.add(name)
      }
    },

    async removeUnused(unusedForMs, backing) {
      return await joined.run('remove unused', undefined, async () => {
        usedMeanwhile.clear()
        const images = (await readdir(dir)).flatMap((file) => {
          const name = file.replace(/\.raw$/, '')
          return isName(name) ? [{ name, path: join(dir, file) }] : []
        })
        if (images.length === 0) return []
        const used = await backing()
        const removed: string[] = []
        for (const { name, path } of images) {
          if (used.has(path)) {
            await usedNow(path)
            continue
          }
          // From here on without a wait: no boot comes in between.
          if (users.has(name) || usedMeanwhile.has(name)) continue
          const found = statSync(path, { throwIfNoEntry: false })
          if (found === undefined || Date.now() - found.mtimeMs < unusedForMs) continue
          unlinkSync(path)
          removed.push(name)
        }
        return removed
      })
    },
  }
}

/** The same bytes are another disk where they are taken for another format. */
function nameOf({ imageId, contentId, imageFormat }: WantedImage): string {
  const name = `${contentId}-${FLAT.includes(imageFormat) ? 'raw' : imageFormat}`
  if (!isName(name)) throw new Error(`image ${imageId} has no content id: ${contentId}`)
  return name
}

/** No other file of ours: an unfinished one begins with a dot. */
function isName(name: string): boolean {
  return /^[0-9a-z-]{1,200}$/.test(name)
}

/** A base's time is when it was last wanted: its content never changes. */
async function usedNow(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now)
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    },
  )
}

async function requireRoom(dir: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir)
  const free = bavail * bsize
  if (free < neededBytes + RESERVE_BYTES) throw noRoom(neededBytes + RESERVE_BYTES, free)
}

/** Writes the image; long runs of zeros become holes. */
async function download(
  images: ImageSource,
  { imageId, imageSizeBytes }: WantedImage,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const source: Readable = await images.open(imageId, signal)
  await using file = await open(path, 'wx', 0o600)
  let at = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    signal.throwIfAborted()
    if (!isZero(chunk)) {
      for (let done = 0; done < chunk.length; ) {
        done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten
      }
    }
    at += chunk.length
  }
  await file.truncate(at)
  if (at !== imageSizeBytes) throw imageCutShort(imageId, imageSizeBytes, at)
}

/** Compares the bytes with themselves, one further: equal all along to a first zero. */
function isZero(bytes: Buffer): boolean {
  return bytes[0] === 0 && bytes.compare(bytes, 1, bytes.length, 0, bytes.length - 1) === 0
}

async function inspect({ imageId, imageFormat }: WantedImage, path: string): Promise<Inspection> {
  try {
    return await inspectDiskImage(path, { claimed: imageFormat, largestVirtualSizeBytes: LARGEST_DISK_BYTES })
  } catch (error) {
    if (error instanceof ImageRefused) throw imageUnacceptable(imageId, error.message, error)
    throw error
  }
}

/** From a format to plain bytes, with holes where it holds nothing. A small image may hold a huge one: there must be room. */
async function flatten(
  image: WantedImage,
  virtualSizeBytes: number,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const format = QEMU_FORMAT[image.imageFormat] ?? image.imageFormat
  const measured = await runOnImage(['measure', '--output=json', '-f', format, '-O', 'qcow2', from], {
    attempted: 'measure the image',
    signal,
  })
  await requireRoom(join(to, '..'), (JSON.parse(measured) as { required: number }).required)
  await runOnImage(['convert', '-f', format, '-O', 'raw', from, to], {
    attempted: 'convert the image',
    writesBytes: virtualSizeBytes,
    signal,
  })
}
