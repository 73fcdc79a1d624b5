/**
 * Everything that a server needs of its host and its neighbours, read once from its row. Plain JSON: a story writes it
 * down with its first step, so that what users change meanwhile does not reach a boot under way.
 */
import type { DiskSpec } from '../../agent/contract.ts'
import type { Sql } from '../../database/database.ts'
import type { AttachmentId, ImageId, ServerId, VolumeId } from '../../ids.ts'
import type { BindOrder } from '../../network/index.ts'
import type { ClaimOrder } from '../../placement/index.ts'
import { noServer } from '../errors.ts'
import { type Demand, demandOf } from '../scheduler/index.ts'
import { devicesOf } from '../servers/block-devices-store.ts'
import type { BlockDevice, DiskBus, ServerRecord } from '../servers/server.ts'
import { findRecord } from '../servers/store.ts'

export interface BootOrder {
  readonly serverId: ServerId
  readonly name: string
  readonly projectId: string
  readonly userId: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly demand: Demand
  readonly wish: PlacementWish
  /** All but the host. */
  readonly claim: Omit<ClaimOrder, 'providerId'>
  readonly ports: Omit<BindOrder, 'host' | 'availabilityZone'>
  /** Disks in the order of the guest: the one to boot from first. */
  readonly disks: readonly DiskOrder[]
  readonly localDisks: readonly LocalDisk[]
  readonly volumes: readonly VolumeDisk[]
  readonly configDrive: boolean
  readonly configDriveDisk: Pick<DiskSpec, 'device' | 'bus'>
  /** Of the image (`hw_*`). */
  readonly hardware: Readonly<Record<string, string>>
  readonly vifModel: string
}

/** Where it may go. */
export interface PlacementWish {
  readonly availabilityZone: string | null
  /** `host` of 2.74, or of `zone:host:node`. */
  readonly host: string | null
  readonly forced: boolean
  readonly hints: Readonly<Record<string, unknown>>
  readonly extraSpecs: Readonly<Record<string, string>>
  readonly imageProperties: Readonly<Record<string, string>>
}

export interface DiskOrder {
  /** The block device's id. */
  readonly id: string
  /** `vda` */
  readonly device: string
  readonly bus: DiskBus
  readonly kind: 'disk' | 'cdrom'
  readonly bootIndex: number | null
  readonly serial: string | null
}

export interface LocalDisk {
  readonly id: string
  readonly kind: 'root' | 'ephemeral' | 'swap'
  /** Unique in the server: the file's name. */
  readonly name: string
  readonly sizeMiB: number
  readonly image: LocalImage | null
}

export interface LocalImage {
  readonly id: ImageId
  readonly sha512: string | undefined
  readonly format: string
  readonly sizeBytes: number
}

export interface VolumeDisk {
  readonly id: string
  readonly volumeId: VolumeId
  readonly attachmentId: AttachmentId
  readonly deviceName: string
  readonly made: boolean
  readonly sizeGiB: number | null
  readonly volumeType: string | null
  readonly imageId: ImageId | null
  readonly deleteOnTermination: boolean
}

/** @throws DomainError `compute.server.not-found` */
export async function bootOrder(sql: Sql, serverId: ServerId): Promise<BootOrder> {
  const [record, devices] = await Promise.all([findRecord(sql, serverId), devicesOf(sql, [serverId])])
  if (record === undefined) throw noServer(serverId)
  return orderOf(record, devices)
}

/** Pure. */
export function orderOf(record: ServerRecord, devices: readonly BlockDevice[]): BootOrder {
  const hardware = Object.fromEntries(
    Object.entries(record.image?.properties ?? {}).filter(([key]) => key.startsWith('hw_')),
  )
  const demand = demandOf({
    vcpus: record.vcpus,
    ramMiB: record.ramMiB,
    rootGiB: record.rootGiB,
    ephemeralGiB: record.ephemeralGiB,
    swapMiB: record.swapMiB,
    extraSpecs: record.extraSpecs,
    imageProperties: record.image?.properties ?? {},
    bootsFromVolume: record.imageId === null,
  })
  const { id: serverId, projectId, userId } = record
  return {
    serverId,
    name: record.name,
    projectId,
    userId,
    vcpus: record.vcpus,
    ramMiB: record.ramMiB,
    demand,
    wish: {
      availabilityZone: record.pinnedAvailabilityZone,
      host: record.requestedHost?.replace(/^=/, '') ?? null,
      forced: record.requestedHost?.startsWith('=') ?? false,
      hints: record.schedulerHints,
      extraSpecs: record.extraSpecs,
      imageProperties: record.image?.properties ?? {},
    },
    claim: { consumerId: serverId, resources: demand.resources, projectId, userId, consumerType: 'INSTANCE' },
    ports: { serverId, serverName: record.name, hostname: record.hostname, projectId, userId, nics: record.nics },
    disks: devices.map((device) => ({
      id: device.id,
      device: device.deviceName.replace(/^\/dev\//, ''),
      bus: device.bus,
      kind: device.deviceType,
      bootIndex: device.bootIndex,
      serial: device.volumeId,
    })),
    localDisks: devices
      .filter((device) => device.destinationType === 'local')
      .map((device) => localDisk(record, device)),
    volumes: devices.filter((device) => device.destinationType === 'volume').map(volumeDisk),
    configDrive: record.configDrive,
    configDriveDisk: configDriveDisk(hardware),
    hardware,
    vifModel: hardware.hw_vif_model ?? 'virtio',
  }
}

function localDisk(record: ServerRecord, device: BlockDevice): LocalDisk {
  if (device.sourceType === 'image') {
    const { sha512, diskFormat: format, sizeBytes } = record.image!
    return {
      id: device.id,
      kind: 'root',
      name: 'root',
      // A flavor without a root size takes the image's own.
      sizeMiB: (record.rootGiB || Math.max(1, Math.ceil(record.image!.virtualSizeBytes / 2 ** 30))) * 1024,
      image: { id: device.imageId!, sha512, format, sizeBytes },
    }
  }
  const isSwap = device.guestFormat === 'swap'
  return {
    id: device.id,
    kind: isSwap ? 'swap' : 'ephemeral',
    name: device.deviceName.replace(/^\/dev\//, isSwap ? 'swap-' : 'ephemeral-'),
    sizeMiB: isSwap ? record.swapMiB : (device.sizeGiB ?? 0) * 1024,
    image: null,
  }
}

export function volumeDisk(device: BlockDevice): VolumeDisk {
  return {
    id: device.id,
    volumeId: device.volumeId!,
    attachmentId: device.attachmentId!,
    deviceName: device.deviceName,
    made: device.made,
    sizeGiB: device.sizeGiB,
    volumeType: device.volumeType,
    imageId: device.imageId,
    deleteOnTermination: device.deleteOnTermination,
  }
}

/** IDE where the machine has it: a kernel without AHCI sees no SATA drive. q35 has no IDE. Last of its bus. */
function configDriveDisk(hardware: Readonly<Record<string, string>>): Pick<DiskSpec, 'device' | 'bus'> {
  const asked = hardware.hw_cdrom_bus
  if (asked === 'scsi' || (asked === undefined && hardware.hw_machine_type?.includes('q35'))) {
    return { device: 'sdz', bus: 'scsi' }
  }
  if (asked === 'sata') return { device: 'sdz', bus: 'sata' }
  return { device: 'hdd', bus: 'ide' }
}
