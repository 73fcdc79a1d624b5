/**
 * Make one volume larger, attached or not. The room was granted with the request. A back end cannot take growth back,
 * so a failed one ends in `error_extending` with the old size on record and the data untouched.
 */
import { isDomainError } from '../../domain-error.ts'
import { saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { ServerId, VolumeId } from '../../ids.ts'
import * as volumes from '../volumes/store.ts'
import type { LifecycleParts } from './parts.ts'

export type ExtendVolume = {
  readonly volumeId: VolumeId
  readonly sizeGiB: number
  readonly requestId: string | null
}

export type Growth = { readonly volumeId: VolumeId; readonly serverId: ServerId; readonly sizeGiB: number }

export function extendVolumeStory(
  stories: Stories,
  { db, backends, messages, log, onStuckUndo }: LifecycleParts,
  announce: (growth: Growth) => Promise<void>,
): Story<ExtendVolume> {
  return stories.define<ExtendVolume>('volume.extend-volume', async ({ volumeId, sizeGiB, requestId }) => {
    const tell = async (detail: 'extend failed' | 'compute failed to extend', error: unknown) => {
      const volume = await volumes.findVolume(db, volumeId)
      log.warn({ err: error, volume: volumeId }, 'volume was not extended')
      if (volume === undefined) return
      const reason = isDomainError(error) ? { reason: error.message } : {}
      await messages.tell({ projectId: volume.projectId, requestId, volumeId, action: 'extend', detail, ...reason })
    }

    await saga(
      async (step) => {
        await step('grow on back end', {
          run: async () => {
            try {
              const volume = await volumes.findVolume(db, volumeId)
              if (volume?.backend != null) await backends.on(volume.backend).extend(volumeId, sizeGiB)
            } catch (error) {
              await tell('extend failed', error)
              throw error
            }
          },
          undo: () => volumes.failExtending(db, volumeId),
        })
        // No undos from here: the volume has grown, whatever comes.
        await step('report new size', { run: () => volumes.finishExtending(db, volumeId) })
        await step('tell servers', {
          run: async () => {
            const volume = await volumes.findVolume(db, volumeId)
            for (const { serverId, status } of volume?.attachments ?? []) {
              if (serverId === null || status !== 'attached') continue
              try {
                await announce({ volumeId, serverId: serverId as ServerId, sizeGiB })
              } catch (error) {
                // The guest sees the new size at its next start.
                await tell('compute failed to extend', error)
              }
            }
          },
        })
      },
      { onStuckUndo: onStuckUndo('volume.extend-volume', volumeId) },
    )
  })
}
