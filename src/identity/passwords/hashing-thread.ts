/**
 * A thread that hashes passwords, one message at a time, and lets everything else go first: on a machine whose cores are
 * busy with hashing, a request to any other part still gets its turn at once. Begun by hashing-threads.ts.
 */
import { argon2Sync } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import type { Argon2Cost } from '../settings.ts'

export interface HashOrder {
  readonly password: string
  readonly salt: Uint8Array
  readonly cost: Argon2Cost
  readonly digestBytes: number
}

/** Below that of the process, as `nice` counts: a tenth of the time of the others, where they want it. */
const STEPS_DOWN = 10
const LOWEST = 19

// On Linux a thread has a priority of its own, under its own id; elsewhere that id would be another process's.
if (process.platform === 'linux') {
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  setPriority(thread, Math.min(getPriority() + STEPS_DOWN, LOWEST))
}

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
