/** VHDX. Source: Microsoft's MS-VHDX; block/vhdx.c of QEMU */
import type { DiskFile } from './disk-file.ts'
import { ImageRefused } from './refused.ts'

const REGION_TABLES_AT = [192 * 1024, 256 * 1024]
const REGION_TABLE_BYTES = 64 * 1024
const METADATA_TABLE_BYTES = 64 * 1024
/** GUIDs as they lie on the disk. */
const METADATA_REGION = Buffer.from('06a27c8b90479a4bb8fe575f050f886e', 'hex')
const FILE_PARAMETERS = Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex')
const VIRTUAL_DISK_SIZE = Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex')
const PARENT_LOCATOR = Buffer.from('2d5fd3a80bb34d45abf7d3d84834ab0c', 'hex')
const HAS_PARENT = 2

/** @returns the virtual size in bytes */
export async function checkVhdx(file: DiskFile): Promise<bigint> {
  const metadataAt = await findMetadata(file)
  const table = await file.read(metadataAt, METADATA_TABLE_BYTES)
  if (table.toString('latin1', 0, 8) !== 'metadata') throw new ImageRefused('the VHDX has no metadata')
  const count = table.readUInt16LE(10)
  if (count > 2047) throw new ImageRefused('the metadata of the VHDX is too long')
  let virtualSize: bigint | undefined
  let blockBytes: number | undefined
  for (let entry = 0; entry < count; entry++) {
    const at = 32 + entry * 32
    const id = table.subarray(at, at + 16)
    const itemAt = metadataAt + BigInt(table.readUInt32LE(at + 16))
    if (id.equals(PARENT_LOCATOR)) throw new ImageRefused('the VHDX names a parent')
    if (id.equals(FILE_PARAMETERS)) {
      const parameters = await file.read(itemAt, 8)
      blockBytes = parameters.readUInt32LE(0)
      const flags = parameters.readUInt32LE(4)
      if ((flags & HAS_PARENT) !== 0) throw new ImageRefused('the VHDX holds the difference to another disk')
    }
    if (id.equals(VIRTUAL_DISK_SIZE)) virtualSize = (await file.read(itemAt, 8)).readBigUInt64LE(0)
  }
  if (virtualSize === undefined || blockBytes === undefined) {
    throw new ImageRefused('the VHDX does not say how large it is')
  }
  if (blockBytes < 2 ** 20 || blockBytes > 2 ** 28 || (blockBytes & (blockBytes - 1)) !== 0) {
    throw new ImageRefused(`the VHDX has blocks of ${blockBytes} bytes`)
  }
  return virtualSize
}

/** Both copies of the table must tell the same, for who knows which one is believed. */
async function findMetadata(file: DiskFile): Promise<bigint> {
  const found = new Set<bigint>()
  for (const at of REGION_TABLES_AT) {
    const table = await file.read(at, REGION_TABLE_BYTES)
    if (table.toString('latin1', 0, 4) !== 'regi') continue
    const count = table.readUInt32LE(8)
    if (count > 2047) throw new ImageRefused('the region table of the VHDX is too long')
    for (let entry = 0; entry < count; entry++) {
      const entryAt = 16 + entry * 32
      if (table.subarray(entryAt, entryAt + 16).equals(METADATA_REGION)) found.add(table.readBigUInt64LE(entryAt + 16))
    }
  }
  const [only, ...others] = found
  if (only === undefined) throw new ImageRefused('the VHDX has no metadata')
  if (others.length > 0) throw new ImageRefused('the region tables of the VHDX differ')
  return only
}
