/**
 * Disks of servers as files of this host:
 *
 *     _base/<content>.raw      images, flat and shared; see base-images.ts
 *     <server id>/disk         the root disk: a qcow2 on top of its base
 *     <server id>/disk.<name>  blank disks; disk.config is the config drive
 *     <server id>/console.log  written by the hypervisor
 *
 * Every file is made under a temporary name and renamed, so whatever bears its name is whole.
 */
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { isUuid, type ServerId } from '../../ids.ts'
import type { ImageSource, PreparedDisk, ServerDisks } from '../contract.ts'
import { openBaseImages } from './base-images.ts'
import { writeConfigDrive } from './config-drive.ts'
import { runTool } from './host-tools.ts'
import { openJoined } from './joined.ts'
import { diskTooSmall } from './problems.ts'
import { makeWhole, sweepUnfinished } from './whole-files.ts'

interface Options {
  /** Where everything lies. The user that QEMU runs as must get through to it. */
  readonly dir: string
  readonly images: ImageSource
  readonly log: Logger
  /** How long an image stays that no disk lies on; a day if absent, as upstream (`remove_unused_original_minimum_age_seconds`). */
  readonly keepUnusedImagesMs?: number
}

/** libvirt gives a file to QEMU's user while its guest runs; nobody else reads what a guest wrote. */
const GUESTS_OWN = 0o600
const BASE = '_base'
const GiB = 2 ** 30
const DAY_MS = 86_400_000

export async function openServerDisks({
  dir,
  images,
  log,
  keepUnusedImagesMs = DAY_MS,
}: Options): Promise<ServerDisks> {
  await mkdir(dir, { recursive: true, mode: 0o711 })
  const bases = await openBaseImages(join(dir, BASE), images)
  const servers = async () => (await readdir(dir)).filter((name): name is ServerId => name !== BASE && isUuid(name))
  for (const server of await servers()) {
    if ((await sweepUnfinished(join(dir, server))) > 0) log.info({ server }, 'unfinished disks removed')
  }
  const joined = openJoined()
  const folderOf = (server: ServerId) => {
    if (!isUuid(server)) throw new Error(`not a server id: ${server}`)
    return join(dir, server)
  }
  const ensureFolder = async (server: ServerId) => {
    const folder = folderOf(server)
    await mkdir(folder, { mode: 0o711 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    return folder
  }

  return {
    async ensureRootDisk(order, signal) {
      const path = join(await ensureFolder(order.serverId), 'disk')
      return await joined.run(path, signal, async (calledOff): Promise<PreparedDisk> => {
        const wantedBytes = order.diskGiB * GiB
        const standing = await virtualSizeOf(path)
        if (standing === undefined) {
          await bases.use(order, calledOff, async (base) => {
            if (wantedBytes > 0 && wantedBytes < base.virtualSizeBytes) {
              throw diskTooSmall(order.diskGiB, base.virtualSizeBytes)
            }
            const sizeBytes = wantedBytes || base.virtualSizeBytes
            await makeWhole(
              path,
              async (temporary) => {
                const args = ['create', '-q', '-f', 'qcow2', '-b', base.path, '-F', 'raw', temporary, `${sizeBytes}`]
                await runTool('qemu-img', args, { attempted: 'make the root disk', signal: calledOff })
              },
              GUESTS_OWN,
            )
          })
        } else if (standing < wantedBytes) {
          const args = ['resize', '-q', '-f', 'qcow2', path, `${wantedBytes}`]
          await runTool('qemu-img', args, { attempted: 'grow the root disk', signal: calledOff })
        }
        return { path, format: 'qcow2' }
      })
    },

    async ensureBlankDisk(serverId, name, sizeMiB) {
      if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name) || name === 'config') throw new Error(`not a disk's name: ${name}`)
      const path = join(await ensureFolder(serverId), `disk.${name}`)
      return await joined.run(path, undefined, async (): Promise<PreparedDisk> => {
        if ((await virtualSizeOf(path)) === undefined) {
          await makeWhole(
            path,
            async (temporary) => {
              const args = ['create', '-q', '-f', 'qcow2', temporary, `${sizeMiB}M`]
              await runTool('qemu-img', args, { attempted: 'make a blank disk' })
            },
            GUESTS_OWN,
          )
        }
        return { path, format: 'qcow2' }
      })
    },

    async ensureConfigDrive(serverId, files) {
      const folder = await ensureFolder(serverId)
      const path = join(folder, 'disk.config')
      // Made anew each time, for what it tells may have changed.
      await makeWhole(path, (temporary) => writeConfigDrive(temporary, folder, files), GUESTS_OWN)
      return { path, format: 'raw' }
    },

    async removeServer(serverId) {
      await rm(folderOf(serverId), { force: true, recursive: true })
    },

    list: servers,

    async removeUnusedImages() {
      return await bases.removeUnused(keepUnusedImagesMs, async () => {
        const backing = new Set<string>()
        for (const server of await servers()) {
          const file = await backingFileOf(join(dir, server, 'disk'))
          if (file !== undefined) backing.add(file)
        }
        return backing
      })
    },
  }
}

/** The size that a qcow2 of our own making claims; nothing where there is none. */
async function virtualSizeOf(path: string): Promise<number | undefined> {
  return await reading(path, async (file) => Number((await bytesAt(file, 24, 8)).readBigUInt64BE()))
}

/** What a qcow2 of our own making lies on; nothing where there is none. Source: QEMU, docs/interop/qcow2.txt */
async function backingFileOf(path: string): Promise<string | undefined> {
  return await reading(path, async (file) => {
    const header = await bytesAt(file, 0, 20)
    const [at, length] = [Number(header.readBigUInt64BE(8)), header.readUInt32BE(16)]
    return at === 0 ? undefined : (await bytesAt(file, at, length)).toString()
  })
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw new Error('a qcow2 file ends within its header')
  return buffer
}

async function reading<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  try {
    await using file = await open(path, 'r')
    return await read(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
