/** The host's own network interfaces, as netcf or udev show them. */
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import type { NonnullInterface } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'

/** REMOTE_INTERFACE_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 16_384

/** `connection.interfaces`. */
export class Interfaces {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** For results of `connection.raw`. */
  of(iface: NonnullInterface): Interface {
    return new Interface(this.connection, iface)
  }

  /** @libvirt virInterfaceLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<Interface> {
    return this.of((await this.connection.raw.interfaceLookupByName({ name }, options)).iface)
  }
  /** @throws code VIR_ERR_MULTIPLE_INTERFACES where several have this address @libvirt virInterfaceLookupByMACString */
  async lookupByMac(mac: string, options?: CallOptions): Promise<Interface> {
    return this.of((await this.connection.raw.interfaceLookupByMacString({ mac }, options)).iface)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<Interface | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** Undefined where there is none. */
  async findByMac(mac: string, options?: CallOptions): Promise<Interface | undefined> {
    return unlessMissing(this.lookupByMac(mac, options))
  }

  /** flags: VIR_CONNECT_LIST_INTERFACES_*; 0 = all. @libvirt virConnectListAllInterfaces */
  async listAll(flags = 0, options?: CallOptions): Promise<Interface[]> {
    const { ifaces } = await this.connection.raw.connectListAllInterfaces({ needResults: 1, flags }, options)
    return ifaces.map((iface) => this.of(iface))
  }
  /** Of active ones. @libvirt virConnectNumOfInterfaces */
  async numOf(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfInterfaces(undefined, options)).num
  }
  /** Of those that are defined and not active. @libvirt virConnectNumOfDefinedInterfaces */
  async numOfDefined(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfDefinedInterfaces(undefined, options)).num
  }
  /** Names of active ones. @libvirt virConnectListInterfaces */
  async list(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListInterfaces({ maxnames: LIST_MAX }, options)).names
  }
  /** Names of those that are defined and not active. @libvirt virConnectListDefinedInterfaces */
  async listDefined(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListDefinedInterfaces({ maxnames: LIST_MAX }, options)).names
  }
  /**
   * Make the definition so; it takes effect with `create`. flags: VIR_INTERFACE_DEFINE_VALIDATE.
   *
   * @libvirt virInterfaceDefineXML
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<Interface> {
    return this.of((await this.connection.raw.interfaceDefineXml({ xml, flags }, options)).iface)
  }

  /**
   * Remember every interface as it is, so that what is changed from now on can be rolled back, which the host also does
   * by itself when it restarts.
   *
   * @libvirt virInterfaceChangeBegin
   */
  async changeBegin(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.interfaceChangeBegin({ flags }, options)
  }
  /** Keep what was changed. @libvirt virInterfaceChangeCommit */
  async changeCommit(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.interfaceChangeCommit({ flags }, options)
  }
  /** Back to what `changeBegin` found. @libvirt virInterfaceChangeRollback */
  async changeRollback(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.interfaceChangeRollback({ flags }, options)
  }
}

/** One interface. A plain handle; the daemon finds it by name. */
export class Interface {
  /** @libvirt virInterfaceGetConnect */
  readonly connection: Connection
  /** @libvirt virInterfaceGetName */
  readonly name: string
  /** @libvirt virInterfaceGetMACString */
  readonly mac: string

  constructor(connection: Connection, { name, mac }: NonnullInterface) {
    this.connection = connection
    this.name = name
    this.mac = mac
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullInterface {
    return { name: this.name, mac: this.mac }
  }

  /** Of the interface as it is; with VIR_INTERFACE_XML_INACTIVE of its definition. @libvirt virInterfaceGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.interfaceGetXmlDesc({ iface: this.handle, flags }, options)).xml
  }
  /** @libvirt virInterfaceIsActive */
  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.interfaceIsActive({ iface: this.handle }, options)).active !== 0
  }
  /** Bring it up. @libvirt virInterfaceCreate */
  async create(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.interfaceCreate({ iface: this.handle, flags }, options)
  }
  /** Take it down. @libvirt virInterfaceDestroy */
  async destroy(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.interfaceDestroy({ iface: this.handle, flags }, options)
  }
  /** Forget the definition; it does not take the interface down. @libvirt virInterfaceUndefine */
  async undefine(options?: CallOptions): Promise<void> {
    await this.connection.raw.interfaceUndefine({ iface: this.handle }, options)
  }

  /** For messages: the name. */
  toString(): string {
    return `${this.name} (${this.mac})`
  }
}
