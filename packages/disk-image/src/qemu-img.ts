/**
 * A second look with `qemu-img info`: the format is told and never probed, and the process has little time and memory,
 * because its parsers have had holes. Runs without a shell.
 */
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import type { ClaimedFormat } from './formats.ts'
import { ImageRefused } from './refused.ts'

const run = promisify(execFile)

const CPU_SECONDS = 30
const MEMORY_BYTES = 2 ** 30
const WITHIN_MS = 120_000

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
  'format-specific'?: {
    data?: { 'data-file'?: string; 'create-type'?: string; extents?: { filename?: string }[] }
  }
}

/** @throws ImageRefused. Says nothing where the tools are not installed. */
export async function checkWithQemuImg(path: string, claimed: ClaimedFormat): Promise<void> {
  const format = QEMU_FORMAT[claimed]
  const [prlimit, qemuImg] = await Promise.all([findTool('prlimit'), findTool('qemu-img')])
  if (format === undefined || prlimit === undefined || qemuImg === undefined) return
  // A relative name could be read as one with a protocol, such as nbd:.
  if (!isAbsolute(path)) throw new Error(`not an absolute path: ${path}`)
  const info = await imageInfo(prlimit, qemuImg, format, path)
  const own = info['format-specific']?.data
  if (info['backing-filename'] !== undefined || info['full-backing-filename'] !== undefined) {
    throw new ImageRefused('it has a backing file')
  }
  if (own?.['data-file'] !== undefined) throw new ImageRefused('it keeps its data in another file')
  if (info.encrypted === true) throw new ImageRefused('it is encrypted')
  if (format !== 'vmdk') return
  if (!['monolithicSparse', 'streamOptimized'].includes(own?.['create-type'] ?? '')) {
    throw new ImageRefused('the VMDK is neither monolithicSparse nor streamOptimized')
  }
  if (!(own?.extents ?? []).every((extent) => extent.filename === path)) {
    throw new ImageRefused('the VMDK names something else than itself as its extents')
  }
}

async function imageInfo(prlimit: string, qemuImg: string, format: string, path: string): Promise<ImageInfo> {
  const limits = [`--cpu=${CPU_SECONDS}`, `--as=${MEMORY_BYTES}`]
  const args = [...limits, '--', qemuImg, 'info', '--output=json', '-f', format, path]
  try {
    const { stdout } = await run(prlimit, args, {
      timeout: WITHIN_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 4 * 2 ** 20,
      cwd: '/',
      env: { LC_ALL: 'C' },
    })
    return JSON.parse(stdout) as ImageInfo
  } catch (error) {
    throw new ImageRefused('QEMU cannot read it', { cause: error })
  }
}

const found = new Map<string, Promise<string | undefined>>()

/** The absolute path of a program on this machine. */
function findTool(name: string): Promise<string | undefined> {
  let tool = found.get(name)
  if (tool === undefined) {
    tool = searchPath(name)
    found.set(name, tool)
    // What is missing may be installed while this process runs.
    void tool.then((path) => path === undefined && found.delete(name))
  }
  return tool
}

async function searchPath(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/bin']
  for (const folder of folders.filter(isAbsolute)) {
    const path = join(folder, name)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}
