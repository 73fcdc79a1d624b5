/**
 * Events of every kind of object, as async iterators and as listeners.
 *
 * The daemon refuses to register one event twice on a connection, so each topic (an event, of all objects or of one) is
 * registered once here and serves any number of watchers, until the last one leaves. After a reconnect everything is
 * registered again. Which topics there are is said by the areas: `domain-events.ts` and its likes.
 */
import { connectionError, LibvirtError } from './errors.ts'
import { qemuCalls, qemuEvents, remoteCalls, remoteEvents } from './generated/protocol.ts'
import type { CallEntry, EventEntry } from './rpc/call.ts'
import type { CallOnSession } from './rpc/link.ts'
import { PROGRAM_QEMU, PROGRAM_REMOTE } from './rpc/packet.ts'
import type { Reader } from './rpc/xdr.ts'

/** Something may have happened that no event told: list again. */
export interface EventsLost {
  kind: 'events-lost'
  cause: 'reconnected' | 'overflow'
}
/** How long a watch lasts, and how much waits for a slow reader. */
export interface WatchLimits {
  /** Ends the iteration, without an error. */
  signal?: AbortSignal | undefined
  /** Events kept for a reader that is busy; past it they are dropped and `events-lost` stands in their place. */
  buffer?: number | undefined
}
/** Leaving the loop, `return()` and `await using` give the registration back. */
export type Watch<Event> = AsyncIterableIterator<Event | EventsLost> & AsyncDisposable
/** Takes a listener away; resolves when the daemon has heard of it, where nobody else listens. Repeatable. */
export type StopListening = () => Promise<void>

/** One thing that can be registered with the daemon. */
export interface Topic<Event> {
  /** The same text means the same registration. */
  key: string
  program: 'remote' | 'qemu'
  /** The protocol's names: of the calls, and of the message that comes. */
  register: string
  deregister: string
  message: string
  args: unknown
  /** Undefined: not worth telling, such as an event that only a newer daemon knows. */
  convert: (message: never) => Event | undefined
  /** Watches end without an error even when the connection ends with one. */
  endsQuietly?: boolean
}

const callNamed = (table: readonly CallEntry[], name: string) => table.find((row) => row[1] === name) as CallEntry

/** Where events go. */
interface Sink {
  push(event: unknown): void
  end(error: LibvirtError | undefined): void
}

/** One watcher's queue. */
class Watcher<Event> implements Watch<Event>, Sink {
  readonly #queue: (Event | EventsLost)[] = []
  readonly #limit: number
  readonly #waiting: PromiseWithResolvers<IteratorResult<Event | EventsLost, undefined>>[] = []
  #overflowed = false
  #end: { error: LibvirtError | undefined } | undefined
  #onLeave: (() => Promise<void>) | undefined

  constructor(limit: number, onLeave: () => Promise<void>) {
    this.#limit = limit
    this.#onLeave = onLeave
  }

  push(event: Event | EventsLost): void {
    if (this.#end !== undefined) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) waiting.resolve({ done: false, value: event })
    else if (this.#queue.length < this.#limit) {
      this.#queue.push(event)
      this.#overflowed = false
    } else if (!this.#overflowed) {
      this.#overflowed = true
      this.#queue.push({ kind: 'events-lost', cause: 'overflow' })
    }
  }

  /** What is queued may still be read; then the iteration ends, or throws the error once. */
  end(error?: LibvirtError): void {
    if (this.#end !== undefined) return
    const waiting = this.#waiting.splice(0)
    this.#end = { error: waiting.length > 0 ? undefined : error }
    for (const [index, reader] of waiting.entries()) {
      if (error !== undefined && index === 0) reader.reject(error)
      else reader.resolve({ done: true, value: undefined })
    }
  }

  next(): Promise<IteratorResult<Event | EventsLost, undefined>> {
    const event = this.#queue.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#end !== undefined) {
      const { error } = this.#end
      this.#end = { error: undefined }
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error)
    }
    const waiting = Promise.withResolvers<IteratorResult<Event | EventsLost, undefined>>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  async return(): Promise<IteratorResult<Event | EventsLost, undefined>> {
    this.end()
    this.#queue.length = 0
    const leave = this.#onLeave
    this.#onLeave = undefined
    await leave?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}

/** A function that is called for each event. What it throws is the program's fault, and no reason to lose the connection. */
class Listener implements Sink {
  readonly #hear: (event: never) => void

  constructor(hear: (event: never) => void) {
    this.#hear = hear
  }
  push(event: unknown): void {
    try {
      this.#hear(event as never)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
  end(): void {}
}

interface Registration {
  topic: Topic<unknown>
  sinks: Set<Sink>
  active: boolean
  /** Undefined where the protocol numbers nothing. */
  callbackId: number | undefined
  /** Registering and deregistering of one event happen one after the other. */
  work: Promise<unknown>
}

export class EventHub {
  readonly #call: CallOnSession
  readonly #registrations = new Map<string, Registration>()
  /** Drivers number their callbacks each for itself, so the number counts together with its message. */
  readonly #byCallback = new Map<string, Registration>()
  readonly #decoders = new Map<string, EventEntry>()
  readonly #lossListeners = new Set<Sink>()

  constructor(call: CallOnSession) {
    this.#call = call
  }

  /** When it resolves, the daemon has the registrations: what happens from then on is told. */
  async watch<Event>(
    topics: readonly Topic<Event>[],
    { signal, buffer = 1000 }: WatchLimits = {},
  ): Promise<Watch<Event>> {
    signal?.throwIfAborted()
    const stop = () => void watcher.return()
    const watcher: Watcher<Event> = new Watcher(buffer, async () => {
      signal?.removeEventListener('abort', stop)
      await this.#leave(watcher, topics)
    })
    const joined = await Promise.allSettled(topics.map((topic) => this.#join(watcher, topic)))
    const failed = joined.find((result) => result.status === 'rejected')
    if (failed !== undefined) {
      await watcher.return()
      throw failed.reason
    }
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    return watcher
  }

  /** As `watch`, for a function. It hears nothing of losses: `onLoss` tells of those. */
  async on<Event>(topic: Topic<Event>, listener: (event: Event) => void): Promise<StopListening> {
    const sink = new Listener(listener)
    try {
      await this.#join(sink, topic)
    } catch (error) {
      await this.#leave(sink, [topic])
      throw error
    }
    return () => this.#leave(sink, [topic])
  }

  /** Called after each reconnect, when calls are possible again. Returns what takes the listener away. */
  onLoss(listener: (event: EventsLost) => void): () => void {
    const sink = new Listener(listener)
    this.#lossListeners.add(sink)
    return () => void this.#lossListeners.delete(sink)
  }

  #join(sink: Sink, topic: Topic<unknown>): Promise<void> {
    const { key } = topic
    let registration = this.#registrations.get(key)
    if (registration === undefined) {
      registration = { topic, sinks: new Set(), active: false, callbackId: undefined, work: Promise.resolve() }
      this.#registrations.set(key, registration)
    }
    const joined = registration
    joined.sinks.add(sink)
    return this.#serially(joined, async () => {
      if (!joined.active) await this.#register(joined, this.#call)
    })
  }

  #serially(registration: Registration, work: () => Promise<void>): Promise<void> {
    const done = registration.work.then(work)
    registration.work = done.catch(() => {})
    return done
  }

  async #register(registration: Registration, call: CallOnSession): Promise<void> {
    const { program, register, args } = registration.topic
    const entry = callNamed(program === 'qemu' ? qemuCalls : remoteCalls, register)
    // The first event may stand behind the reply in the same read, so the callback is bound while that is handled.
    await call(program === 'qemu' ? PROGRAM_QEMU : PROGRAM_REMOTE, entry, args, {}, (ret) => {
      registration.active = true
      registration.callbackId = (ret as { callbackID: number } | undefined)?.callbackID
      this.#byCallback.set(`${registration.topic.message} ${registration.callbackId}`, registration)
    })
  }

  async #leave(sink: Sink, topics: readonly Topic<unknown>[]): Promise<void> {
    await Promise.all(
      topics.map(({ key }) => {
        const registration = this.#registrations.get(key)
        if (registration === undefined || !registration.sinks.delete(sink)) return undefined
        return this.#serially(registration, async () => {
          if (registration.sinks.size > 0) return
          if (registration.active) await this.#deregister(registration)
          // Whoever came meanwhile waits behind this and needs the same registration.
          if (registration.sinks.size === 0) this.#registrations.delete(key)
        })
      }),
    )
  }

  async #deregister(registration: Registration): Promise<void> {
    const { callbackId } = registration
    const { program, deregister, message } = registration.topic
    registration.active = false
    this.#byCallback.delete(`${message} ${callbackId}`)
    const args = callbackId === undefined ? undefined : { callbackID: callbackId }
    const entry = callNamed(program === 'qemu' ? qemuCalls : remoteCalls, deregister)
    // A connection that is gone has no registrations left.
    await this.#call(program === 'qemu' ? PROGRAM_QEMU : PROGRAM_REMOTE, entry, args).catch(() => {})
  }

  /** From the packet handler: must not wait. */
  dispatch(program: number, procedure: number, payload: Reader): void {
    if (this.#decoders.size === 0) {
      for (const row of remoteEvents) this.#decoders.set(`${PROGRAM_REMOTE} ${row[0]}`, row)
      for (const row of qemuEvents) this.#decoders.set(`${PROGRAM_QEMU} ${row[0]}`, row)
    }
    const entry = this.#decoders.get(`${program} ${procedure}`)
    if (entry === undefined || entry[2] === 0) return
    const message = entry[2](payload) as { callbackID?: number }
    const registration = this.#byCallback.get(`${entry[1]} ${message.callbackID}`)
    if (registration === undefined) return
    const event = registration.topic.convert(message as never)
    if (event !== undefined) for (const sink of [...registration.sinks]) sink.push(event)
  }

  /** A new session's daemon knows none of the old registrations. */
  async renew(call: CallOnSession): Promise<void> {
    this.#byCallback.clear()
    for (const registration of this.#registrations.values()) registration.active = false
    await Promise.all(
      [...this.#registrations.values()].map(async (registration) => {
        await registration.work
        if (registration.sinks.size === 0 || registration.active) return
        try {
          await this.#register(registration, call)
        } catch (error) {
          // A daemon that came back without this event would refuse it for ever: it is the end of those who watch, and
          // of nothing else.
          if (!(error instanceof LibvirtError && error.origin === 'daemon')) throw error
          for (const sink of [...registration.sinks]) sink.end(error)
        }
      }),
    )
  }

  /** To be called once calls are possible again, since the first thing a watcher does is to list. */
  announceLoss(): void {
    const lost: EventsLost = { kind: 'events-lost', cause: 'reconnected' }
    for (const sink of this.#sinks()) if (sink instanceof Watcher) sink.push(lost)
    for (const sink of [...this.#lossListeners]) sink.push(lost)
  }

  /** An event of this side. */
  tell<Event>({ key }: Topic<Event>, event: Event): void {
    for (const sink of [...(this.#registrations.get(key)?.sinks ?? [])]) sink.push(event)
  }

  end(error: LibvirtError | undefined): void {
    const loud = error && connectionError(`no more events: ${error.message}`, error)
    for (const { topic, sinks } of this.#registrations.values()) {
      for (const sink of sinks) sink.end(topic.endsQuietly ? undefined : loud)
    }
    this.#registrations.clear()
    this.#byCallback.clear()
  }

  #sinks(): Set<Sink> {
    return new Set([...this.#registrations.values()].flatMap((registration) => [...registration.sinks]))
  }
}
