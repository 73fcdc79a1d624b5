/** Runs the host's own tools, without a shell: arguments are arguments, and batches go in by stdin. */
import { spawn } from 'node:child_process'

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly stderr: string

  constructor(command: string, status: string, stderr: string) {
    super(`${command} ended with ${status}: ${stderr.trim() || 'no message'}`)
    this.stderr = stderr
  }
}

/** What the tool printed. @throws CommandFailed when it cannot start, fails or is killed */
export function run(file: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } })
    const out: Buffer[] = []
    const err: Buffer[] = []
    const command = [file, ...args].join(' ')
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.on('error', (error) => reject(new CommandFailed(command, 'an error', error.message)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out).toString())
      else reject(new CommandFailed(command, signal ?? `status ${code}`, Buffer.concat(err).toString()))
    })
    // A tool that ends before it has read everything says why by its status.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
