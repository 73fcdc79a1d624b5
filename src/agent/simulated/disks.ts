/** Pretend disks of servers: names and sizes. No image is fetched; the paths lead nowhere. */
import type { ServerId } from '../../ids.ts'
import type { PreparedDisk, ServerDisks } from '../contract.ts'
import type { Table } from './journal.ts'

export interface DiskRow {
  readonly serverId: ServerId
  readonly path: string
  readonly format: 'raw' | 'qcow2'
  readonly sizeMiB: number
}

/** `configDrives` keeps the files of config drives by server, for tests to read. */
export function simulateDisks(
  disks: Table<DiskRow>,
  host: string,
  configDrives: Map<ServerId, ReadonlyMap<string, Uint8Array>>,
): ServerDisks {
  const ensure = (serverId: ServerId, name: string, format: 'raw' | 'qcow2', sizeMiB: number): PreparedDisk => {
    const path = `/simulated/${host}/servers/${serverId}/${name}`
    if (!disks.has(path)) disks.set(path, { serverId, path, format, sizeMiB })
    return { path, format }
  }
  return {
    async ensureRootDisk(order, signal) {
      signal?.throwIfAborted()
      return ensure(order.serverId, 'root.qcow2', 'qcow2', order.diskGiB * 1024)
    },
    async ensureBlankDisk(serverId, name, sizeMiB) {
      return ensure(serverId, `${name}.qcow2`, 'qcow2', sizeMiB)
    },
    async ensureConfigDrive(serverId, files) {
      let bytes = 0
      for (const content of files.values()) bytes += content.byteLength
      configDrives.set(serverId, files)
      return ensure(serverId, 'config-drive.iso', 'raw', Math.ceil(bytes / 1024 / 1024))
    },
    async removeServer(serverId) {
      configDrives.delete(serverId)
      for (const disk of disks.values()) if (disk.serverId === serverId) disks.delete(disk.path)
    },
    async list() {
      return [...new Set(disks.values().map((disk) => disk.serverId))]
    },
    async removeUnusedImages() {
      return []
    },
  }
}
