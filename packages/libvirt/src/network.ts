/** Virtual networks of a host: bridges, what dnsmasq serves on them, and the ports that guests plug into. */
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import type { EventHub, StopListening, Topic, Watch, WatchLimits } from './events.ts'
import * as C from './generated/constants.ts'
import type { NetworkEventLifecycleMsg, NonnullNetwork, NonnullNetworkPort } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { type Params, type ParamsToSend, type ParamTypes, paramsOf, toParams } from './typed-params.ts'
import { uuidBytes, uuidText } from './uuid.ts'

const lifecycleEvents = ['defined', 'undefined', 'started', 'stopped'] as const
/** What happened to a network. */
export interface NetworkEvent {
  kind: 'lifecycle'
  network: { name: string; uuid: string }
  event: (typeof lifecycleEvents)[number]
}
/** A watch of networks. */
export type NetworkEvents = Watch<NetworkEvent>
/** What to watch, and for how long. */
export interface NetworkWatchOptions extends WatchLimits {
  /** Only of this network; the daemon filters. */
  network?: { readonly uuid: string; readonly name: string } | undefined
}

/** An address that libvirt's own DHCP server has given away. */
export interface DhcpLease {
  /** The network's bridge. */
  interface: string
  /** Seconds since 1970; 0 = for ever. */
  expirySeconds: number
  family: 'ipv4' | 'ipv6'
  mac: string | undefined
  /** Of IPv6 only. */
  iaid: string | undefined
  address: string
  prefix: number
  hostname: string | undefined
  /** Client id, or DUID. */
  clientId: string | undefined
}

export const networkUpdateCommands = ['none', 'modify', 'delete', 'add-last', 'add-first'] as const
/** What is done to the part of a definition. */
export type NetworkUpdateCommand = Exclude<(typeof networkUpdateCommands)[number], 'none'>
/** Parts of a definition, by the number of virNetworkUpdateSection. */
export const networkSections = [
  'none',
  'bridge',
  'domain',
  'ip',
  'ip-dhcp-host',
  'ip-dhcp-range',
  'forward',
  'forward-interface',
  'forward-pf',
  'portgroup',
  'dns-host',
  'dns-txt',
  'dns-srv',
] as const
/** Part of a definition that can be changed while the network runs. */
export type NetworkSection = Exclude<(typeof networkSections)[number], 'none'>
/** A change of one part of a network's definition. */
export interface NetworkUpdate {
  command: NetworkUpdateCommand
  section: NetworkSection
  /** The element itself, such as `<host mac='…' ip='…'/>`. */
  xml: string
  /** Which of several `<ip>` elements; -1 = the first that fits. Default -1. */
  parentIndex?: number | undefined
  /** VIR_NETWORK_UPDATE_AFFECT_*. Default 0: whichever state the network is in now. */
  flags?: number | undefined
}

/** VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER: older daemons read command and section exchanged. */
const FEATURE_UPDATE_ORDER = 16
/** REMOTE_NETWORK_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 16_384

/** `connection.networks`. */
export class Networks {
  readonly connection: Connection
  readonly #events: EventHub

  constructor(connection: Connection, events: EventHub) {
    this.connection = connection
    this.#events = events
  }

  /** For results of `connection.raw`. */
  of(net: NonnullNetwork): Network {
    return new Network(this.connection, net)
  }
  /** A handle without asking the daemon: whether it exists shows in its first call. */
  handle(uuid: string, name = ''): Network {
    return new Network(this.connection, { uuid: uuidBytes(uuid), name })
  }

  /** @libvirt virNetworkLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<Network> {
    return this.of((await this.connection.raw.networkLookupByName({ name }, options)).net)
  }
  /** @libvirt virNetworkLookupByUUID, virNetworkLookupByUUIDString */
  async lookupByUuid(uuid: string, options?: CallOptions): Promise<Network> {
    return this.of((await this.connection.raw.networkLookupByUuid({ uuid: uuidBytes(uuid) }, options)).net)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<Network | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** Undefined where there is none. */
  async findByUuid(uuid: string, options?: CallOptions): Promise<Network | undefined> {
    return unlessMissing(this.lookupByUuid(uuid, options))
  }

  /** flags: VIR_CONNECT_LIST_NETWORKS_*; 0 = all. @libvirt virConnectListAllNetworks */
  async listAll(flags = 0, options?: CallOptions): Promise<Network[]> {
    const { nets } = await this.connection.raw.connectListAllNetworks({ needResults: 1, flags }, options)
    return nets.map((net) => this.of(net))
  }
  /** Of active ones. @libvirt virConnectNumOfNetworks */
  async numOf(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfNetworks(undefined, options)).num
  }
  /** Of those that are defined and not active. @libvirt virConnectNumOfDefinedNetworks */
  async numOfDefined(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfDefinedNetworks(undefined, options)).num
  }
  /** Names of active ones. @libvirt virConnectListNetworks */
  async list(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListNetworks({ maxnames: LIST_MAX }, options)).names
  }
  /** Names of those that are defined and not active. @libvirt virConnectListDefinedNetworks */
  async listDefined(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListDefinedNetworks({ maxnames: LIST_MAX }, options)).names
  }

  /**
   * Make the definition so; one of the same name and uuid is replaced. flags: VIR_NETWORK_DEFINE_VALIDATE.
   *
   * @libvirt virNetworkDefineXML, virNetworkDefineXMLFlags
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<Network> {
    const { net } =
      flags === 0
        ? await this.connection.raw.networkDefineXml({ xml }, options)
        : await this.connection.raw.networkDefineXmlFlags({ xml, flags }, options)
    return this.of(net)
  }
  /**
   * Start a transient network, which is forgotten when it stops. flags: VIR_NETWORK_CREATE_VALIDATE.
   *
   * @libvirt virNetworkCreateXML, virNetworkCreateXMLFlags
   */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<Network> {
    const { net } =
      flags === 0
        ? await this.connection.raw.networkCreateXml({ xml }, options)
        : await this.connection.raw.networkCreateXmlFlags({ xml, flags }, options)
    return this.of(net)
  }

  /**
   * When it resolves, the daemon has the registration: what happens from then on is told.
   *
   * @libvirt virConnectNetworkEventRegisterAny
   */
  watch({ network, ...limits }: NetworkWatchOptions = {}): Promise<NetworkEvents> {
    return this.#events.watch([networkTopic(network)], limits)
  }
  /** @libvirt virConnectNetworkEventRegisterAny, virConnectNetworkEventDeregisterAny */
  on(
    _kind: 'lifecycle',
    listener: (event: NetworkEvent) => void,
    { network }: Pick<NetworkWatchOptions, 'network'> = {},
  ): Promise<StopListening> {
    return this.#events.on(networkTopic(network), listener)
  }
}

function networkTopic(network: NetworkWatchOptions['network']): Topic<NetworkEvent> {
  const net = network === undefined ? null : { name: network.name, uuid: uuidBytes(network.uuid) }
  return {
    key: `network lifecycle ${network?.uuid ?? ''}`,
    program: 'remote',
    register: 'connectNetworkEventRegisterAny',
    deregister: 'connectNetworkEventDeregisterAny',
    message: 'networkEventLifecycle',
    args: { eventID: C.VIR_NETWORK_EVENT_ID_LIFECYCLE, net },
    convert: ({ net: { name, uuid }, event: number }: NetworkEventLifecycleMsg) => {
      const event = lifecycleEvents[number]
      return event && { kind: 'lifecycle', network: { name, uuid: uuidText(uuid) }, event }
    },
  }
}

/** One network. A plain handle; the daemon finds it by uuid. */
export class Network {
  /** @libvirt virNetworkGetConnect */
  readonly connection: Connection
  /** @libvirt virNetworkGetUUID, virNetworkGetUUIDString */
  readonly uuid: string
  /** Empty on a handle made from a uuid alone. @libvirt virNetworkGetName */
  readonly name: string
  readonly #net: NonnullNetwork

  constructor(connection: Connection, net: NonnullNetwork) {
    this.connection = connection
    this.#net = net
    this.uuid = uuidText(net.uuid)
    this.name = net.name
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullNetwork {
    return this.#net
  }

  /** Start a defined network. @throws isWrongState() when it is active @libvirt virNetworkCreate */
  async create(options?: CallOptions): Promise<void> {
    await this.connection.raw.networkCreate({ net: this.#net }, options)
  }
  /** Stop it; a transient one is forgotten. Guests keep their taps, without a bridge. @libvirt virNetworkDestroy */
  async destroy(options?: CallOptions): Promise<void> {
    await this.connection.raw.networkDestroy({ net: this.#net }, options)
  }
  /** Forget the definition; an active network lives on as a transient one. @libvirt virNetworkUndefine */
  async undefine(options?: CallOptions): Promise<void> {
    await this.connection.raw.networkUndefine({ net: this.#net }, options)
  }
  /** Of the active network; with VIR_NETWORK_XML_INACTIVE of its definition. @libvirt virNetworkGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.networkGetXmlDesc({ net: this.#net, flags }, options)).xml
  }
  /** @libvirt virNetworkIsActive */
  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.networkIsActive({ net: this.#net }, options)).active !== 0
  }
  /** @libvirt virNetworkIsPersistent */
  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.networkIsPersistent({ net: this.#net }, options)).persistent !== 0
  }
  /** @libvirt virNetworkGetAutostart */
  async autostart(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.networkGetAutostart({ net: this.#net }, options)).autostart !== 0
  }
  /** @libvirt virNetworkSetAutostart */
  async setAutostart(on: boolean, options?: CallOptions): Promise<void> {
    await this.connection.raw.networkSetAutostart({ net: this.#net, autostart: on ? 1 : 0 }, options)
  }
  /** Such as `virbr0`. @throws LibvirtError when the network has no bridge of libvirt's @libvirt virNetworkGetBridgeName */
  async bridgeName(options?: CallOptions): Promise<string> {
    return (await this.connection.raw.networkGetBridgeName({ net: this.#net }, options)).name
  }
  /**
   * Change one part of the network, of the running one, of its definition or of both.
   *
   * @libvirt virNetworkUpdate
   */
  async update(change: NetworkUpdate, options?: CallOptions): Promise<void> {
    const { xml, parentIndex = -1, flags = 0 } = change
    const command = networkUpdateCommands.indexOf(change.command)
    const section = networkSections.indexOf(change.section)
    const { supported } = await this.connection.raw.connectSupportsFeature({ feature: FEATURE_UPDATE_ORDER }, options)
    const order = supported !== 0 ? { command, section } : { command: section, section: command }
    await this.connection.raw.networkUpdate({ net: this.#net, ...order, parentIndex, xml, flags }, options)
  }
  /** All that are known, or those of one MAC address. @libvirt virNetworkGetDHCPLeases */
  async dhcpLeases(mac: string | null = null, flags = 0, options?: CallOptions): Promise<DhcpLease[]> {
    const args = { net: this.#net, mac, needResults: 1, flags }
    const { leases } = await this.connection.raw.networkGetDhcpLeases(args, options)
    return leases.map((lease) => ({
      interface: lease.iface,
      expirySeconds: Number(lease.expirytime),
      family: lease.type === C.VIR_IP_ADDR_TYPE_IPV6 ? 'ipv6' : 'ipv4',
      mac: lease.mac ?? undefined,
      iaid: lease.iaid ?? undefined,
      address: lease.ipaddr,
      prefix: lease.prefix,
      hostname: lease.hostname ?? undefined,
      clientId: lease.clientid ?? undefined,
    }))
  }

  // ---- Ports -------------------------------------------------------------------------------------------------

  /** @libvirt virNetworkListAllPorts */
  async listAllPorts(flags = 0, options?: CallOptions): Promise<NetworkPort[]> {
    const args = { network: this.#net, needResults: 1, flags }
    const { ports } = await this.connection.raw.networkListAllPorts(args, options)
    return ports.map((port) => new NetworkPort(this, port))
  }
  /** @libvirt virNetworkPortLookupByUUID, virNetworkPortLookupByUUIDString */
  async lookupPortByUuid(uuid: string, options?: CallOptions): Promise<NetworkPort> {
    const args = { network: this.#net, uuid: uuidBytes(uuid) }
    return new NetworkPort(this, (await this.connection.raw.networkPortLookupByUuid(args, options)).port)
  }
  /** Undefined where there is none. */
  async findPortByUuid(uuid: string, options?: CallOptions): Promise<NetworkPort | undefined> {
    return unlessMissing(this.lookupPortByUuid(uuid, options))
  }
  /**
   * Make a port as the QEMU driver does for each interface of a guest. flags: VIR_NETWORK_PORT_CREATE_*.
   *
   * @libvirt virNetworkPortCreateXML
   */
  async createPortXml(xml: string, flags = 0, options?: CallOptions): Promise<NetworkPort> {
    const args = { network: this.#net, xml, flags }
    return new NetworkPort(this, (await this.connection.raw.networkPortCreateXml(args, options)).port)
  }

  /** Events of this network only. @libvirt virConnectNetworkEventRegisterAny */
  watch(limits: WatchLimits = {}): Promise<NetworkEvents> {
    return this.connection.networks.watch({ ...limits, network: this })
  }

  /** For messages: name and uuid. */
  toString(): string {
    return this.name === '' ? this.uuid : `${this.name} (${this.uuid})`
  }
}

/** Bandwidth by libvirt's names, such as `inbound.average`: KiB a second, bursts in KiB. */
const portParameters: ParamTypes = {
  [C.VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE]: 'uint',
  [C.VIR_NETWORK_PORT_BANDWIDTH_IN_PEAK]: 'uint',
  [C.VIR_NETWORK_PORT_BANDWIDTH_IN_BURST]: 'uint',
  [C.VIR_NETWORK_PORT_BANDWIDTH_IN_FLOOR]: 'uint',
  [C.VIR_NETWORK_PORT_BANDWIDTH_OUT_AVERAGE]: 'uint',
  [C.VIR_NETWORK_PORT_BANDWIDTH_OUT_PEAK]: 'uint',
  [C.VIR_NETWORK_PORT_BANDWIDTH_OUT_BURST]: 'uint',
}

/** One plug of a network. */
export class NetworkPort {
  /** @libvirt virNetworkPortGetNetwork */
  readonly network: Network
  /** @libvirt virNetworkPortGetUUID, virNetworkPortGetUUIDString */
  readonly uuid: string
  readonly #port: NonnullNetworkPort

  constructor(network: Network, port: NonnullNetworkPort) {
    this.network = network
    this.#port = port
    this.uuid = uuidText(port.uuid)
  }

  /** Of the network. */
  get connection(): Connection {
    return this.network.connection
  }
  /** For calls of `connection.raw`. */
  get handle(): NonnullNetworkPort {
    return this.#port
  }

  /** @libvirt virNetworkPortGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.networkPortGetXmlDesc({ port: this.#port, flags }, options)).xml
  }
  /** Bandwidth limits: KiB a second and KiB, by libvirt's names. @libvirt virNetworkPortGetParameters */
  async parameters(flags = 0, options?: CallOptions): Promise<Params> {
    // Whatever number is named, all come.
    const args = { port: this.#port, nparams: 0, flags }
    return paramsOf((await this.connection.raw.networkPortGetParameters(args, options)).params)
  }
  /** @libvirt virNetworkPortSetParameters */
  async setParameters(values: ParamsToSend, flags = 0, options?: CallOptions): Promise<void> {
    const args = { port: this.#port, params: toParams(values, portParameters), flags }
    await this.connection.raw.networkPortSetParameters(args, options)
  }
  /** @libvirt virNetworkPortDelete */
  async delete(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.networkPortDelete({ port: this.#port, flags }, options)
  }

  /** For messages. */
  toString(): string {
    return `${this.uuid} of ${this.network}`
  }
}
