/** Devices of the host: PCI, USB, disks, network cards, mediated devices. */
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import type { EventHub, StopListening, Topic, Watch, WatchLimits } from './events.ts'
import * as C from './generated/constants.ts'
import type { NodeDeviceEventLifecycleMsg, NodeDeviceEventUpdateMsg, NonnullNodeDevice } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'

const lifecycleEvents = ['created', 'deleted', 'defined', 'undefined'] as const
/** What happened to a device. */
export type NodeDeviceEvent =
  | { kind: 'lifecycle'; device: { name: string }; event: (typeof lifecycleEvents)[number] }
  /** Something of its description has changed. */
  | { kind: 'update'; device: { name: string } }
/** Names of the kinds of events of devices. */
export type NodeDeviceEventKind = NodeDeviceEvent['kind']
/** A watch of devices. */
export type NodeDeviceEvents = Watch<NodeDeviceEvent>
/** What to watch, and for how long. */
export interface NodeDeviceWatchOptions extends WatchLimits {
  /** Default: both. */
  kinds?: readonly NodeDeviceEventKind[] | undefined
  /** Only of this device; the daemon filters. */
  device?: { readonly name: string } | undefined
}

/** REMOTE_NODE_DEVICE_NAME_LIST_MAX, REMOTE_NODE_DEVICE_CAPS_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 65_536

/** `connection.nodeDevices`. */
export class NodeDevices {
  readonly connection: Connection
  readonly #events: EventHub

  constructor(connection: Connection, events: EventHub) {
    this.connection = connection
    this.#events = events
  }

  /** For results of `connection.raw`. */
  of({ name }: NonnullNodeDevice): NodeDevice {
    return new NodeDevice(this.connection, name)
  }
  /** A handle without asking the daemon: whether it exists shows in its first call. */
  handle(name: string): NodeDevice {
    return new NodeDevice(this.connection, name)
  }

  /** Such as `pci_0000_00_02_0`. @libvirt virNodeDeviceLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<NodeDevice> {
    return this.of((await this.connection.raw.nodeDeviceLookupByName({ name }, options)).dev)
  }
  /** A fibre channel host, by its two names of 16 hexadecimal digits. @libvirt virNodeDeviceLookupSCSIHostByWWN */
  async lookupScsiHostByWwn(wwnn: string, wwpn: string, flags = 0, options?: CallOptions): Promise<NodeDevice> {
    return this.of((await this.connection.raw.nodeDeviceLookupScsiHostByWwn({ wwnn, wwpn, flags }, options)).dev)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<NodeDevice | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }

  /** flags: VIR_CONNECT_LIST_NODE_DEVICES_*; 0 = all. @libvirt virConnectListAllNodeDevices */
  async listAll(flags = 0, options?: CallOptions): Promise<NodeDevice[]> {
    const { devices } = await this.connection.raw.connectListAllNodeDevices({ needResults: 1, flags }, options)
    return devices.map((device) => this.of(device))
  }
  /** Of all, or of those with this capability, such as `pci` or `net`. @libvirt virNodeNumOfDevices */
  async numOf(capability: string | null = null, flags = 0, options?: CallOptions): Promise<number> {
    return (await this.connection.raw.nodeNumOfDevices({ cap: capability, flags }, options)).num
  }
  /** Names of all, or of those with this capability. @libvirt virNodeListDevices */
  async list(capability: string | null = null, flags = 0, options?: CallOptions): Promise<string[]> {
    const args = { cap: capability, maxnames: LIST_MAX, flags }
    return (await this.connection.raw.nodeListDevices(args, options)).names
  }

  /**
   * Make a virtual device, such as an mdev or a virtual HBA; it goes with the host's next start.
   * flags: VIR_NODE_DEVICE_CREATE_XML_VALIDATE.
   *
   * @libvirt virNodeDeviceCreateXML
   */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<NodeDevice> {
    return this.of((await this.connection.raw.nodeDeviceCreateXml({ xmlDesc: xml, flags }, options)).dev)
  }
  /**
   * Define a mediated device, which `create` starts. flags: VIR_NODE_DEVICE_DEFINE_XML_VALIDATE.
   *
   * @libvirt virNodeDeviceDefineXML
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<NodeDevice> {
    return this.of((await this.connection.raw.nodeDeviceDefineXml({ xmlDesc: xml, flags }, options)).dev)
  }

  /**
   * When it resolves, the daemon has the registration: what happens from then on is told.
   *
   * @libvirt virConnectNodeDeviceEventRegisterAny
   */
  watch({
    kinds = ['lifecycle', 'update'],
    device,
    ...limits
  }: NodeDeviceWatchOptions = {}): Promise<NodeDeviceEvents> {
    return this.#events.watch(
      kinds.map((kind) => topics[kind](device)),
      limits,
    )
  }
  /** @libvirt virConnectNodeDeviceEventRegisterAny, virConnectNodeDeviceEventDeregisterAny */
  on<Kind extends NodeDeviceEventKind>(
    kind: Kind,
    listener: (event: Extract<NodeDeviceEvent, { kind: Kind }>) => void,
    { device }: Pick<NodeDeviceWatchOptions, 'device'> = {},
  ): Promise<StopListening> {
    return this.#events.on(topics[kind](device) as Topic<Extract<NodeDeviceEvent, { kind: Kind }>>, listener)
  }
}

type Of = NodeDeviceWatchOptions['device']
const topics: Record<NodeDeviceEventKind, (device: Of) => Topic<NodeDeviceEvent>> = {
  lifecycle: (device) => ({
    ...shared('lifecycle', C.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, device),
    message: 'nodeDeviceEventLifecycle',
    convert: ({ dev: { name }, event: number }: NodeDeviceEventLifecycleMsg) => {
      const event = lifecycleEvents[number]
      return event && { kind: 'lifecycle', device: { name }, event }
    },
  }),
  update: (device) => ({
    ...shared('update', C.VIR_NODE_DEVICE_EVENT_ID_UPDATE, device),
    message: 'nodeDeviceEventUpdate',
    convert: ({ dev: { name } }: NodeDeviceEventUpdateMsg) => ({ kind: 'update', device: { name } }),
  }),
}
const shared = (kind: NodeDeviceEventKind, eventID: number, device: Of) => ({
  key: `node-device ${kind} ${device?.name ?? ''}`,
  program: 'remote' as const,
  register: 'connectNodeDeviceEventRegisterAny',
  deregister: 'connectNodeDeviceEventDeregisterAny',
  args: { eventID, dev: device === undefined ? null : { name: device.name } },
})

/** One device. A plain handle; the daemon finds it by name. */
export class NodeDevice {
  readonly connection: Connection
  /** @libvirt virNodeDeviceGetName */
  readonly name: string

  constructor(connection: Connection, name: string) {
    this.connection = connection
    this.name = name
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullNodeDevice {
    return { name: this.name }
  }

  /** @libvirt virNodeDeviceGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.nodeDeviceGetXmlDesc({ name: this.name, flags }, options)).xml
  }
  /** Undefined for the root, the computer itself. @libvirt virNodeDeviceGetParent */
  async parent(options?: CallOptions): Promise<NodeDevice | undefined> {
    const { parentName } = await this.connection.raw.nodeDeviceGetParent({ name: this.name }, options)
    return parentName === null ? undefined : new NodeDevice(this.connection, parentName)
  }
  /** @libvirt virNodeDeviceNumOfCaps */
  async numOfCaps(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.nodeDeviceNumOfCaps({ name: this.name }, options)).num
  }
  /** What it is, such as `pci` or `net`. @libvirt virNodeDeviceListCaps */
  async listCaps(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.nodeDeviceListCaps({ name: this.name, maxnames: LIST_MAX }, options)).names
  }
  /** @libvirt virNodeDeviceIsActive */
  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.nodeDeviceIsActive({ name: this.name }, options)).active !== 0
  }
  /** @libvirt virNodeDeviceIsPersistent */
  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.nodeDeviceIsPersistent({ name: this.name }, options)).persistent !== 0
  }
  /** Of a defined mediated device. @libvirt virNodeDeviceGetAutostart */
  async autostart(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.nodeDeviceGetAutostart({ name: this.name }, options)).autostart !== 0
  }
  /** @libvirt virNodeDeviceSetAutostart */
  async setAutostart(on: boolean, options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeDeviceSetAutostart({ name: this.name, autostart: on ? 1 : 0 }, options)
  }

  /**
   * Take it from the host's driver, so that a guest may have it. driver: `vfio` or null, which means the same.
   *
   * @libvirt virNodeDeviceDettach, virNodeDeviceDetachFlags
   */
  async detach(driver: string | null = null, flags = 0, options?: CallOptions): Promise<void> {
    if (driver === null && flags === 0) await this.connection.raw.nodeDeviceDettach({ name: this.name }, options)
    else await this.connection.raw.nodeDeviceDetachFlags({ name: this.name, driverName: driver, flags }, options)
  }
  /** Give it back to the host's driver. @libvirt virNodeDeviceReAttach */
  async reAttach(options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeDeviceReAttach({ name: this.name }, options)
  }
  /** To a clean state; it must be detached. @libvirt virNodeDeviceReset */
  async reset(options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeDeviceReset({ name: this.name }, options)
  }
  /** Start a defined mediated device. @libvirt virNodeDeviceCreate */
  async create(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeDeviceCreate({ name: this.name, flags }, options)
  }
  /** Remove a virtual device. @libvirt virNodeDeviceDestroy */
  async destroy(options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeDeviceDestroy({ name: this.name }, options)
  }
  /** Forget the definition of a mediated device. @libvirt virNodeDeviceUndefine */
  async undefine(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeDeviceUndefine({ name: this.name, flags }, options)
  }

  /** Events of this device only. @libvirt virConnectNodeDeviceEventRegisterAny */
  watch(wanted: Omit<NodeDeviceWatchOptions, 'device'> = {}): Promise<NodeDeviceEvents> {
    return this.connection.nodeDevices.watch({ ...wanted, device: this })
  }

  /** For messages: the name. */
  toString(): string {
    return this.name
  }
}
