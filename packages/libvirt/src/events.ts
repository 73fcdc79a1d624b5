/**
 * Domain events as async iterators.
 *
 * The daemon refuses to register one event twice on a connection, so each (event, guest) is registered once here and
 * serves any number of watchers, until the last one leaves. After a reconnect everything is registered again.
 */
import type { Domain } from './domain.ts'
import { connectionError, type LibvirtError } from './errors.ts'
import * as C from './generated/constants.ts'
import { remoteCalls, remoteEvents } from './generated/protocol.ts'
import type * as T from './generated/types.ts'
import type { CallEntry, EventEntry } from './rpc/call.ts'
import type { CallOnSession } from './rpc/link.ts'
import { PROGRAM_REMOTE } from './rpc/packet.ts'
import type { Reader } from './rpc/xdr.ts'
import { uuidBytes, uuidText } from './uuid.ts'
import { type IoErrorAction, ioErrorActions, type LifecycleEvent, lifecycleWords } from './words.ts'

export interface DomainRef {
  uuid: string
  name: string
  /** At the moment of the event; -1 once it has stopped. */
  id: number
}

export type DomainEvent =
  | { kind: 'lifecycle'; domain: DomainRef; event: LifecycleEvent; detail: string }
  | { kind: 'reboot'; domain: DomainRef }
  | { kind: 'device-added'; domain: DomainRef; alias: string }
  | { kind: 'device-removed'; domain: DomainRef; alias: string }
  | { kind: 'device-removal-failed'; domain: DomainRef; alias: string }
  | { kind: 'io-error'; domain: DomainRef; path: string; alias: string; action: IoErrorAction; reason: string }
  | {
      kind: 'agent-lifecycle'
      domain: DomainRef
      state: 'connected' | 'disconnected'
      reason: 'unknown' | 'domain-started' | 'channel'
    }
  | { kind: 'watchdog'; domain: DomainRef; action: number }
  | { kind: 'block-job'; domain: DomainRef; disk: string; type: number; status: number }
  /** Something may have happened that no event told: list again. */
  | { kind: 'events-lost'; cause: 'reconnected' | 'overflow' }

export type DomainEventKind = Exclude<DomainEvent['kind'], 'events-lost'>

export interface WatchOptions {
  /** Default: every kind. */
  kinds?: readonly DomainEventKind[] | undefined
  /** Only of this guest; the daemon filters. */
  domain?: Domain | undefined
  /** Ends the iteration, without an error. */
  signal?: AbortSignal | undefined
  /** Events kept for a reader that is busy; past it they are dropped and `events-lost` stands in their place. */
  buffer?: number | undefined
}

export type DomainEvents = AsyncIterableIterator<DomainEvent> & AsyncDisposable

interface Kind {
  id: number
  /** Name of the event message in the protocol. */
  message: string
  convert: (message: never) => DomainEvent | undefined
}

const ref = (dom: T.NonnullDomain): DomainRef => ({ uuid: uuidText(dom.uuid), name: dom.name, id: dom.id })

const kinds: Record<DomainEventKind, Kind> = {
  lifecycle: {
    id: C.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    message: 'domainEventCallbackLifecycle',
    convert: ({ msg }: T.DomainEventCallbackLifecycleMsg) => {
      const words = lifecycleWords(msg.event, msg.detail)
      return words && { kind: 'lifecycle', domain: ref(msg.dom), ...words }
    },
  },
  reboot: {
    id: C.VIR_DOMAIN_EVENT_ID_REBOOT,
    message: 'domainEventCallbackReboot',
    convert: ({ msg }: T.DomainEventCallbackRebootMsg) => ({ kind: 'reboot', domain: ref(msg.dom) }),
  },
  'device-added': {
    id: C.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    message: 'domainEventCallbackDeviceAdded',
    convert: ({ dom, devAlias }: T.DomainEventCallbackDeviceAddedMsg) => ({
      kind: 'device-added',
      domain: ref(dom),
      alias: devAlias,
    }),
  },
  'device-removed': {
    id: C.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    message: 'domainEventCallbackDeviceRemoved',
    convert: ({ msg }: T.DomainEventCallbackDeviceRemovedMsg) => ({
      kind: 'device-removed',
      domain: ref(msg.dom),
      alias: msg.devAlias,
    }),
  },
  'device-removal-failed': {
    id: C.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
    message: 'domainEventCallbackDeviceRemovalFailed',
    convert: ({ dom, devAlias }: T.DomainEventCallbackDeviceRemovalFailedMsg) => ({
      kind: 'device-removal-failed',
      domain: ref(dom),
      alias: devAlias,
    }),
  },
  'io-error': {
    // The variant that also carries the reason.
    id: C.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
    message: 'domainEventCallbackIoErrorReason',
    convert: ({ msg }: T.DomainEventCallbackIoErrorReasonMsg) => ({
      kind: 'io-error',
      domain: ref(msg.dom),
      path: msg.srcPath,
      alias: msg.devAlias,
      action: ioErrorActions[msg.action] ?? 'none',
      reason: msg.reason,
    }),
  },
  'agent-lifecycle': {
    id: C.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
    message: 'domainEventCallbackAgentLifecycle',
    convert: ({ dom, state, reason }: T.DomainEventCallbackAgentLifecycleMsg) => ({
      kind: 'agent-lifecycle',
      domain: ref(dom),
      state: state === C.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED ? 'connected' : 'disconnected',
      reason: (['unknown', 'domain-started', 'channel'] as const)[reason] ?? 'unknown',
    }),
  },
  watchdog: {
    id: C.VIR_DOMAIN_EVENT_ID_WATCHDOG,
    message: 'domainEventCallbackWatchdog',
    convert: ({ msg }: T.DomainEventCallbackWatchdogMsg) => ({
      kind: 'watchdog',
      domain: ref(msg.dom),
      action: msg.action,
    }),
  },
  'block-job': {
    // The variant that names the disk by its target.
    id: C.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
    message: 'domainEventBlockJob2',
    convert: ({ dom, dst, type, status }: T.DomainEventBlockJob2Msg) => ({
      kind: 'block-job',
      domain: ref(dom),
      disk: dst,
      type,
      status,
    }),
  },
}

const callNamed = (name: string) => remoteCalls.find((row) => row[1] === name) as CallEntry
const registerCall = callNamed('connectDomainEventCallbackRegisterAny')
const deregisterCall = callNamed('connectDomainEventCallbackDeregisterAny')

/** One watcher's queue. */
class Watcher implements DomainEvents {
  readonly #queue: DomainEvent[] = []
  readonly #limit: number
  readonly #waiting: PromiseWithResolvers<IteratorResult<DomainEvent, undefined>>[] = []
  #end: { error: LibvirtError | undefined } | undefined
  #onLeave: (() => Promise<void>) | undefined

  constructor(limit: number, onLeave: () => Promise<void>) {
    this.#limit = limit
    this.#onLeave = onLeave
  }

  push(event: DomainEvent): void {
    if (this.#end !== undefined) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) waiting.resolve({ done: false, value: event })
    else if (this.#queue.length < this.#limit) this.#queue.push(event)
    else {
      const last = this.#queue.at(-1)
      if (last?.kind !== 'events-lost') this.#queue.push({ kind: 'events-lost', cause: 'overflow' })
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

  next(): Promise<IteratorResult<DomainEvent, undefined>> {
    const event = this.#queue.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#end !== undefined) {
      const { error } = this.#end
      this.#end = { error: undefined }
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error)
    }
    const waiting = Promise.withResolvers<IteratorResult<DomainEvent, undefined>>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  async return(): Promise<IteratorResult<DomainEvent, undefined>> {
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

interface Registration {
  kind: DomainEventKind
  domain: T.NonnullDomain | null
  watchers: Set<Watcher>
  callbackId: number | undefined
  /** Registering and deregistering of one event happen one after the other. */
  work: Promise<unknown>
}

export class EventHub {
  readonly #call: CallOnSession
  readonly #registrations = new Map<string, Registration>()
  readonly #byCallback = new Map<number, Registration>()
  readonly #decoders = new Map<number, EventEntry[2]>()

  constructor(call: CallOnSession) {
    this.#call = call
  }

  async watch({ kinds: wanted, domain, signal, buffer = 1000 }: WatchOptions): Promise<DomainEvents> {
    signal?.throwIfAborted()
    const names = wanted ?? (Object.keys(kinds) as DomainEventKind[])
    const stop = () => void watcher.return()
    const watcher: Watcher = new Watcher(buffer, async () => {
      signal?.removeEventListener('abort', stop)
      await this.#leave(watcher, names, domain)
    })
    const handle = domain === undefined ? null : { name: domain.name, uuid: uuidBytes(domain.uuid), id: domain.id }
    const joined = await Promise.allSettled(names.map((kind) => this.#join(watcher, kind, handle)))
    const failed = joined.find((result) => result.status === 'rejected')
    if (failed !== undefined) {
      await watcher.return()
      throw failed.reason
    }
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    return watcher
  }

  #key(kind: DomainEventKind, uuid: string | undefined): string {
    return `${kind} ${uuid ?? ''}`
  }

  #join(watcher: Watcher, kind: DomainEventKind, domain: T.NonnullDomain | null): Promise<void> {
    const key = this.#key(kind, domain === null ? undefined : uuidText(domain.uuid))
    let registration = this.#registrations.get(key)
    if (registration === undefined) {
      registration = { kind, domain, watchers: new Set(), callbackId: undefined, work: Promise.resolve() }
      this.#registrations.set(key, registration)
    }
    const joined = registration
    joined.watchers.add(watcher)
    return this.#serially(joined, async () => {
      if (joined.callbackId === undefined) await this.#register(joined, this.#call)
    })
  }

  #serially(registration: Registration, work: () => Promise<void>): Promise<void> {
    const done = registration.work.then(work)
    registration.work = done.catch(() => {})
    return done
  }

  async #register(registration: Registration, call: CallOnSession): Promise<void> {
    const args = { eventID: kinds[registration.kind].id, dom: registration.domain }
    // The first event may stand behind the reply in the same read, so the callback is bound while that is handled.
    await call(PROGRAM_REMOTE, registerCall, args, {}, (ret) => {
      const { callbackID } = ret as T.ConnectDomainEventCallbackRegisterAnyRet
      registration.callbackId = callbackID
      this.#byCallback.set(callbackID, registration)
    })
  }

  async #leave(watcher: Watcher, names: readonly DomainEventKind[], domain: Domain | undefined): Promise<void> {
    await Promise.all(
      names.map((kind) => {
        const key = this.#key(kind, domain?.uuid)
        const registration = this.#registrations.get(key)
        if (registration === undefined || !registration.watchers.delete(watcher)) return undefined
        return this.#serially(registration, async () => {
          if (registration.watchers.size > 0) return
          const { callbackId } = registration
          if (callbackId !== undefined) {
            registration.callbackId = undefined
            this.#byCallback.delete(callbackId)
            // A connection that is gone has no registrations left.
            await this.#call(PROGRAM_REMOTE, deregisterCall, { callbackID: callbackId }).catch(() => {})
          }
          // Whoever came meanwhile waits behind this and needs the same registration.
          if (registration.watchers.size === 0) this.#registrations.delete(key)
        })
      }),
    )
  }

  /** From the packet handler: must not wait. */
  dispatch(program: number, procedure: number, payload: Reader): void {
    if (program !== PROGRAM_REMOTE) return
    if (this.#decoders.size === 0) for (const row of remoteEvents) this.#decoders.set(row[0], row[2])
    const decode = this.#decoders.get(procedure)
    if (decode === undefined || decode === 0) return
    const message = decode(payload) as { callbackID?: number }
    if (message.callbackID === undefined) return
    const registration = this.#byCallback.get(message.callbackID)
    if (registration === undefined) return
    const event = kinds[registration.kind].convert(message as never)
    if (event !== undefined) for (const watcher of registration.watchers) watcher.push(event)
  }

  /** A new session's daemon knows none of the old registrations. */
  async renew(call: CallOnSession): Promise<void> {
    this.#byCallback.clear()
    for (const registration of this.#registrations.values()) registration.callbackId = undefined
    await Promise.all(
      [...this.#registrations.values()].map(async (registration) => {
        await registration.work
        if (registration.watchers.size > 0 && registration.callbackId === undefined)
          await this.#register(registration, call)
      }),
    )
  }

  /** To be called once calls are possible again, since the first thing a watcher does is to list. */
  announceLoss(): void {
    for (const watcher of this.#watchers()) watcher.push({ kind: 'events-lost', cause: 'reconnected' })
  }

  end(error: LibvirtError | undefined): void {
    for (const watcher of this.#watchers()) {
      watcher.end(error && connectionError(`no more events: ${error.message}`, error))
    }
    this.#registrations.clear()
    this.#byCallback.clear()
  }

  #watchers(): Set<Watcher> {
    return new Set([...this.#registrations.values()].flatMap((registration) => [...registration.watchers]))
  }
}
