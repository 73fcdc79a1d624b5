/**
 * Network's front door: networks, subnets, ports, security groups; and what a boot asks: plan, bind, unbind.
 */
import type { FastifyPluginAsync } from 'fastify'
import type { Agents } from '../agent/contract.ts'
import type { MigrationFolder } from '../database/migrate.ts'
import type { Caller } from '../http/caller.ts'
import type { PolicyTable } from '../http/policy.ts'
import type { ServiceContext } from '../http/service-context.ts'
import type { HostName, NetworkId, PortId, ProjectId, ServerId } from '../ids.ts'

export interface Network {
  /** Mounted at `/network`; paths inside begin with `/v2.0`. */
  readonly plugin: FastifyPluginAsync
  readonly policies: PolicyTable
  /**
   * Checks what a server asks for and settles everything that can be refused, before any row is written: networks and
   * ports exist, are usable by the caller and free, security groups exist (by id or name), quota has room. Picks the
   * ids of ports to be made, so that the boot needs only ids.
   * @throws DomainError `network.network.not-found`, `network.network.ambiguous` (several and none named),
   *   `network.port.not-found`, `network.port.in-use`, `network.security-group.not-found`, `network.port.quota`, …
   */
  plan(caller: Caller, wish: NicWish): Promise<readonly NicPlan[]>
  /**
   * Ports of the plan exist, belong to the server and are plugged on the host: taps are there with their rules.
   * Repeating it changes nothing; another host moves them.
   */
  bindPorts(order: BindOrder): Promise<readonly BoundPort[]>
  /** Unplugs all ports of a server; removes those that `bindPorts` made, frees the others. Finding none is fine. */
  unbindPorts(serverId: ServerId): Promise<void>
  /** The same for one port of a server (interface detach). */
  unbindPort(serverId: ServerId, portId: PortId): Promise<void>
  /** Ports by server, in the order of their plan; a server without ports is absent. For views: one statement for all. */
  portsOf(serverIds: readonly ServerId[]): Promise<ReadonlyMap<ServerId, readonly BoundPort[]>>
  /** Whose guest a port is, for the metadata listener. */
  serverOfPort(portId: PortId): Promise<ServerId | undefined>
  /** Ids, unique names resolved, of security groups that the caller may use. @throws DomainError `network.security-group.not-found` */
  securityGroups(caller: Caller, namesOrIds: readonly string[]): Promise<readonly { id: string; name: string }[]>
  /** Groups whole, with their rules, for compute's view of a server's; unknown ids are absent. */
  describeSecurityGroups(ids: readonly string[]): Promise<readonly DescribedSecurityGroup[]>
  /** All groups of a project, the default one among them, or of all projects; by project and name. */
  securityGroupsOf(projectId: ProjectId | undefined): Promise<readonly DescribedSecurityGroup[]>
  /** Adds or removes one group on all ports of a server (addSecurityGroup, removeSecurityGroup). */
  changeSecurityGroup(caller: Caller, serverId: ServerId, nameOrId: string, change: 'add' | 'remove'): Promise<void>
  /** The first cloud's networks; answers what stands. */
  bootstrap(order: {
    /** Asked while there are no addresses of `public` yet. */
    publicCidr: () => string
    privateCidr: string
    adminProjectId: ProjectId
    demoProjectId: ProjectId
  }): Promise<{ publicId: NetworkId; privateId: NetworkId }>
  /** Makes every host's plane as the tables say: called at start, on a clock and on a hint. */
  reconcile(): Promise<void>
  close(): Promise<void>
}

export interface DescribedSecurityGroup {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly projectId: string
  readonly rules: readonly {
    readonly id: string
    readonly direction: 'ingress' | 'egress'
    readonly protocol: string | null
    readonly portRangeMin: number | null
    readonly portRangeMax: number | null
    readonly remoteIpPrefix: string | null
    readonly remoteGroupId: string | null
  }[]
}

export interface NicWish {
  /** `auto`: the one network there is, or none if there is none; `none`: no card. */
  readonly networks: 'auto' | 'none' | readonly NicRequest[]
  /** Names or ids; for ports to be made. Empty is the project's `default`. */
  readonly securityGroups: readonly string[]
}

export interface NicRequest {
  readonly networkId?: string
  readonly portId?: string
  readonly fixedIp?: string
  readonly tag?: string
}

export interface NicPlan {
  readonly portId: PortId
  readonly networkId: NetworkId
  /** True: the boot makes the port, and its end removes it. */
  readonly made: boolean
  readonly fixedIp?: string
  readonly securityGroupIds: readonly string[]
  readonly tag?: string
}

export interface BindOrder {
  readonly serverId: ServerId
  readonly serverName: string
  /** DNS name of the guest. */
  readonly hostname: string
  readonly projectId: ProjectId
  readonly userId: string
  readonly host: HostName
  readonly availabilityZone: string
  readonly nics: readonly NicPlan[]
}

export interface BoundPort {
  readonly portId: PortId
  readonly networkId: NetworkId
  readonly networkName: string
  readonly macAddress: string
  readonly tap: string
  readonly mtu: number
  readonly vnicType: string
  readonly status: 'ACTIVE' | 'DOWN' | 'BUILD'
  readonly made: boolean
  readonly securityGroups: readonly { id: string; name: string }[]
  readonly fixedIps: readonly BoundAddress[]
  readonly tag?: string
}

export interface BoundAddress {
  readonly ipAddress: string
  readonly subnetId: string
  readonly cidr: string
  readonly ipVersion: 4 | 6
  readonly gatewayIp?: string
  readonly dnsNameservers: readonly string[]
  readonly hostRoutes: readonly { destination: string; nexthop: string }[]
  readonly enableDhcp: boolean
  /** For network_data.json: how an IPv6 guest gets its address. */
  readonly ipv6AddressMode?: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'
}

export const networkMigrations: MigrationFolder = {
  service: 'network',
  folder: new URL('./migrations', import.meta.url).pathname,
}

/** News against the arrows: `main.ts` hands them on to compute. */
export interface PortNews {
  /** Somebody deleted a port that a server has; its tap is gone already. One listener. */
  onPortRemoved(listener: (event: { portId: string; serverId: string; macAddress: string }) => Promise<void>): void
}

export type OpenNetwork = (context: ServiceContext, dependencies: { agents: Agents }) => Promise<Network & PortNews>

export { openNetwork } from './open.ts'
