/** A second look with `qemu-img info`: the format is told and never probed. Runs without a shell. */
import { execFile } from 'node:child_process'
import { isAbsolute } from 'node:path'
import { promisify } from 'node:util'
import { type ConfinedProgram, confinedQemuImg } from './confined.ts'
import type { ClaimedFormat } from './formats.ts'
import { ImageRefused } from './refused.ts'

const run = promisify(execFile)

const LIMITS = { cpuSeconds: 30, memoryBytes: 2 ** 30, largestFileBytes: 0 }
const WITHIN_MS = 120_000
const LARGEST_OUTPUT_BYTES = 4 * 2 ** 20

/** QEMU's names. The rest is plain bytes to QEMU, of which it knows no more than their number. */
const QEMU_FORMAT: Partial<Record<ClaimedFormat, string>> = {
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vdi: 'vdi',
  vhd: 'vpc',
  vhdx: 'vhdx',
  ploop: 'parallels',
}

interface ImageInfo {
  'virtual-size': number
  'backing-filename'?: string
  'full-backing-filename'?: string
  encrypted?: boolean
  'format-specific'?: { data?: FormatInfo }
}

interface FormatInfo {
  'data-file'?: string
  'create-type'?: string
  extents?: { filename?: string }[]
}

/**
 * @returns the virtual size that QEMU sees; nothing where the tools are not installed, or for plain bytes
 * @throws ImageRefused
 */
export async function checkWithQemuImg(path: string, claimed: ClaimedFormat): Promise<number | undefined> {
  const format = QEMU_FORMAT[claimed]
  const qemuImg = await confinedQemuImg(LIMITS)
  if (format === undefined || qemuImg === undefined) return undefined
  // A relative name could be read as one with a protocol, such as nbd:.
  if (!isAbsolute(path)) throw new Error(`not an absolute path: ${path}`)
  const info = await imageInfo(qemuImg, format, path)
  const own = info['format-specific']?.data
  if (info['backing-filename'] !== undefined || info['full-backing-filename'] !== undefined) {
    throw new ImageRefused('it has a backing file')
  }
  if (own?.['data-file'] !== undefined) throw new ImageRefused('it keeps its data in another file')
  if (info.encrypted === true) throw new ImageRefused('it is encrypted')
  if (format === 'vmdk') checkVmdkInfo(own, path)
  return info['virtual-size']
}

function checkVmdkInfo(own: FormatInfo | undefined, path: string): void {
  if (!['monolithicSparse', 'streamOptimized'].includes(own?.['create-type'] ?? '')) {
    throw new ImageRefused('the VMDK is neither monolithicSparse nor streamOptimized')
  }
  if (!(own?.extents ?? []).every((extent) => extent.filename === path)) {
    throw new ImageRefused('the VMDK names something else than itself as its extents')
  }
}

async function imageInfo({ program, before }: ConfinedProgram, format: string, path: string): Promise<ImageInfo> {
  try {
    const { stdout } = await run(program, [...before, 'info', '--output=json', '-f', format, path], {
      timeout: WITHIN_MS,
      killSignal: 'SIGKILL',
      maxBuffer: LARGEST_OUTPUT_BYTES,
      cwd: '/',
      env: { LC_ALL: 'C' },
    })
    return JSON.parse(stdout) as ImageInfo
  } catch (error) {
    throw new ImageRefused('QEMU cannot read it', { cause: error })
  }
}
