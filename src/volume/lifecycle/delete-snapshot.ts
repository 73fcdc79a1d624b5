/** Take one snapshot away: the data, then the row. A step that fails ends in `error_deleting`. */
import { saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { SnapshotId } from '../../ids.ts'
import * as snapshots from '../snapshots/store.ts'
import { dataOf } from './create-snapshot.ts'
import type { LifecycleParts } from './parts.ts'

export type DeleteSnapshot = { readonly snapshotId: SnapshotId }

export function deleteSnapshotStory(
  stories: Stories,
  { db, backends, onStuckUndo }: LifecycleParts,
): Story<DeleteSnapshot> {
  return stories.define<DeleteSnapshot>('volume.delete-snapshot', async ({ snapshotId }) => {
    await saga(
      async (step) => {
        const backend = await step('find back end', {
          run: async () => (await snapshots.findSnapshot(db, snapshotId))?.backend ?? null,
          undo: async () => void (await snapshots.moveSnapshot(db, snapshotId, ['deleting'], 'error_deleting')),
        })
        if (backend === null) return
        // No undo: data cannot be brought back.
        await step('remove data', { run: () => backends.on(backend).remove(dataOf(snapshotId)), attempts: 3 })
        await step('forget snapshot', { run: () => snapshots.deleteSnapshot(db, snapshotId) })
      },
      { onStuckUndo: onStuckUndo('volume.delete-snapshot', snapshotId) },
    )
  })
}
