/**
 * From a server to what a client sees of it, at each microversion. The answer is closed: a key too many fails clients that
 * check it. Source: nova/api/openstack/compute/views/servers.py, views/addresses.py
 */
import { createHash } from 'node:crypto'
import type { Caller } from '../../http/caller.ts'
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { BoundPort } from '../../network/index.ts'
import { POWER, type Status, statusOf } from '../lifecycle/states.ts'
import { links } from '../links.ts'
import { toMicroseconds, toSeconds } from '../timestamps.ts'
import type { BlockDevice, Server } from './server.ts'

/** What a view is drawn from. */
export interface ServerFacts {
  readonly server: Server
  readonly ports: readonly BoundPort[]
  readonly devices: readonly BlockDevice[]
  /** Of the host: UP, DOWN, MAINTENANCE, UNKNOWN or empty; only asked for admins. */
  readonly hostStatus?: string
  /** Only asked for a single server. */
  readonly serverGroups?: readonly string[]
  /** Base64; only asked for admins. */
  readonly userData?: string | null
}

export interface Viewer {
  readonly caller: Caller
  readonly version: Microversion
  /** Public URL of compute, without the version. */
  readonly base: string
}

/** The versions that a server's view tells apart. */
const V = {
  rootDevice: microversion('2.3'),
  locked: microversion('2.9'),
  hostStatus: microversion('2.16'),
  description: microversion('2.19'),
  tags: microversion('2.26'),
  embeddedFlavor: microversion('2.47'),
  trustedCertificates: microversion('2.63'),
  serverGroups: microversion('2.71'),
  lockedReason: microversion('2.73'),
  wholeUpdate: microversion('2.75'),
  hostnameForAll: microversion('2.90'),
  pinnedZone: microversion('2.96'),
  imageProperties: microversion('2.98'),
  schedulerHints: microversion('2.100'),
} as const

export function viewBrief(server: Pick<Server, 'id' | 'name'>, { base }: Viewer) {
  return { id: server.id, name: server.name, links: links(base, 'servers', server.id) }
}

/** The answer to a create. */
export function viewAccepted(
  {
    id,
    adminPassword,
    diskConfig,
    securityGroups,
  }: {
    id: string
    adminPassword: string
    diskConfig: string
    securityGroups: readonly string[]
  },
  { base }: Viewer,
) {
  return {
    id,
    links: links(base, 'servers', id),
    'OS-DCF:diskConfig': diskConfig,
    security_groups: securityGroups.map((name) => ({ name })),
    adminPass: adminPassword,
  }
}

/** In a list of details; a single server adds its groups. */
export function viewServer(facts: ServerFacts, viewer: Viewer): Record<string, unknown> {
  const { server, devices } = facts
  const { version, caller } = viewer
  const groups = securityGroups(facts)
  return {
    ...viewCore(facts, viewer),
    key_name: server.keyName,
    config_drive: server.configDrive ? 'True' : '',
    'OS-EXT-AZ:availability_zone': server.availabilityZone ?? server.pinnedAvailabilityZone ?? '',
    'OS-EXT-STS:power_state': server.powerState,
    'OS-EXT-STS:task_state': server.taskState,
    'OS-EXT-STS:vm_state': server.vmState,
    'OS-SRV-USG:launched_at': server.launchedAt === null ? null : toMicroseconds(server.launchedAt),
    'OS-SRV-USG:terminated_at': server.terminatedAt === null ? null : toMicroseconds(server.terminatedAt),
    'os-extended-volumes:volumes_attached': devices
      .filter((device) => device.volumeId !== null)
      .map((device) => ({
        id: device.volumeId,
        ...(version >= V.rootDevice && { delete_on_termination: device.deleteOnTermination }),
      })),
    ...(groups.length > 0 && { security_groups: groups.map((name) => ({ name })) }),
    ...(caller.isAdmin && viewForAdmins(facts, version)),
    ...(version >= V.hostnameForAll && { 'OS-EXT-SRV-ATTR:hostname': server.hostname }),
    ...(version >= V.serverGroups && facts.serverGroups !== undefined && { server_groups: facts.serverGroups }),
  }
}

/** Up to 2.74 an update answers with less than a show. */
export function viewUpdated(facts: ServerFacts, viewer: Viewer): Record<string, unknown> {
  if (viewer.version >= V.wholeUpdate) return viewServer(facts, viewer)
  return {
    ...viewCore(facts, viewer),
    ...(viewer.version >= V.serverGroups && facts.serverGroups !== undefined && { server_groups: facts.serverGroups }),
  }
}

function viewCore(facts: ServerFacts, viewer: Viewer): Record<string, unknown> {
  const { server, ports } = facts
  const { version, base, caller } = viewer
  const status = statusOf(server.vmState, server.taskState)
  return {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.projectId,
    user_id: server.userId,
    metadata: server.metadata,
    hostId: hostIdOf(server),
    image: viewImage(server, viewer),
    flavor: version >= V.embeddedFlavor ? embedFlavor(server) : referFlavor(server, base),
    created: toSeconds(server.createdAt),
    updated: toSeconds(server.updatedAt),
    addresses: viewAddresses(ports),
    accessIPv4: server.accessIpV4 ?? '',
    accessIPv6: server.accessIpV6 ?? '',
    links: links(base, 'servers', server.id),
    'OS-DCF:diskConfig': server.diskConfig,
    ...(SHOWS_PROGRESS.has(status) && { progress: status === 'ACTIVE' ? 100 : 0 }),
    ...(SHOWS_FAULT.has(status) && server.fault !== null && { fault: viewFault(server.fault, caller) }),
    ...(version >= V.locked && { locked: server.lockedBy !== null }),
    ...(version >= V.description && { description: server.description }),
    ...(version >= V.tags && { tags: server.tags }),
    ...(version >= V.trustedCertificates && { trusted_image_certificates: null }),
    ...(version >= V.lockedReason && { locked_reason: server.lockedReason }),
    ...(version >= V.hostStatus && facts.hostStatus !== undefined && { host_status: facts.hostStatus }),
    ...(version >= V.pinnedZone && { pinned_availability_zone: server.pinnedAvailabilityZone }),
    ...(version >= V.schedulerHints && { scheduler_hints: server.schedulerHints }),
  }
}

const SHOWS_PROGRESS: ReadonlySet<Status> = new Set([
  'ACTIVE',
  'BUILD',
  'REBUILD',
  'RESIZE',
  'VERIFY_RESIZE',
  'MIGRATING',
])
const SHOWS_FAULT: ReadonlySet<Status> = new Set(['ERROR', 'DELETED'])

function viewForAdmins(facts: ServerFacts, version: Microversion): Record<string, unknown> {
  const { server } = facts
  return {
    'OS-EXT-SRV-ATTR:host': server.host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': server.host,
    'OS-EXT-SRV-ATTR:instance_name': instanceName(server),
    ...(version >= V.rootDevice && {
      'OS-EXT-SRV-ATTR:reservation_id': server.reservationId,
      'OS-EXT-SRV-ATTR:launch_index': server.launchIndex,
      'OS-EXT-SRV-ATTR:hostname': server.hostname,
      // Kernels and RAM disks beside the image are not offered.
      'OS-EXT-SRV-ATTR:kernel_id': '',
      'OS-EXT-SRV-ATTR:ramdisk_id': '',
      'OS-EXT-SRV-ATTR:root_device_name': server.rootDeviceName,
      'OS-EXT-SRV-ATTR:user_data': facts.userData ?? null,
    }),
  }
}

export function instanceName({ number }: Pick<Server, 'number'>): string {
  return `instance-${number.toString(16).padStart(8, '0')}`
}

/** Tells hosts apart without naming them: the same host looks different to each project. */
export function hostIdOf({ projectId, host }: Pick<Server, 'projectId' | 'host'>): string {
  return host === null ? '' : createHash('sha224').update(`${projectId}${host}`).digest('hex')
}

function viewImage(server: Server, { base, version }: Viewer): unknown {
  // Empty for a server whose root disk is a volume.
  if (server.imageId === null) return ''
  return {
    id: server.imageId,
    links: [{ rel: 'bookmark', href: `${base}/images/${server.imageId}` }],
    ...(version >= V.imageProperties && { properties: server.image?.properties ?? {} }),
  }
}

function referFlavor(server: Server, base: string) {
  return {
    id: server.flavorId,
    links: [{ rel: 'bookmark', href: `${base}/flavors/${encodeURIComponent(server.flavorId)}` }],
  }
}

function embedFlavor(server: Server) {
  return {
    vcpus: server.vcpus,
    ram: server.ramMiB,
    disk: server.rootGiB,
    ephemeral: server.ephemeralGiB,
    swap: server.swapMiB,
    original_name: server.flavorName,
    extra_specs: server.extraSpecs,
  }
}

function viewFault(fault: NonNullable<Server['fault']>, caller: Caller) {
  return {
    code: fault.code,
    created: toSeconds(new Date(fault.createdAt)),
    message: fault.message,
    // What went wrong inside is for admins; what the user got wrong is for the user.
    ...((caller.isAdmin || fault.code !== 500) && { details: fault.details }),
  }
}

/** Network name to addresses, in the order of the cards. */
export function viewAddresses(
  ports: readonly BoundPort[],
  { brief = false }: { brief?: boolean } = {},
): Record<string, { addr: string; version: number }[]> {
  const networks: Record<string, { addr: string; version: number }[]> = {}
  for (const port of ports) {
    const addresses = networks[port.networkName] ?? []
    networks[port.networkName] = addresses
    for (const { ipAddress, ipVersion } of port.fixedIps) {
      addresses.push({
        version: ipVersion,
        addr: ipAddress,
        ...(!brief && { 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': port.macAddress }),
      })
    }
  }
  return networks
}

/** Those of the ports; while no port stands, those that were asked for. */
function securityGroups({ server, ports }: ServerFacts): string[] {
  if (ports.length === 0) return server.powerState === POWER.none ? [...server.securityGroups] : []
  return [...new Set(ports.flatMap((port) => port.securityGroups.map(({ name }) => name)))]
}
