/** The SQL of a server's disks. */
import type { Sql, Transaction } from '../../database/database.ts'
import type { ServerId, StoryId, VolumeId } from '../../ids.ts'
import type { BlockDevice } from './server.ts'

export type NewBlockDevice = BlockDevice

const columns = (sql: Sql) => sql`
  id, server_id, source_type, destination_type, image_id, volume_id, made, size_gib as "sizeGiB", volume_type,
  boot_index, device_name, bus, device_type, guest_format, delete_on_termination, tag, attachment_id, story_id`

export async function insertDevices(tx: Transaction, devices: readonly NewBlockDevice[]): Promise<void> {
  if (devices.length === 0) return
  await tx`
    insert into compute.block_devices ${tx(
      devices.map((device) => ({
        id: device.id,
        server_id: device.serverId,
        source_type: device.sourceType,
        destination_type: device.destinationType,
        image_id: device.imageId,
        volume_id: device.volumeId,
        made: device.made,
        size_gib: device.sizeGiB,
        volume_type: device.volumeType,
        boot_index: device.bootIndex,
        device_name: device.deviceName,
        bus: device.bus,
        device_type: device.deviceType,
        guest_format: device.guestFormat,
        delete_on_termination: device.deleteOnTermination,
        tag: device.tag,
        attachment_id: device.attachmentId,
        story_id: device.storyId,
      })),
    )}`
}

/** Of several servers, in the order in which they were plugged in: the root disk first. */
export async function devicesOf(sql: Sql, servers: readonly ServerId[]): Promise<BlockDevice[]> {
  return await sql<BlockDevice[]>`
    select ${columns(sql)} from compute.block_devices
     where server_id = any(${servers as readonly string[] as string[]})
     order by boot_index = 0 desc nulls last, created_at, length(device_name), device_name`
}

export async function findDevice(sql: Sql, id: string): Promise<BlockDevice | undefined> {
  const [found] = await sql<BlockDevice[]>`select ${columns(sql)} from compute.block_devices where id = ${id}`
  return found
}

/** A story takes charge of a device; false when another one has it. */
export async function takeDevice(tx: Transaction, id: string, storyId: StoryId): Promise<boolean> {
  const taken = await tx`
    update compute.block_devices set story_id = ${storyId} where id = ${id} and story_id is null`
  return taken.count > 0
}

/** Its story is over and the device stays. */
export async function settleDevice(sql: Sql, id: string): Promise<void> {
  await sql`update compute.block_devices set story_id = null where id = ${id}`
}

export async function deleteDevice(sql: Sql, id: string): Promise<void> {
  await sql`delete from compute.block_devices where id = ${id}`
}

/** A boot that failed keeps the record of its local disks only: the volumes are free again. */
export async function deleteVolumeDevices(sql: Sql, server: ServerId): Promise<void> {
  await sql`delete from compute.block_devices where server_id = ${server} and destination_type = 'volume'`
}

export async function setDeleteOnTermination(sql: Sql, id: string, value: boolean): Promise<void> {
  await sql`update compute.block_devices set delete_on_termination = ${value} where id = ${id}`
}

export async function deviceOfVolume(sql: Sql, server: ServerId, volume: VolumeId): Promise<BlockDevice | undefined> {
  const [found] = await sql<BlockDevice[]>`
    select ${columns(sql)} from compute.block_devices where server_id = ${server} and volume_id = ${volume}`
  return found
}
