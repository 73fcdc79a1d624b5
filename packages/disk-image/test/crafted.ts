/** Images made by hand, byte by byte: small, valid, and each field at hand to be turned against its reader. */

/** An empty qcow2 of 1 MiB, version 3. */
export function aQcow2(change: (header: Buffer) => void = () => {}): Buffer {
  const image = Buffer.alloc(64 * 1024)
  image.write('QFI\xfb', 0, 'latin1')
  image.writeUInt32BE(3, 4)
  image.writeUInt32BE(16, 20) // clusters of 64 KiB
  image.writeBigUInt64BE(2n ** 20n, 24)
  image.writeUInt32BE(4, 96) // refcount order
  image.writeUInt32BE(104, 100)
  change(image)
  return image
}

const SECTOR = 512

export interface VmdkParts {
  readonly createType?: string
  readonly extents?: readonly string[]
  readonly more?: string
  readonly header?: (header: Buffer) => void
}

/** A monolithicSparse VMDK of 1 MiB. */
export function aVmdk({
  createType = 'monolithicSparse',
  extents = ['RW 2048 SPARSE "disk.vmdk"'],
  more = '',
  header = () => {},
}: VmdkParts = {}): Buffer {
  const image = Buffer.alloc(128 * SECTOR)
  image.write('KDMV', 0)
  image.writeUInt32LE(1, 4)
  image.writeUInt32LE(3, 8)
  image.writeBigUInt64LE(2048n, 12)
  image.writeBigUInt64LE(128n, 20)
  image.writeBigUInt64LE(1n, 28)
  image.writeBigUInt64LE(20n, 36)
  image.writeUInt32LE(512, 44)
  image.writeBigUInt64LE(21n, 48)
  image.writeBigUInt64LE(26n, 56)
  const descriptor = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=12345678',
    'parentCID=ffffffff',
    `createType="${createType}"`,
    ...extents,
    'ddb.adapterType = "ide"',
    more,
  ].join('\n')
  image.write(descriptor, SECTOR)
  header(image)
  return image
}

/** A fixed VHD of 1 MiB: the disk, then its footer. */
export function aFixedVhd(change: (footer: Buffer) => void = () => {}): Buffer {
  const footer = vhdFooter(2)
  change(footer)
  return Buffer.concat([Buffer.alloc(2 ** 20), footer])
}

/** A dynamic VHD of 1 MiB without a block. */
export function aDynamicVhd(change: (image: Buffer) => void = () => {}): Buffer {
  const image = Buffer.alloc(SECTOR + 1024 + SECTOR + SECTOR)
  vhdFooter(3).copy(image, 0)
  image.write('cxsparse', SECTOR)
  image.writeUInt32BE(1, SECTOR + 28)
  image.writeUInt32BE(2 ** 21, SECTOR + 32)
  vhdFooter(3).copy(image, image.length - SECTOR)
  change(image)
  return image
}

function vhdFooter(type: number): Buffer {
  const footer = Buffer.alloc(SECTOR)
  footer.write('conectix', 0)
  footer.writeBigUInt64BE(type === 2 ? 2n ** 64n - 1n : 512n, 16)
  footer.writeBigUInt64BE(2n ** 20n, 48)
  footer.writeUInt32BE(type, 60)
  return footer
}

const REGION_TABLES_AT = [192 * 1024, 256 * 1024]
const METADATA_AT = 2 ** 20
const GUIDS = {
  metadata: '06a27c8b90479a4bb8fe575f050f886e',
  fileParameters: '3767a1ca36fa434db3b633f0aa44e76b',
  virtualDiskSize: '2442a52f1bcd7648b2115dbed83bf4b8',
  parentLocator: '2d5fd3a80bb34d45abf7d3d84834ab0c',
}

/** The parts of a VHDX of 1 MiB that tell what it is. */
export function aVhdx({
  flags = 0,
  parentLocator = false,
  secondTableAt = METADATA_AT,
  blockBytes = 2 ** 20,
} = {}): Buffer {
  const image = Buffer.alloc(METADATA_AT + 128 * 1024)
  image.write('vhdxfile', 0)
  for (const [index, at] of REGION_TABLES_AT.entries()) {
    image.write('regi', at)
    image.writeUInt32LE(1, at + 8)
    Buffer.from(GUIDS.metadata, 'hex').copy(image, at + 16)
    image.writeBigUInt64LE(BigInt(index === 0 ? METADATA_AT : secondTableAt), at + 32)
    image.writeUInt32LE(2 ** 20, at + 40)
  }
  image.write('metadata', METADATA_AT)
  const items = [GUIDS.fileParameters, GUIDS.virtualDiskSize, ...(parentLocator ? [GUIDS.parentLocator] : [])]
  image.writeUInt16LE(items.length, METADATA_AT + 10)
  for (const [index, guid] of items.entries()) {
    const at = METADATA_AT + 32 + index * 32
    Buffer.from(guid, 'hex').copy(image, at)
    image.writeUInt32LE(64 * 1024 + index * 16, at + 16)
    image.writeUInt32LE(8, at + 20)
  }
  const values = METADATA_AT + 64 * 1024
  image.writeUInt32LE(blockBytes, values)
  image.writeUInt32LE(flags, values + 4)
  image.writeBigUInt64LE(2n ** 20n, values + 16)
  return image
}

/** A dynamic VDI of 1 MiB. */
export function aVdi(change: (header: Buffer) => void = () => {}): Buffer {
  const image = Buffer.alloc(1024)
  image.writeUInt32LE(0xbeda107f, 64)
  image.writeUInt32LE(0x00010001, 68)
  image.writeUInt32LE(400, 72)
  image.writeUInt32LE(1, 76)
  image.writeBigUInt64LE(2n ** 20n, 368)
  image.writeUInt32LE(2 ** 20, 376)
  image.writeUInt32LE(1, 384)
  change(image)
  return image
}

/** A ploop of 1 MiB. */
export function aPloop(change: (image: Buffer) => void = () => {}): Buffer {
  const image = Buffer.alloc(4096)
  image.write('WithouFreSpacExt')
  image.writeUInt32LE(2, 16)
  image.writeUInt32LE(2048, 28)
  image.writeUInt32LE(1, 32)
  image.writeBigUInt64LE(2048n, 36)
  change(image)
  return image
}

/** Nothing but the mark of an ISO 9660 file system. */
export function anIso(change: (image: Buffer) => void = () => {}): Buffer {
  const image = Buffer.alloc(0x8800)
  image.write('\x01CD001\x01', 0x8000, 'latin1')
  change(image)
  return image
}
