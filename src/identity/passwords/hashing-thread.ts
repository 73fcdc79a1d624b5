/**
 * A thread that hashes passwords, one message at a time, and lets everything else go first: on a machine whose cores are
 * busy with hashing, a request to any other part still gets its turn at once. Begun by hashing-threads.ts.
 */
import { argon2Sync } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { letOthersGoFirst } from '../../thread-priority.ts'
import type { Argon2Cost } from '../settings.ts'

export interface HashOrder {
  readonly password: string
  readonly salt: Uint8Array
  readonly cost: Argon2Cost
  readonly digestBytes: number
}

letOthersGoFirst(10)

parentPort!.on('message', ({ password, salt, cost, digestBytes }: HashOrder) => {
  const digest = argon2Sync('argon2id', {
    message: password,
    nonce: salt,
    memory: cost.memoryKiB,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: digestBytes,
  })
  parentPort!.postMessage(digest)
})
