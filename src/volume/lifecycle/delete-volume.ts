/**
 * Take one volume away: first the door, then the data, then the row. A step that fails ends in `error_deleting`, from
 * where the delete may be asked for again; what is gone by then stays gone.
 */
import { saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { VolumeId } from '../../ids.ts'
import { snapshotsOf } from '../snapshots/store.ts'
import * as volumes from '../volumes/store.ts'
import { dataOf } from './create-snapshot.ts'
import type { LifecycleParts } from './parts.ts'

export type DeleteVolume = { readonly volumeId: VolumeId }

const REMOVE_WITHIN_MS = 600_000

export function deleteVolumeStory(
  stories: Stories,
  { db, backends, onStuckUndo }: LifecycleParts,
): Story<DeleteVolume> {
  return stories.define<DeleteVolume>('volume.delete-volume', async ({ volumeId }) => {
    await saga(
      async (step) => {
        const place = await step('find back end', {
          run: async () => {
            const volume = await volumes.findVolume(db, volumeId)
            return volume === undefined ? null : { backend: volume.backend, targetNumber: volume.targetNumber }
          },
          undo: async () => void (await volumes.move(db, volumeId, ['deleting'], 'error_deleting')),
        })
        if (place === null) return
        const { backend, targetNumber } = place
        if (backend !== null) {
          // No undo: nobody was connected, and who connects again gets a new export.
          await step('remove export', {
            run: () => backends.on(backend).removeExport(volumeId, targetNumber),
            attempts: 3,
          })
          // No undo: data cannot be brought back. Half gone is `error_deleting`.
          await step('remove snapshots', {
            run: async () => {
              for (const { id, backend: place } of await snapshotsOf(db, volumeId))
                await backends.on(place).remove(dataOf(id))
            },
            attempts: 3,
            withinMs: REMOVE_WITHIN_MS,
          })
          // No undo, likewise.
          await step('remove data', {
            run: () => backends.on(backend).remove(volumeId),
            attempts: 3,
            withinMs: REMOVE_WITHIN_MS,
          })
        }
        await step('forget volume', { run: () => db.begin((tx) => volumes.deleteVolume(tx, volumeId)) })
      },
      { onStuckUndo: onStuckUndo('volume.delete-volume', volumeId) },
    )
  })
}
