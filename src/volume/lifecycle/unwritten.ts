/** Copies are taken of volumes that nobody writes to. Nothing keeps a user from attaching one meanwhile, so it is asked afterwards. */
import { DomainError } from '../../domain-error.ts'
import type { Sql } from '../../database/database.ts'
import { initiatorsOf } from '../attachments/store.ts'
import { volumeNotFound } from '../errors.ts'
import { findVolume } from '../volumes/store.ts'

/**
 * Runs `copy`, and fails when somebody was connected to the volume while it ran. An account that has changed tells of
 * one who came and went.
 * @throws DomainError conflict, `volume.copy.source-in-use`
 */
export async function whileUnwritten(sql: Sql, volumeId: string, copy: () => Promise<void>): Promise<void> {
  const before = await accountOfUnused(sql, volumeId)
  await copy()
  if ((await accountOfUnused(sql, volumeId)) !== before) throw inUse(volumeId)
}

async function accountOfUnused(sql: Sql, volumeId: string): Promise<string> {
  const [volume, initiators] = await Promise.all([findVolume(sql, volumeId), initiatorsOf(sql, volumeId)])
  if (volume === undefined) throw volumeNotFound(volumeId)
  if (initiators.length > 0) throw inUse(volumeId)
  return volume.authUsername
}

const inUse = (volumeId: string) =>
  new DomainError('conflict', 'volume.copy.source-in-use', `Volume ${volumeId} was attached while it was copied.`)
