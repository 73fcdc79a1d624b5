/**
 * A daemon of our own on a UNIX socket: it answers what a test tells it to, when it tells it to.
 * Its half of the protocol is generated as well.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectOptions, type Connection, connect, unixTransport } from '../src/index.ts'
import {
  Deframer,
  finishPacket,
  HEADER_BYTES,
  PROGRAM_QEMU,
  PROGRAM_REMOTE,
  readHeader,
  STATUS_ERROR,
  STATUS_OK,
  TYPE_CALL,
  TYPE_MESSAGE,
  TYPE_REPLY,
  TYPE_STREAM,
  writeHeader,
} from '../src/rpc/packet.ts'
import { Reader, Writer } from '../src/rpc/xdr.ts'
import { encodeError, qemuCalls, qemuEvents, remoteCalls, remoteEvents } from './generated/daemon-protocol.ts'

/** Thrown by an answer: becomes an error reply. */
export class Refusal extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export interface Incoming {
  name: string
  args: never
  serial: number
  /** Packets for this call's client. */
  client: Client
}
type Answer = (call: Incoming) => unknown

export interface Client {
  socket: Socket
  send(...packets: Buffer[]): void
  stream(serial: number, name: string, status: number, bytes?: Uint8Array): Buffer
}

const errorOf = (code: number, message: string) => ({
  code,
  domain: 10,
  message,
  level: 2,
  dom: null,
  str1: '%s',
  str2: message,
  str3: null,
  int1: -1,
  int2: -1,
  net: null,
})

export class FakeDaemon implements AsyncDisposable {
  readonly path: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'fake-libvirt-'))
  #server: Server | undefined
  readonly clients = new Set<Client>()
  /** Every call that came, by name. */
  readonly calls: string[] = []
  /** Calls that were not answered yet, and the most there ever were. */
  running = 0
  mostRunning = 0
  /** Stream and other packets that are no calls. */
  readonly others: { type: number; status: number; program: number; procedure: number; bytes: Buffer }[] = []
  #callbacks = 0
  readonly answers: Record<string, Answer> = {
    authList: () => ({ types: [0] }),
    connectSupportsFeature: () => ({ supported: 1 }),
    connectOpen: () => undefined,
    connectDomainEventCallbackRegisterAny: () => ({ callbackID: this.#callbacks++ }),
    connectDomainEventCallbackDeregisterAny: () => undefined,
    connectClose: ({ client }) => {
      setImmediate(() => client.socket.end())
    },
  }

  constructor() {
    this.path = join(this.#folder, 'sock')
  }

  async listen(): Promise<this> {
    this.#server = createServer((socket) => this.#serve(socket))
    await new Promise<void>((resolve) => this.#server?.listen(this.path, resolve))
    return this
  }

  /** Gone without a word, as after a crash. */
  async die(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const { socket } of this.clients) socket.destroy()
    this.clients.clear()
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  connect(options: ConnectOptions = {}): Promise<Connection> {
    return connect('test:///default', { transport: unixTransport(this.path), timeoutMs: 5000, ...options })
  }

  #serve(socket: Socket): void {
    const deframer = new Deframer()
    const client: Client = {
      socket,
      send: (...packets) => void socket.write(Buffer.concat(packets)),
      stream: (serial, name, status, bytes = new Uint8Array()) => {
        const w = new Writer()
        writeHeader(w, { ...entryOf(name), type: TYPE_STREAM, serial, status })
        w.raw(bytes)
        return finishPacket(w)
      },
    }
    this.clients.add(client)
    socket.on('error', () => {})
    socket.on('close', () => this.clients.delete(client))
    socket.on('data', (chunk) => deframer.push(chunk, (packet) => void this.#handle(client, packet)))
  }

  async #handle(client: Client, packet: Buffer): Promise<void> {
    const header = readHeader(packet)
    if (header.type !== TYPE_CALL) {
      this.others.push({ ...header, bytes: Buffer.from(packet.subarray(HEADER_BYTES)) })
      return
    }
    const table = header.program === PROGRAM_QEMU ? qemuCalls : remoteCalls
    const entry = table.find((row) => row[0] === header.procedure)
    if (entry === undefined) throw new Error(`no procedure ${header.procedure}`)
    const [, name, decode, encode] = entry
    const args = decode === 0 ? undefined : decode(new Reader(packet, HEADER_BYTES))
    this.calls.push(name)
    this.running++
    this.mostRunning = Math.max(this.mostRunning, this.running)
    const w = new Writer()
    try {
      const answer = this.answers[name]
      if (answer === undefined) throw new Refusal(3, `${name} is not supported here`)
      const result = answer({ name, args: args as never, serial: header.serial, client })
      // An answer that is there at once goes out at once, ahead of what follows it in the same tick.
      const ret = result instanceof Promise ? await result : result
      writeHeader(w, { ...header, type: TYPE_REPLY, status: STATUS_OK })
      if (encode !== 0) encode(w, ret as never)
    } catch (error) {
      w.reset()
      writeHeader(w, { ...header, type: TYPE_REPLY, status: STATUS_ERROR })
      encodeError(w, errorOf((error as Refusal).code ?? 1, (error as Error).message))
    }
    this.running--
    client.socket.write(finishPacket(w))
  }

  /** The packet of an event. */
  event(name: string, message: object): Buffer {
    const remote = remoteEvents.find((row) => row[1] === name)
    const entry = remote ?? qemuEvents.find((row) => row[1] === name)
    if (entry === undefined || entry[2] === 0) throw new Error(`no event ${name}`)
    const program = remote === undefined ? PROGRAM_QEMU : PROGRAM_REMOTE
    const w = new Writer()
    writeHeader(w, { program, procedure: entry[0], type: TYPE_MESSAGE, serial: 1, status: STATUS_OK })
    entry[2](w, message as never)
    return finishPacket(w)
  }

  lifecycle(callbackID: number, event: number, name = 'guest'): Buffer {
    const dom = { name, uuid: new Uint8Array(16).fill(7), id: 3 }
    return this.event('domainEventCallbackLifecycle', { callbackID, msg: { dom, event, detail: 0 } })
  }

  broadcast(...packets: Buffer[]): void {
    for (const client of this.clients) client.send(...packets)
  }
}

export function entryOf(name: string): { program: number; procedure: number } {
  const remote = remoteCalls.find((row) => row[1] === name)
  if (remote !== undefined) return { program: PROGRAM_REMOTE, procedure: remote[0] }
  const qemu = qemuCalls.find((row) => row[1] === name)
  if (qemu === undefined) throw new Error(`no procedure ${name}`)
  return { program: PROGRAM_QEMU, procedure: qemu[0] }
}

/** Waits until it is so; a test that would wait for ever fails by itself. */
export async function until(what: () => boolean, withinMs = 30_000): Promise<void> {
  const end = Date.now() + withinMs
  while (!what()) {
    if (Date.now() > end) throw new Error(`not so within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
