/** One hypervisor, for as long as it is wanted. */
import type { Readable, Writable } from 'node:stream'
import { Domains } from './domains.ts'
import { type LibvirtError, unlessMissing } from './errors.ts'
import { EventHub, type EventsLost } from './events.ts'
import type { NonnullStorageVol, RawApi } from './generated/types.ts'
import { rawApi } from './raw.ts'
import type { CallOptions } from './rpc/call.ts'
import { type ConnectionState, Link, type LinkOptions } from './rpc/link.ts'
import { readableOf, writableOf } from './rpc/stream.ts'
import { Secret, type SecretUsage, secretUsages } from './secret.ts'
import { uuidBytes } from './uuid.ts'

export interface Version {
  major: number
  minor: number
  micro: number
  /** As libvirt writes it: 9.0.0 is 9000000. */
  number: number
}
export interface NodeInfo {
  /** CPU family, such as `x86_64`. */
  model: string
  memoryKiB: number
  /** Active ones. */
  cpus: number
  mhz: number
  numaNodes: number
  socketsPerNode: number
  coresPerSocket: number
  threadsPerCore: number
}
export interface DomainCapabilitiesWanted {
  emulator?: string | undefined
  arch?: string | undefined
  machine?: string | undefined
  virtType?: string | undefined
  flags?: number | undefined
}
export interface TransferOptions extends CallOptions {
  offsetBytes?: number | bigint | undefined
  /** Default: all. */
  lengthBytes?: number | bigint | undefined
}

export class Connection implements AsyncDisposable {
  readonly uri: string
  readonly #link: Link
  readonly #events: EventHub
  #raw: RawApi | undefined
  #domains: Domains | undefined

  /** See `connect`. */
  constructor(uri: string, options: Omit<LinkOptions, 'onEvent' | 'onReconnected'>) {
    this.uri = uri
    this.#link = new Link({
      ...options,
      onEvent: (program, procedure, payload) => this.#events.dispatch(program, procedure, payload),
      onReconnected: (call) => this.#events.renew(call),
    })
    this.#events = new EventHub(this.#link.call)
    this.#link.onStateChange((state, cause) => {
      if (state === 'open') this.#events.announceLoss()
      if (state === 'closed') this.#events.end(cause as LibvirtError | undefined)
    })
  }

  async open(signal?: AbortSignal): Promise<void> {
    await this.#link.open(signal)
  }

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
  /** Repeatable. Watches end without an error. */
  async close(): Promise<void> {
    await this.#link.close()
  }
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

  // ---- The host ----------------------------------------------------------------------------------------------

  async libVersion(options?: CallOptions): Promise<Version> {
    return version((await this.raw.connectGetLibVersion(undefined, options)).libVer)
  }
  /** The hypervisor's own. */
  async version(options?: CallOptions): Promise<Version> {
    return version((await this.raw.connectGetVersion(undefined, options)).hvVer)
  }
  async hostname(options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetHostname(undefined, options)).hostname
  }
  async nodeInfo(options?: CallOptions): Promise<NodeInfo> {
    const info = await this.raw.nodeGetInfo(undefined, options)
    const end = info.model.indexOf(0)
    return {
      model: Buffer.from(info.model.subarray(0, end < 0 ? undefined : end)).toString('latin1'),
      memoryKiB: Number(info.memory),
      cpus: info.cpus,
      mhz: info.mhz,
      numaNodes: info.nodes,
      socketsPerNode: info.sockets,
      coresPerSocket: info.cores,
      threadsPerCore: info.threads,
    }
  }
  async nodeFreeMemoryBytes(options?: CallOptions): Promise<bigint> {
    return (await this.raw.nodeGetFreeMemory(undefined, options)).freeMem
  }
  /** XML. */
  async capabilities(options?: CallOptions): Promise<string> {
    return (await this.raw.connectGetCapabilities(undefined, options)).capabilities
  }
  /** XML: what a guest of this kind may have. */
  async domainCapabilities(wanted: DomainCapabilitiesWanted = {}, options?: CallOptions): Promise<string> {
    const { emulator = null, arch = null, machine = null, virtType = null, flags = 0 } = wanted
    const args = { emulatorbin: emulator, arch, machine, virttype: virtType, flags }
    return (await this.raw.connectGetDomainCapabilities(args, options)).capabilities
  }

  // ---- Secrets -----------------------------------------------------------------------------------------------

  async defineSecret(xml: string, flags = 0, options?: CallOptions): Promise<Secret> {
    return new Secret(this.raw, (await this.raw.secretDefineXml({ xml, flags }, options)).secret)
  }
  async lookupSecretByUuid(uuid: string, options?: CallOptions): Promise<Secret> {
    return new Secret(this.raw, (await this.raw.secretLookupByUuid({ uuid: uuidBytes(uuid) }, options)).secret)
  }
  async lookupSecretByUsage(usage: SecretUsage, usageId: string, options?: CallOptions): Promise<Secret> {
    const args = { usageType: secretUsages.indexOf(usage), usageID: usageId }
    return new Secret(this.raw, (await this.raw.secretLookupByUsage(args, options)).secret)
  }
  async findSecretByUuid(uuid: string, options?: CallOptions): Promise<Secret | undefined> {
    return unlessMissing(this.lookupSecretByUuid(uuid, options))
  }
  async findSecretByUsage(usage: SecretUsage, usageId: string, options?: CallOptions): Promise<Secret | undefined> {
    return unlessMissing(this.lookupSecretByUsage(usage, usageId, options))
  }
  async listAllSecrets(flags = 0, options?: CallOptions): Promise<Secret[]> {
    const { secrets } = await this.raw.connectListAllSecrets({ needResults: 1, flags }, options)
    return secrets.map((secret) => new Secret(this.raw, secret))
  }

  // ---- Volumes -----------------------------------------------------------------------------------------------

  /** Bulk data shares the connection: give a large transfer one of its own. */
  async downloadVolume(volume: NonnullStorageVol, wanted: TransferOptions = {}): Promise<Readable> {
    const { offsetBytes = 0, lengthBytes = 0, ...options } = wanted
    const args = { vol: volume, offset: BigInt(offsetBytes), length: BigInt(lengthBytes), flags: 0 }
    return readableOf((await this.raw.storageVolDownload(args, options)).stream)
  }
  /** `finish` of the stream says that the daemon has written everything. */
  async uploadVolume(volume: NonnullStorageVol, wanted: TransferOptions = {}): Promise<Writable> {
    const { offsetBytes = 0, lengthBytes = 0, ...options } = wanted
    const args = { vol: volume, offset: BigInt(offsetBytes), length: BigInt(lengthBytes), flags: 0 }
    return writableOf((await this.raw.storageVolUpload(args, options)).stream)
  }
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
