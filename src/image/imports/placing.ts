/** One store of an import or a copy: bringing the bytes there, and taking them back. */
import type { Sql } from '../../database/database.ts'
import { isDomainError } from '../../domain-error.ts'
import { goneWhileUploading } from '../errors.ts'
import type { Target } from '../stores/stores.ts'
import type { ImportTools } from './import-image.ts'
import { reportProgress } from './progress.ts'
import * as store from './store.ts'

interface Place {
  readonly where: string
  readonly target: Target
  readonly taskId: string
}

interface Bringing extends Place {
  readonly from: string
  readonly signal: AbortSignal
  /** Whether the story goes on without this store. */
  readonly mayFail: boolean
  /** In the transaction in which the store has the bytes. */
  readonly onKept?: (tx: Sql) => Promise<void>
}

/** Repeating it changes nothing. @returns whether the store has the bytes now */
export async function bringTo(
  { db, stores }: ImportTools,
  { where, target, taskId, from, signal, mayFail, onKept }: Bringing,
): Promise<boolean> {
  try {
    if (await store.isIn(db, target.imageId, taskId, where)) return true
    await using progress = reportProgress({ db, taskId, imageId: target.imageId, signal })
    await stores.prepare(where, from, target, { signal: progress.signal, onCopied: progress.at })
    await db.begin(async (tx) => {
      if (!(await store.lockImport(tx, target.imageId, taskId, ['importing', 'active', 'deactivated']))) {
        throw goneWhileUploading(target.imageId)
      }
      await stores.keep(where, target)
      await store.addStore(tx, target.imageId, taskId, where)
      await onKept?.(tx)
    })
    return true
  } catch (error) {
    await store.failStore(db, target.imageId, taskId, where)
    // Without the image, no store is wanted.
    if (!mayFail || isDomainError(error, 'image.data.gone')) throw error
    await stores.discard(where, target)
    return false
  }
}

/**
 * Removes what `bringTo` has brought, as long as the image is this import's or gone. One that has moved on keeps its
 * bytes. Finding nothing is fine.
 */
export async function takeBackFrom({ db, stores }: ImportTools, { where, target, taskId }: Place): Promise<void> {
  await stores.discard(where, target)
  await db.begin(async (tx) => {
    if (await store.hasMovedOn(tx, target.imageId, taskId)) return
    await store.takeBackStore(tx, target.imageId, taskId, where)
    await stores.remove(where, target.imageId)
  })
}
