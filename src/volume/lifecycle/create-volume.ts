/**
 * Make one volume, from an accepted request to an available one. Read it downwards. If a step fails, its undo and those
 * above it run, last first, so `error` is reported last and nothing is left on a back end.
 */
import type { VolumeBackend } from '../../agent/contract.ts'
import { DomainError, isDomainError } from '../../domain-error.ts'
import type { Database } from '../../database/database.ts'
import { saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { VolumeId } from '../../ids.ts'
import type { Backends } from '../backends.ts'
import { snapshotNotFound, volumeNotFound } from '../errors.ts'
import type { Notice } from '../messages/messages.ts'
import type { PlacementWish } from '../scheduler/back-end.ts'
import { candidates, rank } from '../scheduler/scheduler.ts'
import { findSnapshot } from '../snapshots/store.ts'
import * as types from '../types/store.ts'
import { BEING_CREATED, type VolumeStatus } from '../volumes/states.ts'
import * as volumes from '../volumes/store.ts'
import { dataOf } from './create-snapshot.ts'
import type { LifecycleParts } from './parts.ts'
import { whileUnwritten } from './unwritten.ts'

export type CreateVolume = { readonly volumeId: VolumeId; readonly requestId: string | null }

/** Reserved or attached in the moment in which it was available. */
const IN_USE: readonly VolumeStatus[] = ['reserved', 'attaching', 'in-use', 'detaching']

/** An image of tens of gigabytes on a slow disk. */
const FILL_WITHIN_MS = 3_600_000

export function createVolumeStory(stories: Stories, parts: LifecycleParts): Story<CreateVolume> {
  const { db, backends } = parts

  return stories.define<CreateVolume>('volume.create-volume', async ({ volumeId, requestId }) => {
    const tellOn = <T>(notice: Pick<Notice, 'action' | 'detail'>, run: (signal: AbortSignal) => Promise<T>) =>
      telling(parts, { volumeId, requestId, ...notice }, run)

    await saga(
      async (step) => {
        await step('report creating', {
          run: async () => {},
          undo: async () => void (await volumes.move(db, volumeId, BEING_CREATED, 'error')),
        })
        const ranked = await step('rank back ends', {
          run: tellOn({ action: 'schedule', detail: 'no back end' }, async () => {
            const volume = await known(db, volumeId)
            return candidates(rank(await backends.states(), await wishOf(db, volume)))
          }),
        })
        const name = await step('allocate', {
          run: tellOn({ action: 'create', detail: 'create failed' }, async (signal) => {
            const volume = await known(db, volumeId)
            return await allocateOnFirst(db, backends, ranked, volume, signal)
          }),
          undo: async () => {
            const volume = await volumes.findVolume(db, volumeId)
            // It was whole before the last step failed, and somebody uses it: then it stays.
            if (volume !== undefined && IN_USE.includes(volume.status)) return
            for (const candidate of ranked) await backends.on(candidate).remove(volumeId)
            await volumes.placeOn(db, volumeId, null)
          },
          withinMs: FILL_WITHIN_MS,
        })
        await step('fill from image', {
          // Its undo is allocate's: what was written goes with the volume.
          run: tellOn({ action: 'copy image', detail: 'create failed' }, async (signal) => {
            const volume = await known(db, volumeId)
            if (volume.imageId === null) return
            await volumes.move(db, volumeId, ['creating'], 'downloading')
            const format = volume.imageMetadata?.disk_format ?? 'raw'
            await backends.on(name).writeImage(volumeId, { id: volume.imageId, format }, signal)
          }),
          withinMs: FILL_WITHIN_MS,
        })
        await step('report available', {
          run: async () => {
            if (!(await volumes.becameAvailable(db, volumeId))) throw deletedMeanwhile()
          },
          undo: async () => void (await volumes.move(db, volumeId, ['available'], 'creating')),
          attempts: 3,
        })
      },
      {
        abandoned: async () => !BEING_CREATED.includes((await known(db, volumeId)).status),
        onStuckUndo: parts.onStuckUndo('volume.create-volume', volumeId),
      },
    )
  })
}

/** @throws DomainError not-found, where a forced delete was faster */
async function known(db: Database, volumeId: VolumeId): Promise<volumes.VolumeRow> {
  const volume = await volumes.findVolume(db, volumeId)
  if (volume === undefined) throw volumeNotFound(volumeId)
  return volume
}

const deletedMeanwhile = () =>
  new DomainError('conflict', 'durable.saga.abandoned', 'The volume was deleted while it was made.')

async function wishOf(db: Database, volume: volumes.VolumeRow): Promise<PlacementWish> {
  const type = await types.findType(db, volume.typeId, {})
  const backendsOf = async (ids: readonly string[] = []) =>
    (await volumes.findVolumes(db, ids)).flatMap((other) => other.backend ?? [])
  return {
    sizeGiB: volume.sizeGiB,
    availabilityZone: volume.availabilityZone,
    extraSpecs: type?.extraSpecs ?? {},
    sameAs: await backendsOf(volume.schedulerHints.same_host),
    differentFrom: await backendsOf(volume.schedulerHints.different_host),
    ...(await pinOf(db, volume)),
  }
}

/** A copy is made where its source is. */
async function pinOf(db: Database, { sourceVolumeId, snapshotId }: volumes.VolumeRow): Promise<{ pinnedTo?: string }> {
  if (snapshotId !== null) {
    const snapshot = await findSnapshot(db, snapshotId)
    if (snapshot === undefined) throw snapshotNotFound(snapshotId)
    return { pinnedTo: snapshot.backend }
  }
  return sourceVolumeId === null ? {} : { pinnedTo: (await known(db, sourceVolumeId)).backend ?? '' }
}

/**
 * On the best back end that does not fail; one that does is left clean. The row says where before anything is done
 * there, so that a repeated step goes on where it was.
 */
async function allocateOnFirst(
  db: Database,
  backends: Backends,
  ranked: readonly string[],
  volume: volumes.VolumeRow,
  signal: AbortSignal,
): Promise<string> {
  const begun = volume.backend === null ? 0 : Math.max(0, ranked.indexOf(volume.backend))
  let failure: unknown
  for (const name of ranked.slice(begun)) {
    const backend = backends.on(name)
    await volumes.placeOn(db, volume.id, name)
    try {
      await allocate(db, backend, volume)
      signal.throwIfAborted()
      return name
    } catch (error) {
      failure = error
      await backend.remove(volume.id)
    }
  }
  throw failure
}

async function allocate(db: Database, backend: VolumeBackend, volume: volumes.VolumeRow): Promise<void> {
  const { id, sizeGiB, sourceVolumeId, snapshotId } = volume
  if (snapshotId !== null) await backend.copy(dataOf(snapshotId), id, sizeGiB)
  else if (sourceVolumeId === null) await backend.create(id, sizeGiB)
  else await whileUnwritten(db, sourceVolumeId, () => backend.copy(sourceVolumeId, id, sizeGiB))
}

/** A failure is told to the user whose request it was, and goes on. */
function telling<T>(
  { db, messages, log }: LifecycleParts,
  { volumeId, requestId, action, detail }: Omit<Notice, 'projectId' | 'reason'>,
  run: (signal: AbortSignal) => Promise<T>,
): (signal: AbortSignal) => Promise<T> {
  return async (signal) => {
    try {
      return await run(signal)
    } catch (error) {
      const volume = await volumes.findVolume(db, volumeId)
      log.warn({ err: error, volume: volumeId, action }, 'volume was not made')
      if (volume !== undefined) {
        const reason = isDomainError(error) ? { reason: error.message } : {}
        await messages.tell({ projectId: volume.projectId, requestId, volumeId, action, detail, ...reason })
      }
      throw error
    }
  }
}
