/**
 * A lasting connection: one session at a time, the next one after it when asked to reconnect.
 *
 * What it promises: calls under way fail at once when the daemon dies; calls made while there is no session fail at
 * once too, so that callers decide what to repeat.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { connectionError, LibvirtError } from '../errors.ts'
import { VIR_ERR_OPERATION_TIMEOUT } from '../generated/constants.ts'
import { remoteCalls } from '../generated/protocol.ts'
import type { Transport } from '../transport/transport.ts'
import type { CallEntry, CallOptions } from './call.ts'
import { type OpenOptions, openConnection } from './handshake.ts'
import { PROGRAM_REMOTE } from './packet.ts'
import { type KeepAlive, Session } from './session.ts'
import type { Reader } from './xdr.ts'

/** `reconnecting`: lost, and trying to come back; `closed`: for good. */
export type ConnectionState = 'open' | 'reconnecting' | 'closed'

export interface LinkOptions extends OpenOptions {
  transport: Transport
  connectTimeoutMs: number
  timeoutMs: number
  slowTimeoutMs: number
  maxCallsInFlight: number
  maxSlowCallsInFlight: number
  keepAlive: KeepAlive | false
  reconnect: { minDelayMs: number; maxDelayMs: number } | false
  onEvent: (program: number, procedure: number, payload: Reader) => void
  /** A new session stands in for a lost one; runs before callers may use it. Throwing tries yet another. */
  onReconnected: (call: CallOnSession) => Promise<void>
}

/** A call on the session in the making, past the state that refuses callers. */
export type CallOnSession = (
  program: number,
  entry: CallEntry,
  args: unknown,
  options?: CallOptions,
  onReply?: (ret: unknown) => void,
) => Promise<unknown>

export class Link {
  readonly #options: LinkOptions
  #session: Session | undefined
  #state: ConnectionState = 'reconnecting'
  #stop = new AbortController()
  readonly #listeners = new Set<(state: ConnectionState, cause?: Error) => void>()
  readonly #closed = Promise.withResolvers<LibvirtError | undefined>()
  #lastCause: LibvirtError | undefined

  constructor(options: LinkOptions) {
    this.#options = { ...options }
  }

  get state(): ConnectionState {
    return this.#state
  }
  get closed(): Promise<LibvirtError | undefined> {
    return this.#closed.promise
  }

  onStateChange(listener: (state: ConnectionState, cause?: Error) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #become(state: ConnectionState, cause?: LibvirtError): void {
    this.#state = state
    for (const listener of this.#listeners) listener(state, cause)
    if (state === 'closed') this.#closed.resolve(cause)
  }

  /** The first session. Fails as a whole: nothing is retried before there was a connection. */
  async open(signal: AbortSignal | undefined): Promise<void> {
    try {
      this.#session = await this.#newSession(signal)
    } catch (error) {
      this.#state = 'closed'
      throw error
    }
    this.#state = 'open'
    const { ended } = this.#session
    if (ended !== undefined) this.#onEnd(this.#session, ended)
  }

  call: CallOnSession = (program, entry, args, options, onReply) => {
    if (this.#session === undefined || this.#state !== 'open') {
      const why = this.#lastCause === undefined ? '' : `: ${this.#lastCause.message}`
      const text = this.#state === 'closed' ? 'the connection is closed' : `not connected to the daemon${why}`
      return Promise.reject(connectionError(`${entry[1]} was not sent: ${text}`, this.#lastCause))
    }
    return this.#session.call(program, entry, args, options, onReply)
  }

  setKeepAlive(keepAlive: KeepAlive | false): void {
    this.#options.keepAlive = keepAlive
    this.#session?.setKeepAlive(keepAlive)
  }

  /** Takes leave of the daemon. Repeatable. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const session = this.#session
    this.#session = undefined
    this.#stop.abort()
    this.#become('closed')
    if (session === undefined || session.ended !== undefined) return
    session.expectEnd()
    const entry = remoteCalls.find((row) => row[1] === 'connectClose') as CallEntry
    await session.call(PROGRAM_REMOTE, entry, undefined, { timeoutMs: 2000 }).catch(() => {})
    session.end(connectionError('the connection is closed'))
  }

  async #newSession(signal: AbortSignal | undefined): Promise<Session> {
    const { transport, connectTimeoutMs } = this.#options
    const limit = connectTimeoutMs > 0 ? AbortSignal.timeout(connectTimeoutMs) : undefined
    const all = AbortSignal.any([this.#stop.signal, ...(limit ? [limit] : []), ...(signal ? [signal] : [])])
    let session: Session | undefined
    try {
      const socket = await transport.open(all)
      const made = new Session(socket, {
        ...this.#options,
        onEnd: (error) => this.#onEnd(made, error),
      })
      session = made
      await openConnection(made, this.#options, all)
      return made
    } catch (error) {
      session?.end(connectionError('the connection was not opened', error))
      if (limit?.aborted && error === limit.reason) {
        throw new LibvirtError(`no connection through ${transport.description} within ${connectTimeoutMs} ms`, {
          origin: 'timeout',
          code: VIR_ERR_OPERATION_TIMEOUT,
          cause: error,
        })
      }
      throw error
    }
  }

  #onEnd(session: Session, error: LibvirtError): void {
    // A session that never became this link's own, or that was given back, is not news.
    if (session !== this.#session || session.endExpected) return
    this.#session = undefined
    this.#lastCause = error
    if (this.#options.reconnect === false) this.#become('closed', error)
    else {
      this.#become('reconnecting', error)
      void this.#reconnect(this.#options.reconnect)
    }
  }

  async #reconnect({ minDelayMs, maxDelayMs }: { minDelayMs: number; maxDelayMs: number }): Promise<void> {
    const { signal } = this.#stop
    for (let delay = minDelayMs; ; delay = Math.min(delay * 2, maxDelayMs)) {
      // Many clients of one daemon should not all come back in the same instant.
      await sleep(delay * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      let session: Session | undefined
      try {
        const made = await this.#newSession(undefined)
        session = made
        await this.#options.onReconnected((...args) => made.call(...args))
        if (made.ended !== undefined) throw made.ended
        if (signal.aborted) throw signal.reason
        this.#session = made
        this.#lastCause = undefined
        this.#become('open')
        return
      } catch (error) {
        session?.end(connectionError('the connection was given up', error))
        if (signal.aborted) return
        this.#lastCause = error instanceof LibvirtError ? error : connectionError((error as Error).message, error)
        for (const listener of this.#listeners) listener('reconnecting', this.#lastCause)
      }
    }
  }
}
