/**
 * What the cloud may ask of a hypervisor host. Only ensure-style calls, keyed by resource id: safe to repeat, joined
 * when the same is already under way, succeeding when it is already so. The agent keeps no database: its state is
 * libvirt's domains, the kernel's devices and the files on disk, all named after resource ids.
 *
 * Services import this file and nothing else of `agent/`. `libvirt/`, `bridge/`, `iscsi/` and `simulated/` honour it,
 * and one contract test a driver kind runs against all of them.
 */
import type { Readable } from 'node:stream'
import type { HostName, ImageId, NetworkId, PortId, ServerId, VolumeId } from '../ids.ts'

/** One host with its drivers. */
export interface Agent {
  readonly host: HostName
  facts(): Promise<HostFacts>
  readonly hypervisor: Hypervisor
  readonly disks: ServerDisks
  readonly network: NetworkPlane
  /** How this host presents itself to block storage. */
  readonly connector: Connector
  /** Ends watching and helpers of the agent itself; guests and their devices stay. */
  close(): Promise<void>
}

/** Finds the agent of a host. @throws DomainError unavailable, `agent.host.unknown` */
export interface Agents {
  on(host: HostName): Agent
  all(): readonly Agent[]
}

export interface HostFacts {
  readonly hypervisorType: 'QEMU' | 'KVM'
  /** libvirt's number form of QEMU's version: 7.2.1 is 7002001. */
  readonly hypervisorVersion: number
  readonly vcpus: number
  readonly ramMiB: number
  readonly diskGiB: number
  readonly hostIp: string
  readonly cpuModel: string
  readonly cpuArchitecture: string
  /** Traits of placement that the host has, such as `COMPUTE_VOLUME_EXTEND` or `HW_CPU_X86_AVX2`. */
  readonly traits: readonly string[]
  readonly uptimeSeconds: number
  readonly loadAverages: readonly [number, number, number]
}

// --- Hypervisor ---------------------------------------------------------------------------------------------------

export type PowerState = 'running' | 'paused' | 'shut-down' | 'crashed' | 'suspended'

export interface Domain {
  readonly id: ServerId
  readonly state: PowerState
}

export interface DomainSpec {
  readonly id: ServerId
  /** The server's display name, shown in the domain's title and metadata. */
  readonly name: string
  readonly projectId: string
  readonly vcpus: number
  readonly ramMiB: number
  /** In boot order; the first is the root disk. */
  readonly disks: readonly DiskSpec[]
  readonly interfaces: readonly InterfaceSpec[]
  /** Hardware wishes of the image (`hw_disk_bus`, `hw_machine_type`, `hw_vif_model`, …), validated by compute. */
  readonly hardware: Readonly<Record<string, string>>
}

export interface DiskSpec {
  /** `vda`, `sda`, `hda`: unique in the domain. */
  readonly device: string
  readonly bus: 'virtio' | 'scsi' | 'ide' | 'sata' | 'usb'
  readonly kind: 'disk' | 'cdrom'
  readonly source: DiskSource
  /** 1 boots first; absent is not booted from. */
  readonly bootIndex?: number
  /** Shown to the guest, virtio keeps 20 characters: the volume id for volumes. */
  readonly serial?: string
  readonly readOnly?: boolean
}

export type DiskSource =
  | { readonly type: 'file'; readonly path: string; readonly format: 'raw' | 'qcow2' }
  | { readonly type: 'volume'; readonly volumeId: VolumeId; readonly connection: VolumeConnection }

export interface InterfaceSpec {
  readonly portId: PortId
  readonly macAddress: string
  /** The tap that NetworkPlane.ensurePort made. */
  readonly tap: string
  readonly mtu: number
  readonly model: string
}

export interface DomainEvent {
  readonly id: ServerId
  readonly kind:
    | 'started'
    | 'stopped'
    | 'crashed'
    | 'paused'
    | 'resumed'
    | 'rebooted'
    | 'undefined'
    | 'disk-removed'
    | 'interface-removed'
  /** Device of `disk-removed` (`vdb`) or MAC address of `interface-removed`. */
  readonly device?: string
}

/** Errors are DomainErrors: `agent.hypervisor.failed` (unavailable), `agent.domain.unknown` (not-found). */
export interface Hypervisor {
  find(id: ServerId): Promise<Domain | undefined>
  list(): Promise<readonly Domain[]>
  /** Make the definition so, replacing an older one of the same id. A running domain gets it at its next start. */
  define(spec: DomainSpec): Promise<void>
  start(id: ServerId): Promise<void>
  /** Ask the guest to stop. @throws DomainError unavailable `agent.guest.ignored-shutdown` after `withinMs` */
  shutdown(id: ServerId, withinMs: number): Promise<void>
  /** Ask the guest to restart. @throws DomainError unavailable `agent.guest.ignored-shutdown` after `withinMs` */
  reboot(id: ServerId, withinMs: number): Promise<void>
  /** libvirt's word for cutting the power. Finding nothing is fine. */
  destroy(id: ServerId): Promise<void>
  /** Forget the definition, destroying first what runs. Disks stay: they have other owners. */
  undefine(id: ServerId): Promise<void>
  /** Plugged into the definition, and into the running guest if it runs. */
  attachDisk(id: ServerId, disk: DiskSpec): Promise<void>
  /** Resolves when the guest has let go. @throws DomainError unavailable `agent.guest.keeps-device` */
  detachDisk(id: ServerId, device: string): Promise<void>
  attachInterface(id: ServerId, nic: InterfaceSpec): Promise<void>
  detachInterface(id: ServerId, macAddress: string): Promise<void>
  /** Tells a running guest the new size of a disk that has grown. */
  resizeDisk(id: ServerId, device: string, sizeBytes: number): Promise<void>
  /** The tail of the serial console's log: at most `maxBytes`. */
  consoleLog(id: ServerId, maxBytes: number): Promise<string>
  /** Changes from now until `signal` aborts. May miss some, so callers also re-list. */
  watch(signal: AbortSignal): AsyncIterable<DomainEvent>
  readonly pausing?: Pausing
}

/** An optional power: a driver that has it carries it under `pausing`. */
export interface Pausing {
  pause(id: ServerId): Promise<void>
  resume(id: ServerId): Promise<void>
}

// --- Disks of servers, on files of the host -----------------------------------------------------------------------

export interface RootDiskOrder {
  readonly serverId: ServerId
  readonly imageId: ImageId
  /** Names its bytes: of images that share it and a format this host keeps one copy. Digits, small letters and dashes. */
  readonly contentId: string
  readonly imageFormat: string
  /** Bytes to fetch, for progress and for the room check. */
  readonly imageSizeBytes: number
  readonly diskGiB: number
}

export interface PreparedDisk {
  readonly path: string
  readonly format: 'raw' | 'qcow2'
}

export interface ServerDisks {
  /** What the image holds is downloaded and checked once a host, then shared, read-only; the server gets an overlay, resized. */
  ensureRootDisk(order: RootDiskOrder, signal?: AbortSignal): Promise<PreparedDisk>
  /** An empty disk: ephemeral or swap. `name` is unique in the server. */
  ensureBlankDisk(serverId: ServerId, name: string, sizeMiB: number): Promise<PreparedDisk>
  /** ISO 9660 with the label `config-2`. `files` maps paths such as `openstack/latest/meta_data.json` to content. */
  ensureConfigDrive(serverId: ServerId, files: ReadonlyMap<string, Uint8Array>): Promise<PreparedDisk>
  /** Removes all files of a server, its console log too. */
  removeServer(serverId: ServerId): Promise<void>
  /** Servers that have files here, for the gardener. */
  list(): Promise<readonly ServerId[]>
  /**
   * The gardener's call: downloaded images that no disk here has needed for as long as this host keeps them are removed.
   * Answers which, by their files' names. Safe while disks are made.
   */
  removeUnusedImages(): Promise<readonly string[]>
}

/** Where an agent gets images from. */
export interface ImageSource {
  /** The bytes of an active image, whole. @throws DomainError not-found */
  open(imageId: ImageId, signal?: AbortSignal): Promise<Readable>
}

// --- Network plane ------------------------------------------------------------------------------------------------

export interface NetworkSpec {
  readonly id: NetworkId
  readonly mtu: number
  /** VXLAN id, unique in the cloud; also the number from which per-network addresses are derived. */
  readonly segment: number
  /** For `router:external` networks: the host itself owns the gateway address, so that it reaches the guests. */
  readonly hostIsGateway: boolean
  readonly subnets: readonly SubnetSpec[]
  /** Absent when no subnet has DHCP. */
  readonly dhcp?: { readonly portId: PortId; readonly macAddress: string; readonly addresses: readonly string[] }
}

export interface SubnetSpec {
  readonly id: string
  readonly cidr: string
  readonly ipVersion: 4 | 6
  readonly gatewayIp?: string
  readonly enableDhcp: boolean
  readonly dnsNameservers: readonly string[]
  readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[]
  readonly ipv6AddressMode?: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'
  readonly ipv6RaMode?: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'
}

export interface PortSpec {
  readonly id: PortId
  readonly networkId: NetworkId
  readonly macAddress: string
  readonly adminStateUp: boolean
  readonly fixedIps: readonly { readonly subnetId: string; readonly ipAddress: string }[]
  /** CIDRs with a MAC address that the guest may use besides its own. */
  readonly allowedAddressPairs: readonly { readonly macAddress: string; readonly ipAddress: string }[]
  /** False: neither anti-spoofing nor rules. */
  readonly portSecurity: boolean
  /** What the security groups of the port come to, remote groups resolved to addresses. */
  readonly rules: readonly FilterRule[]
  /** The host name that DHCP hands out and DNS answers. */
  readonly hostname: string
  readonly extraDhcpOptions: readonly { readonly name: string; readonly value: string; readonly ipVersion: 4 | 6 }[]
}

export interface FilterRule {
  /** Seen from the guest. */
  readonly direction: 'ingress' | 'egress'
  readonly ipVersion: 4 | 6
  /** A protocol number or name; absent is any. */
  readonly protocol?: string
  /** For ICMP the type and code. */
  readonly portMin?: number
  readonly portMax?: number
  /** CIDRs of the other side; absent is anyone, empty is nobody. */
  readonly remotes?: readonly string[]
}

/** Other errors are DomainErrors too: `agent.network.failed` (unavailable), `agent.network.invalid` for what cannot be. */
export interface NetworkPlane {
  /** Bridge, DHCP, DNS and the metadata address of a network are as told. */
  ensureNetwork(network: NetworkSpec): Promise<void>
  /**
   * Also for a changed port: rules are in place before the tap is. Answers the tap's name.
   * @throws DomainError invalid `agent.network.unknown` when its network is not ensured
   */
  ensurePort(port: PortSpec): Promise<{ readonly tap: string }>
  removePort(portId: PortId): Promise<void>
  /** Removes the network's devices and files. @throws DomainError conflict `agent.network.in-use` when it has ports */
  removeNetwork(networkId: NetworkId): Promise<void>
  /**
   * The gardener's call: makes the host so, removing what is ours and not listed, and repairing the rest. Tell it nothing
   * else between reading the lists and its end, or what is newer than the lists is undone.
   */
  reconcile(networks: readonly NetworkSpec[], ports: readonly PortSpec[]): Promise<void>
  /** Which port's guest a metadata request comes from, by its address as the metadata listener sees it. */
  portOfMetadataPeer(address: string): PortId | undefined
  /** Where the metadata listener has to listen, once the plane is up; absent for the simulated one. */
  metadataAddress(): { readonly host: string; readonly port: number } | undefined
}

// --- Block storage ------------------------------------------------------------------------------------------------

/** As the volume API's connector dictionaries name it. */
export interface Connector {
  readonly host: HostName
  readonly ip: string
  /** iSCSI qualified name of the host. */
  readonly initiator: string
}

/** How a host reaches a volume: what the volume API shows as connection_info. */
export interface VolumeConnection {
  readonly driverVolumeType: 'iscsi'
  readonly targetPortal: string
  readonly targetIqn: string
  readonly targetLun: number
  readonly authUsername: string
  readonly authPassword: string
  /** The name that the host must use towards the target. */
  readonly initiator: string
  /** `ro` for a volume that its owner made read only: the guest's disk must be so too. Absent is `rw`. */
  readonly accessMode?: 'rw' | 'ro'
}

export interface ExportOrder {
  readonly volumeId: VolumeId
  /** Unique in the cloud; names the target where the exporter needs a number. */
  readonly targetNumber: number
  readonly initiators: readonly string[]
  readonly authUsername: string
  readonly authPassword: string
}

/** A back end of block storage: allocates, and exports what it allocated. */
export interface VolumeBackend {
  /** `host@backend#pool`, as `os-vol-host-attr:host` shows it. */
  readonly name: string
  stats(): Promise<BackendStats>
  create(volumeId: VolumeId, sizeGiB: number): Promise<void>
  /** Fills a volume with an image, which was inspected before; grows nothing. */
  writeImage(volumeId: VolumeId, image: { id: ImageId; format: string }, signal?: AbortSignal): Promise<void>
  /** A full copy of another volume of this back end. */
  copy(from: VolumeId, to: VolumeId, sizeGiB: number): Promise<void>
  extend(volumeId: VolumeId, sizeGiB: number): Promise<void>
  remove(volumeId: VolumeId): Promise<void>
  list(): Promise<readonly VolumeId[]>
  /** Repeating it with other initiators changes who may connect. */
  ensureExport(order: ExportOrder): Promise<{ targetPortal: string; targetIqn: string; targetLun: number }>
  removeExport(volumeId: VolumeId, targetNumber: number): Promise<void>
  /** The gardener's call: exactly these exports are there. */
  reconcileExports(orders: readonly ExportOrder[]): Promise<void>
  close(): Promise<void>
}

export interface BackendStats {
  readonly backendName: string
  readonly poolName: string
  readonly totalGiB: number
  readonly freeGiB: number
  readonly thinProvisioning: boolean
  readonly maxOverSubscriptionRatio: number
  readonly storageProtocol: 'iSCSI'
}
