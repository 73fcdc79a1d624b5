/** Copy one volume as it is now, beside it on the same back end. If a step fails, the copy goes and the snapshot is in error. */
import { DomainError } from '../../domain-error.ts'
import { saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { SnapshotId, VolumeId } from '../../ids.ts'
import { snapshotNotFound } from '../errors.ts'
import * as snapshots from '../snapshots/store.ts'
import type { LifecycleParts } from './parts.ts'
import { whileUnwritten } from './unwritten.ts'

export type CreateSnapshot = { readonly snapshotId: SnapshotId }

const COPY_WITHIN_MS = 3_600_000

/** To a back end a snapshot is a volume like others, under the snapshot's id. */
export const dataOf = (snapshotId: SnapshotId) => snapshotId as string as VolumeId

export function createSnapshotStory(
  stories: Stories,
  { db, backends, log, onStuckUndo }: LifecycleParts,
): Story<CreateSnapshot> {
  const known = async (id: SnapshotId) => {
    const snapshot = await snapshots.findSnapshot(db, id)
    if (snapshot === undefined) throw snapshotNotFound(id)
    return snapshot
  }

  return stories.define<CreateSnapshot>('volume.create-snapshot', async ({ snapshotId }) => {
    await saga(
      async (step) => {
        const { volumeId, backend, sizeGiB } = await step('find volume', {
          run: async () => {
            const { volumeId, backend, sizeGiB } = await known(snapshotId)
            return { volumeId, backend, sizeGiB }
          },
          undo: async () => void (await snapshots.moveSnapshot(db, snapshotId, ['creating'], 'error')),
        })
        await step('copy data', {
          run: async () => {
            try {
              const copy = () => backends.on(backend).copy(volumeId, dataOf(snapshotId), sizeGiB)
              await whileUnwritten(db, volumeId, copy)
            } catch (error) {
              log.warn({ err: error, snapshot: snapshotId, volume: volumeId }, 'snapshot was not made')
              throw error
            }
          },
          undo: () => backends.on(backend).remove(dataOf(snapshotId)),
          withinMs: COPY_WITHIN_MS,
        })
        await step('report snapshot available', {
          run: async () => {
            if (!(await snapshots.moveSnapshot(db, snapshotId, ['creating', 'available'], 'available', '100%'))) {
              throw new DomainError('conflict', 'durable.saga.abandoned', 'The snapshot was deleted while it was made.')
            }
          },
          undo: async () => void (await snapshots.moveSnapshot(db, snapshotId, ['available'], 'creating', '0%')),
          attempts: 3,
        })
      },
      {
        abandoned: async () => (await known(snapshotId)).status !== 'creating',
        onStuckUndo: onStuckUndo('volume.create-snapshot', snapshotId),
      },
    )
  })
}
