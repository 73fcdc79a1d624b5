/**
 * Images as this host keeps them: fetched once, inspected again, flat, read-only, shared by the overlays of all servers
 * that boot from them. `_base/<image id>` is raw whatever the image was, so that QEMU follows no header of a stranger's.
 */
import { chmod, mkdir, open, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ImageRefused, inspectDiskImage } from '@stratolith/disk-image'
import type { ImageId } from '../../ids.ts'
import type { ImageSource } from '../contract.ts'
import { runTool } from './host-tools.ts'
import { openJoined } from './joined.ts'
import { imageCutShort, imageUnacceptable, noRoom } from './problems.ts'
import { makeWhole, sweepUnfinished, unfinishedName } from './whole-files.ts'

export interface BaseImage {
  readonly path: string
  readonly virtualSizeBytes: number
}

export interface BaseImages {
  /** Joined by all who ask for the same image at once. */
  ensure(image: WantedImage, signal?: AbortSignal): Promise<BaseImage>
}

export interface WantedImage {
  readonly imageId: ImageId
  readonly imageFormat: string
  readonly imageSizeBytes: number
}

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

  const fetch = async (image: WantedImage, path: string, signal: AbortSignal) => {
    await requireRoom(dir, image.imageSizeBytes)
    const isFlat = FLAT.includes(image.imageFormat)
    await makeWhole(path, async (made) => {
      const fetched = isFlat ? made : unfinishedName(dir)
      try {
        await download(images, image, fetched, signal)
        await inspect(image, fetched)
        if (!isFlat) await flatten(image, fetched, made, signal)
      } finally {
        if (!isFlat) await rm(fetched, { force: true })
      }
      await chmod(made, 0o444)
    })
  }

  return {
    async ensure(image, signal) {
      const path = join(dir, image.imageId)
      const standing = await sizeOf(path)
      if (standing === undefined) await joined.run(image.imageId, signal, (calledOff) => fetch(image, path, calledOff))
      // When it was last wanted, for those who must make room some day.
      const now = new Date()
      await utimes(path, now, now)
      return { path, virtualSizeBytes: standing ?? (await stat(path)).size }
    },
  }
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

async function inspect({ imageId, imageFormat }: WantedImage, path: string): Promise<void> {
  try {
    await inspectDiskImage(path, { claimed: imageFormat, largestVirtualSizeBytes: LARGEST_DISK_BYTES })
  } catch (error) {
    if (error instanceof ImageRefused) throw imageUnacceptable(imageId, error.message, error)
    throw error
  }
}

/** From a format to plain bytes, with holes where it holds nothing. A small image may hold a huge one: there must be room. */
async function flatten(image: WantedImage, from: string, to: string, signal: AbortSignal): Promise<void> {
  const format = QEMU_FORMAT[image.imageFormat] ?? image.imageFormat
  const measured = await runTool('qemu-img', ['measure', '--output=json', '-f', format, '-O', 'qcow2', from], {
    attempted: 'measure the image',
    signal,
  })
  await requireRoom(join(to, '..'), (JSON.parse(measured) as { required: number }).required)
  await runTool('qemu-img', ['convert', '-f', format, '-O', 'raw', from, to], {
    attempted: 'convert the image',
    signal,
  })
}
