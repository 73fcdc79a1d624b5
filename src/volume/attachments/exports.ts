/**
 * Exports follow from the tables: a volume is exported to everybody who is connected to it, and not at all when nobody
 * is. Each change is made under the volume's lock, so that one who leaves cannot close the door on one who enters.
 */
import type { ExportOrder } from '../../agent/contract.ts'
import type { Sql } from '../../database/database.ts'
import type { Backends } from '../backends.ts'
import { invalidVolume } from '../errors.ts'
import type { VolumeRow } from '../volumes/store.ts'
import { newCredentials } from './credentials.ts'
import * as store from './store.ts'

/** Runs in a transaction that holds the volume's lock. Repeating it changes nothing. */
export async function settleExport(
  tx: Sql,
  volume: VolumeRow,
  backends: Backends,
): Promise<store.Endpoint | undefined> {
  const initiators = await store.initiatorsOf(tx, volume.id)
  if (volume.backend === null) {
    if (initiators.length === 0) return undefined
    throw invalidVolume('volume.volume.not-allocated', `Volume ${volume.id} is not on a back end yet.`)
  }
  const backend = backends.on(volume.backend)
  if (initiators.length > 0) return await backend.ensureExport(exportOrder(volume, initiators))
  await backend.removeExport(volume.id, volume.targetNumber)
  await store.setCredentials(tx, volume.id, newCredentials())
  return undefined
}

function exportOrder(volume: VolumeRow, initiators: readonly string[]): ExportOrder {
  return {
    volumeId: volume.id,
    targetNumber: volume.targetNumber,
    initiators,
    authUsername: volume.authUsername,
    authPassword: volume.authPassword,
  }
}
