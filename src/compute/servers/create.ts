/**
 * Creating servers: everything that can be refused is refused here, names become ids, and the rows are committed together
 * with the requests to boot. What happens then is lifecycle/boot-server.ts.
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { Stories, Story } from '../../durable/stories.ts'
import { isDomainError } from '../../domain-error.ts'
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { type AttachmentId, isUuid, newId, type ServerId, type StoryId, type VolumeId } from '../../ids.ts'
import type { BootImage } from '../../image/index.ts'
import type { NicPlan, NicWish } from '../../network/index.ts'
import type { VolumeFacts } from '../../volume/index.ts'
import {
  asInvalid,
  badField,
  badMapping,
  fieldNotOffered,
  flavorTooSmall,
  imageNotUsable,
  limitExceeded,
  noSuchHost,
  noSuchImage,
  noSuchKeypair,
  noSuchZone,
  volumeNotUsable,
} from '../errors.ts'
import type { Flavor, Flavors } from '../flavors/flavors.ts'
import { type Hosts, zonesOf } from '../hosts/hosts.ts'
import { openActions } from '../instance-actions/store.ts'
import type { Keypair, Keypairs } from '../keypairs/keypairs.ts'
import type { BootServer } from '../lifecycle/boot-server.ts'
import { serversIn } from '../lifecycle/rank-hosts.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { reserveVolume } from '../lifecycle/volumes.ts'
import { COMPUTE_POLICIES } from '../policies.ts'
import type { Limits, Quotas } from '../quotas/quotas.ts'
import { insertDevices, type NewBlockDevice } from './block-devices-store.ts'
import { type Mapping, type PlannedDisk, planDisks } from './disk-plan.ts'
import { hostnameOf } from './hostname.ts'
import type { ImageSnapshot, InjectedFile } from './server.ts'
import { insertServers, type NewServer } from './store.ts'

/** A create in the newest shape, whatever microversion asked. */
export interface ServerWish {
  readonly name: string
  readonly imageRef?: string
  readonly flavorRef: string
  readonly adminPass?: string
  readonly metadata: Readonly<Record<string, string>>
  readonly networks: NicWish['networks']
  readonly securityGroups: readonly string[]
  readonly diskConfig?: 'AUTO' | 'MANUAL'
  readonly accessIpV4?: string
  readonly accessIpV6?: string
  readonly files: readonly InjectedFile[]
  /** `zone`, or of admins `zone:host` and `zone:host:node`. */
  readonly availabilityZone?: string
  readonly mappings: readonly Mapping[]
  readonly configDrive: boolean
  readonly keyName?: string
  readonly minCount: number
  readonly maxCount: number
  readonly userData?: string
  readonly description?: string | null
  readonly tags: readonly string[]
  readonly host?: string
  readonly hostname?: string
  readonly hints: Readonly<Record<string, unknown>>
}

export interface CreatedServers {
  readonly reservationId: string
  readonly ids: readonly ServerId[]
  readonly adminPassword: string
  readonly diskConfig: 'AUTO' | 'MANUAL'
}

export interface CreateParts extends Pick<Parts, 'images' | 'network' | 'volumes' | 'hosts' | 'groups'> {
  readonly stories: Stories
  readonly bootServer: Story<BootServer>
  readonly flavors: Flavors
  readonly keypairs: Keypairs
  readonly quotas: Quotas
}

/** Hints that upstream's optional filters read, and that none here does. */
const HINTS_NOT_OFFERED = ['query', 'target_cell', 'different_cell', 'build_near_host_ip', 'cidr']

/** @throws DomainError what the request got wrong; nothing is left behind then */
export async function createServers(parts: CreateParts, caller: Caller, wish: ServerWish): Promise<CreatedServers> {
  const count = countOf(wish)
  checkNics(wish, count)
  for (const hint of HINTS_NOT_OFFERED) {
    if (wish.hints[hint] !== undefined) throw fieldNotOffered(`The scheduler hint ${hint}`)
  }
  const zone = await zoneOf(parts.hosts, caller, wish)
  const [flavor, limits, image, keypair] = await Promise.all([
    flavorForBoot(parts, caller, wish.flavorRef),
    parts.quotas.limits(caller.projectId, caller.userId),
    wish.imageRef === undefined ? undefined : imageForBoot(parts, caller, wish.imageRef),
    wish.keyName === undefined ? undefined : keypairForBoot(parts, caller, wish.keyName),
  ])
  checkLimits(wish, limits)
  const groupId = await groupOf(parts, caller, wish)

  const disks = planDisks(image?.id, wish.mappings, flavor, image?.properties.hw_disk_bus)
  const root = disks.find((disk) => disk.bootIndex === 0)!
  const volumes = await volumesOf(parts, caller, disks, count)
  const bootImage = await bootImageOf(parts, caller, root, image, volumes)
  checkSizes(flavor, root, bootImage, volumes, caller)
  checkHardware(bootImage?.properties ?? {})
  await checkVolumesToMake(parts, caller, disks)

  const nics = await planNics(parts, caller, wish, count)
  const reservationId = `r-${randomText(8, 'abcdefghijklmnopqrstuvwxyz0123456789')}`
  const adminPassword = wish.adminPass ?? randomText(12)
  const diskConfig = wish.diskConfig ?? (bootImage?.properties.auto_disk_config === 'true' ? 'AUTO' : 'MANUAL')
  const servers = nics.map((plan, index): NewServer => {
    const id = newId<ServerId>()
    const suffix = count > 1 ? `-${index + 1}` : ''
    const name = `${wish.name}${suffix}`
    return {
      id,
      projectId: caller.projectId!,
      userId: caller.userId,
      name,
      hostname: wish.hostname === undefined ? hostnameOf(name, id) : `${wish.hostname}${suffix}`,
      description: wish.description ?? null,
      storyId: newId<StoryId>(),
      pinnedAvailabilityZone: zone.zone,
      requestedHost: zone.host,
      // One id, so that members of a group can be found by it.
      schedulerHints: groupId === undefined ? wish.hints : { ...wish.hints, group: groupId },
      flavorId: flavor.id,
      flavorName: flavor.name,
      vcpus: flavor.vcpus,
      ramMiB: flavor.ramMiB,
      rootGiB: flavor.rootGiB,
      ephemeralGiB: flavor.ephemeralGiB,
      swapMiB: flavor.swapMiB,
      extraSpecs: flavor.extraSpecs,
      imageId: root.destinationType === 'local' ? root.imageId : null,
      image: bootImage ?? null,
      rootDeviceName: root.deviceName,
      keyName: keypair?.name ?? null,
      keyType: keypair?.type ?? null,
      publicKey: keypair?.publicKey ?? null,
      userData: wish.userData?.replace(/\s/g, '') ?? null,
      files: wish.files,
      adminPassword,
      configDrive: wish.configDrive || bootImage?.properties.img_config_drive === 'mandatory',
      metadata: wish.metadata,
      tags: [...new Set(wish.tags)],
      nics: plan,
      securityGroups: wish.securityGroups.length > 0 ? [...new Set(wish.securityGroups)] : ['default'],
      accessIpV4: wish.accessIpV4 ?? null,
      accessIpV6: wish.accessIpV6 ?? null,
      diskConfig,
      reservationId,
      launchIndex: index,
      randomSeed: randomBytes(512).toString('base64'),
    }
  })

  const ids = await parts.stories.commit(async (tx, ask) => {
    const fit = await parts.quotas.roomForServers(tx, {
      projectId: caller.projectId!,
      userId: caller.userId,
      min: wish.minCount,
      max: count,
      vcpus: flavor.vcpus,
      ramMiB: flavor.ramMiB,
    })
    if (groupId !== undefined) await parts.groups.roomForMembers(tx, groupId, fit)
    const made = servers.slice(0, fit)
    const begun = made.map(({ id, storyId }) => ({ serverId: id, storyId }))
    const devices = made.flatMap((server) => disks.map((disk) => newDevice(server.id, disk)))
    // Sent together, done in this order.
    await Promise.all([
      insertServers(tx, made),
      insertDevices(tx, devices),
      openActions(tx, 'create', caller, begun),
      ...begun.map((boot) => ask(parts.bootServer, boot.storyId, boot)),
    ])
    for (const { serverId, volumeId, attachmentId, made } of devices) {
      if (volumeId !== null && !made)
        await reserveVolume(parts, tx, { serverId, volumeId, attachmentId: attachmentId! })
    }
    return made.map(({ id }) => id)
  })
  return { reservationId, ids, adminPassword, diskConfig }
}

// --- What is refused, in the order in which it is looked at -------------------------------------------------------

function countOf({ minCount, maxCount }: ServerWish): number {
  if (minCount > maxCount) throw badField('min_count must be <= max_count')
  return maxCount
}

function checkNics({ networks }: ServerWish, count: number): void {
  if (typeof networks === 'string') return
  for (const { networkId, portId, fixedIp } of networks) {
    if (networkId === undefined && portId === undefined) throw badField("Bad network format: missing 'uuid'")
    if (portId === undefined && !isUuid(networkId!)) {
      throw badField(`Bad networks format: network uuid is not in proper format (${networkId})`)
    }
    if (portId !== undefined && fixedIp !== undefined) {
      throw badField(
        `Specified Fixed IP '${fixedIp}' cannot be used with port '${portId}': the two cannot be specified together.`,
      )
    }
    if (count > 1 && portId !== undefined) {
      throw badField(
        'Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
      )
    }
    if (count > 1 && fixedIp !== undefined) {
      throw badField('max_count cannot be greater than 1 if an fixed_ip is specified.')
    }
  }
}

/** Of `zone`, `zone:host`, `zone:host:node` and the fields of 2.74. A host of the short form skips the filters. */
async function zoneOf(
  hosts: Hosts,
  caller: Caller,
  { availabilityZone, host }: ServerWish,
): Promise<{ zone: string | null; host: string | null }> {
  const [zone, forced, node, ...rest] = availabilityZone?.split(':') ?? []
  if (rest.length > 0) throw badField('Invalid availability_zone: expected zone, zone:host or zone:host:node')
  const forcedHost = forced || node || undefined
  if (forcedHost !== undefined) {
    authorize(COMPUTE_POLICIES, 'os_compute_api:servers:create:forced_host', caller)
    if (host !== undefined) throw badField('Forced host in availability_zone and host are mutually exclusive.')
    if ((await hosts.find(forcedHost)) === undefined) throw noSuchHost(forcedHost)
    // With a host named, upstream takes the zone for what it is: a way to say the host.
    return { zone: null, host: `=${forcedHost}` }
  }
  if (host !== undefined) {
    authorize(COMPUTE_POLICIES, 'compute:servers:create:requested_destination', caller)
    if ((await hosts.find(host)) === undefined) throw noSuchHost(host)
  }
  if (zone && zonesOf(await hosts.list()).get(zone)?.available !== true) throw noSuchZone()
  return { zone: zone || null, host: host ?? null }
}

/** Of the hints: the servers that they name are ids, the group is one of the caller's. */
async function groupOf({ groups }: CreateParts, caller: Caller, { hints }: ServerWish): Promise<string | undefined> {
  for (const id of [...serversIn(hints.same_host), ...serversIn(hints.different_host)]) {
    if (!isUuid(id)) throw badField(`Scheduler hint: ${id.slice(0, 64)} is not the id of a server`)
  }
  const [group, ...more] = serversIn(hints.group)
  if (more.length > 0) throw badField('A server is in one server group at most.')
  if (group !== undefined) await asInvalid(() => groups.get(caller, group))
  return group
}

async function flavorForBoot({ flavors }: CreateParts, caller: Caller, id: string): Promise<Flavor> {
  return await asInvalid(() => flavors.get(caller, id))
}

async function keypairForBoot({ keypairs }: CreateParts, caller: Caller, name: string): Promise<Keypair> {
  const found = await keypairs.find(caller.userId, name)
  if (found === undefined) throw noSuchKeypair()
  return found
}

async function imageForBoot({ images }: CreateParts, caller: Caller, id: string): Promise<BootImage> {
  try {
    return await images.forBoot(caller, id)
  } catch (error) {
    if (!isDomainError(error)) throw error
    throw error.reason === 'not-found' ? noSuchImage(id) : imageNotUsable(error.message)
  }
}

function checkLimits({ metadata, files }: ServerWish, limits: Limits): void {
  const over = (message: string) => {
    throw limitExceeded(message)
  }
  const unlimited = (limit: number) => limit < 0
  const items = Object.keys(metadata).length
  if (!unlimited(limits.metadata_items) && items > limits.metadata_items) {
    over(`Maximum number of metadata items exceeds ${limits.metadata_items}`)
  }
  if (!unlimited(limits.injected_files) && files.length > limits.injected_files) {
    over('Personality file limit exceeded')
  }
  for (const { path, contentsBase64 } of files) {
    if (!unlimited(limits.injected_file_path_bytes) && Buffer.byteLength(path) > limits.injected_file_path_bytes) {
      over('Personality file path exceeds maximum')
    }
    const bytes = Buffer.from(contentsBase64, 'base64').byteLength
    if (!unlimited(limits.injected_file_content_bytes) && bytes > limits.injected_file_content_bytes) {
      over('Personality file content exceeds maximum')
    }
  }
}

/** Volumes that the request names, looked at: they stand, are free and the caller may use them. */
async function volumesOf(
  { volumes }: CreateParts,
  caller: Caller,
  disks: readonly PlannedDisk[],
  count: number,
): Promise<ReadonlyMap<VolumeId, VolumeFacts>> {
  const found = new Map<VolumeId, VolumeFacts>()
  for (const { volumeId } of disks) {
    if (volumeId === null) continue
    if (found.has(volumeId)) throw badMapping(`volume ${volumeId} is named twice.`)
    authorize(COMPUTE_POLICIES, 'os_compute_api:servers:create:attach_volume', caller)
    const volume = await asInvalid(() => volumes.get(caller, volumeId), badMapping)
    if (volume.status !== 'available' && !(volume.multiattach && volume.status === 'in-use')) {
      throw volumeNotUsable(`volume ${volumeId} status must be 'available', but it is '${volume.status}'`)
    }
    if (count > 1 && !volume.multiattach)
      throw volumeNotUsable(`volume ${volumeId} cannot be attached to several servers`)
    found.set(volumeId, volume)
  }
  return found
}

/**
 * What the server boots from, as far as an image says anything of it. An image that is named beside a volume to boot
 * from speaks for the volume: then that need not be known to be bootable (nova's get_bdm_image_metadata, unasked).
 */
async function bootImageOf(
  parts: CreateParts,
  caller: Caller,
  root: PlannedDisk,
  image: BootImage | undefined,
  volumes: ReadonlyMap<VolumeId, VolumeFacts>,
): Promise<ImageSnapshot | undefined> {
  if (root.sourceType === 'volume') {
    const volume = volumes.get(root.volumeId!)!
    if (image === undefined && !volume.bootable) throw badMapping(`Block Device ${volume.id} is not bootable.`)
    const properties = image?.properties ?? volume.imageProperties
    return { name: '', diskFormat: 'raw', sizeBytes: 0, virtualSizeBytes: 0, minDiskGiB: 0, minRamMiB: 0, properties }
  }
  const found = image?.id === root.imageId ? image! : await imageForBoot(parts, caller, root.imageId!)
  const { name, sha512, diskFormat, sizeBytes, virtualSizeBytes, minDiskGiB, minRamMiB, properties } = found
  return { name, sha512, diskFormat, sizeBytes, virtualSizeBytes, minDiskGiB, minRamMiB, properties }
}

const GIB = 2 ** 30

function checkSizes(
  flavor: Flavor,
  root: PlannedDisk,
  image: ImageSnapshot | undefined,
  volumes: ReadonlyMap<VolumeId, VolumeFacts>,
  caller: Caller,
): void {
  if (image === undefined) return
  if (flavor.ramMiB < image.minRamMiB) throw flavorTooSmall("Flavor's memory is too small for requested image.")
  const volumeGiB = root.sizeGiB ?? (root.volumeId === null ? undefined : volumes.get(root.volumeId)?.sizeGiB)
  if (root.destinationType === 'volume') {
    if (volumeGiB !== undefined && volumeGiB < image.minDiskGiB) {
      throw flavorTooSmall(
        `Volume is smaller than the minimum size specified in image metadata. Volume size is ${volumeGiB * GIB} bytes, minimum size is ${image.minDiskGiB * GIB} bytes.`,
      )
    }
    if (volumeGiB !== undefined && root.sourceType === 'image' && volumeGiB * GIB < image.virtualSizeBytes) {
      throw flavorTooSmall(
        `Volume is too small for the image: it has ${volumeGiB} GiB, the image needs ${Math.ceil(image.virtualSizeBytes / GIB)} GiB.`,
      )
    }
    return
  }
  // A flavor without a root size takes the image's; only admins may let a user's image decide how much they take.
  if (flavor.rootGiB === 0) {
    authorize(COMPUTE_POLICIES, 'os_compute_api:servers:create:zero_disk_flavor', caller)
    return
  }
  if (image.minDiskGiB > flavor.rootGiB) {
    throw flavorTooSmall(
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${flavor.rootGiB * GIB} bytes, minimum size is ${image.minDiskGiB * GIB} bytes.`,
    )
  }
  if (Math.max(image.virtualSizeBytes, image.sizeBytes) > flavor.rootGiB * GIB) {
    throw flavorTooSmall(
      `Flavor's disk is too small for requested image. Flavor disk is ${flavor.rootGiB * GIB} bytes, image is ${Math.max(image.virtualSizeBytes, image.sizeBytes)} bytes.`,
    )
  }
}

const VIF_MODELS = ['virtio', 'e1000', 'e1000e', 'rtl8139', 'ne2k_pci', 'pcnet', 'vmxnet3']

/** What an image asks of the machine, as far as it is known to be impossible. */
function checkHardware(properties: Readonly<Record<string, string>>): void {
  const model = properties.hw_vif_model
  if (model !== undefined && !VIF_MODELS.includes(model)) throw fieldNotOffered(`hw_vif_model=${model.slice(0, 32)}`)
  const cdrom = properties.hw_cdrom_bus
  if (cdrom !== undefined && !['ide', 'scsi', 'sata'].includes(cdrom)) {
    throw fieldNotOffered(`hw_cdrom_bus=${cdrom.slice(0, 32)}`)
  }
}

async function checkVolumesToMake(
  { volumes }: CreateParts,
  caller: Caller,
  disks: readonly PlannedDisk[],
): Promise<void> {
  // Each as if it were made alone: several that run over together end the boot of the last ones.
  for (const disk of disks.filter(({ made }) => made)) {
    await asInvalid(
      () =>
        volumes.checkCreate(caller, {
          projectId: caller.projectId!,
          userId: caller.userId,
          sizeGiB: disk.sizeGiB!,
          name: '',
          ...(disk.imageId !== null && { imageId: disk.imageId }),
          ...(disk.volumeType !== null && { volumeType: disk.volumeType }),
        }),
      badMapping,
    )
  }
}

/** The ids of ports, one list a server. */
async function planNics(
  { network }: CreateParts,
  caller: Caller,
  wish: ServerWish,
  count: number,
): Promise<readonly (readonly NicPlan[])[]> {
  const order: NicWish = { networks: wish.networks, securityGroups: [...new Set(wish.securityGroups)] }
  const plans: (readonly NicPlan[])[] = []
  for (let server = 0; server < count; server++) {
    // A network that is not there is a mistake in the request, not a missing page.
    plans.push(await asInvalid(() => network.plan(caller, order)))
  }
  return plans
}

// --- Small things -------------------------------------------------------------------------------------------------

function newDevice(serverId: ServerId, disk: PlannedDisk): NewBlockDevice {
  return {
    ...disk,
    id: newId(),
    serverId,
    volumeId: disk.destinationType === 'volume' ? (disk.volumeId ?? newId<VolumeId>()) : null,
    attachmentId: disk.destinationType === 'volume' ? newId<AttachmentId>() : null,
    storyId: null,
  }
}

/** Letters and digits that nobody mistakes for others. Source: nova/utils.py, DEFAULT_PASSWORD_SYMBOLS */
const READABLE = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

function randomText(length: number, alphabet = READABLE): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}
