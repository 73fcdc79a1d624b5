/** The guests of a host: finding, defining, listing, watching. One guest is a `Domain`. */
import type { Connection } from './connection.ts'
import { Domain } from './domain.ts'
import {
  type DomainEvent,
  type DomainEventKind,
  type DomainEventOf,
  defaultDomainEventKinds,
  domainTopic,
  type MonitorEvent,
  type MonitorWatchOptions,
  monitorTopic,
  type WatchOptions,
} from './domain-events.ts'
import { saveParameters } from './domain-parameters.ts'
import { LibvirtError, requestError, unlessMissing } from './errors.ts'
import type { EventHub, EventsLost, StopListening, Watch } from './events.ts'
import * as C from './generated/constants.ts'
import type { DomainStatsRecord, NonnullDomain } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { type Params, paramsOf, type SendParams, toParams } from './typed-params.ts'
import { uuidBytes } from './uuid.ts'
import { type DomainState, domainState, stateReason } from './words.ts'

/** A guest and the state that it was in when it was asked. */
export interface DomainWithState {
  domain: Domain
  state: DomainState
  reason: string
}
/** A guest and its figures. */
export interface DomainStats {
  domain: Domain
  /** By libvirt's names, such as `state.state`, `cpu.time`, `block.0.rd.bytes`; 64-bit values are bigint. */
  values: Params
}
/** A watch of guests, by what it gives while no event is lost. */
export type DomainEvents = Watch<Exclude<DomainEvent, EventsLost>>

/** `connection.domains`. */
export class Domains {
  readonly connection: Connection
  readonly #events: EventHub

  constructor(connection: Connection, events: EventHub) {
    this.connection = connection
    this.#events = events
  }

  /** For results of `connection.raw`. */
  of(dom: NonnullDomain): Domain {
    return new Domain(this.connection, dom)
  }
  /** A handle without asking the daemon: whether it exists shows in its first call. */
  handle(uuid: string, name = ''): Domain {
    return new Domain(this.connection, { uuid: uuidBytes(uuid), name, id: -1 })
  }

  // ---- Finding -----------------------------------------------------------------------------------------------

  /** @libvirt virDomainLookupByUUID, virDomainLookupByUUIDString */
  async lookupByUuid(uuid: string, options?: CallOptions): Promise<Domain> {
    return this.of((await this.connection.raw.domainLookupByUuid({ uuid: uuidBytes(uuid) }, options)).dom)
  }
  /** @libvirt virDomainLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<Domain> {
    return this.of((await this.connection.raw.domainLookupByName({ name }, options)).dom)
  }
  /** Of a running guest; the number is new at each start. @libvirt virDomainLookupByID */
  async lookupById(id: number, options?: CallOptions): Promise<Domain> {
    return this.of((await this.connection.raw.domainLookupById({ id }, options)).dom)
  }
  /** Undefined where there is none. */
  async findByUuid(uuid: string, options?: CallOptions): Promise<Domain | undefined> {
    return unlessMissing(this.lookupByUuid(uuid, options))
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<Domain | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** Undefined where there is none. */
  async findById(id: number, options?: CallOptions): Promise<Domain | undefined> {
    return unlessMissing(this.lookupById(id, options))
  }

  // ---- Listing -----------------------------------------------------------------------------------------------

  /**
   * flags: VIR_CONNECT_LIST_DOMAINS_*; 0 = all, running or not.
   *
   * @libvirt virConnectListAllDomains
   */
  async listAll(flags = 0, options?: CallOptions): Promise<Domain[]> {
    const { domains } = await this.connection.raw.connectListAllDomains({ needResults: 1, flags }, options)
    return domains.map((dom) => this.of(dom))
  }
  /** Every guest with its state. One round trip where the driver has statistics, one more per guest elsewhere. */
  async listWithState(options?: CallOptions): Promise<DomainWithState[]> {
    try {
      const all = await this.allStats({ stats: C.VIR_DOMAIN_STATS_STATE }, options)
      return all.map(({ domain, values }) => {
        const state = Number(values['state.state'])
        return { domain, state: domainState(state), reason: stateReason(state, Number(values['state.reason'])) }
      })
    } catch (error) {
      if (!(error instanceof LibvirtError && error.isUnsupported())) throw error
    }
    const domains = await this.listAll(0, options)
    const entries = await Promise.all(
      domains.map(async (domain) => {
        // Some may have gone since the list was made.
        const found = await unlessMissing(domain.state(options))
        return found && { domain, ...found }
      }),
    )
    return entries.filter((entry) => entry !== undefined)
  }
  /** Of running guests. @libvirt virConnectNumOfDomains */
  async numOf(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfDomains(undefined, options)).num
  }
  /** Of guests that are defined and do not run. @libvirt virConnectNumOfDefinedDomains */
  async numOfDefined(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfDefinedDomains(undefined, options)).num
  }
  /** Numbers of running guests. @libvirt virConnectListDomains */
  async list(options?: CallOptions): Promise<number[]> {
    return (await this.connection.raw.connectListDomains({ maxids: LIST_MAX }, options)).ids
  }
  /** Names of guests that are defined and do not run. @libvirt virConnectListDefinedDomains */
  async listDefined(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListDefinedDomains({ maxnames: LIST_MAX }, options)).names
  }

  // ---- Making ------------------------------------------------------------------------------------------------

  /**
   * Make the definition so; one of the same name and uuid is replaced. flags: VIR_DOMAIN_DEFINE_VALIDATE.
   *
   * @libvirt virDomainDefineXML, virDomainDefineXMLFlags
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<Domain> {
    const { dom } =
      flags === 0
        ? await this.connection.raw.domainDefineXml({ xml }, options)
        : await this.connection.raw.domainDefineXmlFlags({ xml, flags }, options)
    return this.of(dom)
  }
  /**
   * Start a transient guest: it has no definition, and is forgotten when it stops.
   *
   * @libvirt virDomainCreateXML, virDomainCreateLinux
   */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<Domain> {
    return this.of((await this.connection.raw.domainCreateXml({ xmlDesc: xml, flags }, options)).dom)
  }

  /**
   * Start what `domain.save` saved. `xml` replaces what the file says of the guest, in what the guest does not see.
   * flags: VIR_DOMAIN_SAVE_*.
   *
   * @libvirt virDomainRestore, virDomainRestoreFlags
   */
  async restore(
    from: string,
    { xml = null, flags = 0, ...options }: { xml?: string | null; flags?: number } & CallOptions = {},
  ): Promise<void> {
    if (xml === null && flags === 0) await this.connection.raw.domainRestore({ from }, options)
    else await this.connection.raw.domainRestoreFlags({ from, dxml: xml, flags }, options)
  }
  /** params: VIR_DOMAIN_SAVE_PARAM_*. @libvirt virDomainRestoreParams */
  async restoreParams(params: SendParams<typeof saveParameters>, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainRestoreParams({ params: toParams(params, saveParameters), flags }, options)
  }
  /** XML of the guest in a file of `domain.save`. @libvirt virDomainSaveImageGetXMLDesc */
  async saveImageXml(file: string, flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainSaveImageGetXmlDesc({ file, flags }, options)).xml
  }
  /** @libvirt virDomainSaveImageDefineXML */
  async saveImageDefineXml(file: string, xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSaveImageDefineXml({ file, dxml: xml, flags }, options)
  }
  /** Take over a QEMU that somebody else started, by its process. @libvirt virDomainQemuAttach */
  async qemuAttach(pid: number, flags = 0, options?: CallOptions): Promise<Domain> {
    return this.of((await this.connection.raw.qemuDomainAttach({ pidValue: pid, flags }, options)).dom)
  }

  // ---- Figures of many ---------------------------------------------------------------------------------------

  /**
   * stats: VIR_DOMAIN_STATS_*, 0 = all. flags: VIR_CONNECT_GET_ALL_DOMAINS_STATS_*. An empty list of `domains` means
   * all. Ask for a few hundred guests at a time: a reply is limited to 32 MiB.
   *
   * @libvirt virConnectGetAllDomainStats
   */
  async allStats(
    { domains = [], stats = 0, flags = 0 }: { domains?: readonly Domain[]; stats?: number; flags?: number } = {},
    options?: CallOptions,
  ): Promise<DomainStats[]> {
    const args = { doms: domains.map((domain) => domain.handle), stats, flags }
    return this.#stats((await this.connection.raw.connectGetAllDomainStats(args, options)).retStats)
  }
  /**
   * Of these guests, of which there must be one at least; the others as `allStats`.
   *
   * @libvirt virDomainListGetStats
   */
  async listStats(domains: readonly Domain[], stats = 0, flags = 0, options?: CallOptions): Promise<DomainStats[]> {
    if (domains.length === 0) throw requestError('statistics of no guest: name one, or ask allStats')
    return this.allStats({ domains, stats, flags }, options)
  }
  #stats(records: readonly DomainStatsRecord[]): DomainStats[] {
    return records.map(({ dom, params }) => ({ domain: this.of(dom), values: paramsOf(params) }))
  }

  // ---- Events ------------------------------------------------------------------------------------------------

  /**
   * When it resolves, the daemon has the registration: what happens from then on is told.
   *
   * @libvirt virConnectDomainEventRegister, virConnectDomainEventRegisterAny
   */
  watch<Kind extends DomainEventKind = DomainEventKind>({
    kinds,
    domain,
    ...limits
  }: WatchOptions<Kind> = {}): Promise<Watch<DomainEventOf<Kind>>> {
    // Who names no kind gets Kind's own default, all of them.
    const wanted = kinds ?? (defaultDomainEventKinds as readonly DomainEventKind[] as readonly Kind[])
    return this.#events.watch(
      wanted.map((kind) => domainTopic(kind, domain)),
      limits,
    )
  }
  /**
   * Calls the listener for each event of the kind, until the returned function was called. It is not told that the
   * connection has ended, nor that events were lost: `connection.closed` and `connection.onEventsLost` are.
   *
   * @libvirt virConnectDomainEventRegisterAny, virConnectDomainEventDeregister, virConnectDomainEventDeregisterAny
   */
  on<Kind extends DomainEventKind>(
    kind: Kind,
    listener: (event: DomainEventOf<Kind>) => void,
    { domain }: Pick<WatchOptions, 'domain'> = {},
  ): Promise<StopListening> {
    return this.#events.on(domainTopic(kind, domain), listener)
  }
  /**
   * Events of QEMU's monitor. For looking into a guest: libvirt promises nothing of them.
   *
   * @libvirt virConnectDomainQemuMonitorEventRegister, virConnectDomainQemuMonitorEventDeregister
   */
  watchMonitor({ signal, buffer, ...wanted }: MonitorWatchOptions = {}): Promise<Watch<MonitorEvent>> {
    return this.#events.watch([monitorTopic(wanted)], { signal, buffer })
  }
}

/** REMOTE_DOMAIN_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 16_384
