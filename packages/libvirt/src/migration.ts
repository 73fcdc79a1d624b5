/**
 * Moves a guest to another host: which daemon is asked what, and in which order, is the client's part of libvirt.
 *
 * Read `moveByHandshake` for the way that all of today's daemons know: begin (source), prepare (destination), perform
 * (source), finish (destination), confirm (source), each handing on a cookie of the one before it. What fails half-way
 * is taken back by the phases that remain, with `cancelled` said to both sides.
 *
 * Upstream: src/libvirt-domain.c, virDomainMigrateVersion1 … virDomainMigrateUnmanagedParams.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.ts'
import type { Domain } from './domain.ts'
import { migrateParameters } from './domain-parameters.ts'
import { LibvirtError, requestError, unsupportedError } from './errors.ts'
import * as C from './generated/constants.ts'
import type { TypedParam } from './generated/types.ts'
import { type Params, paramsOf, type SendParams, toParams } from './typed-params.ts'
import { parseUri } from './uri.ts'

/** VIR_MIGRATE_PARAM_*; `bandwidth` is MiB/s. */
export type MigrateParams = SendParams<typeof migrateParameters>
/** When to give up. */
export interface MigrateOptions {
  /**
   * Cancels the migration as long as that is possible: the guest goes on where it was, and the call rejects with the
   * signal's reason. Past that point the migration ends as if nothing had been said.
   */
  signal?: AbortSignal | undefined
  /** Cancels it likewise. Default: none, since memory takes what time it takes. */
  timeoutMs?: number | undefined
}

/** virDrvFeature, libvirt's own question between its parts. */
const FEATURE = {
  v1: 1,
  v2: 3,
  peerToPeer: 4,
  direct: 5,
  v3: 6,
  changeProtection: 7,
  xmlMigratable: 11,
  offline: 12,
  params: 13,
} as const
/** Parameters that the older calls carry as well. */
const OLD_PARAMS = ['migrate_uri', 'destination_name', 'destination_xml', 'bandwidth']
/** How long until the next try to abort a job that is in no state for it. */
const ABORT_AGAIN_MS = 200

async function supports(connection: Connection, feature: number): Promise<boolean> {
  return (await connection.raw.connectSupportsFeature({ feature })).supported !== 0
}
async function bothSupport(source: Connection, destination: Connection, feature: number): Promise<boolean> {
  return (await supports(source, feature)) && (await supports(destination, feature))
}
const unsupported = (what: string) =>
  new LibvirtError(what, { origin: 'request', code: C.VIR_ERR_ARGUMENT_UNSUPPORTED, domain: C.VIR_FROM_DOMAIN })

/** What a person or a clock may do to a migration under way. */
class Cancellation implements Disposable {
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout | undefined

  constructor({ signal, timeoutMs = 0 }: MigrateOptions) {
    if (timeoutMs === 0) this.#signal = signal
    else {
      const limit = new AbortController()
      this.#timer = setTimeout(() => {
        limit.abort(
          new LibvirtError(`the migration was not done within ${timeoutMs} ms`, {
            origin: 'timeout',
            code: C.VIR_ERR_OPERATION_TIMEOUT,
          }),
        )
      }, timeoutMs)
      this.#signal = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal])
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }

  /** Between phases: nothing runs that would have to be stopped. */
  check(): void {
    this.#signal?.throwIfAborted()
  }

  /** During the phase that copies: the source's job is aborted, until the phase has ended. */
  async during<T>(domain: Domain, perform: Promise<T>): Promise<T> {
    const signal = this.#signal
    if (signal === undefined) return perform
    let running = true
    const stop = async () => {
      while (running) {
        // Refused before the job has begun to copy and after it has ended; the phase itself tells what came of it.
        await domain.abortJob().catch(() => {})
        if (running) await sleep(ABORT_AGAIN_MS)
      }
    }
    const onAbort = () => void stop()
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await perform
    } catch (error) {
      // A lost connection stays one: nobody knows whether the guest was cancelled.
      if (signal.aborted && !(error instanceof LibvirtError && error.isConnectionLost())) throw signal.reason
      throw error
    } finally {
      running = false
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/** With the copying itself no call has a time limit of its own. */
const NO_LIMIT = { timeoutMs: 0 }

function checkFlags(flags: number): void {
  const both = (a: number, b: number) => (flags & a) !== 0 && (flags & b) !== 0
  if (both(C.VIR_MIGRATE_NON_SHARED_DISK, C.VIR_MIGRATE_NON_SHARED_INC))
    throw requestError('disks are copied whole or incrementally: both flags are set')
  if (both(C.VIR_MIGRATE_TUNNELLED, C.VIR_MIGRATE_PARALLEL))
    throw requestError('a tunnelled migration cannot be parallel')
  const copies = C.VIR_MIGRATE_NON_SHARED_DISK | C.VIR_MIGRATE_NON_SHARED_INC
  if ((flags & C.VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES) !== 0 && (flags & copies) === 0)
    throw requestError('synchronous writes need a flag that copies disks')
}

async function checkOffline(connection: Connection, flags: number, which: string): Promise<void> {
  if ((flags & C.VIR_MIGRATE_OFFLINE) !== 0 && !(await supports(connection, FEATURE.offline)))
    throw unsupported(`offline migration is not supported by the ${which} host`)
}

// ---- Led by this client ------------------------------------------------------------------------------------

/**
 * Move to the host of `destination`; the guest there. With VIR_MIGRATE_PEER2PEER the source's daemon connects to the
 * destination's by its URI and does it all.
 */
export async function migrate(
  domain: Domain,
  destination: Connection,
  params: MigrateParams,
  flags: number,
  options: MigrateOptions,
): Promise<Domain> {
  const source = domain.connection
  using cancellation = new Cancellation(options)
  cancellation.check()
  checkFlags(flags)
  await checkOffline(source, flags, 'source')
  await checkOffline(destination, flags, 'destination')
  const sent = toParams(params, migrateParameters)
  const name = paramsOf(sent).destination_name

  if ((flags & C.VIR_MIGRATE_PEER2PEER) !== 0) {
    if (!(await supports(source, FEATURE.peerToPeer)))
      throw unsupported('peer-to-peer migration is not supported by the source host')
    await moveUnmanaged(domain, destination.uri, sent, flags, cancellation)
    return await destination.domains.lookupByName(typeof name === 'string' ? name : await nameOf(domain))
  }
  if ((flags & C.VIR_MIGRATE_TUNNELLED) !== 0)
    throw new LibvirtError('a tunnelled migration has to be peer-to-peer', {
      origin: 'request',
      code: C.VIR_ERR_OPERATION_INVALID,
    })
  // Only the source has to know the flag, and the handshake sets it there by itself: an older destination refuses it.
  if ((flags & C.VIR_MIGRATE_CHANGE_PROTECTION) !== 0 && !(await supports(source, FEATURE.changeProtection)))
    throw unsupported('the source host cannot enforce change protection')
  const rest = flags & ~C.VIR_MIGRATE_CHANGE_PROTECTION

  if (await bothSupport(source, destination, FEATURE.params))
    return await moveByHandshake(domain, paramsHandshake(domain, destination, sent), rest, cancellation)
  const old = oldParams(sent)
  if (await bothSupport(source, destination, FEATURE.v3))
    return await moveByHandshake(domain, fixedHandshake(domain, destination, old), rest, cancellation)
  const second = await bothSupport(source, destination, FEATURE.v2)
  if (!second && !(await bothSupport(source, destination, FEATURE.v1)))
    throw unsupportedError('these hosts have no way of migration in common')
  if (old.xml !== null) throw unsupported('this way of migration cannot change the XML of the guest')
  const move = second ? moveByVersion2 : moveByVersion1
  return await move(domain, destination, old, rest, cancellation)
}

interface OldParams {
  uri: string | null
  name: string | null
  xml: string | null
  bandwidth: bigint
}
function oldParams(sent: readonly TypedParam[]): OldParams {
  const more = sent.find(({ field }) => !OLD_PARAMS.includes(field))
  if (more !== undefined) throw unsupported(`these hosts do not know the migration parameter ${more.field}`)
  const { migrate_uri, destination_name, destination_xml, bandwidth = 0 }: Params = paramsOf(sent)
  const text = (value: Params[string] | undefined) => (value === undefined ? null : String(value))
  return {
    uri: text(migrate_uri),
    name: text(destination_name),
    xml: text(destination_xml),
    bandwidth: BigInt(bandwidth),
  }
}

/** A handle made from a uuid alone does not know it. */
async function nameOf(domain: Domain): Promise<string> {
  if (domain.name !== '') return domain.name
  return (await domain.connection.domains.lookupByUuid(domain.uuid)).name
}

/** The phases of the third version, in either form of its calls. */
interface Handshake {
  isPaused(): Promise<boolean>
  begin(flags: number): Promise<{ cookie: Uint8Array; xml: string }>
  /** Keeps the URI that the destination names. False: there is none to go to. */
  prepare(cookie: Uint8Array, xml: string, flags: number): Promise<{ cookie: Uint8Array; hasUri: boolean }>
  perform(cookie: Uint8Array, flags: number): Promise<Uint8Array>
  finish(cookie: Uint8Array, flags: number, cancelled: boolean): Promise<{ domain: Domain; cookie: Uint8Array }>
  confirm(cookie: Uint8Array, flags: number, cancelled: boolean): Promise<void>
}

function paramsHandshake(domain: Domain, destination: Connection, sent: readonly TypedParam[]): Handshake {
  const dom = domain.handle
  const { raw } = domain.connection
  let params = [...sent]
  const replace = (field: string, value: string) => {
    const param: TypedParam = { field, value: { type: C.VIR_TYPED_PARAM_STRING, value } }
    params = [...params.filter((known) => known.field !== field), param]
  }
  const has = (field: string) => params.some((known) => known.field === field)
  return {
    isPaused: async () => (await domain.state()).state === 'paused',
    async begin(flags) {
      const { cookieOut, xml } = await raw.domainMigrateBegin3Params({ dom, params, flags })
      return { cookie: cookieOut, xml }
    },
    async prepare(cookieIn, xml, flags) {
      replace('destination_xml', xml)
      const args = { params, cookieIn, flags }
      const { cookieOut, uriOut } = await destination.raw.domainMigratePrepare3Params(args)
      if (uriOut !== null) replace('migrate_uri', uriOut)
      return { cookie: cookieOut, hasUri: has('migrate_uri') }
    },
    async perform(cookieIn, flags) {
      const args = { dom, dconnuri: null, params, cookieIn, flags }
      return (await raw.domainMigratePerform3Params(args, NO_LIMIT)).cookieOut
    },
    async finish(cookieIn, flags, cancelled) {
      if (!has('destination_name')) replace('destination_name', await nameOf(domain))
      const args = { params, cookieIn, flags, cancelled: cancelled ? 1 : 0 }
      const { dom: there, cookieOut } = await destination.raw.domainMigrateFinish3Params(args)
      return { domain: destination.domains.of(there), cookie: cookieOut }
    },
    async confirm(cookieIn, flags, cancelled) {
      await raw.domainMigrateConfirm3Params({ dom, params, cookieIn, flags, cancelled: cancelled ? 1 : 0 })
    },
  }
}

function fixedHandshake(domain: Domain, destination: Connection, old: OldParams): Handshake {
  const dom = domain.handle
  const { raw } = domain.connection
  const { name: dname, xml: xmlin, bandwidth: resource } = old
  let { uri } = old
  return {
    isPaused: async () => (await domain.info()).state === 'paused',
    async begin(flags) {
      const { cookieOut, xml } = await raw.domainMigrateBegin3({ dom, xmlin, flags: BigInt(flags), dname, resource })
      return { cookie: cookieOut, xml }
    },
    async prepare(cookieIn, domXml, flags) {
      const args = { cookieIn, uriIn: uri, flags: BigInt(flags), dname, resource, domXml }
      const { cookieOut, uriOut } = await destination.raw.domainMigratePrepare3(args)
      uri = uriOut ?? uri
      return { cookie: cookieOut, hasUri: uri !== null }
    },
    async perform(cookieIn, flags) {
      const args = { dom, xmlin: null, cookieIn, dconnuri: null, uri, flags: BigInt(flags), dname, resource }
      return (await raw.domainMigratePerform3(args, NO_LIMIT)).cookieOut
    },
    async finish(cookieIn, flags, cancelled) {
      const args = {
        dname: dname ?? (await nameOf(domain)),
        cookieIn,
        dconnuri: null,
        uri,
        flags: BigInt(flags),
        cancelled: cancelled ? 1 : 0,
      }
      const { dom: there, cookieOut } = await destination.raw.domainMigrateFinish3(args)
      return { domain: destination.domains.of(there), cookie: cookieOut }
    },
    async confirm(cookieIn, flags, cancelled) {
      const args = { dom, cookieIn, flags: BigInt(flags), cancelled: cancelled ? 1 : 0 }
      await raw.domainMigrateConfirm3(args)
    },
  }
}

const NOTHING = new Uint8Array()
/** Flags that mean nothing to the destination, and that it would refuse. */
const forDestination = (flags: number) => flags & ~(C.VIR_MIGRATE_ABORT_ON_ERROR | C.VIR_MIGRATE_AUTO_CONVERGE)

async function moveByHandshake(
  domain: Domain,
  phases: Handshake,
  flags: number,
  cancellation: Cancellation,
): Promise<Domain> {
  const source = domain.connection
  const isProtected = await supports(source, FEATURE.changeProtection)
  const protection = isProtected ? C.VIR_MIGRATE_CHANGE_PROTECTION : 0
  cancellation.check()

  const begun = await phases.begin(flags | protection)
  let wanted = flags
  // Whoever waits at the source waits at the destination. Where the state cannot be told, the guest runs.
  const paused = await phases.isPaused().catch(() => false)
  if (paused && (flags & C.VIR_MIGRATE_POSTCOPY_RESUME) === 0) wanted |= C.VIR_MIGRATE_PAUSED
  const there = forDestination(wanted)

  /** Tells the source how it ended: cancelled, the guest goes on there; else it is killed there. */
  const confirm = async (cookie: Uint8Array, cancelled: boolean) => {
    try {
      await phases.confirm(cookie, wanted | protection, cancelled)
    } catch (error) {
      warn(`${domain} was probably left paused at the source: ${(error as Error).message}`)
    }
  }

  let prepared: Awaited<ReturnType<Handshake['prepare']>>
  try {
    cancellation.check()
    prepared = await phases.prepare(begun.cookie, begun.xml, there)
  } catch (error) {
    // With protection a job runs at the source since it began, and only this ends it.
    if (isProtected) await confirm(NOTHING, true)
    throw error
  }

  let failure: { error: unknown } | undefined
  let cancelled = true
  // A source whose part failed has already cancelled by itself.
  let tellSource = true
  let cookie = prepared.cookie
  try {
    if (!prepared.hasUri) throw internal('the destination named no URI to migrate to')
    cancellation.check()
    if ((wanted & C.VIR_MIGRATE_OFFLINE) !== 0) cookie = NOTHING
    else {
      const performing = phases.perform(cookie, wanted | protection).catch((error: unknown) => {
        tellSource = false
        cookie = NOTHING
        throw error
      })
      cookie = await cancellation.during(domain, performing)
    }
    cancelled = false
  } catch (error) {
    failure = { error }
  }

  let arrived: Domain | undefined
  try {
    const finished = await phases.finish(cookie, there, cancelled)
    arrived = finished.domain
    cookie = finished.cookie
    if (cancelled) warn(`the destination ignored that the migration of ${domain} was cancelled`)
  } catch (error) {
    cookie = NOTHING
    if (failure === undefined || tellsMore(error, failure.error)) failure = { error }
  }
  if (tellSource) await confirm(cookie, arrived === undefined)
  if (arrived === undefined) throw failure?.error
  return arrived
}

/** The destination often knows why it failed; the source knows only that. */
function tellsMore(finish: unknown, perform: unknown): boolean {
  return (
    perform instanceof LibvirtError &&
    perform.origin === 'daemon' &&
    perform.domain === C.VIR_FROM_QEMU &&
    perform.code === C.VIR_ERR_OPERATION_FAILED &&
    finish instanceof LibvirtError &&
    finish.origin === 'daemon' &&
    finish.domain === C.VIR_FROM_QEMU &&
    finish.code !== C.VIR_ERR_MIGRATE_FINISH_OK
  )
}

const internal = (message: string) =>
  new LibvirtError(message, { origin: 'daemon', code: C.VIR_ERR_INTERNAL_ERROR, domain: C.VIR_FROM_DOMAIN })
const warn = (message: string) => process.emitWarning(message, 'LibvirtWarning')

/** The ways of daemons before 2011: the source cancels by itself, and learns nothing of how it ended there. */
async function moveByVersion2(
  domain: Domain,
  destination: Connection,
  { uri: uriIn, name, bandwidth: resource }: OldParams,
  flags: number,
  cancellation: Cancellation,
): Promise<Domain> {
  const source = domain.connection
  const xmlFlags = (await supports(source, FEATURE.xmlMigratable))
    ? C.VIR_DOMAIN_XML_MIGRATABLE
    : C.VIR_DOMAIN_XML_SECURE | C.VIR_DOMAIN_XML_UPDATE_CPU
  const domXml = await domain.xml(xmlFlags)
  const wanted = await withPaused(domain, flags)
  const there = BigInt(forDestination(wanted))
  const dname = name ?? (await nameOf(domain))
  cancellation.check()

  const args = { uriIn, flags: there, dname: name, resource, domXml }
  const { cookie, uriOut } = await destination.raw.domainMigratePrepare2(args)
  const uri = uriOut ?? uriIn
  let failure: { error: unknown } | undefined
  try {
    if (uri === null) throw internal('the destination named no URI to migrate to')
    cancellation.check()
    const perform = { dom: domain.handle, cookie, uri, flags: BigInt(wanted), dname: name, resource }
    await cancellation.during(domain, source.raw.domainMigratePerform(perform, NO_LIMIT))
  } catch (error) {
    failure = { error }
  }
  const retcode = failure === undefined ? 0 : 1
  try {
    const finish = { dname, cookie, uri: uri ?? '', flags: there, retcode }
    const { ddom } = await destination.raw.domainMigrateFinish2(finish)
    if (failure !== undefined) warn(`the destination ignored that the migration of ${domain} was cancelled`)
    return destination.domains.of(ddom)
  } catch (error) {
    throw failure === undefined ? error : failure.error
  }
}

async function moveByVersion1(
  domain: Domain,
  destination: Connection,
  { uri: uriIn, name, bandwidth: resource }: OldParams,
  flags: number,
  cancellation: Cancellation,
): Promise<Domain> {
  const wanted = await withPaused(domain, flags)
  const there = BigInt(forDestination(wanted))
  const dname = name ?? (await nameOf(domain))
  cancellation.check()
  const prepare = { uriIn, flags: there, dname: name, resource }
  const { cookie, uriOut } = await destination.raw.domainMigratePrepare(prepare)
  const uri = uriOut ?? uriIn
  if (uri === null) throw internal('the destination named no URI to migrate to')
  const perform = { dom: domain.handle, cookie, uri, flags: BigInt(wanted), dname: name, resource }
  await cancellation.during(domain, domain.connection.raw.domainMigratePerform(perform, NO_LIMIT))
  const { ddom } = await destination.raw.domainMigrateFinish({ dname, cookie, uri, flags: there })
  return destination.domains.of(ddom)
}

async function withPaused(domain: Domain, flags: number): Promise<number> {
  const info = await domain.info().catch(() => undefined)
  return info?.state === 'paused' ? flags | C.VIR_MIGRATE_PAUSED : flags
}

// ---- Led by the source's daemon, or by the hypervisors among themselves ------------------------------------

/**
 * With VIR_MIGRATE_PEER2PEER `uri` is how the source's daemon connects to the destination's; without it there is none,
 * and `migrate_uri` of the parameters is what the hypervisor itself connects to.
 */
export async function migrateToUri(
  domain: Domain,
  uri: string | null,
  params: MigrateParams,
  flags: number,
  options: MigrateOptions,
): Promise<void> {
  const source = domain.connection
  using cancellation = new Cancellation(options)
  cancellation.check()
  checkFlags(flags)
  await checkOffline(source, flags, 'source')
  const peerToPeer = (flags & C.VIR_MIGRATE_PEER2PEER) !== 0
  if (!(await supports(source, peerToPeer ? FEATURE.peerToPeer : FEATURE.direct)))
    throw unsupported(`${peerToPeer ? 'peer-to-peer' : 'direct'} migration is not supported by the source host`)
  if (peerToPeer && uri === null) throw requestError('a peer-to-peer migration needs the URI of the other daemon')
  await moveUnmanaged(domain, peerToPeer ? uri : null, toParams(params, migrateParameters), flags, cancellation)
}

async function moveUnmanaged(
  domain: Domain,
  dconnuri: string | null,
  params: TypedParam[],
  flags: number,
  cancellation: Cancellation,
): Promise<void> {
  const source = domain.connection
  const dom = domain.handle
  if ((flags & C.VIR_MIGRATE_PEER2PEER) !== 0) {
    checkNotLocal(dconnuri as string)
    if (await supports(source, FEATURE.params)) {
      const args = { dom, dconnuri, params, cookieIn: NOTHING, flags }
      await cancellation.during(domain, source.raw.domainMigratePerform3Params(args, NO_LIMIT))
      return
    }
  }
  const { uri, name: dname, xml: xmlin, bandwidth: resource } = oldParams(params)
  if (await supports(source, FEATURE.v3)) {
    const args = { dom, xmlin, cookieIn: NOTHING, dconnuri, uri, flags: BigInt(flags), dname, resource }
    await cancellation.during(domain, source.raw.domainMigratePerform3(args, NO_LIMIT))
    return
  }
  if (xmlin !== null) throw unsupported('this way of migration cannot change the XML of the guest')
  if (dconnuri !== null && uri !== null) throw internal('this way of migration takes no URI beside that of the daemon')
  const target = dconnuri ?? uri
  if (target === null) throw requestError('a direct migration needs a URI')
  const args = { dom, cookie: NOTHING, uri: target, flags: BigInt(flags), dname, resource }
  await cancellation.during(domain, source.raw.domainMigratePerform(args, NO_LIMIT))
}

/** To the daemon of the source, "localhost" is itself. Who names a socket knows what he does. */
function checkNotLocal(uri: string): void {
  const { host, transport, socket } = parseUri(uri)
  const local = host === undefined ? !(transport === 'unix' && socket !== undefined) : host.startsWith('localhost')
  if (local) throw requestError(`to the source, ${uri} is its own host`)
}
