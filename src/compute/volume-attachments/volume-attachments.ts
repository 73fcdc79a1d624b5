/** Volumes of standing servers: which there are, attaching one, detaching one. */
import { violatedConstraint } from '../../database/database.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import { type AttachmentId, isUuid, newId, type VolumeId } from '../../ids.ts'
import { noSuchVolume, attachmentBusy, badField, deviceTaken, noVolumeAttachment, volumeNotUsable } from '../errors.ts'
import type { AttachVolume } from '../lifecycle/attach-volume.ts'
import { begin } from '../lifecycle/deed.ts'
import type { DetachVolume } from '../lifecycle/detach-volume.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { devicesOf, insertDevices, setDeleteOnTermination, takeDevice } from '../servers/block-devices-store.ts'
import { reserveVolume } from '../lifecycle/volumes.ts'
import { deviceNameOn, freeDeviceName } from '../servers/disk-plan.ts'
import type { BlockDevice, DiskBus, Server } from '../servers/server.ts'

export interface VolumeAttachments {
  list(server: Server): Promise<readonly BlockDevice[]>
  /** @throws DomainError not-found `compute.volume-attachment.not-found` */
  get(server: Server, volumeId: string): Promise<BlockDevice>
  /** Goes on by itself; answers the device that it will be. */
  attach(caller: Caller, server: Server, wish: AttachWish): Promise<BlockDevice>
  detach(caller: Caller, server: Server, volumeId: string): Promise<void>
  setDeleteOnTermination(device: BlockDevice, value: boolean): Promise<void>
}

export interface AttachWish {
  readonly volumeId: string
  readonly device?: string | null
  readonly tag?: string
  readonly deleteOnTermination: boolean
  /** A volume may be on several servers: asked for since 2.60. */
  readonly multiattach: boolean
}

export function openVolumeAttachments(
  stories: Stories,
  { db, volumes }: Pick<Parts, 'db' | 'volumes'>,
  { attachVolume, detachVolume }: { attachVolume: Story<AttachVolume>; detachVolume: Story<DetachVolume> },
): VolumeAttachments {
  const list = async (server: Server) => (await devicesOf(db, [server.id])).filter((device) => device.volumeId !== null)
  const get = async (server: Server, volumeId: string) => {
    const found = (await list(server)).find((device) => device.volumeId === volumeId)
    if (found === undefined) throw noVolumeAttachment(volumeId, server.id)
    return found
  }

  return {
    list,
    get,

    async attach(caller, server, wish) {
      const volume = await volumes.get(caller, wish.volumeId)
      if (!isFree(volume.status, volume.multiattach)) {
        throw volumeNotUsable(
          `volume ${volume.id} status must be available or downloading, but it is '${volume.status}'`,
        )
      }
      if (volume.multiattach && !wish.multiattach) {
        throw badField('Multiattach volumes are only supported starting with compute API version 2.60.')
      }
      const bus = (server.image?.properties.hw_disk_bus ?? 'virtio') as DiskBus
      let device: BlockDevice | undefined
      try {
        await begin(stories, caller, server.id, {
          move: 'attach volume',
          word: 'attach_volume',
          action: 'attach_volume',
          story: attachVolume,
          more: async (locked, tx, storyId) => {
            const taken = new Set((await devicesOf(tx, [locked.id])).map(({ deviceName }) => deviceName))
            const wished = deviceNameOn(bus, wish.device)
            const attachmentId = newId<AttachmentId>()
            if (wished !== undefined && taken.has(wished)) throw deviceTaken(wished)
            device = {
              id: newId(),
              serverId: locked.id,
              sourceType: 'volume',
              destinationType: 'volume',
              imageId: null,
              volumeId: volume.id,
              made: false,
              sizeGiB: volume.sizeGiB,
              volumeType: null,
              bootIndex: null,
              deviceName: wished ?? freeDeviceName(bus, taken),
              bus,
              deviceType: 'disk',
              guestFormat: null,
              deleteOnTermination: wish.deleteOnTermination,
              tag: wish.tag ?? null,
              attachmentId,
              storyId,
            }
            await insertDevices(tx, [device])
            const { id, deviceName } = device
            await reserveVolume({ volumes }, tx, { serverId: locked.id, volumeId: volume.id, attachmentId })
            return { volume: { id, volumeId: volume.id, attachmentId, deviceName, bus } }
          },
        })
      } catch (error) {
        if (violatedConstraint(error) === 'block_devices_once') {
          throw volumeNotUsable(`volume ${volume.id} is already attached to this server, or on its way`)
        }
        throw error
      }
      return device!
    },

    async detach(caller, server, volumeId) {
      if (!isUuid(volumeId)) throw noSuchVolume(volumeId)
      const found = await get(server, volumeId)
      if (found.bootIndex === 0) throw badField('Cannot detach a root device volume')
      await begin(stories, caller, server.id, {
        move: 'detach volume',
        word: 'detach_volume',
        action: 'detach_volume',
        story: detachVolume,
        more: async (_locked, tx, storyId) => {
          if (!(await takeDevice(tx, found.id, storyId))) throw attachmentBusy(volumeId)
          const { id, deviceName, attachmentId } = found
          return { volume: { id, volumeId: volumeId as VolumeId, attachmentId: attachmentId!, deviceName } }
        },
      })
    },

    setDeleteOnTermination: (device, value) => setDeleteOnTermination(db, device.id, value),
  }
}

function isFree(status: string, multiattach: boolean): boolean {
  return status === 'available' || status === 'downloading' || (multiattach && status === 'in-use')
}
