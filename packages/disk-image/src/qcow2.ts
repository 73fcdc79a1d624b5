/** qcow2. Source: QEMU's docs/interop/qcow2.txt */
import type { DiskFile } from './disk-file.ts'
import { ImageRefused } from './refused.ts'

const HEADER_BYTES = 112
const INCOMPATIBLE = { dirty: 0, corrupt: 1, externalDataFile: 2, compressionType: 3, extendedL2: 4 } as const
const KNOWN_BITS = Object.values(INCOMPATIBLE).reduce((all, bit) => all | (1n << BigInt(bit)), 0n)
const DATA_FILE_EXTENSION = 0x44415441
const ENCRYPTION_EXTENSION = 0x0537be77
const END_OF_EXTENSIONS = 0
/** Extensions lie within the first cluster, which is never larger. */
const LARGEST_CLUSTER_BITS = 21
const MOST_EXTENSIONS = 64
/** QEMU's own bounds, of tables that it reads into memory whole. */
const LARGEST_L1_BYTES = 32 * 2 ** 20
const LARGEST_REFCOUNT_TABLE_BYTES = 8 * 2 ** 20
/** Nobody publishes an image with snapshots inside; each has a table of its own. */
const MOST_SNAPSHOTS = 16

/** @returns the virtual size in bytes */
export async function checkQcow2(file: DiskFile): Promise<bigint> {
  const header = await file.read(0, HEADER_BYTES)
  const version = header.readUInt32BE(4)
  if (version !== 2 && version !== 3) throw new ImageRefused(`qcow2 of version ${version} is not known`)
  if (header.readBigUInt64BE(8) !== 0n) throw new ImageRefused('the qcow2 has a backing file')
  const clusterBits = header.readUInt32BE(20)
  if (clusterBits < 9 || clusterBits > LARGEST_CLUSTER_BITS) {
    throw new ImageRefused(`the qcow2 has clusters of 2^${clusterBits} bytes`)
  }
  if (header.readUInt32BE(32) !== 0) throw new ImageRefused('the qcow2 is encrypted')
  const headerBytes = version === 2 ? 72 : header.readUInt32BE(100)
  if (version === 3) checkVersion3(header, headerBytes)
  await checkExtensions(file, headerBytes, 2 ** clusterBits)
  checkTables(header, clusterBits)
  return header.readBigUInt64BE(24)
}

/** A small file may declare tables that fill the memory of whoever reads them. */
function checkTables(header: Buffer, clusterBits: number): void {
  const l1Entries = header.readUInt32BE(36)
  if (l1Entries * 8 > LARGEST_L1_BYTES) throw new ImageRefused('the L1 table of the qcow2 is too large')
  if (header.readUInt32BE(56) * 2 ** clusterBits > LARGEST_REFCOUNT_TABLE_BYTES) {
    throw new ImageRefused('the refcount table of the qcow2 is too large')
  }
  if (header.readUInt32BE(60) > MOST_SNAPSHOTS) throw new ImageRefused('the qcow2 holds too many snapshots')
}

function checkVersion3(header: Buffer, headerBytes: number): void {
  if (headerBytes < 104 || headerBytes > 4096 || headerBytes % 8 !== 0) {
    throw new ImageRefused(`the qcow2 has a header of ${headerBytes} bytes`)
  }
  const features = header.readBigUInt64BE(72)
  const has = (bit: number) => (features & (1n << BigInt(bit))) !== 0n
  if (has(INCOMPATIBLE.externalDataFile)) throw new ImageRefused('the qcow2 keeps its data in another file')
  if ((features & ~KNOWN_BITS) !== 0n) throw new ImageRefused('the qcow2 uses features that are not known')
  if (has(INCOMPATIBLE.corrupt)) throw new ImageRefused('the qcow2 is marked as corrupt')
  if (headerBytes > 104 && header.readUInt8(104) > 1) {
    throw new ImageRefused('the qcow2 is compressed in a way that is not known')
  }
}

/** The name of a data file has no place where no data file is declared. */
async function checkExtensions(file: DiskFile, from: number, clusterBytes: number): Promise<void> {
  for (let at = from, seen = 0; at + 8 <= clusterBytes; seen++) {
    if (seen === MOST_EXTENSIONS) throw new ImageRefused('the qcow2 has too many header extensions')
    const extension = await file.read(at, 8)
    const type = extension.readUInt32BE(0)
    const length = extension.readUInt32BE(4)
    if (type === END_OF_EXTENSIONS) return
    if (type === DATA_FILE_EXTENSION) throw new ImageRefused('the qcow2 names another file for its data')
    if (type === ENCRYPTION_EXTENSION) throw new ImageRefused('the qcow2 is encrypted')
    if (length > clusterBytes - at - 8) throw new ImageRefused('a header extension of the qcow2 leaves the header')
    at += 8 + Math.ceil(length / 8) * 8
  }
}
