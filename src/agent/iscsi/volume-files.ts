/** Volumes as sparse files, `ID.raw`, one directory. Files that are not finished end in `.part` and are nobody's. */
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { type Confinement, confinedQemuImg, ImageRefused, inspectDiskImage } from '@stratolith/disk-image'
import { DomainError } from '../../domain-error.ts'
import { type ImageId, isUuid, type VolumeId } from '../../ids.ts'
import type { ImageSource } from '../contract.ts'

export interface VolumeFiles {
  path(id: VolumeId): string
  /** @throws DomainError not-found, `agent.volume.unknown` */
  mustExist(id: VolumeId): Promise<void>
  create(id: VolumeId, sizeGiB: number): Promise<void>
  writeImage(id: VolumeId, image: { id: ImageId; format: string }, signal?: AbortSignal): Promise<void>
  copy(from: VolumeId, to: VolumeId, sizeGiB: number): Promise<void>
  /** Never shrinks. */
  grow(id: VolumeId, sizeGiB: number): Promise<void>
  remove(id: VolumeId): Promise<void>
  list(): Promise<readonly VolumeId[]>
  room(): Promise<{ totalGiB: number; freeGiB: number }>
}

const GIB = 1024 ** 3

/** QEMU's names for what the image service calls otherwise; every other name is the same in both. */
const QEMU_FORMATS: Readonly<Record<string, string>> = { vhd: 'vpc', ploop: 'parallels', iso: 'raw' }

/** An image may be made to take for ever, or to fill the memory of whoever reads it. */
const CONVERTING: Omit<Confinement, 'largestFileBytes'> = { cpuSeconds: 2 * 3600, memoryBytes: 4 * 2 ** 30 }

const run = promisify(execFile)

export async function openVolumeFiles(dir: string, images: ImageSource): Promise<VolumeFiles> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const path = (id: VolumeId) => join(dir, `${id}.raw`)
  const imagePart = (id: VolumeId) => join(dir, `${id}.image.part`)
  const copyPart = (id: VolumeId) => join(dir, `${id}.copy.part`)

  const sizeOf = async (id: VolumeId): Promise<number | undefined> => {
    try {
      return (await stat(path(id))).size
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
  const mustExist = async (id: VolumeId) => {
    if ((await sizeOf(id)) === undefined) {
      throw new DomainError('not-found', 'agent.volume.unknown', `There is no volume ${id} in ${dir}.`)
    }
  }
  const atLeast = async (file: string, sizeGiB: number) => {
    const handle = await open(file, 'r+')
    try {
      if ((await handle.stat()).size < sizeGiB * GIB) await handle.truncate(sizeGiB * GIB)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  return {
    path,
    mustExist,

    async create(id, sizeGiB) {
      const handle = await open(path(id), 'a', 0o600)
      await handle.close()
      await atLeast(path(id), sizeGiB)
    },

    async writeImage(id, { id: imageId, format }, signal) {
      await mustExist(id)
      const part = imagePart(id)
      try {
        const source = await images.open(imageId, signal)
        await pipeline(source, createWriteStream(part, { mode: 0o600 }), ...(signal === undefined ? [] : [{ signal }]))
        await convert(part, format, path(id), signal)
      } finally {
        await rm(part, { force: true })
      }
    },

    async copy(from, to, sizeGiB) {
      await mustExist(from)
      // A file of this name is a whole copy: it was made aside and renamed.
      if ((await sizeOf(to)) === undefined) {
        const part = copyPart(to)
        try {
          await run('cp', ['--sparse=always', '--reflink=auto', '--', path(from), part])
          await flush(part)
          await rename(part, path(to))
        } finally {
          await rm(part, { force: true })
        }
      }
      await atLeast(path(to), sizeGiB)
    },

    async grow(id, sizeGiB) {
      await mustExist(id)
      await atLeast(path(id), sizeGiB)
    },

    async remove(id) {
      for (const file of [path(id), imagePart(id), copyPart(id)]) await rm(file, { force: true })
    },

    async list() {
      const names = await readdir(dir)
      return names.flatMap((name) => {
        const id = name.endsWith('.raw') ? name.slice(0, -'.raw'.length) : ''
        return isUuid(id) ? [id as VolumeId] : []
      })
    },

    async room() {
      const { blocks, bavail, bsize } = await statfs(dir)
      return { totalGiB: hundredths((blocks * bsize) / GIB), freeGiB: hundredths((bavail * bsize) / GIB) }
    },
  }
}

/**
 * The image's bytes into the file that is there, keeping its size. QEMU is told the format and never guesses: a guest's
 * raw disk may begin like a qcow2 that names a file of the host. Whatever the image service saw, the image is looked at
 * again here, where its bytes are used.
 */
async function convert(image: string, format: string, target: string, signal: AbortSignal | undefined): Promise<void> {
  const { size, blocks } = await stat(target)
  try {
    await inspectDiskImage(image, { claimed: format === 'iso' ? 'raw' : format, largestVirtualSizeBytes: size })
  } catch (error) {
    if (!(error instanceof ImageRefused)) throw error
    throw new DomainError('invalid', 'agent.image.refused', `The image is refused: ${error.message}.`, { cause: error })
  }
  const qemuImg = await confinedQemuImg({ ...CONVERTING, largestFileBytes: size })
  if (qemuImg === undefined) throw new Error('qemu-img or prlimit is not installed')
  await run(
    qemuImg.program,
    [
      ...qemuImg.before,
      'convert',
      '-n',
      '-W',
      '-f',
      QEMU_FORMATS[format] ?? format,
      '-O',
      'raw',
      // Nothing was ever written: no zeros need be.
      ...(blocks === 0 ? ['--target-is-zero'] : []),
      image,
      target,
    ],
    signal === undefined ? {} : { signal },
  )
  await flush(target)
}

/** qemu-img and cp leave their writes in the cache. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function hundredths(value: number): number {
  return Math.floor(value * 100) / 100
}
