/**
 * A libvirtd of one's own, as an unprivileged user, that may be stopped and killed. It has the built-in test driver, and
 * pools, secrets and QEMU of its session.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectOptions, type Connection, connect, unixTransport } from '../src/index.ts'
import { recordMethods } from './coverage.ts'

export class OwnDaemon implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'libvirt-own-'))
  readonly path = join(this.folder, 'run', 'libvirt', 'libvirt-sock')
  readonly #user = nobody()
  /** What `start` gives the daemon besides. */
  readonly environment: Record<string, string> = {}
  readonly flags: string[] = []
  #child: ChildProcess | undefined

  /** A line of text when there can be no such daemon here. */
  static unavailable(): string | false {
    if (spawnSync('libvirtd', ['--version']).status !== 0) return 'there is no libvirtd here'
    if (process.getuid?.() === 0 && nobody() === undefined) return 'there is no unprivileged user here'
    return false
  }

  /** config: lines of libvirtd.conf. */
  constructor(config = '') {
    for (const part of ['', 'run', 'home', 'home/.config', 'home/.config/libvirt', 'pool']) {
      const path = join(this.folder, part)
      mkdirSync(path, { recursive: true, mode: 0o700 })
      chmodSync(path, 0o700)
      this.give(path)
    }
    this.put('home/.config/libvirt/libvirtd.conf', config)
  }

  /** A file of the daemon's user. */
  put(name: string, text: string): void {
    const file = join(this.folder, name)
    writeFileSync(file, text)
    this.give(file)
  }
  give(path: string): void {
    if (this.#user !== undefined) chownSync(path, this.#user.uid, this.#user.gid)
  }

  async start(): Promise<this> {
    const home = join(this.folder, 'home')
    const child = spawn('libvirtd', this.flags, {
      cwd: this.folder,
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        HOME: home,
        XDG_RUNTIME_DIR: join(this.folder, 'run'),
        XDG_CONFIG_HOME: join(home, '.config'),
        XDG_CACHE_HOME: join(home, '.cache'),
        ...this.environment,
      },
      ...this.#user,
    })
    this.#child = child
    let cause: unknown
    for (let waited = 0; waited < 15_000; waited += 20) {
      if (existsSync(this.path)) {
        try {
          await (await this.connect('test:///default')).close()
          return this
        } catch (error) {
          // Not yet.
          cause = error
        }
      }
      if (child.exitCode !== null) break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await this[Symbol.asyncDispose]()
    throw new Error('libvirtd did not start', { cause })
  }

  connect(uri: string, options: ConnectOptions = {}): Promise<Connection> {
    recordMethods()
    return connect(uri, { transport: unixTransport(this.path), ...options })
  }

  /** Stop and continue leave it alive and deaf. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Gone without a word. */
  async die(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Root's daemon would be the system's. */
function nobody(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}
