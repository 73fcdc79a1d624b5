/**
 * qemu-img on what somebody else made. Its parsers have had holes, so it gets little time and memory, writes no file
 * larger than it needs to, and, where the kernel lets us, has no network to speak to.
 */
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Confinement {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  /** 0 where nothing is to be written. */
  readonly largestFileBytes: number
}

export interface ConfinedProgram {
  /** Absolute. */
  readonly program: string
  /** What stands before the arguments of qemu-img. */
  readonly before: readonly string[]
}

/** Nothing where qemu-img is not installed, or prlimit, without which it is not run. */
export async function confinedQemuImg(limits: Confinement): Promise<ConfinedProgram | undefined> {
  const [prlimit, qemuImg] = await Promise.all([findTool('prlimit'), findTool('qemu-img')])
  if (prlimit === undefined || qemuImg === undefined) return undefined
  const limited = [
    `--cpu=${limits.cpuSeconds}`,
    `--as=${limits.memoryBytes}`,
    `--fsize=${limits.largestFileBytes}`,
    '--core=0',
    '--nofile=256',
    '--',
    qemuImg,
  ]
  alone ??= findWayOffTheNetwork()
  const [unshare, ...options] = await alone
  return unshare === undefined
    ? { program: prlimit, before: limited }
    : { program: unshare, before: [...options, '--', prlimit, ...limited] }
}

let alone: Promise<readonly string[]> | undefined

/** A network namespace of its own: for root as it is, for others within a user namespace, where that is allowed. */
async function findWayOffTheNetwork(): Promise<readonly string[]> {
  const unshare = await findTool('unshare')
  if (unshare === undefined) return []
  for (const options of [['--net'], ['--user', '--net']]) {
    const works = await run(unshare, [...options, '--', 'true'], { timeout: 10_000 }).then(
      () => true,
      () => false,
    )
    if (works) return [unshare, ...options]
  }
  return []
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
