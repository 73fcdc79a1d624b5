/** Attach a volume to a standing server, running or not. */
import { isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import { closeAction } from '../instance-actions/store.ts'
import { deleteDevice, settleDevice } from '../servers/block-devices-store.ts'
import type { DiskBus } from '../servers/server.ts'
import type { VolumeDisk } from './boot-order.ts'
import { type Deed, deed } from './deed.ts'
import type { Parts } from './parts.ts'
import { connectVolume } from './volumes.ts'

export interface AttachVolume extends Deed {
  /** Its row is there already, with the ids of all that is to be made. */
  readonly volume: Pick<VolumeDisk, 'id' | 'volumeId' | 'attachmentId' | 'deviceName'> & { readonly bus: DiskBus }
}

export function defineAttachVolume(stories: Stories, parts: Parts): Story<AttachVolume> {
  return stories.define('compute.attach-volume', (order) => {
    const { serverId, storyId, host, volume } = order
    return deed(
      parts,
      'attach volume',
      order,
      async (step) => {
        const { hypervisor, connector } = parts.agents.on(host)
        const device = volume.deviceName.replace(/^\/dev\//, '')
        const connection = await step('connect volume', {
          run: () => connectVolume(parts, serverId, volume, connector),
          undo: () => parts.volumes.detach(volume.attachmentId),
        })
        await step('plug disk in', {
          run: () =>
            hypervisor.attachDisk(serverId, {
              device,
              bus: volume.bus,
              kind: 'disk',
              source: { type: 'volume', volumeId: volume.volumeId, connection },
              serial: volume.volumeId,
            }),
          undo: () => unplugDisk(parts, order, device),
        })
        await step('report attached', {
          run: async () => {
            await parts.volumes.complete(volume.attachmentId, volume.deviceName)
            await settleDevice(parts.db, volume.id)
            await closeAction(parts.db, serverId, storyId, { host })
          },
          // Its undo is that of `connect volume`: a detached volume is in use no more.
        })
      },
      () => deleteDevice(parts.db, volume.id),
    )
  })
}

/** A guest that is gone has nothing plugged in. */
export async function unplugDisk(parts: Parts, { serverId, host }: Deed, device: string): Promise<void> {
  try {
    await parts.agents.on(host).hypervisor.detachDisk(serverId, device)
  } catch (error) {
    if (!isDomainError(error, 'agent.domain.unknown')) throw error
  }
}
