/** Packet filters of libvirt's, and their bindings to the ports of guests. */
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import type { NonnullNwfilter, NonnullNwfilterBinding } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { uuidBytes, uuidText } from './uuid.ts'

/** REMOTE_NWFILTER_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 16_384

/** `connection.nwFilters`. */
export class NwFilters {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** For results of `connection.raw`. */
  of(nwfilter: NonnullNwfilter): NwFilter {
    return new NwFilter(this.connection, nwfilter)
  }

  /** @libvirt virNWFilterLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<NwFilter> {
    return this.of((await this.connection.raw.nwfilterLookupByName({ name }, options)).nwfilter)
  }
  /** @libvirt virNWFilterLookupByUUID, virNWFilterLookupByUUIDString */
  async lookupByUuid(uuid: string, options?: CallOptions): Promise<NwFilter> {
    return this.of((await this.connection.raw.nwfilterLookupByUuid({ uuid: uuidBytes(uuid) }, options)).nwfilter)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<NwFilter | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** Undefined where there is none. */
  async findByUuid(uuid: string, options?: CallOptions): Promise<NwFilter | undefined> {
    return unlessMissing(this.lookupByUuid(uuid, options))
  }

  /** @libvirt virConnectListAllNWFilters */
  async listAll(flags = 0, options?: CallOptions): Promise<NwFilter[]> {
    const { filters } = await this.connection.raw.connectListAllNwfilters({ needResults: 1, flags }, options)
    return filters.map((filter) => this.of(filter))
  }
  /** @libvirt virConnectNumOfNWFilters */
  async numOf(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfNwfilters(undefined, options)).num
  }
  /** Names. @libvirt virConnectListNWFilters */
  async list(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListNwfilters({ maxnames: LIST_MAX }, options)).names
  }
  /**
   * Make the definition so; guests that use it get the new rules at once. flags: VIR_NWFILTER_DEFINE_VALIDATE.
   *
   * @libvirt virNWFilterDefineXML, virNWFilterDefineXMLFlags
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<NwFilter> {
    const { nwfilter } =
      flags === 0
        ? await this.connection.raw.nwfilterDefineXml({ xml }, options)
        : await this.connection.raw.nwfilterDefineXmlFlags({ xml, flags }, options)
    return this.of(nwfilter)
  }
}

/** One filter. A plain handle; the daemon finds it by uuid. */
export class NwFilter {
  readonly connection: Connection
  /** @libvirt virNWFilterGetUUID, virNWFilterGetUUIDString */
  readonly uuid: string
  /** @libvirt virNWFilterGetName */
  readonly name: string
  readonly #nwfilter: NonnullNwfilter

  constructor(connection: Connection, nwfilter: NonnullNwfilter) {
    this.connection = connection
    this.#nwfilter = nwfilter
    this.uuid = uuidText(nwfilter.uuid)
    this.name = nwfilter.name
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullNwfilter {
    return this.#nwfilter
  }

  /** @libvirt virNWFilterGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.nwfilterGetXmlDesc({ nwfilter: this.#nwfilter, flags }, options)).xml
  }
  /** @throws isWrongState() while a guest or another filter uses it @libvirt virNWFilterUndefine */
  async undefine(options?: CallOptions): Promise<void> {
    await this.connection.raw.nwfilterUndefine({ nwfilter: this.#nwfilter }, options)
  }

  /** For messages: name and uuid. */
  toString(): string {
    return `${this.name} (${this.uuid})`
  }
}

/** `connection.nwFilterBindings`. */
export class NwFilterBindings {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** For results of `connection.raw`. */
  of(binding: NonnullNwfilterBinding): NwFilterBinding {
    return new NwFilterBinding(this.connection, binding)
  }

  /** portDev: the tap, such as `vnet0`. @libvirt virNWFilterBindingLookupByPortDev */
  async lookupByPortDev(portDev: string, options?: CallOptions): Promise<NwFilterBinding> {
    return this.of((await this.connection.raw.nwfilterBindingLookupByPortDev({ name: portDev }, options)).nwfilter)
  }
  /** Undefined where there is none. */
  async findByPortDev(portDev: string, options?: CallOptions): Promise<NwFilterBinding | undefined> {
    return unlessMissing(this.lookupByPortDev(portDev, options))
  }
  /** @libvirt virConnectListAllNWFilterBindings */
  async listAll(flags = 0, options?: CallOptions): Promise<NwFilterBinding[]> {
    const { bindings } = await this.connection.raw.connectListAllNwfilterBindings({ needResults: 1, flags }, options)
    return bindings.map((binding) => this.of(binding))
  }
  /**
   * Put a filter's rules into force on a device that exists. flags: VIR_NWFILTER_BINDING_CREATE_VALIDATE.
   *
   * @libvirt virNWFilterBindingCreateXML
   */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<NwFilterBinding> {
    return this.of((await this.connection.raw.nwfilterBindingCreateXml({ xml, flags }, options)).nwfilter)
  }
}

/** A filter in force on one port of a guest. A plain handle; the daemon finds it by the port's device. */
export class NwFilterBinding {
  readonly connection: Connection
  /** @libvirt virNWFilterBindingGetPortDev */
  readonly portDev: string
  /** @libvirt virNWFilterBindingGetFilterName */
  readonly filterName: string

  constructor(connection: Connection, { portdev, filtername }: NonnullNwfilterBinding) {
    this.connection = connection
    this.portDev = portdev
    this.filterName = filtername
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullNwfilterBinding {
    return { portdev: this.portDev, filtername: this.filterName }
  }

  /** @libvirt virNWFilterBindingGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.nwfilterBindingGetXmlDesc({ nwfilter: this.handle, flags }, options)).xml
  }
  /** Take the rules out of force. @libvirt virNWFilterBindingDelete */
  async delete(options?: CallOptions): Promise<void> {
    await this.connection.raw.nwfilterBindingDelete({ nwfilter: this.handle }, options)
  }

  /** For messages. */
  toString(): string {
    return `${this.filterName} on ${this.portDev}`
  }
}
