/** VHD, which QEMU calls vpc. Source: Microsoft's Virtual Hard Disk Image Format Specification 1.0 */
import type { DiskFile } from './disk-file.ts'
import { ImageRefused } from './refused.ts'

const FOOTER_BYTES = 512
const FIXED = 2
const DYNAMIC = 3
const DIFFERENCING = 4
const PARENT_LOCATORS_AT = 576
const PARENT_LOCATORS = 8
const PARENT_LOCATOR_BYTES = 24
const LARGEST_BLOCK_BYTES = 2 ** 28
const LARGEST_TABLE_BYTES = 64 * 2 ** 20

/** @returns the virtual size in bytes */
export async function checkVhd(file: DiskFile): Promise<bigint> {
  // A dynamic disk has a copy of its footer at the beginning, which is what QEMU reads; a fixed one has none.
  const head = await file.read(0, FOOTER_BYTES)
  const tail = file.sizeBytes < FOOTER_BYTES ? head : await file.read(file.sizeBytes - FOOTER_BYTES, FOOTER_BYTES)
  const footers = [head, tail].filter((footer) => footer.toString('latin1', 0, 8) === 'conectix')
  const [footer] = footers
  if (footer === undefined) throw new ImageRefused('the VHD has no footer')
  for (const each of footers) {
    const type = each.readUInt32BE(60)
    if (type === DIFFERENCING) throw new ImageRefused('the VHD holds the difference to another disk')
    if (type !== FIXED && type !== DYNAMIC) throw new ImageRefused(`VHD of type ${type} is not known`)
  }
  const sizeBytes = footer.readBigUInt64BE(48)
  if (footer.readUInt32BE(60) === DYNAMIC) await checkDynamic(file, footer)
  else if (sizeBytes > BigInt(file.sizeBytes)) throw new ImageRefused('the fixed VHD is shorter than its disk')
  return sizeBytes
}

async function checkDynamic(file: DiskFile, footer: Buffer): Promise<void> {
  const header = await file.read(footer.readBigUInt64BE(16), 1024)
  if (header.toString('latin1', 0, 8) !== 'cxsparse') throw new ImageRefused('the dynamic VHD has no header')
  const blockBytes = header.readUInt32BE(32)
  if (blockBytes < 512 || blockBytes > LARGEST_BLOCK_BYTES || (blockBytes & (blockBytes - 1)) !== 0) {
    throw new ImageRefused(`the dynamic VHD has blocks of ${blockBytes} bytes`)
  }
  // The table of blocks is read into memory whole.
  if (header.readUInt32BE(28) * 4 > LARGEST_TABLE_BYTES) throw new ImageRefused('the table of the VHD is too large')
  const locators = header.subarray(PARENT_LOCATORS_AT, PARENT_LOCATORS_AT + PARENT_LOCATORS * PARENT_LOCATOR_BYTES)
  for (let at = 0; at < locators.length; at += PARENT_LOCATOR_BYTES) {
    if (locators.readUInt32BE(at) !== 0) throw new ImageRefused('the VHD names a parent')
  }
}
