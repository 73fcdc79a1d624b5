/**
 * Which disks a server gets: the image, `block_device_mapping_v2` and the flavor's ephemeral and swap disks come to one
 * list, each with a name on its bus. Pure: volumes and images were looked up before.
 * Source: nova/block_device.py (from_api), nova/compute/api.py (_validate_bdm), nova/virt/libvirt/blockinfo.py
 */
import type { ImageId, VolumeId } from '../../ids.ts'
import { badMapping, deviceTaken, fieldNotOffered, noDeviceLeft } from '../errors.ts'
import type { BlockDevice, DiskBus } from './server.ts'

/** One entry of `block_device_mapping_v2`, checked by its schema, numbers as numbers. */
export interface Mapping {
  readonly sourceType: 'image' | 'volume' | 'blank' | 'snapshot'
  readonly destinationType: 'local' | 'volume'
  /** Of the image or the volume. */
  readonly uuid?: string
  readonly bootIndex?: number | null
  readonly volumeSizeGiB?: number
  readonly volumeType?: string
  readonly deleteOnTermination?: boolean
  readonly deviceName?: string
  readonly deviceType?: string
  readonly diskBus?: string
  readonly guestFormat?: string
  readonly tag?: string
}

export interface FlavorDisks {
  readonly ephemeralGiB: number
  readonly swapMiB: number
}

/** A disk before it has ids. `volumeId` is that of a volume which stands; those to be made have none yet. */
export type PlannedDisk = Omit<BlockDevice, 'id' | 'serverId' | 'attachmentId' | 'storyId'>

/** Upstream's option max_local_block_devices. */
const MAX_LOCAL = 3
const BUSES: readonly string[] = ['virtio', 'scsi', 'ide', 'sata', 'usb']

/**
 * @param imageId of the request; undefined where it names none
 * @param diskBus the image's `hw_disk_bus`
 * @throws DomainError `compute.block-device.invalid` and its like
 */
export function planDisks(
  imageId: ImageId | undefined,
  mappings: readonly Mapping[],
  flavor: FlavorDisks,
  diskBus: string | undefined,
): readonly PlannedDisk[] {
  if (diskBus !== undefined && !BUSES.includes(diskBus)) throw fieldNotOffered(`The disk bus ${diskBus}`)
  const given = mappings.length > 0 ? mappings : rootOf(imageId)
  given.forEach(checkMapping)
  checkBootSequence(given)
  checkLocal(given, imageId, flavor)
  const names = new DeviceNames(given)
  // The root disk is named first, so that it is the first of its bus.
  const inOrder = [...given].sort((a, b) => Number(b.bootIndex === 0) - Number(a.bootIndex === 0))
  const disks = inOrder.map((mapping) => plan(mapping, (diskBus ?? 'virtio') as DiskBus, names))
  return [...disks, ...flavorsOwn(given, flavor, (diskBus ?? 'virtio') as DiskBus, names)]
}

function rootOf(imageId: ImageId | undefined): readonly Mapping[] {
  if (imageId === undefined) throw badMapping('a server boots from an image or from a volume, and none is given.')
  return [{ sourceType: 'image', destinationType: 'local', uuid: imageId, bootIndex: 0, deleteOnTermination: true }]
}

function checkMapping(mapping: Mapping): void {
  const { sourceType, destinationType, uuid, deviceType, diskBus } = mapping
  if (sourceType === 'snapshot') throw fieldNotOffered('A block device from a volume snapshot')
  if (sourceType !== 'blank' && uuid === undefined) throw badMapping(`a mapping from ${sourceType} needs its uuid.`)
  if (sourceType === 'blank' && uuid !== undefined) throw badMapping('a blank disk has no uuid.')
  if (sourceType === 'volume' && destinationType === 'local') throw badMapping('a volume cannot become a local disk.')
  if (sourceType === 'image' && destinationType === 'local' && mapping.bootIndex !== 0) {
    throw badMapping('Mapping image to local is not supported.')
  }
  if (destinationType === 'volume' && sourceType !== 'volume' && mapping.volumeSizeGiB === undefined) {
    throw badMapping(
      sourceType === 'image'
        ? "Images with destination_type 'volume' need to have a non-zero size specified"
        : 'Blank volumes (source: "blank", dest: "volume") need to have non-zero size',
    )
  }
  if (mapping.volumeType !== undefined && (destinationType === 'local' || sourceType === 'volume')) {
    throw badMapping('volume_type is for volumes that are to be made.')
  }
  if (deviceType !== undefined && deviceType !== 'disk' && deviceType !== 'cdrom') {
    throw fieldNotOffered(`The device type ${deviceType.slice(0, 32)}`)
  }
  if (diskBus !== undefined && !BUSES.includes(diskBus)) throw fieldNotOffered(`The disk bus ${diskBus.slice(0, 32)}`)
}

/** Numbers count from 0 without a gap, and there is something to boot from. */
function checkBootSequence(mappings: readonly Mapping[]): void {
  const indexes = mappings
    .map(({ bootIndex }) => bootIndex)
    .filter((index) => index !== undefined && index !== null && index >= 0)
    .sort((a, b) => a! - b!)
  if (indexes.length === 0 || indexes.some((index, at) => index !== at)) {
    throw badMapping('Boot sequence for the instance and image/block device mapping combination is not valid.')
  }
}

function checkLocal(mappings: readonly Mapping[], imageId: ImageId | undefined, flavor: FlavorDisks): void {
  const root = mappings.find(({ bootIndex }) => bootIndex === 0)!
  if (root.sourceType === 'image' && root.destinationType === 'local' && root.uuid !== imageId) {
    throw badMapping('the image to boot from is not the image of the request.')
  }
  if (root.sourceType === 'blank') throw badMapping('a blank disk cannot be booted from.')
  const local = mappings.filter(({ destinationType }) => destinationType === 'local')
  if (local.length > MAX_LOCAL) {
    throw badMapping(`You specified more local devices than the limit allows (${MAX_LOCAL}).`)
  }
  const swaps = local.filter(isSwap)
  if (swaps.length > 1) throw badMapping('More than one swap drive requested.')
  if (swaps.some((swap) => (swap.volumeSizeGiB ?? 0) * 1024 > flavor.swapMiB)) {
    throw badMapping('Swap drive requested is larger than instance type allows.')
  }
  const ephemerals = local.filter((mapping) => mapping.sourceType === 'blank' && !isSwap(mapping))
  const asked = ephemerals.reduce((sum, { volumeSizeGiB }) => sum + (volumeSizeGiB ?? flavor.ephemeralGiB), 0)
  if (asked > flavor.ephemeralGiB) {
    throw badMapping('Ephemeral disks requested are larger than the instance type allows.')
  }
}

const isSwap = ({ sourceType, guestFormat }: Mapping) => sourceType === 'blank' && guestFormat === 'swap'

function plan(mapping: Mapping, imagesBus: DiskBus, names: DeviceNames): PlannedDisk {
  const { sourceType, destinationType } = mapping
  const deviceType = mapping.deviceType === 'cdrom' ? 'cdrom' : 'disk'
  const bus = (mapping.diskBus ?? (deviceType === 'cdrom' ? 'ide' : imagesBus)) as DiskBus
  return {
    sourceType: sourceType as PlannedDisk['sourceType'],
    destinationType,
    imageId: sourceType === 'image' ? (mapping.uuid as ImageId) : null,
    volumeId: sourceType === 'volume' ? (mapping.uuid as VolumeId) : null,
    made: destinationType === 'volume' && sourceType !== 'volume',
    sizeGiB: mapping.volumeSizeGiB ?? null,
    volumeType: mapping.volumeType ?? null,
    bootIndex: mapping.bootIndex ?? null,
    deviceName: names.take(mapping.deviceName, bus),
    bus,
    deviceType,
    guestFormat: mapping.guestFormat ?? null,
    // A local disk goes with its server in any case.
    deleteOnTermination: destinationType === 'local' || (mapping.deleteOnTermination ?? false),
    tag: mapping.tag ?? null,
  }
}

/** The flavor's ephemeral and swap disks, where the request does not divide them up itself. */
function flavorsOwn(
  mappings: readonly Mapping[],
  flavor: FlavorDisks,
  bus: DiskBus,
  names: DeviceNames,
): readonly PlannedDisk[] {
  const blank = mappings.filter(
    ({ sourceType, destinationType }) => sourceType === 'blank' && destinationType === 'local',
  )
  const own: Mapping[] = []
  if (flavor.ephemeralGiB > 0 && !blank.some((mapping) => !isSwap(mapping))) {
    own.push({ sourceType: 'blank', destinationType: 'local', volumeSizeGiB: flavor.ephemeralGiB })
  }
  if (flavor.swapMiB > 0 && !blank.some(isSwap)) {
    own.push({ sourceType: 'blank', destinationType: 'local', guestFormat: 'swap' })
  }
  return own.map((mapping) => plan({ ...mapping, bootIndex: -1 }, bus, names))
}

/** Of the bus's letter: `vda` for virtio, `hda` for IDE, `sda` for the others. */
export function devicePrefix(bus: DiskBus): string {
  return bus === 'virtio' ? 'vd' : bus === 'ide' ? 'hd' : 'sd'
}

/** The first free name on a bus. @throws DomainError `compute.block-device.none-left` */
export function freeDeviceName(bus: DiskBus, taken: ReadonlySet<string>): string {
  // The last of IDE and SCSI is the config drive's.
  const letters = bus === 'ide' ? 'abc' : bus === 'virtio' ? 'abcdefghijklmnopqrstuvwxyz' : 'abcdefghijklmnopqrstuvwxy'
  for (const letter of letters) {
    const name = `/dev/${devicePrefix(bus)}${letter}`
    if (!taken.has(name)) return name
  }
  throw noDeviceLeft()
}

/**
 * `/dev/vdb` of `vdb` or `/dev/vdb`; undefined for a name that is none of the bus's: the hypervisor picks then, as
 * upstream does.
 */
export function deviceNameOn(bus: DiskBus, wish: string | undefined | null): string | undefined {
  const name = wish?.replace(/^\/dev\//, '')
  return name !== undefined && new RegExp(`^${devicePrefix(bus)}[a-y]$`).test(name) ? `/dev/${name}` : undefined
}

class DeviceNames {
  readonly #taken = new Set<string>()
  readonly #wished = new Set<string>()

  constructor(mappings: readonly Mapping[]) {
    for (const { deviceName } of mappings) {
      if (deviceName === undefined) continue
      const name = `/dev/${deviceName.replace(/^\/dev\//, '')}`
      if (this.#wished.has(name)) throw deviceTaken(name)
      this.#wished.add(name)
    }
  }

  take(wish: string | undefined, bus: DiskBus): string {
    const name = deviceNameOn(bus, wish) ?? freeDeviceName(bus, new Set([...this.#taken, ...this.#wished]))
    this.#taken.add(name)
    return name
  }
}
