/**
 * A byte stream beside a call: a console, a screenshot, a volume's content.
 *
 * It shares the connection's socket. What the reader has not taken yet is kept up to a bound; past it the whole
 * connection stops reading, so a bulk transfer with a slow reader belongs on a connection of its own.
 */
import { Duplex, Readable, Writable } from 'node:stream'
import { connectionError, type LibvirtError, protocolError } from '../errors.ts'
import { Fifo } from './fifo.ts'
import { STATUS_CONTINUE, STATUS_ERROR, STATUS_OK } from './packet.ts'

/** What a stream needs from its session. */
export interface StreamPort {
  /** Resolves when the socket takes more. `hole`: a sparse stretch instead of bytes. */
  send(status: number, payload: Uint8Array | { hole: bigint } | undefined): Promise<void>
  /** Asks the connection to stop and go on reading. */
  pause(): void
  resume(): void
  /** Whoever waits in `send` goes on. */
  wake(): void
  /** The daemon has forgotten the stream. */
  forget(): void
}

/** A stretch of zero bytes in a sparse stream. */
export interface Hole {
  hole: bigint
}

/**
 * The largest piece that is sent. libvirt's own client sends 262 120 bytes, for the sake of daemons of 2012; measured,
 * uploads in pieces of 1 MiB are a fifth faster than those in pieces of 256 KiB, and larger ones gain nothing.
 */
export const STREAM_PIECE_BYTES = 1 << 20
/** What a reader may leave before the connection stops reading. */
const KEEP_BYTES = 8 << 20
/** What a piece costs besides its bytes, so that many small ones and holes count too. */
const PIECE_COST_BYTES = 256

const costOf = (piece: Buffer | Hole) => PIECE_COST_BYTES + (piece instanceof Buffer ? piece.length : 0)

/**
 * What a call of `connection.raw` that opens a stream gives beside its result. What the reader has not taken waits, up
 * to a bound; past it the whole connection stops reading.
 */
export class RpcStream implements AsyncDisposable {
  readonly #port: StreamPort
  readonly #queue = new Fifo<Buffer | Hole>()
  #queuedBytes = 0
  #paused = false
  #ended = false
  #error: LibvirtError | undefined
  #waiting: (() => void) | undefined
  #closing: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined
  #closed = false
  #aborted = false
  #onFail: ((error: LibvirtError) => void) | undefined

  constructor(port: StreamPort) {
    this.#port = port
  }

  /**
   * The next piece; undefined after the last. One reader at a time.
   *
   * @libvirt virStreamRecv, virStreamRecvFlags, virStreamRecvHole
   */
  async read(): Promise<Buffer | Hole | undefined> {
    for (;;) {
      const piece = this.#take()
      if (piece !== undefined) return piece
      if (this.#error !== undefined) throw this.#error
      if (this.#ended || this.#closed || this.#aborted) return undefined
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  #take(): Buffer | Hole | undefined {
    const piece = this.#queue.shift()
    if (piece === undefined) return undefined
    this.#queuedBytes -= costOf(piece)
    if (this.#queuedBytes < KEEP_BYTES / 2) this.#flow()
    return piece
  }

  /** Bytes that are there already, up to the next hole, to be handled in one go: at most so many pieces. */
  takeBytes(pieces: number): Buffer[] {
    const taken: Buffer[] = []
    while (taken.length < pieces && this.#queue.first instanceof Buffer) taken.push(this.#take() as Buffer)
    return taken
  }

  /**
   * Sends bytes, which are copied; resolves when the socket takes more. Later errors of the daemon show in `finish`.
   *
   * @libvirt virStreamSend
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += STREAM_PIECE_BYTES) {
      this.#check()
      await this.#port.send(STATUS_CONTINUE, bytes.subarray(at, at + STREAM_PIECE_BYTES))
    }
  }

  /**
   * Only on a stream whose call asked for a sparse one: on others the daemon closes the connection.
   *
   * @libvirt virStreamSendHole
   */
  async writeHole(length: bigint): Promise<void> {
    this.#check()
    await this.#port.send(STATUS_CONTINUE, { hole: length })
  }

  /**
   * Ends in order; resolves when the daemon has everything, rejects with what it could not do. Repeatable.
   *
   * @libvirt virStreamFinish
   */
  finish(): Promise<void> {
    return this.#close(STATUS_OK)
  }

  /** Gives up; data still under way is dropped. Repeatable. @libvirt virStreamAbort */
  abort(): Promise<void> {
    return this.#close(STATUS_ERROR)
  }

  /** Aborts it if it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Not waited for: a daemon that hangs does not confirm.
    this.abort().catch(() => {})
  }

  /** Every piece, in order. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer | Hole> {
    for (;;) {
      const piece = await this.read()
      if (piece === undefined) return
      yield piece
    }
  }

  /** For whoever neither reads nor writes just now. @internal */
  onFail(listener: (error: LibvirtError) => void): void {
    if (this.#error !== undefined) listener(this.#error)
    else this.#onFail = listener
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#error
    if (this.#closed || this.#closing !== undefined) throw connectionError('the stream is closed')
  }

  #close(status: number): Promise<void> {
    // After an error the daemon has no stream left that could answer.
    if (this.#error !== undefined) return status === STATUS_OK ? Promise.reject(this.#error) : Promise.resolve()
    if (this.#closed) return Promise.resolve()
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers<void>()
      this.#closing.promise.catch(() => {})
      this.#port.send(status, undefined).catch(() => {})
      if (status === STATUS_ERROR) {
        this.#aborted = true
        this.#queue.clear()
        this.#queuedBytes = 0
        this.#wake()
        this.#port.wake()
      }
      // The confirmation stands behind the data that is still to come.
      this.#flow()
    }
    return this.#closing.promise
  }

  /** Lets the connection read again. */
  #flow(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#port.resume()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }

  // ---- From the session ------------------------------------------------------------------------------------

  /** A packet of the stream. @internal */
  receive(status: number, payload: Buffer | Hole): void {
    if (status === STATUS_CONTINUE) {
      if (this.#aborted) return
      if (payload instanceof Buffer && payload.length === 0) this.#ended = true
      else {
        this.#queue.push(payload)
        this.#queuedBytes += costOf(payload)
        if (this.#queuedBytes > KEEP_BYTES && !this.#paused && this.#closing === undefined) {
          this.#paused = true
          this.#port.pause()
        }
      }
    } else if (status === STATUS_OK) {
      this.#closed = true
      this.#ended = true
      this.#port.forget()
      this.#closing?.resolve()
    } else this.fail(protocolError(`stream packet of status ${status}`))
    this.#wake()
  }

  /** The daemon's error, or the end of the connection. @internal */
  fail(error: LibvirtError): void {
    if (this.#closed) return
    this.#closed = true
    this.#error = error
    this.#port.forget()
    this.#closing?.reject(error)
    this.#flow()
    this.#wake()
    this.#port.wake()
    this.#onFail?.(error)
  }
}

// ---- As Node streams ---------------------------------------------------------------------------------------

export interface StreamShape {
  /** Holes are chunks of their own, `{ hole }`, among the bytes. Only where the call asked for a sparse stream. */
  sparse?: boolean | undefined
  /** Aborts the transfer, whenever that is. */
  signal?: AbortSignal | undefined
}

/** At most so many more than were asked for: a MiB, as they come from a socket. */
const PIECES_AT_ONCE = 16

async function pull(stream: RpcStream, into: Readable, sparse: boolean): Promise<void> {
  try {
    const piece = await stream.read()
    if (piece === undefined) {
      await stream.finish()
      into.push(null)
    } else if (piece instanceof Buffer || sparse) {
      // Asking for each that is there already would take longer than it does to hand them on. All are taken before the
      // first is pushed, for that may ask for more.
      for (const each of sparse ? [piece] : [piece, ...stream.takeBytes(PIECES_AT_ONCE)]) into.push(each)
    } else into.destroy(protocolError('a hole in a stream that is not sparse'))
  } catch (error) {
    into.destroy(error as Error)
  }
}

const put = (stream: RpcStream, chunk: Uint8Array | Hole): Promise<void> =>
  chunk instanceof Uint8Array ? stream.write(chunk) : stream.writeHole(chunk.hole)
const settle = (work: Promise<void>, done: (error?: Error | null) => void) => {
  work.then(
    () => done(),
    (error: Error) => done(error),
  )
}
const drop = (stream: RpcStream, error: Error | null, done: (error?: Error | null) => void) => {
  stream.abort().catch(() => {})
  done(error)
}
function until<S extends Readable | Writable>(signal: AbortSignal | undefined, stream: S): S {
  const abort = () => void stream.destroy(signal?.reason)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  stream.once('close', () => signal?.removeEventListener('abort', abort))
  return stream
}

/** From the daemon. Destroying it aborts the transfer. */
export function readableOf(stream: RpcStream, { sparse = false, signal }: StreamShape = {}): Readable {
  const readable = new Readable({
    // Chunks are large: what waits, waits in the queue of the transfer itself.
    ...(sparse ? { objectMode: true, highWaterMark: 1 } : {}),
    read() {
      void pull(stream, this, sparse)
    },
    destroy: (error, done) => drop(stream, error, done),
  })
  return until(signal, readable)
}

/** To the daemon. `finish` comes after the daemon confirmed that it has everything. */
export function writableOf(stream: RpcStream, { sparse = false, signal }: StreamShape = {}): Writable {
  const writable = new Writable({
    ...(sparse ? { objectMode: true, highWaterMark: 1 } : {}),
    write: (chunk: Uint8Array | Hole, _encoding, done) => settle(put(stream, chunk), done),
    final: (done) => settle(stream.finish(), done),
    destroy: (error, done) => drop(stream, error, done),
  })
  stream.onFail((error) => writable.destroy(error))
  return until(signal, writable)
}

/** Both ways, as a console is: ending one side ends the other. */
export function duplexOf(stream: RpcStream): Duplex {
  return new Duplex({
    allowHalfOpen: false,
    read() {
      void pull(stream, this, false)
    },
    write: (chunk: Uint8Array, _encoding, done) => settle(stream.write(chunk), done),
    final: (done) => settle(stream.finish(), done),
    destroy: (error, done) => drop(stream, error, done),
  })
}
