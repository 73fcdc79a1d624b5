/** A guest on a host, as libvirt sees it: a handle by uuid, and what can be asked of it. */
import type { Duplex } from 'node:stream'
import { Checkpoints } from './checkpoint.ts'
import type { Connection } from './connection.ts'
import { cpuList, cpuMapBytes, cpusOfMap, cpusOfMaps } from './cpu-map.ts'
import type { DomainEventKind, DomainEventOf, WatchOptions } from './domain-events.ts'
import {
  blkioParameters,
  blockCopyParameters,
  blockIoTuneParameters,
  interfaceParameters,
  ioThreadParameters,
  launchSecurityParameters,
  memoryParameters,
  numaParameters,
  saveParameters,
  schedulerParameters,
} from './domain-parameters.ts'
import { unsupportedError } from './errors.ts'
import type { StopListening, Watch } from './events.ts'
import * as C from './generated/constants.ts'
import type { NonnullDomain } from './generated/types.ts'
import { type MigrateOptions, type MigrateParams, migrate, migrateToUri } from './migration.ts'
import type { CallOptions } from './rpc/call.ts'
import { duplexOf } from './rpc/stream.ts'
import { Snapshots } from './snapshot.ts'
import { type Params, paramsOf, type SendParams, toParams } from './typed-params.ts'
import { uuidText } from './uuid.ts'
import {
  type BlockJobType,
  blockJobTypes,
  type DomainState,
  domainState,
  memoryStatNames,
  stateReason,
} from './words.ts'

/** The figures of a guest that are had in one quick call. */
export interface DomainInfo {
  state: DomainState
  maxMemoryKiB: number
  memoryKiB: number
  vcpus: number
  cpuTimeNs: bigint
}
/** Sizes of a disk: as the guest sees it, as allocated on the host, and up to the last byte that the host holds. */
export interface BlockInfo {
  capacityBytes: bigint
  allocationBytes: bigint
  physicalBytes: bigint
}
/** What a guest has read from a disk and written to it since it was started. */
export interface BlockStats {
  readRequests: bigint
  readBytes: bigint
  writeRequests: bigint
  writeBytes: bigint
  /** -1 when QEMU does not tell. */
  errors: bigint
}
/** Counters of a network card as the guest sees it: `rx` is what it has received. */
export interface InterfaceStats {
  rxBytes: bigint
  rxPackets: bigint
  rxErrors: bigint
  rxDrops: bigint
  txBytes: bigint
  txPackets: bigint
  txErrors: bigint
  txDrops: bigint
}
/** KiB, but `lastUpdate` (seconds since 1970) and the counts of faults and huge pages. What is absent was not told. */
export type MemoryStats = Partial<Record<(typeof memoryStatNames)[number], number>>
/** A network card, by the name that the asked source has for it, and its addresses. */
export interface InterfaceAddresses {
  name: string
  mac: string | undefined
  addresses: { family: 'ipv4' | 'ipv6'; address: string; prefix: number }[]
}

/** How the hypervisor's monitor of a guest fares. */
export interface ControlInfo {
  state: 'ok' | 'job' | 'occupied' | 'error' | 'unknown'
  /** Of the state `error`. */
  reason: 'none' | 'unknown' | 'monitor' | 'internal'
  /** For how long. */
  stateTimeMs: number
}
/** How the host confines a guest, such as by an SELinux label. */
export interface SecurityLabel {
  label: string
  enforcing: boolean
}
/** A virtual processor of a running guest. */
export interface Vcpu {
  number: number
  state: 'offline' | 'running' | 'blocked' | 'unknown'
  cpuTimeNs: bigint
  /** Where it ran last; undefined where that is not known. */
  cpu: number | undefined
  /** Where it may run. */
  affinity: number[]
}
/** A thread that does the work of disks. */
export interface IoThread {
  id: number
  /** Where it may run. */
  cpus: number[]
}
/** Whether a job runs (`bounded`: it is known for how long) or how it ended. */
export type JobType = (typeof jobTypes)[number] | 'unknown'
/** What a job does. */
export type JobOperation = (typeof jobOperations)[number]
/** Progress of the job that runs on a guest, such as a migration. */
export interface JobInfo {
  type: JobType
  timeElapsedMs: number
  timeRemainingMs: number
  dataTotalBytes: bigint
  dataProcessedBytes: bigint
  dataRemainingBytes: bigint
  memTotalBytes: bigint
  memProcessedBytes: bigint
  memRemainingBytes: bigint
  fileTotalBytes: bigint
  fileProcessedBytes: bigint
  fileRemainingBytes: bigint
}
/** Progress of a job, or what it came to, in all detail that the hypervisor gives. */
export interface JobStats {
  type: JobType
  operation: JobOperation
  /** By libvirt's names, such as `memory_processed`. */
  values: Params
}
/** Progress of the job that runs on a disk. */
export interface BlockJobInfo {
  type: BlockJobType
  bandwidth: bigint
  /** Done when `current` is `end`. */
  current: bigint
  end: bigint
}
/** A disk that stands in error. */
export interface DiskError {
  disk: string
  error: 'none' | 'unspecified' | 'no-space' | 'unknown'
}
/** A file system that is mounted in a guest. */
export interface FileSystem {
  mountpoint: string
  /** As the guest names the device. */
  name: string
  fstype: string
  /** Targets of the disks below it. */
  devAliases: string[]
}
/** A guest's clock. */
export interface GuestTime {
  /** Since 1970. */
  seconds: number
  nanoseconds: number
}

const controlStates = ['ok', 'job', 'occupied', 'error'] as const
const controlErrors = ['none', 'unknown', 'monitor', 'internal'] as const
const vcpuStates = ['offline', 'running', 'blocked'] as const
const jobTypes = ['none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled'] as const
const jobOperations = [
  'unknown',
  'start',
  'save',
  'restore',
  'migration-in',
  'migration-out',
  'snapshot',
  'snapshot-revert',
  'dump',
  'backup',
  'snapshot-delete',
] as const
const diskErrors = ['none', 'unspecified', 'no-space'] as const
/** The protocol's bounds: REMOTE_DOMAIN_*_PARAMETERS_MAX, …_DISK_ERRORS_MAX, …_GET_CPU_STATS_NCPUS_MAX. */
const MOST_PARAMETERS = 16
const MOST_DISK_ERRORS = 256
const MOST_CPUS_OF_STATS = 128

const securityLabel = ({ label, enforcing }: { label: Uint8Array; enforcing: number }): SecurityLabel => {
  const end = label.indexOf(0)
  return { label: Buffer.from(label.subarray(0, end < 0 ? undefined : end)).toString(), enforcing: enforcing !== 0 }
}

/** One guest. A plain handle; the daemon finds it by uuid. */
export class Domain {
  /** Empty on a handle made from a uuid alone. @libvirt virDomainGetName */
  readonly name: string
  /** -1 when it was not running, or when that was not asked. @libvirt virDomainGetID */
  readonly id: number
  /** @libvirt virDomainGetConnect */
  readonly connection: Connection
  readonly #dom: NonnullDomain
  /** Made when it is asked for: who lists many guests rarely looks at every uuid. */
  #uuid: string | undefined

  constructor(connection: Connection, dom: NonnullDomain) {
    this.#dom = dom
    this.name = dom.name
    this.id = dom.id
    this.connection = connection
  }

  /** @libvirt virDomainGetUUID, virDomainGetUUIDString */
  get uuid(): string {
    this.#uuid ??= uuidText(this.#dom.uuid)
    return this.#uuid
  }
  /** For calls of `connection.raw`. */
  get handle(): NonnullDomain {
    return this.#dom
  }

  // ---- Life --------------------------------------------------------------------------------------------------

  /**
   * Start a defined guest. @throws isWrongState() when it runs already
   *
   * @libvirt virDomainCreate, virDomainCreateWithFlags
   */
  async create(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.connection.raw.domainCreate({ dom: this.#dom }, options)
    else await this.connection.raw.domainCreateWithFlags({ dom: this.#dom, flags }, options)
  }
  /** Ask the guest to stop; it may take its time, or ignore it. @libvirt virDomainShutdown, virDomainShutdownFlags */
  async shutdown(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.connection.raw.domainShutdown({ dom: this.#dom }, options)
    else await this.connection.raw.domainShutdownFlags({ dom: this.#dom, flags }, options)
  }
  /** Ask the guest to restart itself. @libvirt virDomainReboot */
  async reboot(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainReboot({ dom: this.#dom, flags }, options)
  }
  /** The reset button. @libvirt virDomainReset */
  async reset(options?: CallOptions): Promise<void> {
    await this.connection.raw.domainReset({ dom: this.#dom, flags: 0 }, options)
  }
  /** Cut the power. @throws isWrongState() when it does not run @libvirt virDomainDestroy, virDomainDestroyFlags */
  async destroy(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.connection.raw.domainDestroy({ dom: this.#dom }, options)
    else await this.connection.raw.domainDestroyFlags({ dom: this.#dom, flags }, options)
  }
  /**
   * Forget the definition; a running guest lives on as a transient one. Disks stay.
   *
   * @libvirt virDomainUndefine, virDomainUndefineFlags
   */
  async undefine(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.connection.raw.domainUndefine({ dom: this.#dom }, options)
    else await this.connection.raw.domainUndefineFlags({ dom: this.#dom, flags }, options)
  }
  /** @libvirt virDomainSuspend */
  async suspend(options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSuspend({ dom: this.#dom }, options)
  }
  /** @libvirt virDomainResume */
  async resume(options?: CallOptions): Promise<void> {
    await this.connection.raw.domainResume({ dom: this.#dom }, options)
  }
  /**
   * Save memory to a file of libvirt's and stop; the next `create` goes on from there.
   *
   * @libvirt virDomainManagedSave
   */
  async managedSave(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainManagedSave({ dom: this.#dom, flags }, options)
  }
  /** @libvirt virDomainHasManagedSaveImage */
  async hasManagedSave(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.domainHasManagedSaveImage({ dom: this.#dom, flags: 0 }, options)).result !== 0
  }
  /** @libvirt virDomainManagedSaveRemove */
  async managedSaveRemove(options?: CallOptions): Promise<void> {
    await this.connection.raw.domainManagedSaveRemove({ dom: this.#dom, flags: 0 }, options)
  }

  /**
   * XML of the guest in that file of libvirt's; flags: VIR_DOMAIN_SAVE_IMAGE_XML_SECURE.
   *
   * @libvirt virDomainManagedSaveGetXMLDesc
   */
  async managedSaveXml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainManagedSaveGetXmlDesc({ dom: this.#dom, flags }, options)).xml
  }
  /** @libvirt virDomainManagedSaveDefineXML */
  async managedSaveDefineXml(xml: string | null, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainManagedSaveDefineXml({ dom: this.#dom, dxml: xml, flags }, options)
  }
  /**
   * Save memory to a file on the host and stop; `domains.restore` goes on from there. `xml` replaces what the file says
   * of the guest, in what the guest does not see.
   *
   * @libvirt virDomainSave, virDomainSaveFlags
   */
  async save(
    to: string,
    { xml = null, flags = 0, ...options }: { xml?: string | null; flags?: number } & CallOptions = {},
  ): Promise<void> {
    if (xml === null && flags === 0) await this.connection.raw.domainSave({ dom: this.#dom, to }, options)
    else await this.connection.raw.domainSaveFlags({ dom: this.#dom, to, dxml: xml, flags }, options)
  }
  /** params: VIR_DOMAIN_SAVE_PARAM_*. @libvirt virDomainSaveParams */
  async saveParams(params: SendParams<typeof saveParameters>, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, params: toParams(params, saveParameters), flags }
    await this.connection.raw.domainSaveParams(args, options)
  }
  /**
   * Write the guest's memory to a file on the host. flags: VIR_DUMP_*; format: VIR_DOMAIN_CORE_DUMP_FORMAT_*.
   *
   * @libvirt virDomainCoreDump, virDomainCoreDumpWithFormat
   */
  async coreDump(
    to: string,
    {
      format = C.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW as number,
      flags = 0,
      ...options
    }: { format?: number; flags?: number } & CallOptions = {},
  ): Promise<void> {
    if (format === C.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW) {
      await this.connection.raw.domainCoreDump({ dom: this.#dom, to, flags }, options)
    } else {
      const args = { dom: this.#dom, to, dumpformat: format, flags }
      await this.connection.raw.domainCoreDumpWithFormat(args, options)
    }
  }
  /** Only of a guest that does not run. The handle of the new name is given. @libvirt virDomainRename */
  async rename(newName: string, flags = 0, options?: CallOptions): Promise<Domain> {
    await this.connection.raw.domainRename({ dom: this.#dom, newName, flags }, options)
    return new Domain(this.connection, { ...this.#dom, name: newName })
  }
  /** target: VIR_NODE_SUSPEND_TARGET_*. 0 seconds: until it is woken. @libvirt virDomainPMSuspendForDuration */
  async pmSuspendForDuration(
    target: number,
    seconds: number | bigint = 0,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, target, duration: BigInt(seconds), flags }
    await this.connection.raw.domainPmSuspendForDuration(args, options)
  }
  /** @libvirt virDomainPMWakeup */
  async pmWakeup(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainPmWakeup({ dom: this.#dom, flags }, options)
  }
  /**
   * What follows when the guest goes off, restarts or crashes. type: VIR_DOMAIN_LIFECYCLE_*; action:
   * VIR_DOMAIN_LIFECYCLE_ACTION_*.
   *
   * @libvirt virDomainSetLifecycleAction
   */
  async setLifecycleAction(type: number, action: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSetLifecycleAction({ dom: this.#dom, type, action, flags }, options)
  }

  // ---- What it is --------------------------------------------------------------------------------------------

  /** @libvirt virDomainGetState */
  async state(options?: CallOptions): Promise<{ state: DomainState; reason: string }> {
    const { state, reason } = await this.connection.raw.domainGetState({ dom: this.#dom, flags: 0 }, options)
    return { state: domainState(state), reason: stateReason(state, reason) }
  }
  /** @libvirt virDomainGetInfo */
  async info(options?: CallOptions): Promise<DomainInfo> {
    const info = await this.connection.raw.domainGetInfo({ dom: this.#dom }, options)
    return {
      state: domainState(info.state),
      maxMemoryKiB: Number(info.maxMem),
      memoryKiB: Number(info.memory),
      vcpus: info.nrVirtCpu,
      cpuTimeNs: info.cpuTime,
    }
  }
  /** Of the running guest; with VIR_DOMAIN_XML_INACTIVE of its definition. @libvirt virDomainGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainGetXmlDesc({ dom: this.#dom, flags }, options)).xml
  }
  /** @libvirt virDomainIsActive */
  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.domainIsActive({ dom: this.#dom }, options)).active !== 0
  }
  /** @libvirt virDomainIsPersistent */
  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.domainIsPersistent({ dom: this.#dom }, options)).persistent !== 0
  }
  /** Defined anew while it runs, and different from that. @libvirt virDomainIsUpdated */
  async isUpdated(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.domainIsUpdated({ dom: this.#dom }, options)).updated !== 0
  }
  /** `hvm`, `xen`, `linux` (a kernel of its own), … @libvirt virDomainGetOSType */
  async osType(options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainGetOsType({ dom: this.#dom }, options)).type
  }
  /** @libvirt virDomainGetAutostart */
  async autostart(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.domainGetAutostart({ dom: this.#dom }, options)).autostart !== 0
  }
  /** @libvirt virDomainSetAutostart */
  async setAutostart(on: boolean, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSetAutostart({ dom: this.#dom, autostart: on ? 1 : 0 }, options)
  }
  /** The element that was stored under this namespace. @throws isNotFound() @libvirt virDomainGetMetadata */
  async metadata(uri: string, flags = 0, options?: CallOptions): Promise<string> {
    const args = { dom: this.#dom, type: C.VIR_DOMAIN_METADATA_ELEMENT, uri, flags }
    return (await this.connection.raw.domainGetMetadata(args, options)).metadata
  }
  /** Store one element under a namespace of one's own; null removes it. @libvirt virDomainSetMetadata */
  async setMetadata(uri: string, key: string, xml: string | null, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, type: C.VIR_DOMAIN_METADATA_ELEMENT, metadata: xml, key, uri, flags }
    await this.connection.raw.domainSetMetadata(args, options)
  }

  /** One line. @throws isNotFound() where there is none @libvirt virDomainGetMetadata */
  async title(flags = 0, options?: CallOptions): Promise<string> {
    const args = { dom: this.#dom, type: C.VIR_DOMAIN_METADATA_TITLE, uri: null, flags }
    return (await this.connection.raw.domainGetMetadata(args, options)).metadata
  }
  /** Null removes it. @libvirt virDomainSetMetadata */
  async setTitle(title: string | null, flags = 0, options?: CallOptions): Promise<void> {
    const type = C.VIR_DOMAIN_METADATA_TITLE
    await this.connection.raw.domainSetMetadata(
      { dom: this.#dom, type, metadata: title, key: null, uri: null, flags },
      options,
    )
  }
  /** @throws isNotFound() where there is none @libvirt virDomainGetMetadata */
  async description(flags = 0, options?: CallOptions): Promise<string> {
    const args = { dom: this.#dom, type: C.VIR_DOMAIN_METADATA_DESCRIPTION, uri: null, flags }
    return (await this.connection.raw.domainGetMetadata(args, options)).metadata
  }
  /** Null removes it. @libvirt virDomainSetMetadata */
  async setDescription(text: string | null, flags = 0, options?: CallOptions): Promise<void> {
    const type = C.VIR_DOMAIN_METADATA_DESCRIPTION
    await this.connection.raw.domainSetMetadata(
      { dom: this.#dom, type, metadata: text, key: null, uri: null, flags },
      options,
    )
  }

  /** The name that the guest has for itself. flags: VIR_DOMAIN_GET_HOSTNAME_*. @libvirt virDomainGetHostname */
  async hostname(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainGetHostname({ dom: this.#dom, flags }, options)).hostname
  }
  /** Whether the monitor can be used, and who uses it. @libvirt virDomainGetControlInfo */
  async controlInfo(flags = 0, options?: CallOptions): Promise<ControlInfo> {
    const info = await this.connection.raw.domainGetControlInfo({ dom: this.#dom, flags }, options)
    return {
      state: controlStates[info.state] ?? 'unknown',
      reason: controlErrors[info.details] ?? 'unknown',
      stateTimeMs: Number(info.stateTime),
    }
  }
  /**
   * Warnings about the guest, such as of what is deprecated. flags: VIR_DOMAIN_MESSAGE_*.
   *
   * @libvirt virDomainGetMessages
   */
  async messages(flags = 0, options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.domainGetMessages({ dom: this.#dom, flags }, options)).msgs
  }
  /** @libvirt virDomainGetSecurityLabel */
  async securityLabel(options?: CallOptions): Promise<SecurityLabel> {
    return securityLabel(await this.connection.raw.domainGetSecurityLabel({ dom: this.#dom }, options))
  }
  /** One of each security driver. @libvirt virDomainGetSecurityLabelList */
  async securityLabelList(options?: CallOptions): Promise<SecurityLabel[]> {
    const { labels } = await this.connection.raw.domainGetSecurityLabelList({ dom: this.#dom }, options)
    return labels.map(securityLabel)
  }
  /** Of an encrypted guest, by libvirt's names, such as `sev-measurement`. @libvirt virDomainGetLaunchSecurityInfo */
  async launchSecurityInfo(flags = 0, options?: CallOptions): Promise<Params> {
    return paramsOf((await this.connection.raw.domainGetLaunchSecurityInfo({ dom: this.#dom, flags }, options)).params)
  }
  /** @libvirt virDomainSetLaunchSecurityState */
  async setLaunchSecurityState(
    params: SendParams<typeof launchSecurityParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, params: toParams(params, launchSecurityParameters), flags }
    await this.connection.raw.domainSetLaunchSecurityState(args, options)
  }

  // ---- Processors. CPUs are given by their numbers -----------------------------------------------------------

  /** How many there may be; of a running guest, at most. @libvirt virDomainGetMaxVcpus */
  async maxVcpus(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.domainGetMaxVcpus({ dom: this.#dom }, options)).num
  }
  /** flags: VIR_DOMAIN_VCPU_*, VIR_DOMAIN_AFFECT_*. @libvirt virDomainGetVcpusFlags */
  async vcpuCount(flags = 0, options?: CallOptions): Promise<number> {
    return (await this.connection.raw.domainGetVcpusFlags({ dom: this.#dom, flags }, options)).num
  }
  /** Each one of a running guest. @libvirt virDomainGetVcpus */
  async vcpus(options?: CallOptions): Promise<Vcpu[]> {
    const [{ nrVirtCpu }, maplen] = await Promise.all([
      this.connection.raw.domainGetInfo({ dom: this.#dom }, options),
      this.#cpuMapBytes(options),
    ])
    const args = { dom: this.#dom, maxinfo: nrVirtCpu, maplen }
    const { info, cpumaps } = await this.connection.raw.domainGetVcpus(args, options)
    const maps = cpusOfMaps(cpumaps, maplen)
    return info.map(({ number, state, cpuTime, cpu }, index) => ({
      number,
      state: vcpuStates[state] ?? 'unknown',
      cpuTimeNs: cpuTime,
      cpu: cpu < 0 ? undefined : cpu,
      affinity: maps[index] ?? [],
    }))
  }
  /** flags: VIR_DOMAIN_VCPU_*, VIR_DOMAIN_AFFECT_*. @libvirt virDomainSetVcpus, virDomainSetVcpusFlags */
  async setVcpus(count: number, flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.connection.raw.domainSetVcpus({ dom: this.#dom, nvcpus: count }, options)
    else await this.connection.raw.domainSetVcpusFlags({ dom: this.#dom, nvcpus: count, flags }, options)
  }
  /** Plug or unplug these. @libvirt virDomainSetVcpu */
  async setVcpu(vcpus: readonly number[], on: boolean, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, cpumap: cpuList(vcpus), state: on ? 1 : 0, flags }
    await this.connection.raw.domainSetVcpu(args, options)
  }
  /** @libvirt virDomainPinVcpu, virDomainPinVcpuFlags */
  async pinVcpu(vcpu: number, cpus: readonly number[], flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, vcpu, cpumap: cpuMapBytes(cpus) }
    if (flags === 0) await this.connection.raw.domainPinVcpu(args, options)
    else await this.connection.raw.domainPinVcpuFlags({ ...args, flags }, options)
  }
  /** On which CPUs each vcpu may run, by its number. @libvirt virDomainGetVcpuPinInfo */
  async vcpuPinInfo(flags = 0, options?: CallOptions): Promise<number[][]> {
    const [ncpumaps, maplen] = await Promise.all([
      this.vcpuCount(flags | C.VIR_DOMAIN_VCPU_MAXIMUM, options),
      this.#cpuMapBytes(options),
    ])
    const args = { dom: this.#dom, ncpumaps, maplen, flags }
    const { cpumaps, num } = await this.connection.raw.domainGetVcpuPinInfo(args, options)
    return cpusOfMaps(cpumaps, maplen).slice(0, num)
  }
  /** @libvirt virDomainPinEmulator */
  async pinEmulator(cpus: readonly number[], flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainPinEmulator({ dom: this.#dom, cpumap: cpuMapBytes(cpus), flags }, options)
  }
  /** Undefined: not pinned. @libvirt virDomainGetEmulatorPinInfo */
  async emulatorPinInfo(flags = 0, options?: CallOptions): Promise<number[] | undefined> {
    const args = { dom: this.#dom, maplen: await this.#cpuMapBytes(options), flags }
    const { cpumaps, ret } = await this.connection.raw.domainGetEmulatorPinInfo(args, options)
    return ret === 0 ? undefined : cpusOfMap(cpumaps)
  }
  /** @libvirt virDomainGetIOThreadInfo */
  async ioThreadInfo(flags = 0, options?: CallOptions): Promise<IoThread[]> {
    const { info } = await this.connection.raw.domainGetIothreadInfo({ dom: this.#dom, flags }, options)
    return info.map(({ iothreadId, cpumap }) => ({ id: iothreadId, cpus: cpusOfMap(cpumap) }))
  }
  /** @libvirt virDomainPinIOThread */
  async pinIoThread(id: number, cpus: readonly number[], flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, iothreadsId: id, cpumap: cpuMapBytes(cpus), flags }
    await this.connection.raw.domainPinIothread(args, options)
  }
  /** @libvirt virDomainAddIOThread */
  async addIoThread(id: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainAddIothread({ dom: this.#dom, iothreadId: id, flags }, options)
  }
  /** @libvirt virDomainDelIOThread */
  async delIoThread(id: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainDelIothread({ dom: this.#dom, iothreadId: id, flags }, options)
  }
  /** @libvirt virDomainSetIOThreadParams */
  async setIoThreadParams(
    id: number,
    params: SendParams<typeof ioThreadParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, iothreadId: id, params: toParams(params, ioThreadParameters), flags }
    await this.connection.raw.domainSetIothreadParams(args, options)
  }
  /**
   * As the guest's agent sees them: `vcpus`, `online`, `offlinable`, each a list as text.
   *
   * @libvirt virDomainGetGuestVcpus
   */
  async guestVcpus(flags = 0, options?: CallOptions): Promise<Params> {
    return paramsOf((await this.connection.raw.domainGetGuestVcpus({ dom: this.#dom, flags }, options)).params)
  }
  /** Asks the guest's agent. @libvirt virDomainSetGuestVcpus */
  async setGuestVcpus(vcpus: readonly number[], on: boolean, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, cpumap: cpuList(vcpus), state: on ? 1 : 0, flags }
    await this.connection.raw.domainSetGuestVcpus(args, options)
  }
  /** How many bytes a map of the host's CPUs takes. */
  async #cpuMapBytes(options: CallOptions | undefined): Promise<number> {
    const { ret } = await this.connection.raw.nodeGetCpuMap({ needMap: 0, needOnline: 0, flags: 0 }, options)
    return Math.max(1, Math.ceil(ret / 8))
  }

  // ---- Memory, in KiB ----------------------------------------------------------------------------------------

  /** @libvirt virDomainGetMaxMemory */
  async maxMemory(options?: CallOptions): Promise<number> {
    return Number((await this.connection.raw.domainGetMaxMemory({ dom: this.#dom }, options)).memory)
  }
  /** @libvirt virDomainSetMaxMemory */
  async setMaxMemory(memoryKiB: number | bigint, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSetMaxMemory({ dom: this.#dom, memory: BigInt(memoryKiB) }, options)
  }
  /** flags: VIR_DOMAIN_MEM_MAXIMUM, VIR_DOMAIN_AFFECT_*. @libvirt virDomainSetMemory, virDomainSetMemoryFlags */
  async setMemory(memoryKiB: number | bigint, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, memory: BigInt(memoryKiB) }
    if (flags === 0) await this.connection.raw.domainSetMemory(args, options)
    else await this.connection.raw.domainSetMemoryFlags({ ...args, flags }, options)
  }
  /** How often the balloon asks the guest for figures; 0 = never. @libvirt virDomainSetMemoryStatsPeriod */
  async setMemoryStatsPeriod(seconds: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSetMemoryStatsPeriod({ dom: this.#dom, period: seconds, flags }, options)
  }
  /**
   * Bytes of the guest's memory. flags: VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL, which of the addresses is meant.
   *
   * @libvirt virDomainMemoryPeek
   */
  async memoryPeek(
    start: number | bigint,
    sizeBytes: number,
    flags: number = C.VIR_MEMORY_PHYSICAL,
    options?: CallOptions,
  ): Promise<Uint8Array> {
    const args = { dom: this.#dom, offset: BigInt(start), size: sizeBytes, flags }
    return (await this.connection.raw.domainMemoryPeek(args, options)).buffer
  }
  /**
   * How much memory the guest writes: `allStats` with VIR_DOMAIN_STATS_DIRTYRATE has the result.
   *
   * @libvirt virDomainStartDirtyRateCalc
   */
  async startDirtyRateCalc(seconds: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainStartDirtyRateCalc({ dom: this.#dom, seconds, flags }, options)
  }

  // ---- Limits, by libvirt's names. flags: VIR_DOMAIN_AFFECT_LIVE, …_CONFIG; 0 = whichever the guest is in now ----

  /**
   * How the host shares its CPUs, such as `posix`, and how many parameters that has.
   *
   * @libvirt virDomainGetSchedulerType
   */
  async schedulerType(options?: CallOptions): Promise<{ type: string; parameters: number }> {
    const { type, nparams } = await this.connection.raw.domainGetSchedulerType({ dom: this.#dom }, options)
    return { type, parameters: nparams }
  }
  /** @libvirt virDomainGetSchedulerParameters, virDomainGetSchedulerParametersFlags */
  async schedulerParameters(flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, nparams: MOST_PARAMETERS }
    const { params } =
      flags === 0
        ? await this.connection.raw.domainGetSchedulerParameters(args, options)
        : await this.connection.raw.domainGetSchedulerParametersFlags({ ...args, flags }, options)
    return paramsOf(params)
  }
  /** @libvirt virDomainSetSchedulerParameters, virDomainSetSchedulerParametersFlags */
  async setSchedulerParameters(
    parameters: SendParams<typeof schedulerParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, params: toParams(parameters, schedulerParameters) }
    if (flags === 0) await this.connection.raw.domainSetSchedulerParameters(args, options)
    else await this.connection.raw.domainSetSchedulerParametersFlags({ ...args, flags }, options)
  }
  /** KiB; VIR_DOMAIN_MEMORY_PARAM_UNLIMITED is no limit. @libvirt virDomainGetMemoryParameters */
  async memoryParameters(flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, nparams: MOST_PARAMETERS, flags }
    return paramsOf((await this.connection.raw.domainGetMemoryParameters(args, options)).params)
  }
  /** @libvirt virDomainSetMemoryParameters */
  async setMemoryParameters(
    parameters: SendParams<typeof memoryParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, params: toParams(parameters, memoryParameters), flags }
    await this.connection.raw.domainSetMemoryParameters(args, options)
  }
  /** @libvirt virDomainGetBlkioParameters */
  async blkioParameters(flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, nparams: MOST_PARAMETERS, flags: flags | C.VIR_TYPED_PARAM_STRING_OKAY }
    return paramsOf((await this.connection.raw.domainGetBlkioParameters(args, options)).params)
  }
  /** @libvirt virDomainSetBlkioParameters */
  async setBlkioParameters(
    parameters: SendParams<typeof blkioParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, params: toParams(parameters, blkioParameters), flags }
    await this.connection.raw.domainSetBlkioParameters(args, options)
  }
  /** @libvirt virDomainGetNumaParameters */
  async numaParameters(flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, nparams: MOST_PARAMETERS, flags: flags | C.VIR_TYPED_PARAM_STRING_OKAY }
    return paramsOf((await this.connection.raw.domainGetNumaParameters(args, options)).params)
  }
  /** @libvirt virDomainSetNumaParameters */
  async setNumaParameters(
    parameters: SendParams<typeof numaParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, params: toParams(parameters, numaParameters), flags }
    await this.connection.raw.domainSetNumaParameters(args, options)
  }
  /** `device` is the tap's name, or the MAC address. @libvirt virDomainGetInterfaceParameters */
  async interfaceParameters(device: string, flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, device, nparams: MOST_PARAMETERS, flags }
    return paramsOf((await this.connection.raw.domainGetInterfaceParameters(args, options)).params)
  }
  /** @libvirt virDomainSetInterfaceParameters */
  async setInterfaceParameters(
    device: string,
    parameters: SendParams<typeof interfaceParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, device, params: toParams(parameters, interfaceParameters), flags }
    await this.connection.raw.domainSetInterfaceParameters(args, options)
  }
  /** @libvirt virDomainGetBlockIoTune */
  async blockIoTune(disk: string, flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, disk, nparams: 32, flags: flags | C.VIR_TYPED_PARAM_STRING_OKAY }
    return paramsOf((await this.connection.raw.domainGetBlockIoTune(args, options)).params)
  }
  /** @libvirt virDomainSetBlockIoTune */
  async setBlockIoTune(
    disk: string,
    parameters: SendParams<typeof blockIoTuneParameters>,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, disk, params: toParams(parameters, blockIoTuneParameters), flags }
    await this.connection.raw.domainSetBlockIoTune(args, options)
  }
  /** Which are counted. @libvirt virDomainGetPerfEvents */
  async perfEvents(flags = 0, options?: CallOptions): Promise<Params> {
    return paramsOf((await this.connection.raw.domainGetPerfEvents({ dom: this.#dom, flags }, options)).params)
  }
  /** @libvirt virDomainSetPerfEvents */
  async setPerfEvents(events: Readonly<Record<string, boolean>>, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSetPerfEvents({ dom: this.#dom, params: toParams(events), flags }, options)
  }

  // ---- Jobs on the guest: saving, dumping, migrating ----------------------------------------------------------

  /** @libvirt virDomainGetJobInfo */
  async jobInfo(options?: CallOptions): Promise<JobInfo> {
    const info = await this.connection.raw.domainGetJobInfo({ dom: this.#dom }, options)
    return {
      type: jobTypes[info.type] ?? 'unknown',
      timeElapsedMs: Number(info.timeElapsed),
      timeRemainingMs: Number(info.timeRemaining),
      dataTotalBytes: info.dataTotal,
      dataProcessedBytes: info.dataProcessed,
      dataRemainingBytes: info.dataRemaining,
      memTotalBytes: info.memTotal,
      memProcessedBytes: info.memProcessed,
      memRemainingBytes: info.memRemaining,
      fileTotalBytes: info.fileTotal,
      fileProcessedBytes: info.fileProcessed,
      fileRemainingBytes: info.fileRemaining,
    }
  }
  /** flags: VIR_DOMAIN_JOB_STATS_COMPLETED for the last one, which may be asked once. @libvirt virDomainGetJobStats */
  async jobStats(flags = 0, options?: CallOptions): Promise<JobStats> {
    const { type, params } = await this.connection.raw.domainGetJobStats({ dom: this.#dom, flags }, options)
    const values = paramsOf(params)
    const operation = jobOperations[Number(values.operation ?? 0)] ?? 'unknown'
    return { type: jobTypes[type] ?? 'unknown', operation, values }
  }
  /** flags: VIR_DOMAIN_ABORT_JOB_POSTCOPY. @libvirt virDomainAbortJob, virDomainAbortJobFlags */
  async abortJob(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.connection.raw.domainAbortJob({ dom: this.#dom }, options)
    else await this.connection.raw.domainAbortJobFlags({ dom: this.#dom, flags }, options)
  }

  // ---- Migration ---------------------------------------------------------------------------------------------

  /**
   * Move to the host of another connection; the guest there. params: VIR_MIGRATE_PARAM_*; flags: VIR_MIGRATE_*. With
   * VIR_MIGRATE_PEER2PEER the source's daemon leads, and reaches the other by the URI of its connection.
   *
   * @libvirt virDomainMigrate, virDomainMigrate2, virDomainMigrate3
   */
  migrate(
    destination: Connection,
    params: MigrateParams = {},
    flags = 0,
    options: MigrateOptions = {},
  ): Promise<Domain> {
    return migrate(this, destination, params, flags, options)
  }
  /**
   * Move without a connection of ours to the other host. With VIR_MIGRATE_PEER2PEER `uri` is that of the other daemon,
   * as the source's reaches it; else null, and `migrate_uri` is what the hypervisor connects to.
   *
   * @libvirt virDomainMigrateToURI, virDomainMigrateToURI2, virDomainMigrateToURI3
   */
  migrateToUri(uri: string | null, params: MigrateParams = {}, flags = 0, options: MigrateOptions = {}): Promise<void> {
    return migrateToUri(this, uri, params, flags, options)
  }
  /** How long the guest may stand still at the end. @libvirt virDomainMigrateGetMaxDowntime */
  async migrateMaxDowntime(options?: CallOptions): Promise<number> {
    return Number(
      (await this.connection.raw.domainMigrateGetMaxDowntime({ dom: this.#dom, flags: 0 }, options)).downtime,
    )
  }
  /** @libvirt virDomainMigrateSetMaxDowntime */
  async migrateSetMaxDowntime(downtimeMs: number | bigint, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, downtime: BigInt(downtimeMs), flags: 0 }
    await this.connection.raw.domainMigrateSetMaxDowntime(args, options)
  }
  /** MiB/s. flags: VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY. @libvirt virDomainMigrateGetMaxSpeed */
  async migrateMaxSpeed(flags = 0, options?: CallOptions): Promise<bigint> {
    return (await this.connection.raw.domainMigrateGetMaxSpeed({ dom: this.#dom, flags }, options)).bandwidth
  }
  /** @libvirt virDomainMigrateSetMaxSpeed */
  async migrateSetMaxSpeed(mibPerSecond: number | bigint, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, bandwidth: BigInt(mibPerSecond), flags }
    await this.connection.raw.domainMigrateSetMaxSpeed(args, options)
  }
  /** Bytes. @libvirt virDomainMigrateGetCompressionCache */
  async migrateCompressionCache(options?: CallOptions): Promise<bigint> {
    const args = { dom: this.#dom, flags: 0 }
    return (await this.connection.raw.domainMigrateGetCompressionCache(args, options)).cacheSize
  }
  /** @libvirt virDomainMigrateSetCompressionCache */
  async migrateSetCompressionCache(sizeBytes: number | bigint, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, cacheSize: BigInt(sizeBytes), flags: 0 }
    await this.connection.raw.domainMigrateSetCompressionCache(args, options)
  }
  /** Go on at the destination, and fetch what memory is missing as it is used. @libvirt virDomainMigrateStartPostCopy */
  async migrateStartPostCopy(options?: CallOptions): Promise<void> {
    await this.connection.raw.domainMigrateStartPostCopy({ dom: this.#dom, flags: 0 }, options)
  }

  // ---- Devices. flags: VIR_DOMAIN_AFFECT_LIVE, …_CONFIG, both; 0 = whichever the guest is in now ------------

  /** @libvirt virDomainAttachDevice, virDomainAttachDeviceFlags */
  async attachDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainAttachDeviceFlags({ dom: this.#dom, xml, flags }, options)
  }
  /**
   * A running guest has to let go: the `device-removed` event says that it did.
   *
   * @libvirt virDomainDetachDevice, virDomainDetachDeviceFlags
   */
  async detachDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainDetachDeviceFlags({ dom: this.#dom, xml, flags }, options)
  }
  /** @libvirt virDomainDetachDeviceAlias */
  async detachDeviceAlias(alias: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainDetachDeviceAlias({ dom: this.#dom, alias, flags }, options)
  }
  /** @libvirt virDomainUpdateDeviceFlags */
  async updateDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainUpdateDeviceFlags({ dom: this.#dom, xml, flags }, options)
  }
  /**
   * `disk` is its target (`vda`) or its path. A growing file, or a LUN that has grown: the guest sees it at once.
   *
   * @libvirt virDomainBlockResize
   */
  async blockResize(disk: string, sizeBytes: number | bigint, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, disk, size: BigInt(sizeBytes), flags: C.VIR_DOMAIN_BLOCK_RESIZE_BYTES }
    await this.connection.raw.domainBlockResize(args, options)
  }

  /** Bytes of a disk. @libvirt virDomainBlockPeek */
  async blockPeek(
    disk: string,
    offsetBytes: number | bigint,
    sizeBytes: number,
    options?: CallOptions,
  ): Promise<Uint8Array> {
    const args = { dom: this.#dom, path: disk, offset: BigInt(offsetBytes), size: sizeBytes, flags: 0 }
    return (await this.connection.raw.domainBlockPeek(args, options)).buffer
  }
  /**
   * `block-threshold` tells when the guest has written that far; `device` may name a layer: `vda[1]`.
   *
   * @libvirt virDomainSetBlockThreshold
   */
  async setBlockThreshold(
    device: string,
    thresholdBytes: number | bigint,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, dev: device, threshold: BigInt(thresholdBytes), flags }
    await this.connection.raw.domainSetBlockThreshold(args, options)
  }
  /** Disks that had errors. @libvirt virDomainGetDiskErrors */
  async diskErrors(flags = 0, options?: CallOptions): Promise<DiskError[]> {
    const args = { dom: this.#dom, maxerrors: MOST_DISK_ERRORS, flags }
    const { errors } = await this.connection.raw.domainGetDiskErrors(args, options)
    return errors.map(({ disk, error }) => ({ disk, error: diskErrors[error] ?? 'unknown' }))
  }

  // ---- Jobs on a disk, named by its target. Bandwidth is MiB/s, or with the call's …_BANDWIDTH_BYTES bytes/s; 0 = all
  // there is. `block-job` tells when they end -------------------------------------------------------------------

  /** Bring all layers below into the uppermost one. @libvirt virDomainBlockPull */
  async blockPull(disk: string, bandwidth: number | bigint = 0, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, path: disk, bandwidth: BigInt(bandwidth), flags }
    await this.connection.raw.domainBlockPull(args, options)
  }
  /**
   * Bring the layers above `base` into the uppermost one; also the older form of a copy.
   *
   * @libvirt virDomainBlockRebase
   */
  async blockRebase(
    disk: string,
    base: string | null,
    bandwidth: number | bigint = 0,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, path: disk, base, bandwidth: BigInt(bandwidth), flags }
    await this.connection.raw.domainBlockRebase(args, options)
  }
  /**
   * Bring the layers from `top` down into `base`; null: from the uppermost, into the lowest.
   *
   * @libvirt virDomainBlockCommit
   */
  async blockCommit(
    disk: string,
    {
      base = null,
      top = null,
      bandwidth = 0,
      flags = 0,
      ...options
    }: { base?: string | null; top?: string | null; bandwidth?: number | bigint; flags?: number } & CallOptions = {},
  ): Promise<void> {
    const args = { dom: this.#dom, disk, base, top, bandwidth: BigInt(bandwidth), flags }
    await this.connection.raw.domainBlockCommit(args, options)
  }
  /** Mirror to the disk that `destination` describes, XML; here bandwidth is bytes/s. @libvirt virDomainBlockCopy */
  async blockCopy(
    disk: string,
    destination: string,
    parameters: SendParams<typeof blockCopyParameters> = {},
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const params = toParams(parameters, blockCopyParameters)
    await this.connection.raw.domainBlockCopy(
      { dom: this.#dom, path: disk, destxml: destination, params, flags },
      options,
    )
  }
  /** End it: with VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT by changing over to the copy. @libvirt virDomainBlockJobAbort */
  async blockJobAbort(disk: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainBlockJobAbort({ dom: this.#dom, path: disk, flags }, options)
  }
  /** Undefined where the disk has none. `flags` says the unit of the bandwidth. @libvirt virDomainGetBlockJobInfo */
  async blockJobInfo(disk: string, flags = 0, options?: CallOptions): Promise<BlockJobInfo | undefined> {
    const info = await this.connection.raw.domainGetBlockJobInfo({ dom: this.#dom, path: disk, flags }, options)
    if (info.found === 0) return undefined
    return {
      type: blockJobTypes[info.type] ?? 'unknown',
      bandwidth: info.bandwidth,
      current: info.cur,
      end: info.end,
    }
  }
  /** @libvirt virDomainBlockJobSetSpeed */
  async blockJobSetSpeed(disk: string, bandwidth: number | bigint, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, path: disk, bandwidth: BigInt(bandwidth), flags }
    await this.connection.raw.domainBlockJobSetSpeed(args, options)
  }

  // ---- Backup ------------------------------------------------------------------------------------------------

  /** XML; a checkpoint beside it makes the next one incremental. @libvirt virDomainBackupBegin */
  async backupBegin(xml: string, checkpointXml: string | null = null, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainBackupBegin({ dom: this.#dom, backupXml: xml, checkpointXml, flags }, options)
  }
  /** Of the backup under way. @libvirt virDomainBackupGetXMLDesc */
  async backupXml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainBackupGetXmlDesc({ dom: this.#dom, flags }, options)).xml
  }

  // ---- Figures -----------------------------------------------------------------------------------------------

  /** @libvirt virDomainGetBlockInfo */
  async blockInfo(disk: string, options?: CallOptions): Promise<BlockInfo> {
    const info = await this.connection.raw.domainGetBlockInfo({ dom: this.#dom, path: disk, flags: 0 }, options)
    return { capacityBytes: info.capacity, allocationBytes: info.allocation, physicalBytes: info.physical }
  }
  /** @libvirt virDomainBlockStats */
  async blockStats(disk: string, options?: CallOptions): Promise<BlockStats> {
    const stats = await this.connection.raw.domainBlockStats({ dom: this.#dom, path: disk }, options)
    return {
      readRequests: stats.rdReq,
      readBytes: stats.rdBytes,
      writeRequests: stats.wrReq,
      writeBytes: stats.wrBytes,
      errors: stats.errs,
    }
  }
  /**
   * All that the hypervisor counts, by libvirt's names, such as `rd_bytes`. Of all disks: ''.
   *
   * @libvirt virDomainBlockStatsFlags
   */
  async blockStatsFlags(disk: string, flags = 0, options?: CallOptions): Promise<Params> {
    const args = { dom: this.#dom, path: disk, nparams: MOST_PARAMETERS, flags: flags | C.VIR_TYPED_PARAM_STRING_OKAY }
    return paramsOf((await this.connection.raw.domainBlockStatsFlags(args, options)).params)
  }
  /** Of all the host's CPUs together, by libvirt's names, such as `cpu_time`. @libvirt virDomainGetCPUStats */
  async cpuStats(flags = 0, options?: CallOptions): Promise<Params> {
    const { nparams } = await this.#cpuStats(-1, 1, 0, flags, options)
    if (nparams === 0) return {}
    return paramsOf((await this.#cpuStats(-1, 1, nparams, flags, options)).params)
  }
  /**
   * Of each of the host's CPUs, by its number. Hosts with the second version of control groups do not count it.
   *
   * @libvirt virDomainGetCPUStats
   */
  async cpuStatsOfEach(flags = 0, options?: CallOptions): Promise<Params[]> {
    const { nparams: cpus } = await this.#cpuStats(0, 0, 0, flags, options)
    const { nparams: most } = await this.#cpuStats(0, 1, 0, flags, options)
    const each: Params[] = []
    for (let start = 0; most > 0 && start < cpus; start += MOST_CPUS_OF_STATS) {
      const count = Math.min(MOST_CPUS_OF_STATS, cpus - start)
      const { params, nparams } = await this.#cpuStats(start, count, most, flags, options)
      for (let at = 0; nparams > 0 && at < params.length; at += nparams) {
        each.push(paramsOf(params.slice(at, at + nparams)))
      }
    }
    return each
  }
  #cpuStats(startCpu: number, ncpus: number, nparams: number, flags: number, options: CallOptions | undefined) {
    return this.connection.raw.domainGetCpuStats({ dom: this.#dom, nparams, startCpu, ncpus, flags }, options)
  }
  /** `device` is the tap's name, or the MAC address. @libvirt virDomainInterfaceStats */
  async interfaceStats(device: string, options?: CallOptions): Promise<InterfaceStats> {
    const stats = await this.connection.raw.domainInterfaceStats({ dom: this.#dom, device }, options)
    return {
      rxBytes: stats.rxBytes,
      rxPackets: stats.rxPackets,
      rxErrors: stats.rxErrs,
      rxDrops: stats.rxDrop,
      txBytes: stats.txBytes,
      txPackets: stats.txPackets,
      txErrors: stats.txErrs,
      txDrops: stats.txDrop,
    }
  }
  /** @libvirt virDomainMemoryStats */
  async memoryStats(options?: CallOptions): Promise<MemoryStats> {
    const args = { dom: this.#dom, maxStats: memoryStatNames.length, flags: 0 }
    const { stats } = await this.connection.raw.domainMemoryStats(args, options)
    const named: MemoryStats = {}
    for (const { tag, val } of stats) {
      const name = memoryStatNames[tag]
      if (name !== undefined) named[name] = Number(val)
    }
    return named
  }
  /**
   * `lease`: libvirt's own networks; `arp`: this host's neighbour table; `agent`: asks inside the guest.
   *
   * @libvirt virDomainInterfaceAddresses
   */
  async interfaceAddresses(
    source: 'lease' | 'agent' | 'arp' = 'lease',
    options?: CallOptions,
  ): Promise<InterfaceAddresses[]> {
    const number = {
      lease: C.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
      agent: C.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
      arp: C.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
    }[source]
    const args = { dom: this.#dom, source: number, flags: 0 }
    const { ifaces } = await this.connection.raw.domainInterfaceAddresses(args, options)
    return ifaces.map(({ name, hwaddr, addrs }) => ({
      name,
      mac: hwaddr ?? undefined,
      addresses: addrs.map(({ type, addr, prefix }) => ({
        family: type === C.VIR_IP_ADDR_TYPE_IPV6 ? 'ipv6' : 'ipv4',
        address: addr,
        prefix,
      })),
    }))
  }

  // ---- Inside ------------------------------------------------------------------------------------------------

  /**
   * Press the keys together and let go. Codes are Linux input codes unless another VIR_KEYCODE_SET_* is named.
   *
   * @libvirt virDomainSendKey
   */
  async sendKey(
    codes: readonly number[],
    {
      codeset = C.VIR_KEYCODE_SET_LINUX as number,
      holdMs = 0,
      ...options
    }: { codeset?: number; holdMs?: number } & CallOptions = {},
  ): Promise<void> {
    const args = { dom: this.#dom, codeset, holdtime: holdMs, keycodes: [...codes], flags: 0 }
    await this.connection.raw.domainSendKey(args, options)
  }
  /** @libvirt virDomainInjectNMI */
  async injectNmi(options?: CallOptions): Promise<void> {
    await this.connection.raw.domainInjectNmi({ dom: this.#dom, flags: 0 }, options)
  }
  /** @libvirt virDomainSetUserPassword */
  async setUserPassword(user: string, password: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSetUserPassword({ dom: this.#dom, user, password, flags }, options)
  }
  /** One command to the guest agent, as JSON text; its answer likewise. @libvirt virDomainQemuAgentCommand */
  async agentCommand(
    json: string,
    {
      timeoutSeconds = C.VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT as number,
      flags = 0,
      ...options
    }: { timeoutSeconds?: number; flags?: number } & CallOptions = {},
  ): Promise<string> {
    const args = { dom: this.#dom, cmd: json, timeout: timeoutSeconds, flags }
    return (await this.connection.raw.qemuDomainAgentCommand(args, options)).result ?? ''
  }
  /**
   * How long libvirt waits for the agent; VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_*.
   *
   * @libvirt virDomainAgentSetResponseTimeout
   */
  async agentSetResponseTimeout(seconds: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainAgentSetResponseTimeout({ dom: this.#dom, timeout: seconds, flags }, options)
  }
  /**
   * What the guest's agent knows, by libvirt's names, such as `os.id`, `user.0.name`. types: VIR_DOMAIN_GUEST_INFO_*,
   * 0 = all that it can tell.
   *
   * @libvirt virDomainGetGuestInfo
   */
  async guestInfo(types = 0, flags = 0, options?: CallOptions): Promise<Params> {
    return paramsOf((await this.connection.raw.domainGetGuestInfo({ dom: this.#dom, types, flags }, options)).params)
  }
  /** Keys that let in as this user of the guest. @libvirt virDomainAuthorizedSSHKeysGet */
  async authorizedSshKeys(user: string, flags = 0, options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.domainAuthorizedSshKeysGet({ dom: this.#dom, user, flags }, options)).keys
  }
  /**
   * Replaces them all, unless flags say VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_*.
   *
   * @libvirt virDomainAuthorizedSSHKeysSet
   */
  async setAuthorizedSshKeys(user: string, keys: readonly string[], flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainAuthorizedSshKeysSet({ dom: this.#dom, user, keys: [...keys], flags }, options)
  }
  /** The guest's clock. @libvirt virDomainGetTime */
  async time(flags = 0, options?: CallOptions): Promise<GuestTime> {
    const { seconds, nseconds } = await this.connection.raw.domainGetTime({ dom: this.#dom, flags }, options)
    return { seconds: Number(seconds), nanoseconds: nseconds }
  }
  /**
   * With VIR_DOMAIN_TIME_SYNC the guest takes the time of its hardware clock, and `time` is not looked at.
   *
   * @libvirt virDomainSetTime
   */
  async setTime(time: GuestTime, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, seconds: BigInt(time.seconds), nseconds: time.nanoseconds, flags }
    await this.connection.raw.domainSetTime(args, options)
  }
  /** @libvirt virDomainSendProcessSignal */
  async sendProcessSignal(pid: number | bigint, signal: number, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, pidValue: BigInt(pid), signum: signal, flags }
    await this.connection.raw.domainSendProcessSignal(args, options)
  }
  /**
   * One command to QEMU's monitor, JSON, or with VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP text; its answer likewise.
   *
   * @libvirt virDomainQemuMonitorCommand
   */
  async monitorCommand(command: string, flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.qemuDomainMonitorCommand({ dom: this.#dom, cmd: command, flags }, options)).result
  }
  /** Mounted file systems, as the agent sees them. @libvirt virDomainGetFSInfo */
  async fsInfo(flags = 0, options?: CallOptions): Promise<FileSystem[]> {
    const { info } = await this.connection.raw.domainGetFsinfo({ dom: this.#dom, flags }, options)
    return info.map(({ mountpoint, name, fstype, devAliases }) => ({ mountpoint, name, fstype, devAliases }))
  }
  /** Give back what file systems do not use; null: of all. @libvirt virDomainFSTrim */
  async fsTrim(
    mountpoint: string | null = null,
    minimumBytes: number | bigint = 0,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom: this.#dom, mountPoint: mountpoint, minimum: BigInt(minimumBytes), flags }
    await this.connection.raw.domainFstrim(args, options)
  }
  /** Flush and hold all file systems, or those at these places; the number that is held. @libvirt virDomainFSFreeze */
  async fsFreeze(mountpoints: readonly string[] = [], options?: CallOptions): Promise<number> {
    const args = { dom: this.#dom, mountpoints: [...mountpoints], flags: 0 }
    return (await this.connection.raw.domainFsfreeze(args, options)).filesystems
  }
  /** @libvirt virDomainFSThaw */
  async fsThaw(mountpoints: readonly string[] = [], options?: CallOptions): Promise<number> {
    const args = { dom: this.#dom, mountpoints: [...mountpoints], flags: 0 }
    return (await this.connection.raw.domainFsthaw(args, options)).filesystems
  }
  /** What the guest's display shows. QEMU gives image/png or image/x-portable-pixmap. @libvirt virDomainScreenshot */
  async screenshot(screen = 0, options?: CallOptions): Promise<{ mime: string; data: Uint8Array }> {
    const { ret, stream } = await this.connection.raw.domainScreenshot({ dom: this.#dom, screen, flags: 0 }, options)
    const pieces: Buffer[] = []
    try {
      for await (const piece of stream) {
        if (!(piece instanceof Buffer)) throw unsupportedError('a sparse screenshot')
        pieces.push(piece)
      }
      await stream.finish()
    } catch (error) {
      await stream.abort().catch(() => {})
      throw error
    }
    return { mime: ret.mime ?? 'application/octet-stream', data: Buffer.concat(pieces) }
  }
  /**
   * A text console, both ways. Null is the guest's first one. One client at a time: VIR_DOMAIN_CONSOLE_FORCE takes it
   * from whoever has it.
   *
   * @libvirt virDomainOpenConsole
   */
  async openConsole(device: string | null = null, flags = 0, options?: CallOptions): Promise<Duplex> {
    const { stream } = await this.connection.raw.domainOpenConsole({ dom: this.#dom, devName: device, flags }, options)
    return duplexOf(stream)
  }

  /**
   * A virtio or other channel that the host has as a UNIX socket or pty. Null: the first.
   *
   * @libvirt virDomainOpenChannel
   */
  async openChannel(name: string | null = null, flags = 0, options?: CallOptions): Promise<Duplex> {
    const { stream } = await this.connection.raw.domainOpenChannel({ dom: this.#dom, name, flags }, options)
    return duplexOf(stream)
  }

  // ---- Snapshots and checkpoints -----------------------------------------------------------------------------

  /** Moments that it can go back to. */
  get snapshots(): Snapshots {
    return new Snapshots(this)
  }
  /** Moments from which its disks note what changes. */
  get checkpoints(): Checkpoints {
    return new Checkpoints(this)
  }

  /** Events of this guest only. */
  watch<Kind extends DomainEventKind = DomainEventKind>(
    wanted: Omit<WatchOptions<Kind>, 'domain'> = {},
  ): Promise<Watch<DomainEventOf<Kind>>> {
    return this.connection.domains.watch<Kind>({ ...wanted, domain: this })
  }
  /** As `domains.on`, of this guest only. */
  on<Kind extends DomainEventKind>(kind: Kind, listener: (event: DomainEventOf<Kind>) => void): Promise<StopListening> {
    return this.connection.domains.on(kind, listener, { domain: this })
  }

  /** For messages: name and uuid. */
  toString(): string {
    return this.name === '' ? this.uuid : `${this.name} (${this.uuid})`
  }
}
