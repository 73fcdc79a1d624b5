/**
 * Whether a volume may be created as asked, and what it will be: names become ids, defaults are filled in, images and
 * sources are measured. Nothing is allocated here; that is ../lifecycle/create-volume.ts.
 * Source: cinder/volume/api.py (create), cinder/volume/flows/api/create_volume.py.
 */
import { isDomainError } from '../../domain-error.ts'
import type { Caller } from '../../http/caller.ts'
import type { BootImage, Images } from '../../image/index.ts'
import { type ImageId, isUuid, type SnapshotId, type VolumeId } from '../../ids.ts'
import { newCredentials } from '../attachments/credentials.ts'
import { AVAILABILITY_ZONE } from '../backends.ts'
import { invalidInput, invalidRequest, invalidSnapshot, invalidVolume } from '../errors.ts'
import type { SnapshotRow } from '../snapshots/store.ts'
import type { TypeRow } from '../types/store.ts'
import type { Types } from '../types/types.ts'
import type { NewVolume, VolumeRow } from './store.ts'

export interface CreateOrder {
  readonly volumeId: VolumeId
  readonly projectId: string
  readonly userId: string
  readonly sizeGiB?: number | undefined
  readonly name: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly imageId?: string | undefined
  readonly sourceVolumeId?: string | undefined
  readonly snapshotId?: string | undefined
  /** Id or name. */
  readonly volumeType?: string | undefined
  readonly availabilityZone?: string | undefined
  readonly hints?: Readonly<Record<string, readonly string[]>> | undefined
}

export interface CreatePlan {
  readonly row: NewVolume
  readonly type: TypeRow
}

export interface PlanCreate {
  types: Types
  images: Images
  /** A volume that the caller may see. @throws DomainError not-found, `volume.volume.not-found` */
  getVolume(caller: Caller, id: string): Promise<VolumeRow>
  /** @throws DomainError not-found, `volume.snapshot.not-found` */
  getSnapshot(caller: Caller, id: string): Promise<SnapshotRow>
}

/** What a volume or a snapshot gives to a volume that is made of it. */
interface Source {
  readonly kind: 'volume' | 'snapshot'
  readonly id: string
  readonly sizeGiB: number
  readonly typeId: string
  readonly bootable: boolean
  readonly imageMetadata: Readonly<Record<string, string>> | null
  readonly availabilityZone?: string
}

/** What the back ends' `qemu-img` is given to read; anything else is refused by name. */
const READABLE_FORMATS = ['raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'iso']

/** Image metadata that describes the file and not what it wants of a server. */
export const BASE_IMAGE_METADATA = [
  'image_id',
  'image_name',
  'checksum',
  'container_format',
  'disk_format',
  'min_disk',
  'min_ram',
  'size',
]

/** @throws DomainError invalid or not-found, saying what does not fit */
export async function planCreate(caller: Caller, order: CreateOrder, with_: PlanCreate): Promise<CreatePlan> {
  const { types } = with_
  const image = order.imageId === undefined ? undefined : await usableImage(caller, order.imageId, with_.images)
  const source = await sourceOf(caller, order, with_)
  const named = [order.imageId, order.sourceVolumeId, order.snapshotId].filter((each) => each !== undefined)
  if (named.length > 1) {
    throw invalidInput('volume.create.two-sources', 'imageRef, source_volid and snapshot_id exclude each other.')
  }
  const sizeGiB = order.sizeGiB ?? source?.sizeGiB
  if (sizeGiB === undefined) {
    throw invalidInput(
      'volume.create.size-missing',
      'Invalid volume size provided for create request: None (size argument must be an integer (or string ' +
        'representation of an integer) and greater than zero).',
    )
  }
  if (image !== undefined) refuseTooSmallForImage(sizeGiB, image)
  if (source !== undefined && sizeGiB < source.sizeGiB) {
    throw invalidInput(
      'volume.create.smaller-than-source',
      source.kind === 'volume'
        ? `Volume size '${sizeGiB}'GB cannot be smaller than original volume size  ${source.sizeGiB}GB. They must be >= original volume size.`
        : `Volume size '${sizeGiB}'GB cannot be smaller than the snapshot size ${source.sizeGiB}GB. They must be >= original snapshot size.`,
    )
  }
  const type = await typeFor(caller, order, { image, source }, types)
  refuseSizeOfType(sizeGiB, type)
  return {
    type,
    row: {
      id: order.volumeId,
      projectId: order.projectId,
      userId: order.userId,
      name: order.name,
      description: order.description,
      sizeGiB,
      typeId: type.id,
      availabilityZone: zoneFor(order, source),
      multiattach: isMultiattach(type),
      bootable: source?.bootable ?? false,
      metadata: order.metadata,
      imageMetadata: image !== undefined ? imageMetadata(image) : (source?.imageMetadata ?? null),
      imageId: image?.id ?? null,
      sourceVolumeId: source?.kind === 'volume' ? (source.id as VolumeId) : null,
      snapshotId: source?.kind === 'snapshot' ? (source.id as SnapshotId) : null,
      schedulerHints: order.hints ?? {},
      ...newCredentials(),
    },
  }
}

export function isMultiattach(type: TypeRow): boolean {
  return /^<is>\s*true$/i.test(type.extraSpecs.multiattach ?? '')
}

async function usableImage(caller: Caller, reference: string, images: Images): Promise<BootImage> {
  const id = reference.split('/').pop() ?? ''
  const image = isUuid(id) ? await readable(() => images.forBoot(caller, id)) : undefined
  if (image === undefined) {
    throw invalidRequest(
      'volume.create.image-not-found',
      'Invalid image identifier or unable to access requested image.',
    )
  }
  if (!READABLE_FORMATS.includes(image.diskFormat)) {
    throw invalidInput(
      'volume.create.image-format',
      `Image ${image.id} has the disk format ${image.diskFormat}, of which no volume can be made.`,
    )
  }
  return image
}

async function readable(read: () => Promise<BootImage>): Promise<BootImage | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isDomainError(error, 'image.image.not-active')) {
      throw invalidInput('volume.create.image-not-active', error.message)
    }
    if (isDomainError(error) && error.reason === 'not-found') return undefined
    throw error
  }
}

const GIB = 1024 ** 3

function refuseTooSmallForImage(sizeGiB: number, image: BootImage): void {
  const neededGiB = Math.ceil(Math.max(image.virtualSizeBytes, image.diskFormat === 'raw' ? image.sizeBytes : 0) / GIB)
  if (neededGiB > sizeGiB) {
    throw invalidInput(
      'volume.create.smaller-than-image',
      `Size of specified image ${neededGiB}GB is larger than volume size ${sizeGiB}GB.`,
    )
  }
  if (image.minDiskGiB > sizeGiB) {
    throw invalidInput(
      'volume.create.smaller-than-min-disk',
      `Volume size ${sizeGiB}GB cannot be smaller than the image minDisk size ${image.minDiskGiB}GB.`,
    )
  }
}

async function sourceOf(caller: Caller, order: CreateOrder, with_: PlanCreate): Promise<Source | undefined> {
  if (order.snapshotId !== undefined) return await usableSnapshot(caller, order.snapshotId, with_)
  return order.sourceVolumeId === undefined ? undefined : await usableSource(caller, order.sourceVolumeId, with_)
}

async function usableSnapshot(caller: Caller, id: string, { getSnapshot }: PlanCreate): Promise<Source> {
  const snapshot = await getSnapshot(caller, id)
  if (snapshot.status !== 'available') {
    throw invalidSnapshot(
      'volume.create.snapshot-not-available',
      `Originating snapshot status must be one of 'available' values`,
    )
  }
  return { kind: 'snapshot', ...snapshot }
}

/** A source in use would be copied while it changes: its copy would be of no moment at all. */
async function usableSource(caller: Caller, id: string, { getVolume }: PlanCreate): Promise<Source> {
  const source = await getVolume(caller, id)
  if (source.status !== 'available') {
    throw invalidVolume(
      'volume.create.source-not-available',
      `Volume ${source.id} must be available to be the source of another, but is ${source.status}.`,
    )
  }
  return { kind: 'volume', ...source }
}

async function typeFor(
  caller: Caller,
  order: CreateOrder,
  { image, source }: { image?: BootImage | undefined; source?: Source | undefined },
  types: Types,
): Promise<TypeRow> {
  const name = order.volumeType || image?.properties.cinder_img_volume_type
  if (source === undefined) {
    return name ? await types.named(caller, name) : await types.defaultOf(order.projectId)
  }
  const type = name ? await types.named(caller, name) : undefined
  if (type !== undefined && type.id !== source.typeId) {
    throw invalidInput(
      'volume.create.type-of-source',
      `Invalid volume_type provided: ${type.id} (requested type is not compatible; either match source ${source.kind}, or omit type argument).`,
    )
  }
  return type ?? (await types.get({ ...caller, isAdmin: true }, source.typeId))
}

function refuseSizeOfType(sizeGiB: number, type: TypeRow): void {
  const min = Number(type.extraSpecs['provisioning:min_vol_size'] ?? 0)
  const max = Number(type.extraSpecs['provisioning:max_vol_size'] ?? Number.POSITIVE_INFINITY)
  if (sizeGiB < min || sizeGiB > max) {
    throw invalidInput(
      'volume.create.size-of-type',
      `Specified volume size of ${sizeGiB}GB is not between the minimum and maximum of the volume type.`,
    )
  }
}

function zoneFor(order: CreateOrder, source: Source | undefined): string {
  const zone = order.availabilityZone ?? source?.availabilityZone ?? AVAILABILITY_ZONE
  if (zone === AVAILABILITY_ZONE) return zone
  throw invalidRequest('volume.create.zone-unknown', `Availability zone '${zone}' is invalid.`)
}

/** Source: cinder/volume/volume_utils.py, what is kept of an image in `volume_image_metadata`; all texts. */
function imageMetadata(image: BootImage): Record<string, string> {
  return {
    ...image.properties,
    image_id: image.id as ImageId,
    image_name: image.name,
    checksum: image.checksum,
    container_format: image.containerFormat,
    disk_format: image.diskFormat,
    min_disk: String(image.minDiskGiB),
    min_ram: String(image.minRamMiB),
    size: String(image.sizeBytes),
  }
}
