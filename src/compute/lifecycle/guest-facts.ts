/** What a guest may know of itself, from its row, its disks and the ports that are bound. */
import type { ServerId } from '../../ids.ts'
import type { GuestFacts, TaggedDevice } from '../../metadata/index.ts'
import type { BoundPort } from '../../network/index.ts'
import { devicesOf } from '../servers/block-devices-store.ts'
import type { BlockDevice, ServerRecord } from '../servers/server.ts'
import { findRecord } from '../servers/store.ts'
import type { Parts } from './parts.ts'

/** Undefined for a server that is not, or no more. */
export async function guestFacts(
  parts: Pick<Parts, 'db' | 'network'>,
  serverId: ServerId,
): Promise<GuestFacts | undefined> {
  const [record, devices, ports] = await Promise.all([
    findRecord(parts.db, serverId),
    devicesOf(parts.db, [serverId]),
    parts.network.portsOf([serverId]),
  ])
  if (record === undefined || record.deletedAt !== null) return undefined
  return factsOf(record, devices, ports.get(serverId) ?? [])
}

/** Pure. */
export function factsOf(
  record: ServerRecord,
  devices: readonly BlockDevice[],
  ports: readonly BoundPort[],
): GuestFacts {
  return {
    serverId: record.id,
    number: record.number,
    name: record.name,
    hostname: record.hostname,
    projectId: record.projectId,
    availabilityZone: record.availabilityZone ?? '',
    launchIndex: record.launchIndex,
    reservationId: record.reservationId,
    flavorName: record.flavorName,
    ...(record.imageId !== null && { imageId: record.imageId }),
    meta: record.metadata,
    publicKeys:
      record.publicKey === null
        ? []
        : [{ name: record.keyName!, type: record.keyType ?? 'ssh', data: record.publicKey }],
    ...(record.userData !== null && { userDataBase64: record.userData }),
    ...(record.adminPassword !== null && { adminPassword: record.adminPassword }),
    files: record.files,
    securityGroups: groupNames(record, ports),
    ports,
    devices: taggedDevices(devices, ports),
    blockDevices: blockDevices(record, devices),
    vendorData: {},
    randomSeed: record.randomSeed,
  }
}

function groupNames(record: ServerRecord, ports: readonly BoundPort[]): string[] {
  const ofPorts = [...new Set(ports.flatMap((port) => port.securityGroups.map(({ name }) => name)))]
  return ofPorts.length > 0 ? ofPorts : [...record.securityGroups]
}

/** Virtio disks and cards sit on the PCI bus; the others are named after their own. */
function taggedDevices(devices: readonly BlockDevice[], ports: readonly BoundPort[]): TaggedDevice[] {
  const disks = devices
    .filter((device) => device.tag !== null)
    .map((device) => ({
      type: 'disk' as const,
      tags: [device.tag!],
      bus: device.bus === 'virtio' ? 'pci' : device.bus,
      path: device.deviceName,
      ...(device.volumeId !== null && { serial: device.volumeId }),
    }))
  const cards = ports
    .filter((port) => port.tag !== undefined)
    .map((port) => ({ type: 'nic' as const, tags: [port.tag!], bus: 'pci', mac: port.macAddress }))
  return [...cards, ...disks]
}

/** Source: nova/block_device.py, instance_block_mapping. */
function blockDevices(record: ServerRecord, devices: readonly BlockDevice[]): Record<string, string> {
  const root = record.rootDeviceName ?? '/dev/vda'
  const mapping: Record<string, string> = { ami: root.replace(/^\/dev\//, ''), root }
  let ebs = 0
  let ephemeral = 0
  for (const device of devices) {
    if (device.destinationType === 'volume') mapping[`ebs${ebs++}`] = device.deviceName
    else if (device.guestFormat === 'swap') mapping.swap = device.deviceName
    else if (device.sourceType === 'blank') mapping[`ephemeral${ephemeral++}`] = device.deviceName
  }
  return mapping
}
