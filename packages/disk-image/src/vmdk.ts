/**
 * VMDK, of the two kinds that are one file: `monolithicSparse` and `streamOptimized`. Every other kind lists files.
 * Source: VMware's Virtual Disk Format 5.0; vmdk_open_vmdk4, vmdk_parent_open and vmdk_parse_extents in QEMU's
 * block/vmdk.c
 */
import type { DiskFile } from './disk-file.ts'
import { ImageRefused } from './refused.ts'

const SECTOR = 512
const GRAIN_DIRECTORY_AT_END = 0xffffffffffffffffn
/** Where QEMU reads the descriptor of a sparse file, whatever the header says. */
const DESCRIPTOR_SECTOR = 1n
/** How much of it QEMU reads. */
const DESCRIPTOR_SECTORS = 20n
const MOST_DESCRIPTOR_SECTORS = 128n

/** @returns the virtual size in bytes */
export async function checkVmdk(file: DiskFile): Promise<bigint> {
  const header = await file.read(0, SECTOR)
  if (header.toString('latin1', 0, 4) !== 'KDMV') {
    throw new ImageRefused('the VMDK is not a sparse file: it may name other files as its extents')
  }
  const capacity = checkHeader(header)
  if (header.readBigUInt64LE(56) === GRAIN_DIRECTORY_AT_END) await checkFooter(file, capacity)

  const descriptorAt = header.readBigUInt64LE(28)
  const declared = header.readBigUInt64LE(36)
  if (descriptorAt !== DESCRIPTOR_SECTOR || declared === 0n) {
    throw new ImageRefused('the VMDK does not have its descriptor where it belongs')
  }
  if (declared > MOST_DESCRIPTOR_SECTORS) throw new ImageRefused('the descriptor of the VMDK is too long')
  const sectors = declared > DESCRIPTOR_SECTORS ? declared : DESCRIPTOR_SECTORS
  const text = await file.read(SECTOR, Number(sectors) * SECTOR)
  // QEMU stops at the first zero; what hides behind it may be read by others, so both must be clean.
  checkDescriptor(text.toString('latin1').split('\0')[0]!)
  const behind = Number(declared) * SECTOR
  checkNoParent(text.toString('latin1', 0, behind))
  return capacity * BigInt(SECTOR)
}

function checkHeader(header: Buffer): bigint {
  const version = header.readUInt32LE(4)
  if (version < 1 || version > 3) throw new ImageRefused(`VMDK of version ${version} is not known`)
  const capacity = header.readBigUInt64LE(12)
  // QEMU takes such a file for a text that lists extents.
  if (capacity === 0n) throw new ImageRefused('the VMDK has no capacity of its own')
  if (capacity > 2n ** 54n) throw new ImageRefused('the VMDK claims a size beyond all measure')
  return capacity
}

/** A stream-optimized file says at its end what its header could not know yet. QEMU believes the end. */
async function checkFooter(file: DiskFile, capacity: bigint): Promise<void> {
  const footer = await file.read(file.sizeBytes - 2 * SECTOR, SECTOR)
  if (file.sizeBytes < 3 * SECTOR || footer.toString('latin1', 0, 4) !== 'KDMV') {
    throw new ImageRefused('the VMDK has no footer')
  }
  if (checkHeader(footer) !== capacity) throw new ImageRefused('the header and the footer of the VMDK differ')
  const descriptorAt = footer.readBigUInt64LE(28)
  if (descriptorAt !== DESCRIPTOR_SECTOR && descriptorAt !== 0n) {
    throw new ImageRefused('the header and the footer of the VMDK differ')
  }
}

function checkDescriptor(text: string): void {
  const lines = text.split(/\r?\n/)
  const type = lines.map((line) => /^\s*createType\s*=\s*"?([^"]*)"?\s*$/i.exec(line)?.[1]).find(Boolean)
  if (type !== 'monolithicSparse' && type !== 'streamOptimized') {
    throw new ImageRefused('the VMDK is neither monolithicSparse nor streamOptimized')
  }
  const extents = lines.filter((line) => /^\s*(RW|RDONLY|NOACCESS)\b/i.test(line))
  if (extents.length !== 1 || !/^\s*RW\s+\d+\s+SPARSE\s+"[^"/\\]*"\s*$/i.test(extents[0]!)) {
    throw new ImageRefused('the VMDK names something else than itself as its extents')
  }
  checkNoParent(text)
}

function checkNoParent(text: string): void {
  if (/parentFileNameHint/i.test(text)) throw new ImageRefused('the VMDK has a parent')
  for (const [, parent] of text.matchAll(/parentCID\s*=\s*([0-9a-z]*)/gi)) {
    if (parent!.toLowerCase() !== 'ffffffff') throw new ImageRefused('the VMDK has a parent')
  }
}
