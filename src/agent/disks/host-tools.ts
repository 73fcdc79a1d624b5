/** The host's own tools for disks, run without a shell: what a name holds is never read as a command. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Confinement, confinedQemuImg } from '@stratolith/disk-image'
import { toolFailed, toolMissing } from './problems.ts'

const run = promisify(execFile)

/** Reading through a whole image that somebody else made, which may be made to take for ever. */
const MEASURING: Confinement = { cpuSeconds: 120, memoryBytes: 2 * 2 ** 30, largestFileBytes: 0 }
const CONVERTING: Omit<Confinement, 'largestFileBytes'> = { cpuSeconds: 2 * 3600, memoryBytes: 4 * 2 ** 30 }

/**
 * qemu-img on an image that somebody else made.
 * @param writesBytes how large the file is that it may write, if any
 * @throws DomainError as `runTool`
 */
export async function runOnImage(
  args: readonly string[],
  { writesBytes, ...options }: { attempted: string; writesBytes?: number; signal?: AbortSignal | undefined },
): Promise<string> {
  const confined = await confinedQemuImg(
    writesBytes === undefined ? MEASURING : { ...CONVERTING, largestFileBytes: writesBytes },
  )
  if (confined === undefined) throw toolMissing('qemu-img or prlimit', undefined)
  return await execute(confined.program, [...confined.before, ...args], 'qemu-img', options)
}

/**
 * @param attempted in words, after "could not": shown to users
 * @throws DomainError `agent.disk.failed`, `agent.disk.tool-missing`
 */
export async function runTool(
  tool: 'qemu-img' | 'xorriso',
  args: readonly string[],
  options: { attempted: string; signal?: AbortSignal | undefined },
): Promise<string> {
  return await execute(tool, args, tool, options)
}

async function execute(
  program: string,
  args: readonly string[],
  tool: string,
  { attempted, signal }: { attempted: string; signal?: AbortSignal | undefined },
): Promise<string> {
  try {
    const { stdout } = await run(program, args, {
      maxBuffer: 4 * 2 ** 20,
      killSignal: 'SIGKILL',
      cwd: '/',
      env: { PATH: `${process.env.PATH}:/usr/sbin:/usr/bin:/bin`, LC_ALL: 'C' },
      ...(signal !== undefined && { signal }),
    })
    return stdout
  } catch (error) {
    signal?.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw toolMissing(tool, error)
    throw toolFailed(attempted, error)
  }
}
