/** Detach a volume from a standing server: the guest lets go first, then the export goes. */
import type { Stories, Story } from '../../durable/stories.ts'
import { closeAction } from '../instance-actions/store.ts'
import { deleteDevice, settleDevice } from '../servers/block-devices-store.ts'
import { unplugDisk } from './attach-volume.ts'
import type { VolumeDisk } from './boot-order.ts'
import { type Deed, deed } from './deed.ts'
import type { Parts } from './parts.ts'

export interface DetachVolume extends Deed {
  readonly volume: Pick<VolumeDisk, 'id' | 'volumeId' | 'attachmentId' | 'deviceName'>
}

/** A busy guest may need some rounds of asking. */
const UNPLUG_WITHIN_MS = 5 * 60_000

export function defineDetachVolume(stories: Stories, parts: Parts): Story<DetachVolume> {
  return stories.define('compute.detach-volume', (order) => {
    const { serverId, storyId, host, volume } = order
    return deed(
      parts,
      'detach volume',
      order,
      async (step) => {
        await step('begin detaching', {
          run: async () => {
            if (await isStillAttached(parts, order)) await parts.volumes.beginDetaching(volume.volumeId)
          },
          undo: () => parts.volumes.rollDetaching(volume.volumeId),
        })
        // Nothing is plugged in again when a later step fails: the volume counts as in use, and a second detach goes on.
        await step('unplug disk', {
          run: () => unplugDisk(parts, order, volume.deviceName.replace(/^\/dev\//, '')),
          withinMs: UNPLUG_WITHIN_MS,
        })
        await step('disconnect volume', { run: () => parts.volumes.detach(volume.attachmentId), attempts: 3 })
        await step('report detached', {
          run: async () => {
            await deleteDevice(parts.db, volume.id)
            await closeAction(parts.db, serverId, storyId, { host })
          },
        })
      },
      () => settleDevice(parts.db, volume.id),
    )
  })
}

/** An earlier detach may have come as far as that. */
async function isStillAttached({ volumes }: Parts, { volume }: DetachVolume): Promise<boolean> {
  const found = (await volumes.find([volume.volumeId])).get(volume.volumeId)
  return found?.attachments.some(({ attachmentId }) => attachmentId === volume.attachmentId) ?? false
}
