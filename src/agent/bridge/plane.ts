/**
 * The network plane of one host, by Linux bridges: a bridge for each network, a tap for each port, one rule set for all,
 * a namespace with dnsmasq for each network that has DHCP, and one bridge behind which the metadata listener finds out
 * who asks. Here stands the order in which these come and go; each is written in a file of its own.
 *
 * Whatever carries the cloud's alias is ours; nothing else is ever removed.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { DomainError } from '../../domain-error.ts'
import type { NetworkId, PortId } from '../../ids.ts'
import type { NetworkPlane, NetworkSpec, PortSpec } from '../contract.ts'
import { Batches, Gate, KeyedLock, NONE_FAILED } from './batches.ts'
import { CommandFailed, run } from './command.ts'
import { type Device, type Devices, type DeviceWish, makeLines, parseDevices, setLines } from './devices.ts'
import { Dnsmasq, type DnsmasqUser, confOf, dnsmasqUser, stopProcess } from './dnsmasq.ts'
import { dnsmasqFiles, type ServerPlace, type ServerSetting } from './dnsmasq-files.ts'
import { forwardersOf, type GuestAccess, uplinksOf } from './guest-access.ts'
import {
  contains,
  eui64,
  formatAddress,
  type IpNetwork,
  overlaps,
  parseAddress,
  parseMac,
  parseNetwork,
} from './ip-address.ts'
import { addressIn, blockIn, freeRange, hostAddressIn, MetadataAddresses, nextNumber } from './metadata-addresses.ts'
import {
  changedTranslation,
  METADATA_ADDRESS,
  METADATA_PORT,
  type Translations,
  wholeTranslation,
} from './metadata-nat.ts'
import {
  bridgeOf,
  checkedId,
  type CloudNames,
  DHCP_LEG,
  dhcpLegOf,
  METADATA_LEG,
  metadataLegOf,
  namespaceOf,
  tapOf,
} from './names.ts'
import { networkRules, portRules, uplinkRules } from './port-rules.ts'
import { type NetworkRow, type PortRow, Remembered } from './remembered.ts'
import type { Fragment } from './rule-set.ts'
import { RulesInKernel } from './rules-in-kernel.ts'

/** The marks below are the rule set's own. */
const FIRST_PORT_NUMBER = 16
const ZONES = 65_535
const REVIVE_EVERY_MS = 1000
/** Removals wait so long for company, since a reservation of a port that is gone does no harm. */
const FORGET_AFTER_MS = 250
const AT_ONCE = 4
/** For devices that are to have no link-local address: a kernel without IPv6 gives none, and refuses to be told. */
const NO_LINK_LOCAL = !existsSync('/proc/sys/net/ipv6')
/** Where a stub resolver on loopback stands in the first, systemd-resolved keeps the real ones in the second. */
const RESOLVERS = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']
const FORWARDING_MARKS = '/run/stratolith-forwarding'
const PLACES = ['namespace', 'host'] as const satisfies ServerPlace[]

interface NetworkState {
  row: NetworkRow
  readonly ports: Map<PortId, PortState>
  /** Blocks of metadata addresses that its namespace answers for. */
  routed: readonly number[]
  /** What its namespace translates; undefined when that is not known. */
  translations: Translations | undefined
  readonly servers: Map<ServerPlace, Dnsmasq>
  /** The host is as `row` says, as far as this process knows. */
  settled: boolean
  /** Reads the ports anew and tells dnsmasq and the translation. */
  readonly guests: Batches<void>
}

interface PortState {
  row: PortRow
  settled: boolean
}

export class BridgePlane implements NetworkPlane {
  readonly #names: CloudNames
  readonly #dir: string
  readonly #domain: string
  readonly #access: GuestAccess
  readonly #log: Logger
  #serverUser: DnsmasqUser | undefined
  #forwarders: readonly string[] = []
  readonly #remembered: Remembered
  readonly #rules: RulesInKernel
  readonly #networks = new Map<NetworkId, NetworkState>()
  readonly #ports = new Map<PortId, PortState>()
  readonly #metadataAddresses = new MetadataAddresses()
  readonly #portByMetadataNumber = new Map<number, PortId>()
  #metadataRange: IpNetwork | undefined
  #nextPortNumber = FIRST_PORT_NUMBER
  readonly #gate = new Gate()
  readonly #lock = new KeyedLock()
  readonly #links = new Batches<readonly string[]>(ipBatches)
  readonly #clock: NodeJS.Timeout
  #reviving: Promise<void> = Promise.resolve()
  #closed = false
  #troubles: string[] = []

  constructor(names: CloudNames, options: { dir: string; domain: string; access: GuestAccess; log: Logger }) {
    this.#names = names
    this.#dir = options.dir
    this.#domain = options.domain
    this.#access = options.access
    this.#log = options.log
    this.#remembered = new Remembered(options.dir)
    this.#rules = new RulesInKernel(names, options.log, options.access)
    this.#clock = setInterval(() => {
      this.#reviving = this.#reviving.then(() => this.#revive())
    }, REVIVE_EVERY_MS).unref()
  }

  /** Makes the host as it was last told: also after a reboot, and around guests that run. */
  async start(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o711 })
    this.#remembered.letThrough()
    if (!existsSync('/proc/sys/net/bridge')) await run('modprobe', ['br_netfilter'])
    for (const row of this.#remembered.networks()) {
      for (const block of row.blocks) this.#metadataAddresses.keepBlock(block)
      this.#networks.set(row.spec.id, this.#newNetwork(row))
    }
    for (const row of this.#remembered.ports()) {
      const network = this.#networks.get(row.spec.networkId)
      if (network === undefined) {
        this.#remembered.forgetPort(row.spec.id)
        continue
      }
      this.#nextPortNumber = Math.max(this.#nextPortNumber, row.number + 1)
      this.#hold(network, { row, settled: false })
    }
    const networks = [...this.#networks.values()].map(({ row }) => row.spec)
    const ports = [...this.#ports.values()].map(({ row }) => row.spec)
    // What cannot be made so is logged and among the problems; the rest of the host works.
    await this.#gate.alone(() => failing('make the host as it was', () => this.#makeSo(networks, ports)))
  }

  // --- The contract ---------------------------------------------------------------------------------------------

  ensureNetwork(spec: NetworkSpec): Promise<void> {
    return this.#gate.share(() =>
      this.#lock.hold(spec.id, () =>
        failing(`make the network ${spec.id} so`, async () => {
          const before = this.#networks.get(spec.id)
          if (before?.settled === true && isSame(before.row.spec, spec)) return
          const network = this.#takeNetwork(spec)
          await this.#applyNetwork(network, await readDevices())
        }),
      ),
    )
  }

  ensurePort(spec: PortSpec): Promise<{ readonly tap: string }> {
    return this.#gate.share(() =>
      this.#lock.hold(spec.id, () =>
        failing(`make the port ${spec.id} so`, async () => {
          const tap = tapOf(spec.id)
          const before = this.#ports.get(spec.id)
          if (before?.settled === true && isSame(before.row.spec, spec) && isThere(tap)) return { tap }
          const left = before === undefined ? undefined : this.#networks.get(before.row.spec.networkId)
          const { network, port } = this.#takePort(spec)
          await Promise.all([
            this.#rules.put(portKey(spec.id), this.#rulesOf(port)),
            network.guests.add(),
            ...(left !== undefined && left !== network ? [left.guests.add()] : []),
          ])
          const wish = this.#tapWish(network.row.spec, spec)
          const have = isThere(tap) ? await readDevice(tap) : undefined
          await this.#links.add([...makeLines(wish, have), ...setLines(wish, have)])
          port.settled = true
          return { tap }
        }),
      ),
    )
  }

  removePort(portId: PortId): Promise<void> {
    return this.#gate.share(() =>
      this.#lock.hold(portId, () => failing(`remove the port ${portId}`, () => this.#dropPort(portId))),
    )
  }

  removeNetwork(networkId: NetworkId): Promise<void> {
    return this.#gate.share(() =>
      this.#lock.hold(networkId, () =>
        failing(`remove the network ${networkId}`, async () => {
          if ((this.#networks.get(networkId)?.ports.size ?? 0) > 0)
            throw new DomainError(
              'conflict',
              'agent.network.in-use',
              `The network ${networkId} has ports on this host.`,
            )
          await this.#dropNetwork(networkId, await readDevices())
        }),
      ),
    )
  }

  reconcile(networks: readonly NetworkSpec[], ports: readonly PortSpec[]): Promise<void> {
    return this.#gate.alone(() =>
      failing('reconcile the host', async () => {
        const [first] = await this.#makeSo(networks, ports)
        if (first !== undefined) throw first
      }),
    )
  }

  portOfMetadataPeer(address: string): PortId | undefined {
    if (this.#metadataRange === undefined) return undefined
    const peer = parseAddress(address.replace(/^::ffff:(?=\d+\.)/i, ''))
    if (!contains(this.#metadataRange, peer)) return undefined
    return this.#portByMetadataNumber.get(Number(peer.value - this.#metadataRange.value))
  }

  metadataAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.#metadataRange === undefined
      ? undefined
      : { host: hostAddressIn(this.#metadataRange), port: METADATA_PORT }
  }

  // --- Beyond the contract --------------------------------------------------------------------------------------

  /** What could not be made so when the host was last put in order, and what keeps dnsmasq from running. */
  troubles(): string[] {
    const servers = [...this.#networks.values()].flatMap(({ servers }) => [...servers.values()])
    return [...this.#troubles, ...servers.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble]))]
  }

  /** Stops looking after the host; everything on it stays. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#clock)
    await this.#reviving
    await this.#gate.alone(async () => {})
  }

  /** Leaves nothing of this cloud on the host: no device, namespace, table or process. */
  async removeEverything(): Promise<void> {
    this.#closed = true
    clearInterval(this.#clock)
    await this.#reviving
    await this.#gate.alone(() =>
      failing('clear the host', async () => {
        const devices = await readDevices()
        const networkIds = new Set<string>([...this.#networks.keys(), ...this.#strangers(devices, 'network')])
        for (const id of this.#remembered.networkIds()) networkIds.add(id)
        await inParallel([...networkIds], (id) => this.#dropNetwork(id as NetworkId, devices))
        for (const pid of processes()) {
          const conf = confOf(pid)
          if (conf?.startsWith(`${this.#dir}/`)) await stopProcess(pid, join(conf, '..'))
        }
        await this.#removeDevices()
        await this.#rules.remove()
        await this.#stopForwarding()
        this.#ports.clear()
        this.#portByMetadataNumber.clear()
        this.#metadataRange = undefined
        this.#remembered.forgetEverything()
      }),
    )
  }

  // --- What is known --------------------------------------------------------------------------------------------

  #newNetwork(row: NetworkRow): NetworkState {
    const network: NetworkState = {
      row,
      ports: new Map(),
      routed: [],
      translations: undefined,
      servers: new Map(),
      settled: false,
      guests: new Batches(async () => {
        await this.#lock.hold(row.spec.id, () => this.#tellGuests(network))
        return NONE_FAILED
      }),
    }
    return network
  }

  /** Checks a network and writes it down. @throws DomainError invalid `agent.network.invalid` */
  #takeNetwork(spec: NetworkSpec): NetworkState {
    checkedId(spec.id)
    const before = this.#networks.get(spec.id)
    if (before !== undefined && isSame(before.row.spec, spec)) return before
    const ports = [...(before?.ports.values() ?? [])].map(({ row }) => row.spec)
    for (const place of PLACES) dnsmasqFiles(place, spec, ports, this.#dnsmasqOptions(spec.id, place))
    for (const subnet of spec.subnets) parseNetwork(subnet.cidr)
    if (spec.dhcp !== undefined) {
      parseMac(spec.dhcp.macAddress)
      for (const address of spec.dhcp.addresses) withPrefix(spec, address)
    }
    const row: NetworkRow = {
      spec,
      zone: before?.row.zone ?? this.#freeZone(spec.id),
      blocks: before?.row.blocks ?? [],
      last: before?.row.last ?? -1,
    }
    this.#remembered.keepNetwork(row)
    const network = before ?? this.#newNetwork(row)
    network.row = row
    network.settled = false
    this.#networks.set(spec.id, network)
    return network
  }

  /** Checks a port and writes it down. @throws DomainError invalid `agent.network.invalid`, `agent.network.unknown` */
  #takePort(spec: PortSpec): { network: NetworkState; port: PortState } {
    checkedId(spec.id)
    const network = this.#networks.get(spec.networkId)
    if (network === undefined)
      throw new DomainError(
        'invalid',
        'agent.network.unknown',
        `The network ${spec.networkId} of port ${spec.id} is not on this host.`,
      )
    const before = this.#ports.get(spec.id)
    if (before !== undefined && isSame(before.row.spec, spec)) return { network, port: before }
    const number = before?.row.number ?? this.#nextPortNumber
    portRules(spec, number, network.row.spec.hostIsGateway)
    for (const place of PLACES)
      dnsmasqFiles(place, network.row.spec, [spec], this.#dnsmasqOptions(spec.networkId, place))
    this.#nextPortNumber = Math.max(this.#nextPortNumber, number + 1)

    const stays = before?.row.spec.networkId === spec.networkId
    const metadata = stays && before?.row.metadata !== undefined ? before.row.metadata : this.#metadataNumber(network)
    const row: PortRow = { spec, number, metadata }
    this.#remembered.keepPort(row)
    if (before !== undefined && !stays) this.#letGo(before)
    const port: PortState = before ?? { row, settled: false }
    port.row = row
    port.settled = false
    this.#hold(network, port)
    return { network, port }
  }

  #hold(network: NetworkState, port: PortState): void {
    const { spec, metadata } = port.row
    network.ports.set(spec.id, port)
    this.#ports.set(spec.id, port)
    if (metadata !== undefined) this.#portByMetadataNumber.set(metadata, spec.id)
  }

  #letGo({ row }: PortState): void {
    this.#networks.get(row.spec.networkId)?.ports.delete(row.spec.id)
    this.#ports.delete(row.spec.id)
    if (row.metadata !== undefined) this.#portByMetadataNumber.delete(row.metadata)
  }

  #metadataNumber(network: NetworkState): number {
    const taken = new Set([...network.ports.values()].flatMap(({ row }) => row.metadata ?? []))
    let { blocks } = network.row
    let number = nextNumber(blocks, network.row.last, taken)
    if (number === undefined) {
      blocks = [...blocks, this.#metadataAddresses.takeBlock()]
      number = nextNumber(blocks, network.row.last, taken)
    }
    if (number === undefined) throw new Error('a fresh block of metadata addresses has none')
    network.row = { ...network.row, blocks, last: number }
    this.#remembered.keepNetwork(network.row)
    return number
  }

  /** The zone that the id points at, or the next that no network of this cloud has. */
  #freeZone(networkId: string): number {
    const taken = new Set([...this.#networks.values()].map(({ row }) => row.zone))
    const start = createHash('sha256').update(networkId).digest().readUInt32BE() % ZONES
    for (let step = 0; step < ZONES; step++) {
      const zone = 1 + ((start + step) % ZONES)
      if (!taken.has(zone)) return zone
    }
    throw new DomainError('no-capacity', 'agent.network.no-zone', 'This host has more networks than connection zones.')
  }

  #rulesOf({ row }: PortState): Fragment {
    const gateway = this.#networks.get(row.spec.networkId)?.row.spec.hostIsGateway === true
    return portRules(row.spec, row.number, gateway)
  }

  #allRules(): Map<string, Fragment> {
    const fragments = new Map<string, Fragment>()
    for (const { row } of this.#networks.values())
      fragments.set(networkKey(row.spec.id), networkRules(row.spec, row.zone))
    const uplinks = this.#rules.get(UPLINKS_KEY)
    if (uplinks !== undefined) fragments.set(UPLINKS_KEY, uplinks)
    for (const port of this.#ports.values()) fragments.set(portKey(port.row.spec.id), this.#rulesOf(port))
    return fragments
  }

  // --- The host as a whole ---------------------------------------------------------------------------------------

  /** Answers what went wrong: one network or port that cannot be made so does not keep the others from it. */
  async #makeSo(networks: readonly NetworkSpec[], ports: readonly PortSpec[]): Promise<readonly unknown[]> {
    const errors: unknown[] = []
    this.#troubles = []
    const attempt = async (what: string, work: () => Promise<void> | void) => {
      try {
        await work()
      } catch (error) {
        this.#log.error({ err: error }, `cannot ${what}`)
        this.#troubles.push(`This host cannot ${what}: ${(error as Error).message}`)
        errors.push(error)
      }
    }
    await this.#ensureMetadataBridge()
    await this.#dropStrangers(new Set(networks.map(({ id }) => id)), new Set(ports.map(({ id }) => id)), attempt)
    for (const spec of networks) await attempt(`take the network ${spec.id}`, () => void this.#takeNetwork(spec))
    for (const spec of ports) await attempt(`take the port ${spec.id}`, () => void this.#takePort(spec))
    await this.#rules.reconcile(this.#allRules())
    await attempt('lead guests outwards', () => this.#leadOutwards())
    const devices = await readDevices()
    await inParallel([...this.#networks.values()], (network) =>
      attempt(`make the network ${network.row.spec.id} so`, () => this.#applyNetwork(network, devices)),
    )
    await Promise.all(
      [...this.#ports.values()].map((port) =>
        attempt(`make the port ${port.row.spec.id} so`, async () => {
          const network = this.#networks.get(port.row.spec.networkId)
          if (network === undefined) return
          const wish = this.#tapWish(network.row.spec, port.row.spec)
          const have = devices.get(wish.name)
          const lines = [...makeLines(wish, have), ...setLines(wish, have)]
          if (lines.length > 0) await this.#links.add(lines)
          port.settled = true
        }),
      ),
    )
    return errors
  }

  /**
   * The way out for guests whose gateway is the host. A host that forwards nothing goes on so but for our guests: the
   * switch is thrown for the devices concerned and not for all, and the rules let only our guests through. A mark, gone
   * with the next boot like the switch itself, tells all clouds on the host that it was one of them that did it.
   */
  async #leadOutwards(): Promise<void> {
    const uplinks = this.#access.outbound ? uplinksOf(await run('ip', ['-j', '-4', 'route', 'show', 'default'])) : []
    for (const uplink of uplinks) {
      const path = `/proc/sys/net/ipv4/conf/${uplink}/forwarding`
      if (!existsSync(path) || readFileSync(path, 'utf8').trim() === '1') continue
      mkdirSync(FORWARDING_MARKS, { recursive: true })
      writeFileSync(join(FORWARDING_MARKS, uplink), '')
      writeFileSync(path, '1')
    }
    const oursOnly = isRouter() ? [] : uplinks.filter((uplink) => existsSync(join(FORWARDING_MARKS, uplink)))
    await this.#rules.put(UPLINKS_KEY, uplinkRules(oursOnly))
    const own = new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)))
    const texts = RESOLVERS.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'))
    this.#forwarders = uplinks.length === 0 ? [] : forwardersOf(texts, own)
  }

  /** What we told to forward forwards no more, unless another cloud on this host may need it. */
  async #stopForwarding(): Promise<void> {
    if (!existsSync(FORWARDING_MARKS) || /inet stratolith_/.test(await run('nft', ['list', 'tables']))) return
    for (const uplink of readdirSync(FORWARDING_MARKS)) {
      if (!isRouter()) sysctl(`net/ipv4/conf/${uplink}/forwarding`, '0')
    }
    rmSync(FORWARDING_MARKS, { recursive: true })
  }

  // --- What is there --------------------------------------------------------------------------------------------

  async #ensureMetadataBridge(): Promise<void> {
    const name = this.#names.metadataBridge
    const devices = await readDevices()
    const present = devices
      .get(name)
      ?.addresses.map((address) => parseNetwork(address))
      .find(({ version }) => version === 4)
    if (present === undefined || this.#metadataRange === undefined) {
      const remembered = this.#remembered.metadataRange()
      const others = await takenNetworks(name)
      const isFree = (range: IpNetwork) => !others.some((network) => network.prefix > 10 && overlaps(range, network))
      const kept = present ?? (remembered === undefined ? undefined : parseNetwork(remembered))
      this.#metadataRange = kept !== undefined && isFree(kept) ? kept : freeRange(this.#names.cloudId, others)
      this.#remembered.keepMetadataRange(`${formatAddress(this.#metadataRange)}/16`)
    }
    const wish: DeviceWish = {
      name,
      make: `link add ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      alias: this.#names.alias('metadata'),
      mac: stableMac(name),
      up: true,
      linkLocal: NO_LINK_LOCAL,
      addresses: [`${hostAddressIn(this.#metadataRange)}/16`],
    }
    await this.#ensureBridge(wish, devices.get(name), false)
  }

  async #ensureBridge(wish: DeviceWish, have: Device | undefined, ipv6: boolean): Promise<void> {
    const make = makeLines(wish, have)
    if (make.length > 0) await this.#links.add(make)
    // A host has no business in a tenant's network, and must not take an address from whoever advertises one.
    sysctl(`net/ipv6/conf/${wish.name}/accept_ra`, '0')
    // Addresses here are given out by one hand, and guests need not wait for proof.
    sysctl(`net/ipv6/conf/${wish.name}/accept_dad`, '0')
    sysctl(`net/ipv6/conf/${wish.name}/disable_ipv6`, ipv6 ? '0' : '1')
    const lines = setLines(wish, have)
    if (lines.length > 0) await this.#links.add(lines)
  }

  async #applyNetwork(network: NetworkState, devices: Devices): Promise<void> {
    const { spec } = network.row
    const bridge = bridgeOf(spec.id)
    const gateways = spec.hostIsGateway ? gatewayAddresses(spec, devices) : []
    const isAnnounced = gateways.some((address) => address.includes(':'))
    await Promise.all([
      this.#rules.put(networkKey(spec.id), networkRules(spec, network.row.zone)),
      ...[...network.ports.values()].map((port) => this.#rules.put(portKey(port.row.spec.id), this.#rulesOf(port))),
    ])
    const wish: DeviceWish = {
      name: bridge,
      // Filtering is switched on for our bridges alone, not for all of the host.
      make: `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0 nf_call_iptables 1 nf_call_ip6tables 1`,
      alias: this.#names.alias('network', spec.id),
      mtu: spec.mtu,
      // A bridge without a MAC address of its own takes a new one when ports come and go.
      mac: stableMac(spec.id),
      up: true,
      linkLocal: isAnnounced ? true : NO_LINK_LOCAL,
      addresses: gateways,
    }
    await this.#ensureBridge(wish, devices.get(bridge), isAnnounced)
    if (spec.hostIsGateway && this.#access.outbound) sysctl(`net/ipv4/conf/${bridge}/forwarding`, '1')
    if (spec.dhcp === undefined) await this.#dropNamespace(network, devices)
    else await this.#ensureNamespace(network, spec.dhcp, devices)
    network.settled = true
    await this.#tellGuests(network)
    const lines = [...network.ports.values()].flatMap(({ row }) => {
      const tap = this.#tapWish(spec, row.spec)
      const have = devices.get(tap.name)
      return have === undefined ? [] : setLines(tap, have)
    })
    if (lines.length > 0) await this.#links.add(lines)
  }

  async #ensureNamespace(
    network: NetworkState,
    dhcp: NonNullable<NetworkSpec['dhcp']>,
    devices: Devices,
  ): Promise<void> {
    if (this.#metadataRange === undefined) throw new Error('the metadata bridge comes first')
    const { spec, blocks } = network.row
    const namespace = namespaceOf(spec.id)
    const inside = await readNamespace(namespace)
    if (inside === undefined) {
      await this.#links.add([`netns add ${namespace}`])
      await inNamespace(namespace, '1', ['net/ipv4/ip_forward'])
      // For the devices that come after.
      if (!NO_LINK_LOCAL)
        await inNamespace(namespace, '0', ['net/ipv6/conf/default/accept_ra', 'net/ipv6/conf/default/accept_dad'])
    }
    const legs = [
      {
        outer: dhcpLegOf(spec.id),
        inner: DHCP_LEG,
        master: bridgeOf(spec.id),
        group: this.#names.group,
        mtu: spec.mtu,
      },
      { outer: metadataLegOf(spec.id), inner: METADATA_LEG, master: this.#names.metadataBridge, isolated: true },
    ]
    const outerLines: string[] = []
    const kept = new Map(inside)
    for (const { outer, inner, ...rest } of legs) {
      const isWhole = devices.has(outer) && kept.has(inner)
      if (!isWhole) kept.delete(inner)
      if (devices.has(outer) && !isWhole) await this.#removeDevice(outer)
      const wish: DeviceWish = {
        name: outer,
        make: `link add ${outer} type veth peer name ${inner} netns ${namespace}`,
        alias: this.#names.alias('network', spec.id),
        up: true,
        linkLocal: NO_LINK_LOCAL,
        ...rest,
      }
      const have = isWhole ? devices.get(outer) : undefined
      outerLines.push(...makeLines(wish, have), ...setLines(wish, have))
    }
    if (outerLines.length > 0) await this.#links.add(outerLines)

    const insideLines: string[] = []
    const wishes: DeviceWish[] = [
      { name: 'lo', make: '', up: true, linkLocal: true },
      {
        name: DHCP_LEG,
        make: '',
        mac: parseMac(dhcp.macAddress),
        mtu: spec.mtu,
        addresses: namespaceAddresses(spec, dhcp),
        up: true,
        linkLocal: true,
      },
      { name: METADATA_LEG, make: '', up: true, linkLocal: NO_LINK_LOCAL },
    ]
    for (const wish of wishes) insideLines.push(...setLines(wish, kept.get(wish.name)))
    insideLines.push(`route replace ${hostAddressIn(this.#metadataRange)}/32 dev ${METADATA_LEG}`)
    insideLines.push(...this.#blockRoutes(blocks))
    // To the nameservers that it asks for guests. Nothing else goes that way: the namespace forwards to metadata alone.
    const gateway = spec.hostIsGateway && this.#access.outbound ? gatewayBeside(spec, dhcp.addresses) : undefined
    if (gateway !== undefined) insideLines.push(`route replace default via ${gateway} dev ${DHCP_LEG}`)
    await ipBatch(insideLines, namespace)
    network.routed = blocks
    network.translations = undefined
  }

  /** Local routes make the kernel answer for whole blocks, without an address for each port. */
  #blockRoutes(blocks: readonly number[]): string[] {
    const range = this.#metadataRange
    if (range === undefined) return []
    return blocks.map((block) => `route replace local ${blockIn(range, block)} dev lo`)
  }

  /** dnsmasq and the metadata translation of a network know its guests. */
  async #tellGuests(network: NetworkState): Promise<void> {
    const { spec } = network.row
    if (this.#networks.get(spec.id) !== network) return
    try {
      await this.#tellNamespace(network)
    } catch (error) {
      if (!(error instanceof CommandFailed) || spec.dhcp === undefined) throw error
      this.#log.warn({ network: spec.id, err: error }, 'a namespace is not as it was left, making it again')
      await this.#ensureNamespace(network, spec.dhcp, await readDevices())
      await this.#tellNamespace(network)
    }
  }

  async #tellNamespace(network: NetworkState): Promise<void> {
    const { spec, blocks } = network.row
    const fresh = blocks.filter((block) => !network.routed.includes(block))
    if (spec.dhcp !== undefined && fresh.length > 0) {
      await ipBatch(this.#blockRoutes(fresh), namespaceOf(spec.id))
      network.routed = blocks
    }
    const specs = [...network.ports.values()].map(({ row }) => row.spec)
    await Promise.all([this.#translate(network), ...PLACES.map((place) => this.#serve(network, place, specs))])
  }

  async #translate(network: NetworkState): Promise<void> {
    const { spec } = network.row
    const listener = this.metadataAddress()
    if (spec.dhcp === undefined || listener === undefined || this.#metadataRange === undefined) return
    const wanted = new Map<string, string>()
    for (const { row } of network.ports.values())
      for (const { ipAddress } of row.spec.fixedIps) {
        const address = parseAddress(ipAddress)
        if (address.version === 4 && row.metadata !== undefined)
          wanted.set(formatAddress(address), addressIn(this.#metadataRange, row.metadata))
      }
    const before = network.translations
    const text = before === undefined ? wholeTranslation(wanted, listener) : changedTranslation(before, wanted)
    if (text === '') return
    network.translations = undefined
    await run('ip', ['netns', 'exec', namespaceOf(spec.id), 'nft', '-f', '-'], text)
    network.translations = wanted
  }

  async #serve(network: NetworkState, place: ServerPlace, ports: readonly PortSpec[]): Promise<void> {
    const { spec } = network.row
    const options = this.#dnsmasqOptions(spec.id, place)
    const files = dnsmasqFiles(place, spec, ports, options)
    let server = network.servers.get(place)
    if (server === undefined) {
      if (files === undefined && !existsSync(options.dir)) return
      const namespace = place === 'namespace' ? namespaceOf(spec.id) : undefined
      server = new Dnsmasq({ dir: options.dir, namespace, gid: options.gid, log: this.#log })
      network.servers.set(place, server)
    }
    if (files === undefined) {
      network.servers.delete(place)
      await server.stop()
      return
    }
    server.want(files)
    await server.settle()
  }

  #dnsmasqDir(networkId: string, place: ServerPlace): string {
    return join(this.#remembered.networkDir(networkId), `dnsmasq-${place}`)
  }

  #dnsmasqOptions(networkId: string, place: ServerPlace): ServerSetting & DnsmasqUser {
    this.#serverUser ??= dnsmasqUser()
    return {
      dir: this.#dnsmasqDir(networkId, place),
      domain: this.#domain,
      forwarders: this.#forwarders,
      ...this.#serverUser,
    }
  }

  #tapWish(network: NetworkSpec, port: PortSpec): DeviceWish {
    const tap = tapOf(port.id)
    return {
      name: tap,
      make: `tuntap add dev ${tap} mode tap`,
      alias: this.#names.alias('port', port.id),
      group: this.#names.group,
      mtu: network.mtu,
      master: bridgeOf(network.id),
      up: port.adminStateUp,
      linkLocal: NO_LINK_LOCAL,
    }
  }

  // --- What goes ------------------------------------------------------------------------------------------------

  async #dropPort(portId: PortId): Promise<void> {
    const tap = tapOf(portId)
    const port = this.#ports.get(portId)
    if (isThere(tap) && (port !== undefined || this.#names.isOurs((await readDevice(tap))?.alias)))
      await this.#removeDevice(tap)
    if (port === undefined) return
    await this.#rules.put(portKey(portId), undefined)
    const network = this.#networks.get(port.row.spec.networkId)
    this.#letGo(port)
    this.#remembered.forgetPort(portId)
    if (network !== undefined) this.#tellGuestsLater(network)
  }

  async #removeDevice(name: string): Promise<void> {
    try {
      await this.#links.add([`link del dev ${name}`])
    } catch (error) {
      // It went by itself meanwhile.
      if (isThere(name)) throw error
    }
  }

  #tellGuestsLater(network: NetworkState): void {
    setTimeout(() => {
      if (this.#closed || this.#networks.get(network.row.spec.id) !== network) return
      void this.#gate
        .share(() => network.guests.add())
        .catch((error) =>
          this.#log.error({ err: error, network: network.row.spec.id }, 'cannot tell of a removed port'),
        )
    }, FORGET_AFTER_MS).unref()
  }

  async #dropNetwork(networkId: NetworkId, devices: Devices): Promise<void> {
    const network =
      this.#networks.get(networkId) ??
      this.#newNetwork({ spec: { id: networkId } as NetworkSpec, zone: 0, blocks: [], last: -1 })
    await this.#dropNamespace(network, devices)
    const bridge = bridgeOf(networkId)
    if (this.#names.isOurs(devices.get(bridge)?.alias) && isThere(bridge)) await this.#removeDevice(bridge)
    if (this.#networks.has(networkId)) await this.#rules.put(networkKey(networkId), undefined)
    for (const block of network.row.blocks) this.#metadataAddresses.freeBlock(block)
    this.#networks.delete(networkId)
    this.#remembered.forgetNetwork(networkId)
  }

  async #dropNamespace(network: NetworkState, devices: Devices): Promise<void> {
    const { id } = network.row.spec
    for (const place of PLACES) {
      const dir = this.#dnsmasqDir(id, place)
      if (!existsSync(dir) && !network.servers.has(place)) continue
      const server = network.servers.get(place) ?? new Dnsmasq({ dir, namespace: undefined, gid: 0, log: this.#log })
      network.servers.delete(place)
      await server.stop()
    }
    for (const leg of [dhcpLegOf(id), metadataLegOf(id)])
      if (this.#names.isOurs(devices.get(leg)?.alias) && isThere(leg)) await this.#removeDevice(leg)
    const isOurs = this.#networks.has(id) || this.#remembered.networkIds().includes(id) || devices.has(dhcpLegOf(id))
    const namespace = namespaceOf(id)
    if (isOurs && existsSync(`/run/netns/${namespace}`)) await run('ip', ['netns', 'del', namespace])
    network.translations = undefined
  }

  async #removeDevices(): Promise<void> {
    const all = [...(await readDevices()).values()]
    const inGroup = all.filter(({ group }) => group === this.#names.group)
    // The kernel waits some 20 ms for each device that goes alone, and once for a whole group.
    if (inGroup.length > 0 && inGroup.every(({ alias }) => this.#names.isOurs(alias)))
      await ipBatch([`link del group ${this.#names.group}`])
    const left = all.filter(({ name, alias }) => this.#names.isOurs(alias) && isThere(name))
    if (left.length > 0) await ipBatch(left.map(({ name }) => `link del dev ${name}`))
  }

  /** What is ours and not listed goes. */
  async #dropStrangers(
    networkIds: ReadonlySet<NetworkId>,
    portIds: ReadonlySet<PortId>,
    attempt: (what: string, work: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const devices = await readDevices()
    const ports = new Set<string>([...this.#ports.keys(), ...this.#strangers(devices, 'port')])
    for (const id of ports as Set<PortId>) {
      if (portIds.has(id)) continue
      this.#log.info({ port: id }, 'removing a port that should not be here')
      await attempt(`remove the port ${id}`, () => this.#dropPort(id))
    }
    const networks = new Set<string>([
      ...this.#networks.keys(),
      ...this.#strangers(devices, 'network'),
      ...this.#remembered.networkIds(),
    ])
    for (const id of networks as Set<NetworkId>) {
      if (networkIds.has(id)) continue
      this.#log.info({ network: id }, 'removing a network that should not be here')
      await attempt(`remove the network ${id}`, () => this.#dropNetwork(id, devices))
    }
  }

  /** Ids from the aliases of our devices. */
  #strangers(devices: Devices, kind: 'network' | 'port'): Set<string> {
    const ids = new Set<string>()
    for (const { alias } of devices.values()) {
      if (!this.#names.isOurs(alias)) continue
      const [of, id] = alias?.split(':').slice(2) ?? []
      if (of === kind && id !== undefined) ids.add(id)
    }
    return ids
  }

  async #revive(): Promise<void> {
    for (const { servers } of this.#networks.values())
      for (const server of servers.values())
        if (!this.#closed)
          await server.revive().catch((error) => this.#log.error({ err: error }, 'dnsmasq does not start again'))
  }
}

const UPLINKS_KEY = 'uplinks'
const networkKey = (id: string) => `network ${id}`
const portKey = (id: string) => `port ${id}`

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/** What a tool says goes into the cause; a DomainError says enough by itself. */
async function failing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    throw new DomainError('unavailable', 'agent.network.failed', `This host could not ${what}.`, { cause: error })
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
    }),
  )
}

async function readDevices(): Promise<Devices> {
  return parseDevices(await run('ip', ['-j', '-d', 'addr', 'show']))
}

async function readDevice(name: string): Promise<Device | undefined> {
  return parseDevices(await run('ip', ['-j', '-d', 'addr', 'show', 'dev', name])).get(name)
}

/** Devices inside, or undefined if there is no such namespace; one that cannot be entered is removed. */
async function readNamespace(namespace: string): Promise<Devices | undefined> {
  if (!existsSync(`/run/netns/${namespace}`)) return undefined
  try {
    return parseDevices(await run('ip', ['-n', namespace, '-j', '-d', 'addr', 'show']))
  } catch (error) {
    // After a crash of the host its name may be left without the namespace.
    if (!(error instanceof CommandFailed)) throw error
    await run('ip', ['netns', 'del', namespace])
    return undefined
  }
}

async function ipBatch(lines: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace]
  await run('ip', [...where, '-batch', '-'], `${lines.join('\n')}\n`)
}

/** Several batches in one; answers which of them failed. */
async function ipBatches(batches: readonly (readonly string[])[]): Promise<ReadonlyMap<number, unknown>> {
  try {
    await run('ip', ['-force', '-batch', '-'], `${batches.flat().join('\n')}\n`)
    return NONE_FAILED
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    const failedLines = [...error.stderr.matchAll(/^Command failed -:(\d+)$/gm)].map((match) => Number(match[1]))
    if (failedLines.length === 0) throw error
    const failed = new Map<number, unknown>()
    let line = 1
    for (const [index, batch] of batches.entries()) {
      const bad = failedLines.filter((number) => number >= line && number < line + batch.length)
      if (bad.length > 0) failed.set(index, new CommandFailed(`ip ${batch[bad[0]! - line]}`, 'an error', error.stderr))
      line += batch.length
    }
    return failed
  }
}

/** Whether a device of this name is in this process's network namespace; `/sys` may show another's. */
const isThere = (name: string) => existsSync(`/proc/sys/net/ipv4/conf/${name}`)

/** Whether the host forwards IPv4 from every device. */
const isRouter = () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1'

function sysctl(key: string, value: string): void {
  const path = `/proc/sys/${key}`
  // A kernel without IPv6 has nothing to switch off.
  if (existsSync(path)) writeFileSync(path, value)
}

/** Writes one value into several settings of a namespace, which can only be done from inside. */
async function inNamespace(namespace: string, value: string, settings: readonly string[]): Promise<void> {
  await run('ip', ['netns', 'exec', namespace, 'tee', ...settings.map((setting) => `/proc/sys/${setting}`)], value)
}

/** Networks that some device but `except` has an address or a route in. */
async function takenNetworks(except: string): Promise<IpNetwork[]> {
  const taken: IpNetwork[] = []
  for (const device of (await readDevices()).values())
    if (device.name !== except) for (const address of device.addresses) taken.push(parseNetwork(address))
  const routes = JSON.parse((await run('ip', ['-j', '-4', 'route', 'show', 'table', 'all'])) || '[]') as {
    dst?: string
    dev?: string
  }[]
  for (const { dst, dev } of routes)
    if (dst !== undefined && dst !== 'default' && dev !== except) taken.push(parseNetwork(dst))
  return taken
}

/** A locally administered MAC address that is the same for the same text. */
function stableMac(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 5)
  return ['02', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/** An address with the prefix of its subnet. @throws DomainError invalid `agent.network.invalid` */
function withPrefix(network: NetworkSpec, text: string): string {
  const address = parseAddress(text)
  const subnet = network.subnets.map(({ cidr }) => parseNetwork(cidr)).find((cidr) => contains(cidr, address))
  if (subnet === undefined)
    throw new DomainError('invalid', 'agent.network.invalid', `${text} is in no subnet of network ${network.id}.`)
  return `${formatAddress(address)}/${subnet.prefix}`
}

/**
 * The host's own addresses in a network whose gateway it is.
 * @throws DomainError conflict `agent.network.address-taken` when the host is in such a network already
 */
function gatewayAddresses(network: NetworkSpec, devices: Devices): string[] {
  const bridge = bridgeOf(network.id)
  return network.subnets.flatMap(({ cidr, gatewayIp }) => {
    if (gatewayIp === undefined) return []
    const subnet = parseNetwork(cidr)
    for (const device of devices.values()) {
      if (device.name === bridge) continue
      for (const address of device.addresses)
        if (overlaps(parseNetwork(address), subnet))
          throw new DomainError(
            'conflict',
            'agent.network.address-taken',
            `${cidr} meets ${address} on this host's ${device.name}: its gateway cannot be here.`,
          )
    }
    return [withPrefix(network, gatewayIp)]
  })
}

/** The host's address in the IPv4 subnet that DHCP has an address in. */
function gatewayBeside(network: NetworkSpec, addresses: readonly string[]): string | undefined {
  for (const { cidr, ipVersion, gatewayIp } of network.subnets) {
    if (ipVersion !== 4 || gatewayIp === undefined) continue
    const subnet = parseNetwork(cidr)
    if (addresses.some((address) => contains(subnet, parseAddress(address))))
      return formatAddress(parseAddress(gatewayIp))
  }
  return undefined
}

function namespaceAddresses(network: NetworkSpec, dhcp: NonNullable<NetworkSpec['dhcp']>): string[] {
  const own = dhcp.addresses.map((address) => withPrefix(network, address))
  // dnsmasq advertises a prefix only where it has an address in it.
  const announced = network.subnets
    .filter((subnet) => subnet.ipv6RaMode !== undefined && !network.hostIsGateway)
    .map(({ cidr }) => parseNetwork(cidr))
    .filter(
      (subnet) => subnet.prefix === 64 && !dhcp.addresses.some((address) => contains(subnet, parseAddress(address))),
    )
    .map((subnet) => `${formatAddress(eui64(subnet, parseMac(dhcp.macAddress)))}/64`)
  return [...own, ...announced, `${METADATA_ADDRESS}/32`]
}

function processes(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
}
