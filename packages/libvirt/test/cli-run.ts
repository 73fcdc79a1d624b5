/** The command line as a person has it: with its own process, and with a terminal where it needs one. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../cli/main.ts')
/** `virsh` speaks the user's language, and the time of day is the user's too. */
const environment = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'Asia/Kolkata', NO_COLOR: '1' }

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

export function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env: { ...environment, ...env } }, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, stdout, stderr })
    })
    child.stdin?.end()
  })
}
/** A line of text when there is no such program here. */
export async function missing(program: string): Promise<string | false> {
  return (await run(program, ['--version'])).status === 0 ? false : `there is no ${program} here`
}
/** Ours. */
export function cli(args: readonly string[], env?: Record<string, string>): Promise<Ran> {
  return run(process.execPath, [main, ...args], env)
}
/** libvirt's. */
export function virsh(args: readonly string[]): Promise<Ran> {
  return run('virsh', args)
}

/** Ours, or another program of ours, without waiting for its end, and for a signal to be sent to. */
export function startCli(args: readonly string[], program = main): ChildProcess & { said(): string } {
  const child = spawn(process.execPath, [program, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  return Object.assign(child, { said: () => said })
}

/** A program of ours in a terminal of its own (of util-linux' `script`): what it shows and what is typed go through here. */
export class Tty {
  readonly #child: ChildProcess
  #shown = ''

  /** What is shown begins and ends with the terminal's settings, and tells the process's number and its exit status. */
  constructor(args: readonly string[], program = main) {
    const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
    const command = [process.execPath, program, ...args].map(quote).join(' ')
    const inner = `sh -c 'echo "pid $$"; exec "$@"' sh ${command}`
    // Ctrl-C is for the program: the shell goes on and tells how it ended.
    const script = `trap : INT; printf 'before %s\\n' "$(stty -g)"; ${inner}; echo "status $?"; printf 'after %s\\n' "$(stty -g)"`
    this.#child = spawn('script', ['--quiet', '--flush', '--command', script, '/dev/null'], {
      env: { ...environment, SHELL: '/bin/sh' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout?.on('data', (chunk) => (this.#shown += chunk))
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys)
  }
  /** Again and again, until whoever has to boot first answers. */
  async typeUntil(keys: string, answer: string): Promise<void> {
    for (let tries = 0; !this.#shown.includes(answer); tries++) {
      if (tries === 300) throw new Error(`no answer: ${this.#shown}`)
      if (/^pid \d/m.test(this.#shown)) this.type(keys)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  kill(signal: NodeJS.Signals): void {
    process.kill(Number(/^pid (\d+)/m.exec(this.#shown)?.[1]), signal)
  }
  get shown(): string {
    return this.#shown
  }
  /** Whether the terminal was left as it was found. */
  get isRestored(): boolean {
    const [, before] = /^before (\S+)/m.exec(this.#shown) ?? []
    return before !== undefined && this.#shown.includes(`after ${before}`)
  }
  get status(): number {
    return Number(/status (\d+)\r\nafter/.exec(this.#shown)?.[1])
  }
  async ended(): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }
  /** Ends what is left of it. */
  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}
