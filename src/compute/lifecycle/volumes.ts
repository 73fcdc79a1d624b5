/** What stories do with a server's volumes. Each may be repeated, and each undo may find nothing. */
import type { Connector, VolumeConnection } from '../../agent/contract.ts'
import type { Transaction } from '../../database/database.ts'
import { isDomainError } from '../../domain-error.ts'
import type { AttachmentId, ServerId, VolumeId } from '../../ids.ts'
import { volumeNotUsable } from '../errors.ts'
import { devicesOf } from '../servers/block-devices-store.ts'
import { enterTask } from '../servers/store.ts'
import type { BootOrder, VolumeDisk } from './boot-order.ts'
import type { Parts } from './parts.ts'

/** Volumes that the boot makes, of an image or empty: there and available when this resolves. */
export async function makeVolumes(parts: Parts, order: BootOrder): Promise<void> {
  await enterTask(parts.db, order.serverId, 'block_device_mapping')
  await Promise.all(
    order.volumes
      .filter((volume) => volume.made)
      .map((volume) =>
        parts.volumes.ensureVolume({
          volumeId: volume.volumeId,
          projectId: order.projectId,
          userId: order.userId,
          sizeGiB: volume.sizeGiB!,
          // Upstream leaves volumes of an image without a name.
          name: volume.imageId === null ? `${order.serverId}-blank-vol` : '',
          ...(volume.imageId !== null && { imageId: volume.imageId }),
          ...(volume.volumeType !== null && { volumeType: volume.volumeType }),
        }),
      ),
  )
}

export async function removeMadeVolumes(parts: Parts, order: BootOrder): Promise<void> {
  for (const volume of order.volumes) if (volume.made) await parts.volumes.remove(volume.volumeId)
}

/**
 * Set aside before the answer, with the rows of the request: of two that ask for one volume, the second is refused at once.
 * @throws DomainError invalid `compute.server.volume-not-usable`
 */
export async function reserveVolume(
  parts: Pick<Parts, 'volumes'>,
  tx: Transaction,
  { serverId, volumeId, attachmentId }: { serverId: ServerId; volumeId: VolumeId; attachmentId: AttachmentId },
): Promise<void> {
  try {
    await parts.volumes.reserve({ attachmentId, volumeId, serverId, mode: 'rw' }, tx)
  } catch (error) {
    if (isDomainError(error, 'volume.volume.not-available')) throw volumeNotUsable(error.message)
    throw error
  }
}

/** Of a boot that never came to connecting them. */
export async function releaseVolumes(parts: Parts, serverId: ServerId): Promise<void> {
  for (const { attachmentId } of await devicesOf(parts.db, [serverId])) {
    if (attachmentId !== null) await parts.volumes.detach(attachmentId)
  }
}

/** By block device id. */
export async function connectVolumes(
  parts: Parts,
  order: BootOrder,
  connector: Connector,
): Promise<Record<string, VolumeConnection>> {
  await enterTask(parts.db, order.serverId, 'block_device_mapping')
  const connected: Record<string, VolumeConnection> = {}
  for (const volume of order.volumes) {
    connected[volume.id] = await connectVolume(parts, order.serverId, volume, connector)
  }
  return connected
}

export async function connectVolume(
  parts: Parts,
  serverId: ServerId,
  { attachmentId, volumeId }: Pick<VolumeDisk, 'attachmentId' | 'volumeId'>,
  connector: Connector,
): Promise<VolumeConnection> {
  await parts.volumes.reserve({ attachmentId, volumeId, serverId, mode: 'rw' })
  return await parts.volumes.connect(attachmentId, connector)
}

export async function disconnectVolumes(parts: Parts, order: Pick<BootOrder, 'volumes'>): Promise<void> {
  for (const volume of order.volumes) await parts.volumes.detach(volume.attachmentId)
}

export async function volumesInUse(parts: Parts, order: Pick<BootOrder, 'volumes'>): Promise<void> {
  for (const volume of order.volumes) await parts.volumes.complete(volume.attachmentId, volume.deviceName)
}

/** Those that go with their server. */
export async function removeVolumes(parts: Parts, ids: readonly VolumeId[]): Promise<void> {
  for (const id of ids) await parts.volumes.remove(id)
}
