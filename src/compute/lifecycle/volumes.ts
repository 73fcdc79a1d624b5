/** What stories do with a server's volumes. Each may be repeated, and each undo may find nothing. */
import type { Connector, VolumeConnection } from '../../agent/contract.ts'
import type { ServerId, VolumeId } from '../../ids.ts'
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
