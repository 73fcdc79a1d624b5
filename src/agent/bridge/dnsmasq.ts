/**
 * One dnsmasq: started, told news, restarted when it dies. It outlives this process, so that guests keep their leases
 * while the control plane is away; the next one finds it by its pid file.
 *
 * On SIGHUP dnsmasq 2.90 rereads hosts and options, but keeps a removed host's lease, refuses an address that moved to
 * another card, and crashes when a host that has a lease carries a tag. So only plain additions are told by signal;
 * anything else is a restart with an empty lease file, which takes less than 50 ms: all addresses are fixed, and
 * `dhcp-authoritative` lets guests renew what the new process has not heard of.
 *
 * It starts as root, opens its sockets, log and leases, and goes on as an unprivileged user with the capabilities that
 * DHCP needs in its namespace. What it reads again on a signal is its group's to read, and nothing there is its own.
 */
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { run } from './command.ts'
import type { DnsmasqFiles } from './dnsmasq-files.ts'

const STOP_WITHIN_MS = 2000
/** Changes that come together are one restart. */
const RESTART_DEBOUNCE_MS = 20
const FILES = ['conf', 'hosts', 'options', 'names'] as const

export interface DnsmasqUser {
  readonly user: string
  readonly group: string
  readonly gid: number
}

/** The user of Debian's package, or nobody. */
export function dnsmasqUser(): DnsmasqUser {
  const rows = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
  const users = rows('/etc/passwd')
  const found = ['dnsmasq', 'nobody'].map((name) => users.find(([user]) => user === name)).find(Boolean)
  const gid = Number(found?.[3])
  const group = rows('/etc/group').find(([, , id]) => Number(id) === gid)?.[0]
  if (found?.[0] === undefined || group === undefined)
    throw new Error('this host has neither a user dnsmasq nor nobody')
  return { user: found[0], group, gid }
}

export class Dnsmasq {
  readonly #dir: string
  readonly #gid: number
  readonly #namespace: string | undefined
  readonly #log: Logger
  #wanted: DnsmasqFiles | undefined
  /** What the running process has read; undefined when that is not known or none runs. */
  #served: DnsmasqFiles | undefined
  #pid: number | undefined
  #turning: Promise<void> | undefined
  #turnsLeft = 0
  #trouble: string | undefined

  /** Takes over a process that an earlier control plane started with the files in `dir`. No namespace: on the host. */
  constructor({ dir, namespace, gid, log }: { dir: string; namespace: string | undefined; gid: number; log: Logger }) {
    this.#dir = dir
    this.#gid = gid
    this.#namespace = namespace
    this.#log = log
    this.#pid = runningPid(dir)
    const files = readFiles(dir)
    // The mark is written when the process has read the files, so files that were only written do not count.
    if (this.#pid !== undefined && files !== undefined && readText(join(dir, 'served')) === digest(files))
      this.#served = files
  }

  /** Why it does not run, if it should and does not. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  want(files: DnsmasqFiles): void {
    this.#wanted = files
  }

  /** Resolves when what is wanted now is served. @throws CommandFailed when dnsmasq does not start */
  settle(): Promise<void> {
    this.#turnsLeft++
    const turn = (this.#turning ?? Promise.resolve())
      .then(() => this.#turn())
      .finally(() => {
        this.#turnsLeft--
      })
    // Who asked hears of a failure; the next turn begins regardless.
    this.#turning = turn.catch(() => {})
    return turn
  }

  /** Called by the clock: starts it again if it has died. */
  async revive(): Promise<void> {
    if (this.#wanted === undefined || this.#turnsLeft > 0 || this.#isAtWork()) return
    this.#log.warn({ dir: this.#dir, pid: this.#pid }, 'dnsmasq is gone, starting it again')
    await this.settle()
  }

  async #turn(): Promise<void> {
    if (this.#isAtWork() && this.#wanted !== undefined && this.#served !== undefined) {
      if (isSame(this.#served, this.#wanted)) return
      if (onlyAdds(this.#served, this.#wanted)) return this.#tell(this.#wanted)
    }
    await sleep(RESTART_DEBOUNCE_MS)
    if (this.#wanted !== undefined) await this.#restart(this.#wanted)
  }

  /** Running, and in the namespace that has the name now: one that was removed lives on with its processes. */
  #isAtWork(): boolean {
    if (this.#pid === undefined || !isRunning(this.#pid, this.#dir)) return false
    const place = this.#namespace === undefined ? '/proc/self/ns/net' : `/run/netns/${this.#namespace}`
    const there = statSync(`/proc/${this.#pid}/ns/net`, { throwIfNoEntry: false })
    return there !== undefined && there.ino === statSync(place, { throwIfNoEntry: false })?.ino
  }

  #tell(files: DnsmasqFiles): void {
    if (this.#pid === undefined) return
    this.#write(files)
    process.kill(this.#pid, 'SIGHUP')
    this.#nowServes(files)
  }

  async #restart(files: DnsmasqFiles): Promise<void> {
    await this.#kill()
    this.#write(files)
    rmSync(join(this.#dir, 'leases'), { force: true })
    const enter = this.#namespace === undefined ? [] : ['ip', 'netns', 'exec', this.#namespace]
    const [tool = '', ...args] = [...enter, 'dnsmasq', `--conf-file=${join(this.#dir, 'conf')}`]
    try {
      // It goes to the background when its sockets are open, so a start that failed is seen here.
      await run(tool, args)
    } catch (error) {
      this.#trouble = `dnsmasq for ${this.#dir} does not start: ${(error as Error).message}`
      throw error
    }
    this.#trouble = undefined
    this.#pid = runningPid(this.#dir)
    this.#nowServes(files)
  }

  #write(files: DnsmasqFiles): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o711 })
    this.#share(this.#dir, 0o750)
    rmSync(join(this.#dir, 'served'), { force: true })
    for (const name of FILES) {
      writeFileSync(join(this.#dir, name), files[name], { mode: 0o640 })
      this.#share(join(this.#dir, name), 0o640)
    }
  }

  #share(path: string, mode: number): void {
    chownSync(path, 0, this.#gid)
    chmodSync(path, mode)
  }

  #nowServes(files: DnsmasqFiles): void {
    this.#served = files
    writeFileSync(join(this.#dir, 'served'), digest(files))
  }

  async #kill(): Promise<void> {
    const pid = this.#pid
    this.#pid = undefined
    this.#served = undefined
    if (pid !== undefined) await stopProcess(pid, this.#dir)
  }

  /** Ends the process for good; its files stay. */
  async stop(): Promise<void> {
    this.#wanted = undefined
    await this.#turning
    await this.#kill()
  }
}

/** Ends a dnsmasq that was started with the files in `dir`, and waits until it is gone. */
export async function stopProcess(pid: number, dir: string): Promise<void> {
  const deadline = Date.now() + STOP_WITHIN_MS
  for (let signal: NodeJS.Signals | 0 = 'SIGTERM'; isRunning(pid, dir); await sleep(2)) {
    if (signal !== 0) process.kill(pid, signal)
    signal = Date.now() > deadline ? 'SIGKILL' : 0
  }
}

/** Whether the process is there, not a zombie, and ours: its number may be another's by now. */
function isRunning(pid: number, dir: string): boolean {
  return confOf(pid) === join(dir, 'conf')
}

/** The configuration file that a dnsmasq was started with; undefined for any other process, or none. */
export function confOf(pid: number): string | undefined {
  // A zombie's command line is empty.
  const words = readText(`/proc/${pid}/cmdline`)?.split('\0') ?? []
  return words.find((word) => word.startsWith('--conf-file='))?.slice('--conf-file='.length)
}

function runningPid(dir: string): number | undefined {
  const pid = Number(readText(join(dir, 'pid')))
  return Number.isInteger(pid) && pid > 1 && isRunning(pid, dir) ? pid : undefined
}

function readFiles(dir: string): DnsmasqFiles | undefined {
  if (!existsSync(join(dir, 'conf'))) return undefined
  const read = (name: string) => readText(join(dir, name)) ?? ''
  return { conf: read('conf'), hosts: read('hosts'), options: read('options'), names: read('names') }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: the process ended between opening and reading.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

const isSame = (one: DnsmasqFiles, other: DnsmasqFiles) => FILES.every((name) => one[name] === other[name])

/** Whether a signal is enough: hosts or names came, without tags, and nothing went. */
export function onlyAdds(before: DnsmasqFiles, after: DnsmasqFiles): boolean {
  if (before.conf !== after.conf || before.options !== after.options || after.hosts.includes('set:')) return false
  const hasAll = (more: string, fewer: string) => {
    const lines = new Set(more.split('\n'))
    return fewer.split('\n').every((line) => lines.has(line))
  }
  return hasAll(after.hosts, before.hosts) && hasAll(after.names, before.names)
}

function digest(files: DnsmasqFiles): string {
  const hash = createHash('sha256')
  for (const name of FILES) hash.update(`${name}\0${files[name]}\0`)
  return hash.digest('hex')
}
