/**
 * One socket's life: calls out, replies, events and stream data in. It ends once and never comes back; `link.ts` makes
 * the next one.
 */
import type { Duplex } from 'node:stream'
import { connectionError, LibvirtError, protocolError, unsupportedError } from '../errors.ts'
import { VIR_ERR_OPERATION_TIMEOUT } from '../generated/constants.ts'
import { decodeError } from '../generated/protocol.ts'
import {
  type CallEntry,
  type CallOptions,
  type Opened,
  PASSES_DESCRIPTORS,
  READS_STREAM,
  WRITES_STREAM,
} from './call.ts'
import { Limiter, type Ticket } from './limiter.ts'
import {
  Deframer,
  finishPacket,
  HEADER_BYTES,
  type Header,
  PROGRAM_KEEPALIVE,
  readHeader,
  STATUS_CONTINUE,
  STATUS_ERROR,
  STATUS_OK,
  streamPacket,
  TYPE_CALL,
  TYPE_MESSAGE,
  TYPE_REPLY,
  TYPE_REPLY_WITH_FDS,
  TYPE_STREAM,
  TYPE_STREAM_HOLE,
  writeHeader,
} from './packet.ts'
import { slowCalls } from './slow.ts'
import { RpcStream } from './stream.ts'
import { Reader, Writer } from './xdr.ts'

const KEEPALIVE_PING = 1
const KEEPALIVE_PONG = 2
/** What a stream may leave with the socket before it waits: enough that the daemon never waits for us. */
const SEND_AHEAD_BYTES = 2 << 20
/** Smaller packets are cheaper to make than to keep. */
const REUSE_FROM_BYTES = 64 << 10
const PONGS_BELOW_BYTES = 4 << 20
/** A daemon's own interval is 5 s unless its administrator said otherwise, and it waits for several. */
const PAUSE_BEAT_MS = 5000
/** The longest that a timer of Node's can be. */
const TIMER_MAX_MS = 0x7fffffff

/** How a connection that fell silent is found out. */
export interface KeepAlive {
  intervalMs: number
  /** Pings without any sign of life after which the connection counts as dead. */
  count: number
}

export interface SessionOptions {
  timeoutMs: number
  slowTimeoutMs: number
  maxCallsInFlight: number
  maxSlowCallsInFlight: number
  keepAlive: KeepAlive | false
  /** In the order of arrival, before anything that came later is looked at. */
  onEvent: (program: number, procedure: number, payload: Reader) => void
  /** Once. */
  onEnd: (error: LibvirtError) => void
}

interface Pending {
  program: number
  entry: CallEntry
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
  onReply: ((ret: unknown) => void) | undefined
  ticket: Ticket | undefined
  stream: RpcStream | undefined
  timer: NodeJS.Timeout | undefined
  signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
  /** The caller has its answer; the daemon may still be at work. */
  settled: boolean
}

export class Session {
  readonly #socket: Duplex
  readonly #options: SessionOptions
  readonly #limiter: Limiter
  readonly #deframer = new Deframer()
  readonly #writer = new Writer(4096)
  readonly #pending = new Map<number, Pending>()
  readonly #queued = new Set<Pending>()
  readonly #streams = new Map<number, { program: number; procedure: number; stream: RpcStream }>()
  /** The stream of the last packet of one, of which more may come. */
  #receiving: RpcStream | undefined
  #serial = 0
  #ended: LibvirtError | undefined
  #closing = false
  #corked = false
  /** What came in one read is being handled: the calls that it lets go leave together. */
  #handling = false
  /** Streams that wait for the socket to have sent what it has. */
  readonly #waitingForRoom = new Set<PromiseWithResolvers<void>>()
  #pauses = 0
  #beat: NodeJS.Timeout | undefined
  #lastReceived = 0
  #unanswered = 0
  #keepAlive: KeepAlive | false
  #pinger: NodeJS.Timeout | undefined

  constructor(socket: Duplex, options: SessionOptions) {
    this.#socket = socket
    this.#options = options
    this.#keepAlive = options.keepAlive
    this.#limiter = new Limiter(options.maxCallsInFlight, options.maxSlowCallsInFlight)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.end(connectionError(`the connection failed: ${error.message}`, error, 'error')))
    socket.on('end', () => this.end(connectionError('the daemon closed the connection', undefined, 'end-of-file')))
    socket.on('close', () => this.end(connectionError('the connection is closed', undefined, 'end-of-file')))
  }

  get ended(): LibvirtError | undefined {
    return this.#ended
  }

  // ---- Calls -----------------------------------------------------------------------------------------------

  /**
   * One call. A call that opens a stream resolves to `{ ret, stream }`.
   * `onReply` runs while the reply's packet is being handled, so before any event behind it.
   */
  call(
    program: number,
    entry: CallEntry,
    args: unknown,
    options: CallOptions = {},
    onReply?: (ret: unknown) => void,
  ): Promise<unknown> {
    const [number, name, encode, , bits] = entry
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw lost(this.#ended, name, false)
      if ((bits & PASSES_DESCRIPTORS) !== 0)
        throw unsupportedError(`${name} passes file descriptors, which Node cannot do`)
      options.signal?.throwIfAborted()
      const serial = this.#nextSerial()
      const packet = this.#packet({ program, procedure: number, type: TYPE_CALL, serial, status: STATUS_OK }, (w) => {
        if (encode !== 0) encode(w, args as never)
      })
      const pending: Pending = {
        program,
        entry,
        resolve,
        reject,
        onReply,
        ticket: undefined,
        stream: undefined,
        timer: undefined,
        signal: options.signal,
        onAbort: undefined,
        settled: false,
      }
      const slow = slowCalls.has(name)
      const timeoutMs = options.timeoutMs ?? (slow ? this.#options.slowTimeoutMs : this.#options.timeoutMs)
      if (timeoutMs > 0) {
        pending.timer = setTimeout(
          // An answer that came while this process was busy counts: it is read between the timers and what follows them.
          () =>
            setImmediate(() => {
              if (pending.settled) return
              const sent = pending.ticket?.state === 'running'
              const message = sent
                ? `${name} got no answer within ${timeoutMs} ms`
                : `${name} waited ${timeoutMs} ms for its turn and was not sent`
              this.#giveUp(
                pending,
                new LibvirtError(message, { origin: 'timeout', code: VIR_ERR_OPERATION_TIMEOUT, procedure: name }),
              )
            }),
          Math.min(timeoutMs, TIMER_MAX_MS),
        )
      }
      if (options.signal !== undefined) {
        const { signal } = options
        pending.onAbort = () => this.#giveUp(pending, signal.reason)
        signal.addEventListener('abort', pending.onAbort, { once: true })
      }
      this.#queued.add(pending)
      pending.ticket = this.#limiter.enter(slow, () => {
        this.#queued.delete(pending)
        this.#pending.set(serial, pending)
        // The stream's first data may come with the reply, in one read.
        if ((bits & (READS_STREAM | WRITES_STREAM)) !== 0) pending.stream = this.#openStream(program, number, serial)
        this.#send(packet)
      })
      // No other call can join these: whoever makes a thousand at once has the first answers sooner.
      if (this.#limiter.saturated && !this.#handling) this.#flush()
    })
  }

  #nextSerial(): number {
    do {
      this.#serial = this.#serial >= 0xffffffff ? 1 : this.#serial + 1
    } while (this.#pending.has(this.#serial) || this.#streams.has(this.#serial))
    return this.#serial
  }

  #packet(header: Header, payload?: (w: Writer) => void): Buffer {
    try {
      writeHeader(this.#writer, header)
      payload?.(this.#writer)
      return finishPacket(this.#writer)
    } catch (error) {
      this.#writer.reset()
      throw error
    }
  }

  #settle(pending: Pending): boolean {
    if (pending.settled) return false
    pending.settled = true
    clearTimeout(pending.timer)
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort)
    return true
  }

  /** The caller stops waiting. A call that was sent keeps its place until the daemon has answered. */
  #giveUp(pending: Pending, reason: unknown): void {
    if (!this.#settle(pending)) return
    if (this.#queued.delete(pending) && pending.ticket !== undefined) this.#limiter.leave(pending.ticket)
    pending.reject(reason)
  }

  // ---- Sending ---------------------------------------------------------------------------------------------

  /** All packets of one tick leave in one write, unless `#flush` sends what there is. */
  #send(packet: Buffer, sent?: (error?: Error | null) => void): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(() => this.#flush())
    }
    this.#socket.write(packet, sent)
  }
  #flush(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }

  readonly #giveRoom = (): void => {
    for (const waiting of this.#waitingForRoom) waiting.resolve()
    this.#waitingForRoom.clear()
  }

  #openStream(program: number, procedure: number, serial: number): RpcStream {
    /** Packets to be filled anew: getting and returning a MiB of memory costs more than filling it. */
    const sent: Buffer[] = []
    const stream = new RpcStream({
      send: async (status, payload) => {
        if (this.#ended !== undefined) throw this.#ended
        const header = { program, procedure, type: TYPE_STREAM, serial, status }
        if (payload === undefined) this.#send(this.#packet(header))
        else if (payload instanceof Uint8Array) {
          const packet = streamPacket(header, payload, sent.pop())
          this.#send(packet, (error) => {
            if (!error && packet.length >= REUSE_FROM_BYTES) sent.push(packet)
            this.#giveRoom()
          })
        } else {
          const { hole } = payload
          const packet = this.#packet({ ...header, type: TYPE_STREAM_HOLE }, (w) => {
            w.h(hole)
            w.u(0)
          })
          this.#send(packet, this.#giveRoom)
        }
        if (this.#socket.writableLength <= SEND_AHEAD_BYTES) return
        const room = Promise.withResolvers<void>()
        this.#waitingForRoom.add(room)
        await room.promise
      },
      pause: () => {
        if (this.#pauses++ > 0) return
        this.#socket.pause()
        this.#beat = setInterval(() => this.#keepalive(KEEPALIVE_PONG), this.#pauseBeatMs)
        this.#beat.unref()
      },
      resume: () => {
        if (--this.#pauses > 0) return
        clearInterval(this.#beat)
        this.#lastReceived = Date.now()
        this.#socket.resume()
      },
      wake: this.#giveRoom,
      forget: () => this.#streams.delete(serial),
    })
    this.#streams.set(serial, { program, procedure, stream })
    return stream
  }

  /**
   * While we do not read, the daemon's pings stay unanswered and it would drop us. Any packet is a sign of life to it,
   * and it answers none to a pong.
   */
  get #pauseBeatMs(): number {
    const keepAlive = this.#keepAlive
    return keepAlive === false ? PAUSE_BEAT_MS : Math.min(keepAlive.intervalMs, PAUSE_BEAT_MS)
  }

  // ---- Receiving -------------------------------------------------------------------------------------------

  #receive(chunk: Buffer): void {
    this.#lastReceived = Date.now()
    this.#unanswered = 0
    this.#handling = true
    try {
      this.#deframer.push(
        chunk,
        (packet) => {
          if (this.#ended === undefined) this.#handle(packet)
        },
        (data) => {
          if (this.#ended === undefined) this.#receiving?.receive(STATUS_CONTINUE, data)
        },
      )
    } catch (error) {
      this.end(error instanceof LibvirtError ? error : protocolError(`unreadable packet: ${(error as Error).message}`))
    } finally {
      this.#handling = false
    }
  }

  #handle(packet: Buffer): void {
    const header = readHeader(packet)
    const { program, procedure, type, serial, status } = header
    if (program === PROGRAM_KEEPALIVE) {
      // Who asks faster than it reads the answers has enough of them.
      if (procedure === KEEPALIVE_PING && this.#socket.writableLength < PONGS_BELOW_BYTES)
        this.#keepalive(KEEPALIVE_PONG)
      return
    }
    switch (type) {
      case TYPE_REPLY:
      case TYPE_REPLY_WITH_FDS: {
        const pending = this.#pending.get(serial)
        if (pending === undefined || pending.program !== program || pending.entry[0] !== procedure)
          throw protocolError(`a reply to no call (serial ${serial})`)
        if (status !== STATUS_OK && status !== STATUS_ERROR) throw protocolError(`a reply of status ${status}`)
        const payload = new Reader(packet, HEADER_BYTES)
        // The descriptors' own bytes would stand behind the packet, and be taken for the next one.
        if (type === TYPE_REPLY_WITH_FDS && payload.u() !== 0) throw protocolError('a reply with file descriptors')
        this.#pending.delete(serial)
        this.#reply(pending, status, payload)
        if (pending.ticket !== undefined) this.#limiter.leave(pending.ticket)
        return
      }
      case TYPE_MESSAGE:
        this.#options.onEvent(program, procedure, new Reader(packet, HEADER_BYTES))
        return
      case TYPE_STREAM:
      case TYPE_STREAM_HOLE: {
        // Late data of a stream that ended here is no fault.
        const open = this.#streams.get(serial)
        this.#receiving = undefined
        if (open === undefined || open.program !== program || open.procedure !== procedure) return
        this.#receiving = open.stream
        if (status === STATUS_ERROR) open.stream.fail(readError(new Reader(packet, HEADER_BYTES), undefined))
        else if (type === TYPE_STREAM_HOLE && status === STATUS_CONTINUE) {
          const hole = new Reader(packet, HEADER_BYTES).h()
          if (hole < 0n) throw protocolError(`a hole of ${hole} bytes`)
          open.stream.receive(status, { hole })
        } else open.stream.receive(status, packet.subarray(HEADER_BYTES))
        return
      }
      default:
        throw protocolError(`a packet of type ${type}`)
    }
  }

  #reply(pending: Pending, status: number, payload: Reader): void {
    const { entry, stream } = pending
    const [, name, , decode] = entry
    let ret: unknown
    try {
      if (status === STATUS_ERROR) {
        const error = readError(payload, name)
        stream?.fail(error)
        if (this.#settle(pending)) pending.reject(error)
        return
      }
      if (decode !== 0) ret = decode(payload)
    } catch (error) {
      // The daemon has the stream, if it has one.
      stream?.abort().catch(() => {})
      if (this.#settle(pending)) pending.reject(error)
      return
    }
    pending.onReply?.(ret)
    if (this.#settle(pending)) pending.resolve(stream === undefined ? ret : ({ ret, stream } satisfies Opened<unknown>))
    else stream?.abort().catch(() => {})
  }

  // ---- Keepalive -------------------------------------------------------------------------------------------

  #keepalive(procedure: number): void {
    this.#send(
      this.#packet({ program: PROGRAM_KEEPALIVE, procedure, type: TYPE_MESSAGE, serial: 0, status: STATUS_OK }),
    )
  }

  setKeepAlive(keepAlive: KeepAlive | false): void {
    this.#keepAlive = keepAlive
    clearInterval(this.#pinger)
    this.startKeepAlive()
  }

  /**
   * Begins to ask for signs of life. Silence proves nothing while the daemon does not read (all its places taken, a
   * caller still waiting) or while we do not read; then it is not counted.
   */
  startKeepAlive(): void {
    const keepAlive = this.#keepAlive
    if (keepAlive === false || this.#ended !== undefined) return
    this.#lastReceived = Date.now()
    this.#pinger = setInterval(() => {
      if (Date.now() - this.#lastReceived < keepAlive.intervalMs || this.#pauses > 0) return
      if (this.#limiter.saturated && [...this.#pending.values()].some((pending) => !pending.settled)) return
      if (this.#unanswered >= keepAlive.count) {
        const seconds = Math.round((Date.now() - this.#lastReceived) / 1000)
        this.end(connectionError(`the daemon gave no sign of life for ${seconds} s`, undefined, 'keepalive'))
        return
      }
      this.#unanswered++
      this.#keepalive(KEEPALIVE_PING)
    }, keepAlive.intervalMs)
    this.#pinger.unref()
  }

  // ---- The end ---------------------------------------------------------------------------------------------

  /** From now on the end of the connection is what was asked for. */
  expectEnd(): void {
    this.#closing = true
  }
  get endExpected(): boolean {
    return this.#closing
  }

  /** Fails everything under way. Repeatable; the first cause counts. */
  end(error: LibvirtError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    clearInterval(this.#pinger)
    clearInterval(this.#beat)
    const waiting = [...this.#queued]
    const sent = [...this.#pending.values()]
    this.#queued.clear()
    this.#pending.clear()
    for (const { stream } of [...this.#streams.values()]) stream.fail(error)
    this.#streams.clear()
    for (const pending of sent) if (this.#settle(pending)) pending.reject(lost(error, pending.entry[1], true))
    for (const pending of waiting) if (this.#settle(pending)) pending.reject(lost(error, pending.entry[1], false))
    for (const waiting of this.#waitingForRoom) waiting.reject(error)
    this.#waitingForRoom.clear()
    this.#socket.destroy()
    this.#options.onEnd(error)
  }
}

/** Each call gets an error of its own, with its own name and stack. */
function lost(error: LibvirtError, procedure: string, sent: boolean): LibvirtError {
  const { origin, code } = error
  const text = sent ? 'had not been answered' : 'was not sent'
  return new LibvirtError(`${error.message}; ${procedure} ${text}`, { origin, code, procedure, cause: error })
}

function readError(payload: Reader, procedure: string | undefined): LibvirtError {
  const error = decodeError(payload)
  return new LibvirtError(error.message ?? `libvirt error ${error.code}`, {
    origin: 'daemon',
    code: error.code,
    domain: error.domain,
    level: error.level,
    str1: error.str1,
    str2: error.str2,
    str3: error.str3,
    int1: error.int1,
    int2: error.int2,
    procedure,
  })
}
