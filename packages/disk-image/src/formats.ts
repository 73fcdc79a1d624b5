/** What QEMU would take the bytes of a file for. Source: the probe functions in QEMU's block/*.c */
import type { DiskFile } from './disk-file.ts'

/** Formats that an image may claim. */
export const CLAIMABLE = ['raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'iso', 'ploop', 'ami', 'aki', 'ari'] as const
export type ClaimedFormat = (typeof CLAIMABLE)[number]

/** The claimable ones that have a structure, and others that are known in order to be refused. */
export type DetectedFormat =
  | 'raw'
  | 'qcow2'
  | 'vmdk'
  | 'vdi'
  | 'vhd'
  | 'vhdx'
  | 'iso'
  | 'ploop'
  | 'qcow'
  | 'qed'
  | 'luks'
  | 'bochs'
  | 'cloop'

const HEAD_BYTES = 4096

/** Magic bytes at the beginning, for which QEMU looks first. */
const MAGIC: readonly { readonly format: DetectedFormat; readonly bytes: Buffer; readonly at?: number }[] = [
  { format: 'qcow2', bytes: Buffer.from('QFI\xfb\0\0\0\x02', 'latin1') },
  { format: 'qcow2', bytes: Buffer.from('QFI\xfb\0\0\0\x03', 'latin1') },
  // Version 1, and every other that a later QEMU may know.
  { format: 'qcow', bytes: Buffer.from('QFI\xfb', 'latin1') },
  { format: 'vmdk', bytes: Buffer.from('KDMV') },
  { format: 'vmdk', bytes: Buffer.from('COWD') },
  { format: 'vhd', bytes: Buffer.from('conectix') },
  { format: 'vhdx', bytes: Buffer.from('vhdxfile') },
  { format: 'vdi', bytes: Buffer.from([0x7f, 0x10, 0xda, 0xbe]), at: 64 },
  { format: 'qed', bytes: Buffer.from('QED\0') },
  { format: 'luks', bytes: Buffer.from('LUKS\xba\xbe', 'latin1') },
  { format: 'ploop', bytes: Buffer.from('WithoutFreeSpace') },
  { format: 'ploop', bytes: Buffer.from('WithouFreSpacExt') },
  { format: 'bochs', bytes: Buffer.from('Bochs Virtual HD Image') },
  { format: 'cloop', bytes: Buffer.from('#!/bin/sh\n#V2.0 Format\n') },
]

/** A fixed VHD has its magic at the end alone; QEMU does not probe for that, so only a claim makes it one. */
const VHD_FOOTER_BYTES = 512
const ISO_MAGIC_AT = 0x8001

/**
 * Every format whose magic the file bears; none for plain bytes. More than one is a disguise, save that an ISO may
 * carry anything in its first 32 KiB.
 */
export async function detectFormats(file: DiskFile): Promise<ReadonlySet<DetectedFormat>> {
  const found = new Set<DetectedFormat>()
  const head = await file.read(0, HEAD_BYTES)
  for (const { format, bytes, at = 0 } of MAGIC) {
    if (head.subarray(at, at + bytes.length).equals(bytes)) found.add(format)
  }
  if (found.has('qcow2')) found.delete('qcow')
  if (isVmdkDescriptor(head)) found.add('vmdk')
  if ((await file.read(ISO_MAGIC_AT, 5)).toString('latin1') === 'CD001') found.add('iso')
  return found
}

export async function hasVhdFooter(file: DiskFile): Promise<boolean> {
  if (file.sizeBytes < VHD_FOOTER_BYTES) return false
  const footer = await file.read(file.sizeBytes - VHD_FOOTER_BYTES, 8)
  return footer.toString('latin1') === 'conectix'
}

/**
 * A VMDK may be a text that lists other files. QEMU takes a file for one whose first line that is neither empty nor a
 * comment gives a version, or which begins with the usual comment.
 */
function isVmdkDescriptor(head: Buffer): boolean {
  const text = head.toString('latin1')
  if (/^#\s*Disk\s*Descriptor\s*File/i.test(text)) return true
  for (const line of text.split('\n')) {
    if (/^#/.test(line) || /^[ \r]*$/.test(line)) continue
    return /^version=/i.test(line)
  }
  return false
}
