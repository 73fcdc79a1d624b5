/** The host's own tools for disks, run without a shell: what a name holds is never read as a command. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { toolFailed, toolMissing } from './problems.ts'

const run = promisify(execFile)

/**
 * @param attempted in words, after "could not": shown to users
 * @throws DomainError `agent.disk.failed`, `agent.disk.tool-missing`
 */
export async function runTool(
  tool: 'qemu-img' | 'xorriso',
  args: readonly string[],
  { attempted, signal }: { attempted: string; signal?: AbortSignal | undefined },
): Promise<string> {
  try {
    const { stdout } = await run(tool, args, {
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
