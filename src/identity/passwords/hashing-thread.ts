/**
 * A thread that hashes passwords, one message at a time, and lets everything else go first: on a machine whose cores are
 * busy with hashing, a request to any other part still gets its turn at once. Begun by hashing-threads.ts.
 */
import { parentPort } from 'node:worker_threads'
import { hashRawSync } from '@node-rs/argon2'
import { letOthersGoFirst } from '../../thread-priority.ts'
import type { Argon2Cost } from '../settings.ts'

export interface HashOrder {
  readonly password: string
  readonly salt: Uint8Array
  readonly cost: Argon2Cost
  readonly digestBytes: number
}

/** The library's number for argon2id; its enum exists for the compiler alone. */
const ARGON2ID = 2

letOthersGoFirst(10)

parentPort!.on('message', ({ password, salt, cost, digestBytes }: HashOrder) => {
  const digest = hashRawSync(password, {
    algorithm: ARGON2ID,
    salt,
    memoryCost: cost.memoryKiB,
    timeCost: cost.passes,
    parallelism: cost.lanes,
    outputLen: digestBytes,
  })
  parentPort!.postMessage(digest)
})
