/**
 * The count of changes to identity's data. What is derived from the data (who may do what, the catalog) is kept in
 * memory under the count it was read at, and read again once the count has grown. The count is in the database and grows
 * in the transaction of each change, so it is one for all control planes: a role that one of them takes away is gone for
 * the next request to any other. Why it is looked up, and not sent around: docs/decisions/0010.
 */
import type { Database, Transaction } from '../database/database.ts'
import { transaction } from '../database/transaction.ts'

export interface Changes {
  /** As last seen. Compare for equality: what was read under another count may be old. */
  readonly count: number
  /**
   * The count after all changes that were committed anywhere before the call. Whoever begins to answer a request asks
   * once; all that ask in one turn of the event loop share one look-up of one row.
   */
  look(): Promise<number>
  /**
   * Runs `work` in a transaction; when it has committed, everything derived is read again before it is used. Where two of
   * them wait for each other the database ends one, and that one is run again: so `work` does nothing but SQL.
   */
  commit<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

export function openChanges(db: Database): Changes {
  let count = 0
  let looking: Promise<number> | undefined
  // Looks may end in another order than they began.
  const saw = (seen: number) => {
    count = Math.max(count, seen)
    return count
  }

  return {
    get count() {
      return count
    },
    look() {
      // Those who come after it has begun may be asking about a change that it did not see.
      looking ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
        looking = undefined
        return readCount(db).then(saw)
      })
      return looking
    },
    async commit(work) {
      const { done, seen } = await transaction(db, async (tx) => {
        const result = await work(tx)
        // Last, because it makes all other changes wait until this one has committed.
        return { done: result, seen: await raiseCount(tx) }
      })
      saw(seen)
      return done
    },
  }
}

async function readCount(db: Database): Promise<number> {
  const [row] = await db<{ count: number }[]>`select count from identity.revision`
  return row!.count
}

async function raiseCount(tx: Transaction): Promise<number> {
  const [row] = await tx<{ count: number }[]>`update identity.revision set count = count + 1 returning count`
  return row!.count
}
