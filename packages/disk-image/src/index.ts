/** Tells disk images apart, and refuses those that are not what they claim or that refer to anything but themselves. */
import { type DiskFile, openDiskFile } from './disk-file.ts'
import { CLAIMABLE, type ClaimedFormat, detectFormats, type DetectedFormat, hasVhdFooter } from './formats.ts'
import { checkPloop } from './ploop.ts'
import { checkQcow2 } from './qcow2.ts'
import { checkWithQemuImg } from './qemu-img.ts'
import { ImageRefused } from './refused.ts'
import { checkVdi } from './vdi.ts'
import { checkVhd } from './vhd.ts'
import { checkVhdx } from './vhdx.ts'
import { checkVmdk } from './vmdk.ts'

export { CLAIMABLE, type ClaimedFormat, type DetectedFormat } from './formats.ts'
export { type ConfinedProgram, type Confinement, confinedQemuImg } from './confined.ts'
export { ImageRefused } from './refused.ts'

export interface Inspection {
  /** How large the disk is that the image describes. */
  readonly virtualSizeBytes: number
}

/** Plain bytes to QEMU. They may hold an ISO file system or LUKS, which nobody acts upon unasked. */
const PLAIN: readonly ClaimedFormat[] = ['raw', 'ami', 'aki', 'ari']
const HARMLESS_IN_PLAIN: readonly DetectedFormat[] = ['iso', 'luks']

const CHECKS: Partial<Record<ClaimedFormat, (file: DiskFile) => Promise<bigint>>> = {
  qcow2: checkQcow2,
  vmdk: checkVmdk,
  vdi: checkVdi,
  vhd: checkVhd,
  vhdx: checkVhdx,
  ploop: checkPloop,
}

/**
 * Looks at the image at `path`, an absolute one, which claims to be `claimed`.
 * @param options.largestVirtualSizeBytes a small file can claim a huge disk
 * @throws ImageRefused
 */
export async function inspectDiskImage(
  path: string,
  { claimed, largestVirtualSizeBytes }: { claimed: string; largestVirtualSizeBytes: number },
): Promise<Inspection> {
  if (!isClaimable(claimed)) throw new ImageRefused(`the format ${claimed.slice(0, 32)} is not known`)
  await using file = await openDiskFile(path)
  await checkClaim(file, claimed)
  const check = CHECKS[claimed]
  const inHeader = check === undefined ? BigInt(file.sizeBytes) : await check(file)
  requireWithin(inHeader, largestVirtualSizeBytes)
  // What QEMU sees is what a guest gets; of a VHD it believes the geometry.
  const seen = await checkWithQemuImg(path, claimed)
  if (seen !== undefined) requireWithin(seen, largestVirtualSizeBytes)
  return { virtualSizeBytes: seen ?? Number(inHeader) }
}

function requireWithin(virtualSize: bigint | number, largest: number): void {
  if (virtualSize <= largest) return
  throw new ImageRefused(`it claims a disk of ${virtualSize} bytes, and at most ${largest} are taken`)
}

async function checkClaim(file: DiskFile, claimed: ClaimedFormat): Promise<void> {
  const detected = await detectFormats(file)
  const isPlain = PLAIN.includes(claimed)
  const disguises = [...detected].filter(
    (format) => format !== claimed && !(isPlain && HARMLESS_IN_PLAIN.includes(format)),
  )
  if (disguises.length > 0) throw new ImageRefused(`it claims to be ${claimed}, but it is ${disguises.join(' and ')}`)
  if (isPlain || detected.has(claimed as DetectedFormat)) return
  if (claimed === 'vhd' && (await hasVhdFooter(file))) return
  throw new ImageRefused(`it claims to be ${claimed}, but it is not`)
}

function isClaimable(format: string): format is ClaimedFormat {
  return (CLAIMABLE as readonly string[]).includes(format)
}
