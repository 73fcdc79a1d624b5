/**
 * The count of changes to identity's data. What is derived from the data (who may do what, the catalog) is kept in
 * memory under the count it was read at, and read again once the count has grown: in this process at once, in others as
 * soon as PostgreSQL has told them.
 */
import { randomUUID } from 'node:crypto'
import type { Database, Transaction } from '../database/database.ts'

export interface Changes {
  /** Grows with each change. Compare for equality: what was read under another count may be old. */
  readonly count: number
  /** Runs `work` in a transaction; when it has committed, everything derived is read again before it is used. */
  commit<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const CHANNEL = 'stratolith_identity_changed'

export async function openChanges(db: Database): Promise<Changes> {
  const origin = randomUUID()
  let count = 1
  const heard = (from: string) => {
    if (from !== origin) count++
  }
  // After a lost connection there is no telling what was missed, so each new beginning counts as a change.
  const listening = await db.listen(CHANNEL, heard, () => count++)
  return {
    get count() {
      return count
    },
    async commit(work) {
      const result = await db.begin(async (tx) => {
        const done = await work(tx)
        await tx`select pg_notify(${CHANNEL}, ${origin})`
        return { done }
      })
      count++
      return (result as { done: Awaited<ReturnType<typeof work>> }).done
    },
    close: () => listening.unlisten(),
  }
}
