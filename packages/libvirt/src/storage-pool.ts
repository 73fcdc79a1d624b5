/** Storage pools: directories, volume groups, remote stores that hold volumes. One volume is a `StorageVolume`. */
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import type { EventHub, StopListening, Topic, Watch, WatchLimits } from './events.ts'
import * as C from './generated/constants.ts'
import type { NonnullStoragePool, StoragePoolEventLifecycleMsg, StoragePoolEventRefreshMsg } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { StorageVolume } from './storage-volume.ts'
import { uuidBytes, uuidText } from './uuid.ts'

export const storagePoolStates = ['inactive', 'building', 'running', 'degraded', 'inaccessible'] as const
/** Whether a pool is in use, and how it fares. */
export type StoragePoolState = (typeof storagePoolStates)[number]
/** State and room of a pool. */
export interface StoragePoolInfo {
  state: StoragePoolState | 'unknown'
  capacityBytes: bigint
  /** In use by volumes. */
  allocationBytes: bigint
  availableBytes: bigint
}

const lifecycleEvents = ['defined', 'undefined', 'started', 'stopped', 'created', 'deleted'] as const
/** The pool of an event. */
export interface StoragePoolRef {
  name: string
  uuid: string
}
/** What happened to a pool. */
export type StoragePoolEvent =
  /** `created`, `deleted`: what it stands on was built or removed. */
  | { kind: 'lifecycle'; pool: StoragePoolRef; event: (typeof lifecycleEvents)[number] }
  /** Its volumes were looked at anew. */
  | { kind: 'refresh'; pool: StoragePoolRef }
/** Names of the kinds of events of pools. */
export type StoragePoolEventKind = StoragePoolEvent['kind']
/** A watch of pools. */
export type StoragePoolEvents = Watch<StoragePoolEvent>
/** What to watch, and for how long. */
export interface StoragePoolWatchOptions extends WatchLimits {
  /** Default: both. */
  kinds?: readonly StoragePoolEventKind[] | undefined
  /** Only of this pool; the daemon filters. */
  pool?: StoragePoolRef | undefined
}

/** REMOTE_STORAGE_POOL_LIST_MAX, REMOTE_STORAGE_VOL_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 16_384

/** `connection.storagePools`. */
export class StoragePools {
  readonly connection: Connection
  readonly #events: EventHub

  constructor(connection: Connection, events: EventHub) {
    this.connection = connection
    this.#events = events
  }

  /** For results of `connection.raw`. */
  of(pool: NonnullStoragePool): StoragePool {
    return new StoragePool(this.connection, pool)
  }
  /** A handle without asking the daemon: whether it exists shows in its first call. */
  handle(uuid: string, name = ''): StoragePool {
    return new StoragePool(this.connection, { uuid: uuidBytes(uuid), name })
  }

  // ---- Finding and listing -----------------------------------------------------------------------------------

  /** @libvirt virStoragePoolLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<StoragePool> {
    return this.of((await this.connection.raw.storagePoolLookupByName({ name }, options)).pool)
  }
  /** @libvirt virStoragePoolLookupByUUID, virStoragePoolLookupByUUIDString */
  async lookupByUuid(uuid: string, options?: CallOptions): Promise<StoragePool> {
    return this.of((await this.connection.raw.storagePoolLookupByUuid({ uuid: uuidBytes(uuid) }, options)).pool)
  }
  /** The pool whose volumes are in this folder. @libvirt virStoragePoolLookupByTargetPath */
  async lookupByTargetPath(path: string, options?: CallOptions): Promise<StoragePool> {
    return this.of((await this.connection.raw.storagePoolLookupByTargetPath({ path }, options)).pool)
  }
  /** @libvirt virStoragePoolLookupByVolume */
  async lookupByVolume(volume: StorageVolume, options?: CallOptions): Promise<StoragePool> {
    return this.of((await this.connection.raw.storagePoolLookupByVolume({ vol: volume.handle }, options)).pool)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<StoragePool | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** Undefined where there is none. */
  async findByUuid(uuid: string, options?: CallOptions): Promise<StoragePool | undefined> {
    return unlessMissing(this.lookupByUuid(uuid, options))
  }
  /** Undefined where there is none. */
  async findByTargetPath(path: string, options?: CallOptions): Promise<StoragePool | undefined> {
    return unlessMissing(this.lookupByTargetPath(path, options))
  }

  /** flags: VIR_CONNECT_LIST_STORAGE_POOLS_*; 0 = all. @libvirt virConnectListAllStoragePools */
  async listAll(flags = 0, options?: CallOptions): Promise<StoragePool[]> {
    const { pools } = await this.connection.raw.connectListAllStoragePools({ needResults: 1, flags }, options)
    return pools.map((pool) => this.of(pool))
  }
  /** Of active ones. @libvirt virConnectNumOfStoragePools */
  async numOf(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfStoragePools(undefined, options)).num
  }
  /** Of those that are defined and not active. @libvirt virConnectNumOfDefinedStoragePools */
  async numOfDefined(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfDefinedStoragePools(undefined, options)).num
  }
  /** Names of active ones. @libvirt virConnectListStoragePools */
  async list(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListStoragePools({ maxnames: LIST_MAX }, options)).names
  }
  /** Names of those that are defined and not active. @libvirt virConnectListDefinedStoragePools */
  async listDefined(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListDefinedStoragePools({ maxnames: LIST_MAX }, options)).names
  }

  // ---- Making ------------------------------------------------------------------------------------------------

  /**
   * Make the definition so; one of the same name and uuid is replaced. flags: VIR_STORAGE_POOL_DEFINE_VALIDATE.
   *
   * @libvirt virStoragePoolDefineXML
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<StoragePool> {
    return this.of((await this.connection.raw.storagePoolDefineXml({ xml, flags }, options)).pool)
  }
  /**
   * Start a transient pool, which is forgotten when it stops. flags: VIR_STORAGE_POOL_CREATE_*.
   *
   * @libvirt virStoragePoolCreateXML
   */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<StoragePool> {
    return this.of((await this.connection.raw.storagePoolCreateXml({ xml, flags }, options)).pool)
  }
  /**
   * XML: where a pool of this type could be, such as the volume groups of the host. `source` narrows it down, for types
   * that want a server named.
   *
   * @libvirt virConnectFindStoragePoolSources
   */
  async findSources(type: string, source: string | null = null, flags = 0, options?: CallOptions): Promise<string> {
    const args = { type, srcSpec: source, flags }
    return (await this.connection.raw.connectFindStoragePoolSources(args, options)).xml
  }
  /** XML: which types of pools and volumes there may be. @libvirt virConnectGetStoragePoolCapabilities */
  async capabilities(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.connectGetStoragePoolCapabilities({ flags }, options)).capabilities
  }

  // ---- Events ------------------------------------------------------------------------------------------------

  /**
   * When it resolves, the daemon has the registration: what happens from then on is told.
   *
   * @libvirt virConnectStoragePoolEventRegisterAny
   */
  watch({
    kinds = ['lifecycle', 'refresh'],
    pool,
    ...limits
  }: StoragePoolWatchOptions = {}): Promise<StoragePoolEvents> {
    return this.#events.watch(
      kinds.map((kind) => topics[kind](pool)),
      limits,
    )
  }
  /** @libvirt virConnectStoragePoolEventRegisterAny, virConnectStoragePoolEventDeregisterAny */
  on<Kind extends StoragePoolEventKind>(
    kind: Kind,
    listener: (event: Extract<StoragePoolEvent, { kind: Kind }>) => void,
    { pool }: Pick<StoragePoolWatchOptions, 'pool'> = {},
  ): Promise<StopListening> {
    return this.#events.on(topics[kind](pool) as Topic<Extract<StoragePoolEvent, { kind: Kind }>>, listener)
  }
}

type Of = StoragePoolWatchOptions['pool']
const ref = ({ name, uuid }: NonnullStoragePool): StoragePoolRef => ({ name, uuid: uuidText(uuid) })
const topics: Record<StoragePoolEventKind, (pool: Of) => Topic<StoragePoolEvent>> = {
  lifecycle: (pool) => ({
    ...shared('lifecycle', C.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool),
    message: 'storagePoolEventLifecycle',
    convert: ({ pool: told, event: number }: StoragePoolEventLifecycleMsg) => {
      const event = lifecycleEvents[number]
      return event && { kind: 'lifecycle', pool: ref(told), event }
    },
  }),
  refresh: (pool) => ({
    ...shared('refresh', C.VIR_STORAGE_POOL_EVENT_ID_REFRESH, pool),
    message: 'storagePoolEventRefresh',
    convert: ({ pool: told }: StoragePoolEventRefreshMsg) => ({ kind: 'refresh', pool: ref(told) }),
  }),
}
const shared = (kind: StoragePoolEventKind, eventID: number, pool: Of) => ({
  key: `storage-pool ${kind} ${pool?.uuid ?? ''}`,
  program: 'remote' as const,
  register: 'connectStoragePoolEventRegisterAny',
  deregister: 'connectStoragePoolEventDeregisterAny',
  args: { eventID, pool: pool === undefined ? null : { name: pool.name, uuid: uuidBytes(pool.uuid) } },
})

/** One pool. A plain handle; the daemon finds it by uuid. */
export class StoragePool {
  /** @libvirt virStoragePoolGetConnect */
  readonly connection: Connection
  /** @libvirt virStoragePoolGetUUID, virStoragePoolGetUUIDString */
  readonly uuid: string
  /** Empty on a handle made from a uuid alone. @libvirt virStoragePoolGetName */
  readonly name: string
  readonly #pool: NonnullStoragePool

  constructor(connection: Connection, pool: NonnullStoragePool) {
    this.connection = connection
    this.#pool = pool
    this.uuid = uuidText(pool.uuid)
    this.name = pool.name
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullStoragePool {
    return this.#pool
  }

  // ---- Life --------------------------------------------------------------------------------------------------

  /** Make what the pool stands on: a folder, a file system. flags: VIR_STORAGE_POOL_BUILD_*. @libvirt virStoragePoolBuild */
  async build(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolBuild({ pool: this.#pool, flags }, options)
  }
  /** Start a defined pool. flags: VIR_STORAGE_POOL_CREATE_*. @libvirt virStoragePoolCreate */
  async create(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolCreate({ pool: this.#pool, flags }, options)
  }
  /** Look at its volumes anew, which others may have made or removed. @libvirt virStoragePoolRefresh */
  async refresh(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolRefresh({ pool: this.#pool, flags }, options)
  }
  /** Stop it; the data stays. A transient pool is forgotten. @libvirt virStoragePoolDestroy */
  async destroy(options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolDestroy({ pool: this.#pool }, options)
  }
  /** Remove what the stopped pool stands on. flags: VIR_STORAGE_POOL_DELETE_*. @libvirt virStoragePoolDelete */
  async delete(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolDelete({ pool: this.#pool, flags }, options)
  }
  /** Forget the definition of a stopped pool. @libvirt virStoragePoolUndefine */
  async undefine(options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolUndefine({ pool: this.#pool }, options)
  }

  // ---- What it is --------------------------------------------------------------------------------------------

  /** @libvirt virStoragePoolGetInfo */
  async info(options?: CallOptions): Promise<StoragePoolInfo> {
    const info = await this.connection.raw.storagePoolGetInfo({ pool: this.#pool }, options)
    return {
      state: storagePoolStates[info.state] ?? 'unknown',
      capacityBytes: info.capacity,
      allocationBytes: info.allocation,
      availableBytes: info.available,
    }
  }
  /** With VIR_STORAGE_XML_INACTIVE of its definition. @libvirt virStoragePoolGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.storagePoolGetXmlDesc({ pool: this.#pool, flags }, options)).xml
  }
  /** @libvirt virStoragePoolIsActive */
  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.storagePoolIsActive({ pool: this.#pool }, options)).active !== 0
  }
  /** @libvirt virStoragePoolIsPersistent */
  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.storagePoolIsPersistent({ pool: this.#pool }, options)).persistent !== 0
  }
  /** @libvirt virStoragePoolGetAutostart */
  async autostart(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.storagePoolGetAutostart({ pool: this.#pool }, options)).autostart !== 0
  }
  /** @libvirt virStoragePoolSetAutostart */
  async setAutostart(on: boolean, options?: CallOptions): Promise<void> {
    await this.connection.raw.storagePoolSetAutostart({ pool: this.#pool, autostart: on ? 1 : 0 }, options)
  }

  // ---- Volumes -----------------------------------------------------------------------------------------------

  /** @libvirt virStoragePoolListAllVolumes */
  async listAllVolumes(flags = 0, options?: CallOptions): Promise<StorageVolume[]> {
    const args = { pool: this.#pool, needResults: 1, flags }
    const { vols } = await this.connection.raw.storagePoolListAllVolumes(args, options)
    return vols.map((vol) => new StorageVolume(this.connection, vol))
  }
  /** @libvirt virStoragePoolNumOfVolumes */
  async numOfVolumes(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.storagePoolNumOfVolumes({ pool: this.#pool }, options)).num
  }
  /** Names. @libvirt virStoragePoolListVolumes */
  async listVolumes(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.storagePoolListVolumes({ pool: this.#pool, maxnames: LIST_MAX }, options)).names
  }
  /** @libvirt virStorageVolLookupByName */
  async lookupVolumeByName(name: string, options?: CallOptions): Promise<StorageVolume> {
    const { vol } = await this.connection.raw.storageVolLookupByName({ pool: this.#pool, name }, options)
    return new StorageVolume(this.connection, vol)
  }
  /** Undefined where there is none. */
  async findVolumeByName(name: string, options?: CallOptions): Promise<StorageVolume | undefined> {
    return unlessMissing(this.lookupVolumeByName(name, options))
  }
  /** flags: VIR_STORAGE_VOL_CREATE_*. @libvirt virStorageVolCreateXML */
  async createVolumeXml(xml: string, flags = 0, options?: CallOptions): Promise<StorageVolume> {
    const { vol } = await this.connection.raw.storageVolCreateXml({ pool: this.#pool, xml, flags }, options)
    return new StorageVolume(this.connection, vol)
  }
  /**
   * A volume with the content of another, of this pool or of another one. flags: VIR_STORAGE_VOL_CREATE_*.
   *
   * @libvirt virStorageVolCreateXMLFrom
   */
  async createVolumeXmlFrom(
    xml: string,
    source: StorageVolume,
    flags = 0,
    options?: CallOptions,
  ): Promise<StorageVolume> {
    const args = { pool: this.#pool, xml, clonevol: source.handle, flags }
    return new StorageVolume(this.connection, (await this.connection.raw.storageVolCreateXmlFrom(args, options)).vol)
  }

  /** Events of this pool only. @libvirt virConnectStoragePoolEventRegisterAny */
  watch(wanted: Omit<StoragePoolWatchOptions, 'pool'> = {}): Promise<StoragePoolEvents> {
    return this.connection.storagePools.watch({ ...wanted, pool: this })
  }

  /** For messages: name and uuid. */
  toString(): string {
    return this.name === '' ? this.uuid : `${this.name} (${this.uuid})`
  }
}
