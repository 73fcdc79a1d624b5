/**
 * A network namespace in the place of a guest: one card, whose other end is where the guest's tap would be. It boots in
 * milliseconds, and speaks with busybox.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandFailed, run } from '../../src/agent/bridge/command.ts'
import type { Guest } from '../../src/agent/network-plane.contract.ts'

interface Wait {
  /** How long an answer may take: less where none is expected. */
  readonly withinMs?: number
}

/**
 * Solicit with a link-layer DUID and one IA_NA (RFC 8415, 8.2, 11.4, 21.4), and the first IA address of the Advertise. Its
 * options are walked as type, length, value; an IA_NA holds options after its first 12 bytes.
 */
const SOLICIT = `
const mac = Buffer.from(require('os').networkInterfaces().eth0[0].mac.replaceAll(':', ''), 'hex')
const option = (type, value) => { const head = Buffer.alloc(4); head.writeUInt16BE(type); head.writeUInt16BE(value.length, 2); return Buffer.concat([head, value]) }
const find = (bytes, type) => { for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt16BE(at + 2)) if (bytes.readUInt16BE(at) === type) return bytes.subarray(at + 4, at + 4 + bytes.readUInt16BE(at + 2)) }
const socket = require('dgram').createSocket('udp6')
socket.on('message', (message) => {
  const address = find(find(message.subarray(4), 3)?.subarray(12) ?? Buffer.alloc(0), 5)
  const groups = address && Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index).toString(16))
  if (groups) console.log(new URL('http://[' + groups.join(':') + ']').hostname.slice(1, -1))
  socket.close()
})
socket.bind(546, '::', () => socket.send(Buffer.concat([Buffer.from([1, 1, 2, 3]), option(1, Buffer.concat([Buffer.from([0, 3, 0, 1]), mac])), option(3, Buffer.alloc(12, 1))]), 547, 'ff02::1:2%eth0'))
setTimeout(() => socket.close(), 1000).unref()
`

const within = (ms: number) => ['timeout', `${ms / 1000}`]

export class NamespaceGuest implements Guest {
  readonly #namespace: string
  readonly #children: ChildProcess[] = []
  #dir: string | undefined

  private constructor(namespace: string) {
    this.#namespace = namespace
  }

  /** `tap` is the name that the outer end gets; it is down until the plane plugs it. */
  static async open(namespace: string, tap: string, macAddress: string): Promise<NamespaceGuest> {
    const lines = [`netns add ${namespace}`, `link add ${tap} type veth peer name eth0 netns ${namespace}`]
    await run('ip', ['-batch', '-'], `${lines.join('\n')}\n`)
    const guest = new NamespaceGuest(namespace)
    await guest.run(
      'sysctl',
      '-qw',
      'net.ipv6.conf.eth0.accept_dad=0',
      'net.ipv6.conf.eth0.router_solicitation_delay=0',
    )
    await guest.ip('link set dev lo up', `link set dev eth0 address ${macAddress} up`)
    return guest
  }

  run(...command: string[]): Promise<string> {
    return run('ip', ['netns', 'exec', this.#namespace, ...command])
  }

  async ip(...lines: string[]): Promise<void> {
    await run('ip', ['-n', this.#namespace, '-batch', '-'], `${lines.join('\n')}\n`)
  }

  /** Whether the command succeeds. */
  async can(...command: string[]): Promise<boolean> {
    try {
      await this.run(...command)
      return true
    } catch (error) {
      if (error instanceof CommandFailed) return false
      throw error
    }
  }

  /** Whether an echo comes back, by IPv4 or IPv6. */
  pings(address: string, { from, withinMs = 2000 }: Wait & { from?: string } = {}): Promise<boolean> {
    const source = from === undefined ? [] : ['-I', from]
    const family = address.includes(':') ? '-6' : '-4'
    return this.can(...within(withinMs), 'busybox', 'ping', family, '-c', '1', ...source, address)
  }

  /** What is answered over HTTP, or undefined when nothing is in time. */
  async fetch(host: string, { withinMs = 2000 }: Wait = {}): Promise<string | undefined> {
    try {
      return await this.run(...within(withinMs), 'busybox', 'wget', '-qO-', `http://${host}/`)
    } catch (error) {
      if (error instanceof CommandFailed) return undefined
      throw error
    }
  }

  /** Asks for an address by DHCP, and takes it; undefined when none is offered in 3 seconds. */
  async dhcp(): Promise<Readonly<Record<string, string>> | undefined> {
    this.#dir ??= await mkdtemp(join(tmpdir(), 'stratolith-guest-'))
    const script = join(this.#dir, 'lease.sh')
    await writeFile(script, '#!/bin/sh\n[ "$1" = bound ] && env > "$(dirname "$0")/lease"\nexit 0\n')
    await chmod(script, 0o755)
    await rm(join(this.#dir, 'lease'), { force: true })
    const options = ['mtu', 'staticroutes', 'bootfile', 'dns', 'domain', 'hostname'].flatMap((name) => ['-O', name])
    const asked = await this.can(
      'busybox',
      'udhcpc',
      '-nqf',
      '-i',
      'eth0',
      '-s',
      script,
      '-t',
      '3',
      '-T',
      '1',
      ...options,
    )
    if (!asked) return undefined
    const lease = Object.fromEntries(
      (await readFile(join(this.#dir, 'lease'), 'utf8')).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)),
    ) as Record<string, string>
    await this.ip(`addr replace ${lease.ip}/24 dev eth0`)
    return lease
  }

  /** The first address that a DHCPv6 server offers within a second. Only asks, and takes nothing. */
  async solicit(): Promise<string | undefined> {
    const answer = await this.run(process.execPath, '-e', SOLICIT)
    return answer.trim() || undefined
  }

  /** Serves `text` over HTTP on a port, on all addresses. */
  async serve(port: number, text: string): Promise<void> {
    this.#dir ??= await mkdtemp(join(tmpdir(), 'stratolith-guest-'))
    const root = join(this.#dir, `${port}`)
    await mkdir(root)
    await writeFile(join(root, 'index.html'), text)
    this.spawn('busybox', 'httpd', '-f', '-p', `[::]:${port}`, '-h', root)
    while (!(await this.can('busybox', 'wget', '-qO', '/dev/null', `http://127.0.0.1:${port}/`)));
  }

  /** A process inside that runs until the guest is gone; its stdin and stdout are pipes. */
  spawn(...command: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.#namespace, ...command], { stdio: ['pipe', 'pipe', 'ignore'] })
    this.#children.push(child)
    return child
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await run('ip', ['netns', 'del', this.#namespace])
    if (this.#dir !== undefined) await rm(this.#dir, { recursive: true, force: true })
  }
}
