/** A guest that shows that its console is one: it answers each byte with the one after it, and needs no system for that. */
import { chmodSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const echo = Buffer.from([
  ...[0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb], // wait until the serial line has a byte
  ...[0xba, 0xf8, 0x03, 0xec, 0xfe, 0xc0, 0xee, 0xeb, 0xef], // take it, add one, give it back, and again
])

/** Of the guest, whose disk is made in the folder. It answers once it has booted, after a second or two. */
export function echoGuestXml(name: string, folder: string): string {
  const disk = join(folder, `${name}.raw`)
  const sector = Buffer.alloc(512)
  echo.copy(sector)
  sector.set([0x55, 0xaa], 510)
  writeFileSync(disk, sector)
  // The BIOS takes no smaller one for a disk.
  truncateSync(disk, 1 << 20)
  chmodSync(disk, 0o666)
  return `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
      <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
      <interface type='user'><mac address='52:54:00:aa:bb:cc'/><model type='virtio'/></interface>
      <serial type='pty'/><console type='pty'/>
    </devices></domain>`
}
