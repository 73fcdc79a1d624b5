/** Parallels' format, which Virtuozzo calls ploop. Source: docs/interop/parallels.txt of QEMU */
import type { DiskFile } from './disk-file.ts'
import { ImageRefused } from './refused.ts'

const VERSION = 2
const SECTOR = 512n

/** @returns the virtual size in bytes */
export async function checkPloop(file: DiskFile): Promise<bigint> {
  const header = await file.read(0, 64)
  if (header.readUInt32LE(16) !== VERSION) throw new ImageRefused('ploop of this version is not known')
  if (header.readUInt32LE(28) === 0) throw new ImageRefused('the ploop has clusters of no size')
  // The table of clusters is read into memory whole, and lies in the file.
  if (header.readUInt32LE(32) * 4 > file.sizeBytes) throw new ImageRefused('the table of the ploop leaves the file')
  // The older magic leaves the upper half of the size undefined.
  const isOld = header.toString('latin1', 0, 16) === 'WithoutFreeSpace'
  return (isOld ? BigInt(header.readUInt32LE(36)) : header.readBigUInt64LE(36)) * SECTOR
}
