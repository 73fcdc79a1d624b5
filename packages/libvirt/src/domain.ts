/** A guest on a host, as libvirt sees it: a handle by uuid, and what can be asked of it. */
import type { Duplex } from 'node:stream'
import type { Connection } from './connection.ts'
import type { WatchOptions } from './domain-events.ts'
import type { DomainEvents } from './domains.ts'
import { unsupportedError } from './errors.ts'
import * as C from './generated/constants.ts'
import type { NonnullDomain } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { duplexOf } from './rpc/stream.ts'
import { uuidBytes, uuidText } from './uuid.ts'
import { type DomainState, domainState, memoryStatNames, stateReason } from './words.ts'

export interface DomainInfo {
  state: DomainState
  maxMemoryKiB: number
  memoryKiB: number
  vcpus: number
  cpuTimeNs: bigint
}
export interface BlockInfo {
  capacityBytes: bigint
  allocationBytes: bigint
  physicalBytes: bigint
}
export interface BlockStats {
  readRequests: bigint
  readBytes: bigint
  writeRequests: bigint
  writeBytes: bigint
  /** -1 when QEMU does not tell. */
  errors: bigint
}
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
export interface InterfaceAddresses {
  name: string
  mac: string | undefined
  addresses: { family: 'ipv4' | 'ipv6'; address: string; prefix: number }[]
}

export class Domain {
  readonly uuid: string
  /** Empty on a handle made from a uuid alone. */
  readonly name: string
  /** -1 when it was not running, or when that was not asked. */
  readonly id: number
  readonly connection: Connection
  readonly #dom: NonnullDomain

  constructor(connection: Connection, { uuid, name, id }: { uuid: string; name: string; id: number }) {
    this.#dom = { uuid: uuidBytes(uuid), name, id }
    this.uuid = uuidText(this.#dom.uuid)
    this.name = name
    this.id = id
    this.connection = connection
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

  /** Events of this guest only. */
  watch(wanted: Omit<WatchOptions, 'domain'> = {}): Promise<DomainEvents> {
    return this.connection.domains.watch({ ...wanted, domain: this })
  }

  toString(): string {
    return this.name === '' ? this.uuid : `${this.name} (${this.uuid})`
  }
}
