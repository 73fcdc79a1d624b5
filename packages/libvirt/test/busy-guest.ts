/** A guest that is never done: it writes all over its memory, faster than it can be moved at a megabyte a second. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Domain } from '../src/index.ts'
import { VIR_MEMORY_PHYSICAL } from '../src/generated/constants.ts'

const FROM = 0x10000
const write = Buffer.from([
  ...[0x31, 0xdb, 0x43, 0xba, 0x00, 0x10], // with the next number, from the 64 KiB that begin at FROM
  ...[0x8e, 0xc2, 0x31, 0xff, 0xb9, 0x00, 0x80, 0x89, 0xd8, 0xf3, 0xab], // fill 64 KiB
  ...[0x80, 0xc6, 0x10, 0x80, 0xfe, 0x90, 0x72, 0xed, 0xeb, 0xe7], // and the next, up to 576 KiB, and again
])
const FLOPPY_BYTES = 1440 * 1024

/** Of the guest, whose floppy disk is made in the folder; nobody writes to it, so that it may stay while the guest moves. */
export function busyGuestXml(name: string, folder: string): string {
  const disk = join(folder, `${name}.img`)
  const content = Buffer.alloc(FLOPPY_BYTES)
  write.copy(content)
  content.set([0x55, 0xaa], 510)
  writeFileSync(disk, content)
  chmodSync(disk, 0o644)
  return `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='fd'/></os><devices><memballoon model='none'/>
      <disk type='file' device='floppy'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='fda'/><readonly/></disk>
    </devices></domain>`
}

/** Resolves once the guest has booted, and writes. */
export async function untilBusy(guest: Domain): Promise<void> {
  const look = async () => Buffer.from(await guest.memoryPeek(FROM, 2, VIR_MEMORY_PHYSICAL)).readUInt16LE()
  const first = await look()
  while ((await look()) === first) await new Promise((resolve) => setTimeout(resolve, 50))
}
