/** A guest on a host, as libvirt sees it: a handle by uuid, and what can be asked of it. */
import type { Duplex } from 'node:stream'
import type { DomainEvents, WatchOptions } from './events.ts'
import { unsupportedError } from './errors.ts'
import * as C from './generated/constants.ts'
import type { NonnullDomain, RawApi } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { duplexOf } from './rpc/stream.ts'
import { uuidBytes, uuidText } from './uuid.ts'
import { type DomainState, domainState, memoryStatNames, stateReason } from './words.ts'

/** What a domain needs from its connection. */
export interface DomainHost {
  readonly raw: RawApi
  watchDomains(wanted?: WatchOptions): Promise<DomainEvents>
}

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
  readonly #host: DomainHost
  readonly #dom: NonnullDomain

  constructor(host: DomainHost, { uuid, name, id }: { uuid: string; name: string; id: number }) {
    this.#dom = { uuid: uuidBytes(uuid), name, id }
    this.uuid = uuidText(this.#dom.uuid)
    this.name = name
    this.id = id
    this.#host = host
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullDomain {
    return this.#dom
  }

  // ---- Life --------------------------------------------------------------------------------------------------

  /** Start a defined guest. @throws isWrongState() when it runs already */
  async create(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.#host.raw.domainCreate({ dom: this.#dom }, options)
    else await this.#host.raw.domainCreateWithFlags({ dom: this.#dom, flags }, options)
  }
  /** Ask the guest to stop; it may take its time, or ignore it. */
  async shutdown(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.#host.raw.domainShutdown({ dom: this.#dom }, options)
    else await this.#host.raw.domainShutdownFlags({ dom: this.#dom, flags }, options)
  }
  /** Ask the guest to restart itself. */
  async reboot(flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainReboot({ dom: this.#dom, flags }, options)
  }
  /** The reset button. */
  async reset(options?: CallOptions): Promise<void> {
    await this.#host.raw.domainReset({ dom: this.#dom, flags: 0 }, options)
  }
  /** Cut the power. @throws isWrongState() when it does not run */
  async destroy(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.#host.raw.domainDestroy({ dom: this.#dom }, options)
    else await this.#host.raw.domainDestroyFlags({ dom: this.#dom, flags }, options)
  }
  /** Forget the definition; a running guest lives on as a transient one. Disks stay. */
  async undefine(flags = 0, options?: CallOptions): Promise<void> {
    if (flags === 0) await this.#host.raw.domainUndefine({ dom: this.#dom }, options)
    else await this.#host.raw.domainUndefineFlags({ dom: this.#dom, flags }, options)
  }
  async suspend(options?: CallOptions): Promise<void> {
    await this.#host.raw.domainSuspend({ dom: this.#dom }, options)
  }
  async resume(options?: CallOptions): Promise<void> {
    await this.#host.raw.domainResume({ dom: this.#dom }, options)
  }
  /** Save memory to a file of libvirt's and stop; the next `create` goes on from there. */
  async managedSave(flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainManagedSave({ dom: this.#dom, flags }, options)
  }
  async hasManagedSave(options?: CallOptions): Promise<boolean> {
    return (await this.#host.raw.domainHasManagedSaveImage({ dom: this.#dom, flags: 0 }, options)).result !== 0
  }
  async managedSaveRemove(options?: CallOptions): Promise<void> {
    await this.#host.raw.domainManagedSaveRemove({ dom: this.#dom, flags: 0 }, options)
  }

  // ---- What it is --------------------------------------------------------------------------------------------

  async state(options?: CallOptions): Promise<{ state: DomainState; reason: string }> {
    const { state, reason } = await this.#host.raw.domainGetState({ dom: this.#dom, flags: 0 }, options)
    return { state: domainState(state), reason: stateReason(state, reason) }
  }
  async info(options?: CallOptions): Promise<DomainInfo> {
    const info = await this.#host.raw.domainGetInfo({ dom: this.#dom }, options)
    return {
      state: domainState(info.state),
      maxMemoryKiB: Number(info.maxMem),
      memoryKiB: Number(info.memory),
      vcpus: info.nrVirtCpu,
      cpuTimeNs: info.cpuTime,
    }
  }
  /** Of the running guest; with VIR_DOMAIN_XML_INACTIVE of its definition. */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#host.raw.domainGetXmlDesc({ dom: this.#dom, flags }, options)).xml
  }
  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.#host.raw.domainIsActive({ dom: this.#dom }, options)).active !== 0
  }
  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.#host.raw.domainIsPersistent({ dom: this.#dom }, options)).persistent !== 0
  }
  async setAutostart(on: boolean, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainSetAutostart({ dom: this.#dom, autostart: on ? 1 : 0 }, options)
  }
  /** The element that was stored under this namespace. @throws isNotFound() */
  async metadata(uri: string, flags = 0, options?: CallOptions): Promise<string> {
    const args = { dom: this.#dom, type: C.VIR_DOMAIN_METADATA_ELEMENT, uri, flags }
    return (await this.#host.raw.domainGetMetadata(args, options)).metadata
  }
  /** Store one element under a namespace of one's own; null removes it. */
  async setMetadata(uri: string, key: string, xml: string | null, flags = 0, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, type: C.VIR_DOMAIN_METADATA_ELEMENT, metadata: xml, key, uri, flags }
    await this.#host.raw.domainSetMetadata(args, options)
  }

  // ---- Devices. flags: VIR_DOMAIN_AFFECT_LIVE, …_CONFIG, both; 0 = whichever the guest is in now ------------

  async attachDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainAttachDeviceFlags({ dom: this.#dom, xml, flags }, options)
  }
  /** A running guest has to let go: the `device-removed` event says that it did. */
  async detachDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainDetachDeviceFlags({ dom: this.#dom, xml, flags }, options)
  }
  async detachDeviceAlias(alias: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainDetachDeviceAlias({ dom: this.#dom, alias, flags }, options)
  }
  async updateDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainUpdateDeviceFlags({ dom: this.#dom, xml, flags }, options)
  }
  /** `disk` is its target (`vda`) or its path. A growing file, or a LUN that has grown: the guest sees it at once. */
  async blockResize(disk: string, sizeBytes: number | bigint, options?: CallOptions): Promise<void> {
    const args = { dom: this.#dom, disk, size: BigInt(sizeBytes), flags: C.VIR_DOMAIN_BLOCK_RESIZE_BYTES }
    await this.#host.raw.domainBlockResize(args, options)
  }

  // ---- Figures -----------------------------------------------------------------------------------------------

  async blockInfo(disk: string, options?: CallOptions): Promise<BlockInfo> {
    const info = await this.#host.raw.domainGetBlockInfo({ dom: this.#dom, path: disk, flags: 0 }, options)
    return { capacityBytes: info.capacity, allocationBytes: info.allocation, physicalBytes: info.physical }
  }
  async blockStats(disk: string, options?: CallOptions): Promise<BlockStats> {
    const stats = await this.#host.raw.domainBlockStats({ dom: this.#dom, path: disk }, options)
    return {
      readRequests: stats.rdReq,
      readBytes: stats.rdBytes,
      writeRequests: stats.wrReq,
      writeBytes: stats.wrBytes,
      errors: stats.errs,
    }
  }
  /** `device` is the tap's name, or the MAC address. */
  async interfaceStats(device: string, options?: CallOptions): Promise<InterfaceStats> {
    const stats = await this.#host.raw.domainInterfaceStats({ dom: this.#dom, device }, options)
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
  async memoryStats(options?: CallOptions): Promise<MemoryStats> {
    const args = { dom: this.#dom, maxStats: memoryStatNames.length, flags: 0 }
    const { stats } = await this.#host.raw.domainMemoryStats(args, options)
    const named: MemoryStats = {}
    for (const { tag, val } of stats) {
      const name = memoryStatNames[tag]
      if (name !== undefined) named[name] = Number(val)
    }
    return named
  }
  /** `lease`: libvirt's own networks; `arp`: this host's neighbour table; `agent`: asks inside the guest. */
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
    const { ifaces } = await this.#host.raw.domainInterfaceAddresses(args, options)
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

  /** Press the keys together and let go. Codes are Linux input codes unless another VIR_KEYCODE_SET_* is named. */
  async sendKey(
    codes: readonly number[],
    {
      codeset = C.VIR_KEYCODE_SET_LINUX as number,
      holdMs = 0,
      ...options
    }: { codeset?: number; holdMs?: number } & CallOptions = {},
  ): Promise<void> {
    const args = { dom: this.#dom, codeset, holdtime: holdMs, keycodes: [...codes], flags: 0 }
    await this.#host.raw.domainSendKey(args, options)
  }
  async injectNmi(options?: CallOptions): Promise<void> {
    await this.#host.raw.domainInjectNmi({ dom: this.#dom, flags: 0 }, options)
  }
  async setUserPassword(user: string, password: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#host.raw.domainSetUserPassword({ dom: this.#dom, user, password, flags }, options)
  }
  /** One command to the guest agent, as JSON text; its answer likewise. */
  async agentCommand(
    json: string,
    {
      timeoutSeconds = C.VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT as number,
      flags = 0,
      ...options
    }: { timeoutSeconds?: number; flags?: number } & CallOptions = {},
  ): Promise<string> {
    const args = { dom: this.#dom, cmd: json, timeout: timeoutSeconds, flags }
    return (await this.#host.raw.qemuDomainAgentCommand(args, options)).result ?? ''
  }
  /** Flush and hold all file systems, or those at these places; the number that is held. */
  async fsFreeze(mountpoints: readonly string[] = [], options?: CallOptions): Promise<number> {
    const args = { dom: this.#dom, mountpoints: [...mountpoints], flags: 0 }
    return (await this.#host.raw.domainFsfreeze(args, options)).filesystems
  }
  async fsThaw(mountpoints: readonly string[] = [], options?: CallOptions): Promise<number> {
    const args = { dom: this.#dom, mountpoints: [...mountpoints], flags: 0 }
    return (await this.#host.raw.domainFsthaw(args, options)).filesystems
  }
  /** What the guest's display shows. QEMU gives image/png or image/x-portable-pixmap. */
  async screenshot(screen = 0, options?: CallOptions): Promise<{ mime: string; data: Uint8Array }> {
    const { ret, stream } = await this.#host.raw.domainScreenshot({ dom: this.#dom, screen, flags: 0 }, options)
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
   */
  async openConsole(device: string | null = null, flags = 0, options?: CallOptions): Promise<Duplex> {
    const { stream } = await this.#host.raw.domainOpenConsole({ dom: this.#dom, devName: device, flags }, options)
    return duplexOf(stream)
  }

  /** Events of this guest only. */
  watch(wanted: Omit<WatchOptions, 'domain'> = {}): Promise<DomainEvents> {
    return this.#host.watchDomains({ ...wanted, domain: this })
  }

  toString(): string {
    return this.name === '' ? this.uuid : `${this.name} (${this.uuid})`
  }
}
