/** VDI, VirtualBox's. Source: block/vdi.c of QEMU */
import type { DiskFile } from './disk-file.ts'
import { ImageRefused } from './refused.ts'

const HEADER_BYTES = 512
const VERSION_1_1 = 0x00010001
const DYNAMIC = 1
const STATIC = 2
const LINK_AT = 424
const PARENT_AT = 440
const UUID_BYTES = 16
const BLOCK_BYTES = 2 ** 20

/** @returns the virtual size in bytes */
export async function checkVdi(file: DiskFile): Promise<bigint> {
  const header = await file.read(0, HEADER_BYTES)
  if (header.readUInt32LE(68) !== VERSION_1_1) throw new ImageRefused('VDI of this version is not known')
  const type = header.readUInt32LE(76)
  if (type !== DYNAMIC && type !== STATIC) throw new ImageRefused('the VDI holds the difference to another disk')
  for (const at of [LINK_AT, PARENT_AT]) {
    if (header.subarray(at, at + UUID_BYTES).some((byte) => byte !== 0)) throw new ImageRefused('the VDI has a parent')
  }
  const sizeBytes = header.readBigUInt64LE(368)
  if (header.readUInt32LE(376) !== BLOCK_BYTES) throw new ImageRefused('the VDI has blocks of another size than 1 MiB')
  // The table of blocks is read into memory whole.
  const blocks = (sizeBytes + BigInt(BLOCK_BYTES) - 1n) / BigInt(BLOCK_BYTES)
  if (BigInt(header.readUInt32LE(384)) !== blocks)
    throw new ImageRefused('the VDI has not the blocks that its disk has')
  return sizeBytes
}
