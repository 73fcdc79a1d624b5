/** Transactions that survive meeting one another. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Transaction } from './database.ts'

const ATTEMPTS = 8
/** PostgreSQL's codes for a deadlock and for a serialization failure: both ask to try again. */
const TRY_AGAIN = ['40P01', '40001']

/** Runs `work` in a transaction, and again when it lost to another one. So `work` does nothing but SQL. */
export async function transaction<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await db.begin(async (tx) => ({ done: await work(tx) }))).done as T
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === undefined || !TRY_AGAIN.includes(code) || attempt >= ATTEMPTS) throw error
      await sleep(Math.random() * 20 * attempt)
    }
  }
}
