/** One hypervisor, for as long as it is wanted. */
import { Domains } from './domains.ts'
import { type CloseReason, type LibvirtError, requestError } from './errors.ts'
import { EventHub, type EventsLost, type StopListening, type Topic, type Watch, type WatchLimits } from './events.ts'
import * as C from './generated/constants.ts'
import type { ConnectEventConnectionClosedMsg, RawApi } from './generated/types.ts'
import { Interfaces } from './interface.ts'
import { Networks } from './network.ts'
import { Node } from './node.ts'
import { NodeDevices } from './node-device.ts'
import { NwFilterBindings, NwFilters } from './nw-filter.ts'
import { rawApi } from './raw.ts'
import type { CallOptions } from './rpc/call.ts'
import { type ConnectionState, Link, type LinkOptions } from './rpc/link.ts'
import type { KeepAlive } from './rpc/session.ts'
import { Secrets } from './secret.ts'
import { StoragePools } from './storage-pool.ts'
import { StorageVolumes } from './storage-volume.ts'
import type { Transport } from './transport/transport.ts'
import { type ParamsToSend, type ParamTypes, toParams } from './typed-params.ts'

/** A version number, in its parts and as one. */
export interface Version {
  major: number
  minor: number
  micro: number
  /** As libvirt writes it: 9.0.0 is 9000000. */
  number: number
}
/** The end or the loss of a connection. */
export interface CloseEvent {
  kind: 'close'
  /** `client`: `close` was called here. */
  reason: CloseReason
  /** Undefined where nothing went wrong here. */
  error: LibvirtError | undefined
}
/** What is not named is the driver's default. */
export interface GuestKind {
  /** Path of the emulator. */
  emulator?: string | undefined
  arch?: string | undefined
  machine?: string | undefined
  virtType?: string | undefined
  flags?: number | undefined
}
/** Of which kind of guest the capabilities are asked. */
export type DomainCapabilitiesWanted = GuestKind
/** `superset`: it has everything, and more. */
export type CpuComparison = 'incompatible' | 'identical' | 'superset'
/** Who a client is, in the eyes of access control, by libvirt's names. */
const identityParameters: ParamTypes = {
  [C.VIR_CONNECT_IDENTITY_USER_NAME]: 'string',
  [C.VIR_CONNECT_IDENTITY_UNIX_USER_ID]: 'ullong',
  [C.VIR_CONNECT_IDENTITY_GROUP_NAME]: 'string',
  [C.VIR_CONNECT_IDENTITY_UNIX_GROUP_ID]: 'ullong',
  [C.VIR_CONNECT_IDENTITY_PROCESS_ID]: 'llong',
  [C.VIR_CONNECT_IDENTITY_PROCESS_TIME]: 'ullong',
  [C.VIR_CONNECT_IDENTITY_SASL_USER_NAME]: 'string',
  [C.VIR_CONNECT_IDENTITY_X509_DISTINGUISHED_NAME]: 'string',
  [C.VIR_CONNECT_IDENTITY_SELINUX_CONTEXT]: 'string',
}

/**
 * One hypervisor, for as long as it is wanted. `connect` makes it; its areas, such as `domains`, lead to everything
 * else.
 */
export class Connection implements AsyncDisposable {
  readonly uri: string
  readonly #link: Link
  readonly #transport: Transport
  readonly #events: EventHub
  #raw: RawApi | undefined
  #domains: Domains | undefined
  #node: Node | undefined
  #networks: Networks | undefined
  #interfaces: Interfaces | undefined
  #storagePools: StoragePools | undefined
  #storageVolumes: StorageVolumes | undefined
  #nodeDevices: NodeDevices | undefined
  #secrets: Secrets | undefined
  #nwFilters: NwFilters | undefined
  #nwFilterBindings: NwFilterBindings | undefined

  /** See `connect`. */
  constructor(uri: string, options: Omit<LinkOptions, 'onEvent' | 'onReconnected'>) {
    checkLimits(options)
    this.uri = uri
    this.#transport = options.transport
    this.#link = new Link({
      ...options,
      onEvent: (program, procedure, payload) => this.#events.dispatch(program, procedure, payload),
      onReconnected: (call) => this.#events.renew(call),
    })
    this.#events = new EventHub(this.#link.call)
    let last: ConnectionState = 'open'
    this.#link.onStateChange((state, cause) => {
      // A try to reconnect that failed is no further loss.
      if (state === 'closed' ? last !== 'closed' : state === 'reconnecting' && last === 'open') {
        this.#events.tell(closeTopic, closeEvent(cause as LibvirtError | undefined))
      }
      last = state
      if (state === 'open') this.#events.announceLoss()
      if (state === 'closed') this.#events.end(cause as LibvirtError | undefined)
    })
  }

  /** What `connect` does with a connection that it has made. */
  async open(signal?: AbortSignal): Promise<void> {
    await this.#link.open(signal)
  }

  /** Whether calls are possible now, and whether they will be again. */
  get state(): ConnectionState {
    return this.#link.state
  }
  /** Resolves once, when the connection is over for good: with the cause, or undefined after `close`. */
  get closed(): Promise<LibvirtError | undefined> {
    return this.#link.closed
  }
  /** `reconnecting` comes again, with its cause, for each try that failed. Returns what takes the listener away. */
  onStateChange(listener: (state: ConnectionState, cause?: Error) => void): () => void {
    return this.#link.onStateChange(listener)
  }
  /** After each reconnect: what happened meanwhile no listener was told. Returns what takes the listener away. */
  onEventsLost(listener: (event: EventsLost) => void): () => void {
    return this.#events.onLoss(listener)
  }
  /** Without asking: whether calls are possible now. @libvirt virConnectIsAlive */
  isAlive(): boolean {
    return this.state === 'open'
  }
  /** Whether nobody on the way can read what is said. @libvirt virConnectIsEncrypted */
  async isEncrypted(options?: CallOptions): Promise<boolean> {
    return this.#transport.encrypted === true && (await this.#isSecureBehind(options))
  }
  /** Whether it is encrypted, or does not leave the host. @libvirt virConnectIsSecure */
  async isSecure(options?: CallOptions): Promise<boolean> {
    const { encrypted = false, local = false } = this.#transport
    return (encrypted || local) && (await this.#isSecureBehind(options))
  }
  /** What the daemon knows is only its own way to the hypervisor. */
  async #isSecureBehind(options?: CallOptions): Promise<boolean> {
    return (await this.raw.connectIsSecure(undefined, options)).secure !== 0
  }
  /** From now on, and after each reconnect. @libvirt virConnectSetKeepAlive */
  setKeepAlive(keepAlive: KeepAlive | false): void {
    if (keepAlive !== false) checkKeepAlive(keepAlive)
    this.#link.setKeepAlive(keepAlive)
  }
  /**
   * Act for somebody else in the eyes of the daemon's access control, which lets only the privileged do it. By libvirt's
   * names, such as `user-name`. Lost with the session: after a reconnect it must be said again.
   *
   * @libvirt virConnectSetIdentity
   */
  async setIdentity(identity: ParamsToSend, flags = 0, options?: CallOptions): Promise<void> {
    await this.raw.connectSetIdentity({ params: toParams(identity, identityParameters), flags }, options)
  }
  /**
   * Told each time the connection is lost or closed, and when the daemon itself loses the hypervisor.
   *
   * @libvirt virConnectRegisterCloseCallback, virConnectUnregisterCloseCallback
   */
  onClose(listener: (event: CloseEvent) => void): Promise<StopListening> {
    return this.#events.on(closeTopic, listener)
  }
  /** The same as an iteration, which ends after the last one. @libvirt virConnectRegisterCloseCallback */
  watchClose(limits: WatchLimits = {}): Promise<Watch<CloseEvent>> {
    return this.#events.watch([closeTopic], limits)
  }
  /** Repeatable. Watches end without an error. @libvirt virConnectClose */
  async close(): Promise<void> {
    await this.#link.close()
  }
  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Every procedure of the remote and QEMU programs, in the protocol's own shapes. */
  get raw(): RawApi {
    this.#raw ??= rawApi(this.#link.call)
    return this.#raw
  }

  // ---- Areas -------------------------------------------------------------------------------------------------

  /** Guests. */
  get domains(): Domains {
    this.#domains ??= new Domains(this, this.#events)
    return this.#domains
  }
  /** The host itself. */
  get node(): Node {
    this.#node ??= new Node(this)
    return this.#node
  }
  /** Virtual networks and their ports. */
  get networks(): Networks {
    this.#networks ??= new Networks(this, this.#events)
    return this.#networks
  }
  /** The host's own. */
  get interfaces(): Interfaces {
    this.#interfaces ??= new Interfaces(this)
    return this.#interfaces
  }
  /** Where volumes are kept. */
  get storagePools(): StoragePools {
    this.#storagePools ??= new StoragePools(this, this.#events)
    return this.#storagePools
  }
  /** Of every pool. */
  get storageVolumes(): StorageVolumes {
    this.#storageVolumes ??= new StorageVolumes(this)
    return this.#storageVolumes
  }
  /** The host's devices. */
  get nodeDevices(): NodeDevices {
    this.#nodeDevices ??= new NodeDevices(this, this.#events)
    return this.#nodeDevices
  }
  /** Values that libvirt keeps for disks. */
  get secrets(): Secrets {
    this.#secrets ??= new Secrets(this, this.#events)
    return this.#secrets
  }
  /** Packet filters. */
  get nwFilters(): NwFilters {
    this.#nwFilters ??= new NwFilters(this)
    return this.#nwFilters
  }
  /** What ports the filters are bound to. */
  get nwFilterBindings(): NwFilterBindings {
    this.#nwFilterBindings ??= new NwFilterBindings(this)
    return this.#nwFilterBindings
  }

  // ---- The hypervisor ----------------------------------------------------------------------------------------

  /** Of the daemon's libvirt. @libvirt virConnectGetLibVersion */
  async libVersion(options?: CallOptions): Promise<Version> {
    return version((await this.raw.connectGetLibVersion(undefined, options)).libVer)
  }
  /** The hypervisor's own. @libvirt virConnectGetVersion */
  async version(options?: CallOptions): Promise<Version> {
    return version((await this.raw.connectGetVersion(undefined, options)).hvVer)
  }
  /** Name of the driver, such as `QEMU`. @libvirt virConnectGetType */
  async type(options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetType(undefined, options)).type
  }
  /** @libvirt virConnectGetHostname */
  async hostname(options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetHostname(undefined, options)).hostname
  }
  /** What the daemon has opened; `uri` is what was asked for. @libvirt virConnectGetURI */
  async daemonUri(options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetUri(undefined, options)).uri
  }
  /** That a guest of this type, such as `kvm`, may have. @libvirt virConnectGetMaxVcpus */
  async maxVcpus(type: string | null = null, options?: CallOptions): Promise<number> {
    return (await this.raw.connectGetMaxVcpus({ type }, options)).maxVcpus
  }
  /** XML: what SMBIOS tells of the host. @libvirt virConnectGetSysinfo */
  async sysinfo(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetSysinfo({ flags }, options)).sysinfo
  }
  /** XML. @libvirt virConnectGetCapabilities */
  async capabilities(options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetCapabilities(undefined, options)).capabilities
  }
  /** XML: what a guest of this kind may have. @libvirt virConnectGetDomainCapabilities */
  async domainCapabilities(wanted: DomainCapabilitiesWanted = {}, options?: CallOptions): Promise<string> {
    const { flags = 0 } = wanted
    const { virttype, emulator, ...kind } = guestKind(wanted)
    return (await this.raw.connectGetDomainCapabilities({ emulatorbin: emulator, ...kind, virttype, flags }, options))
      .capabilities
  }

  // ---- Processors for guests ---------------------------------------------------------------------------------

  /** Names that libvirt knows for this architecture. @libvirt virConnectGetCPUModelNames */
  async cpuModelNames(arch: string, flags = 0, options?: CallOptions): Promise<string[]> {
    return (await this.raw.connectGetCpuModelNames({ arch, needResults: 1, flags }, options)).models
  }
  /** What the host's processor is to the described one. flags: VIR_CONNECT_COMPARE_CPU_*. @libvirt virConnectCompareCPU */
  async compareCpu(xml: string, flags = 0, options?: CallOptions): Promise<CpuComparison> {
    return comparison((await this.raw.connectCompareCpu({ xml, flags }, options)).result)
  }
  /** The same for what the hypervisor can offer to a guest of this kind. @libvirt virConnectCompareHypervisorCPU */
  async compareHypervisorCpu(xml: string, wanted: GuestKind = {}, options?: CallOptions): Promise<CpuComparison> {
    const args = { ...guestKind(wanted), xmlCPU: xml, flags: wanted.flags ?? 0 }
    return comparison((await this.raw.connectCompareHypervisorCpu(args, options)).result)
  }
  /** XML: the most that all of these processors have. flags: VIR_CONNECT_BASELINE_CPU_*. @libvirt virConnectBaselineCPU */
  async baselineCpu(cpus: readonly string[], flags = 0, options?: CallOptions): Promise<string> {
    return (await this.raw.connectBaselineCpu({ xmlCPUs: [...cpus], flags }, options)).cpu
  }
  /** The same for guests of this kind. @libvirt virConnectBaselineHypervisorCPU */
  async baselineHypervisorCpu(cpus: readonly string[], wanted: GuestKind = {}, options?: CallOptions): Promise<string> {
    const args = { ...guestKind(wanted), xmlCPUs: [...cpus], flags: wanted.flags ?? 0 }
    return (await this.raw.connectBaselineHypervisorCpu(args, options)).cpu
  }

  // ---- Definitions in the hypervisor's own words -------------------------------------------------------------

  /** XML from a configuration in a format of the driver's. @libvirt virConnectDomainXMLFromNative */
  async domainXmlFromNative(format: string, config: string, flags = 0, options?: CallOptions): Promise<string> {
    const args = { nativeFormat: format, nativeConfig: config, flags }
    return (await this.raw.connectDomainXmlFromNative(args, options)).domainXml
  }
  /** QEMU's command line, say, as format `qemu-argv`. @libvirt virConnectDomainXMLToNative */
  async domainXmlToNative(format: string, xml: string, flags = 0, options?: CallOptions): Promise<string> {
    const args = { nativeFormat: format, domainXml: xml, flags }
    return (await this.raw.connectDomainXmlToNative(args, options)).nativeConfig
  }
}

/** @throws LibvirtError of origin `request` for limits under which no call would ever be sent */
function checkLimits({
  maxCallsInFlight,
  maxSlowCallsInFlight,
  keepAlive,
}: Omit<LinkOptions, 'onEvent' | 'onReconnected'>) {
  for (const [name, value] of Object.entries({ maxCallsInFlight, maxSlowCallsInFlight })) {
    if (!Number.isInteger(value) || value < 1) throw requestError(`${name} cannot be ${value}`)
  }
  if (keepAlive !== false) checkKeepAlive(keepAlive)
}
function checkKeepAlive({ intervalMs, count }: KeepAlive): void {
  if (!(intervalMs >= 1 && count >= 1)) throw requestError(`no keepalive of ${count} times ${intervalMs} ms`)
}

const closeReasons: readonly CloseReason[] = ['error', 'end-of-file', 'keepalive', 'client']
const closeTopic: Topic<CloseEvent> = {
  key: 'connection close',
  program: 'remote',
  register: 'connectRegisterCloseCallback',
  deregister: 'connectUnregisterCloseCallback',
  message: 'connectEventConnectionClosed',
  args: undefined,
  convert: ({ reason }: ConnectEventConnectionClosedMsg) => ({
    kind: 'close',
    reason: closeReasons[reason] ?? 'error',
    error: undefined,
  }),
  endsQuietly: true,
}
function closeEvent(error: LibvirtError | undefined): CloseEvent {
  return { kind: 'close', reason: error === undefined ? 'client' : (error.closeReason ?? 'error'), error }
}

function guestKind({ emulator, arch, machine, virtType }: GuestKind) {
  return { emulator: emulator ?? null, arch: arch ?? null, machine: machine ?? null, virttype: virtType ?? null }
}

const comparisons: Record<number, CpuComparison> = {
  [C.VIR_CPU_COMPARE_INCOMPATIBLE]: 'incompatible',
  [C.VIR_CPU_COMPARE_IDENTICAL]: 'identical',
  [C.VIR_CPU_COMPARE_SUPERSET]: 'superset',
}
function comparison(result: number): CpuComparison {
  return comparisons[result] ?? 'incompatible'
}

function version(number: bigint): Version {
  const value = Number(number)
  return {
    major: Math.floor(value / 1_000_000),
    minor: Math.floor(value / 1000) % 1000,
    micro: value % 1000,
    number: value,
  }
}
