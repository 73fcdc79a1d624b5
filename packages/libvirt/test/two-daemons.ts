/**
 * Hosts on one machine: a libvirtd with QEMU each, in a mount and a UTS namespace of its own, where libvirt's five
 * folders and the host's name are not this machine's. They share its network.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectOptions, type Connection, connect } from '../src/index.ts'
import { Authority } from './certificates.ts'
import { recordMethods } from './coverage.ts'
import { configText, freePort } from './daemon-settings.ts'

const folders = {
  run: '/run/libvirt',
  lib: '/var/lib/libvirt',
  log: '/var/log/libvirt',
  etc: '/etc/libvirt',
  cache: '/var/cache/libvirt',
}

/** A line of text when there can be no such hosts here. */
export function hostsUnavailable(): string | false {
  if (process.getuid?.() !== 0) return 'only root can make namespaces for two daemons'
  if (spawnSync('libvirtd', ['--version']).status !== 0) return 'there is no libvirtd here'
  if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0) return 'there is no QEMU here'
  if (spawnSync('unshare', ['-m', '-u', 'hostname', 'other']).status !== 0) return 'namespaces cannot be made here'
  const missing = Object.values(folders).find((path) => !existsSync(path))
  return missing === undefined ? false : `there is no ${missing} here`
}

/** Lets `use` have two hosts with certificates of one authority, which last as long as the stack; what fails takes it away. */
export async function withTwoHosts(
  stack: AsyncDisposableStack,
  use: (authority: Authority, here: Host, there: Host) => Promise<void>,
): Promise<void> {
  try {
    const authority = stack.use(new Authority())
    const hosts = [stack.use(new Host('one.example')), stack.use(new Host('two.example'))] as const
    await Promise.all(hosts.map((host) => host.start(authority)))
    await use(authority, ...hosts)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

export class Host implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'libvirt-host-'))
  readonly name: string
  tlsPort = 0
  #child: ChildProcess | undefined
  #said = ''

  constructor(name: string) {
    this.name = name
    for (const part of Object.keys(folders)) mkdirSync(join(this.folder, part), { mode: 0o755 })
  }

  /** With a certificate for 127.0.0.1 of this authority. */
  async start(authority: Authority): Promise<this> {
    this.tlsPort = await freePort()
    const { certificate, key } = authority.issue({ name: this.name, alternatives: 'IP:127.0.0.1' })
    this.#configure('libvirtd.conf', {
      host_uuid: randomUUID(),
      auth_unix_rw: 'none',
      listen_tls: 1,
      listen_addr: '127.0.0.1',
      tls_port: String(this.tlsPort),
      auth_tls: 'none',
      ca_file: authority.certificate,
      cert_file: certificate,
      key_file: key,
      log_outputs: '3:stderr',
    })
    this.#configure('qemu.conf', {
      user: 'root',
      group: 'root',
      security_driver: 'none',
      dynamic_ownership: 0,
      cgroup_controllers: [],
      namespaces: [],
      stdio_handler: 'file',
    })
    const binds = Object.entries(folders).map(([part, path]) => `mount --bind "$1/${part}" ${path}`)
    const script = ['set -e', 'hostname "$2"', ...binds, 'exec libvirtd --listen --pid-file "$1/pid"'].join('\n')
    const child = spawn('unshare', ['-m', '-u', 'sh', '-c', script, 'sh', this.folder, this.name], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-4000)
    })
    for (let waited = 0; waited < 30_000; waited += 50) {
      const connection = await this.connect({ connectTimeoutMs: 2000 }).catch(() => undefined)
      if (connection !== undefined) {
        await connection.close()
        return this
      }
      if (child.exitCode !== null) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`libvirtd of ${this.name} did not start: ${this.#said}`)
  }

  #configure(file: string, settings: Record<string, string | number | string[]>): void {
    writeFileSync(join(this.folder, 'etc', file), configText(settings))
  }

  connect(options?: ConnectOptions): Promise<Connection> {
    recordMethods()
    return connect(`qemu+unix:///system?socket=${encodeURIComponent(join(this.folder, 'run/libvirt-sock'))}`, options)
  }
  tlsUri(pkipath: string): string {
    return `qemu+tls://127.0.0.1:${this.tlsPort}/system?pkipath=${encodeURIComponent(pkipath)}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of globSync(join(this.folder, 'run/qemu/*.pid'))) {
      const pid = Number(readFileSync(file, 'utf8'))
      if (pid > 0 && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
    }
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill()
      const last = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await once(child, 'exit')
      clearTimeout(last)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
