/** Threads that hash, begun when there is work and ended when there has been none for a while. */
import { Worker } from 'node:worker_threads'
import type { HashOrder } from './hashing-thread.ts'

export interface HashingThreads {
  /** One thread takes one order at a time; the caller sees to it that there are not more orders than he wants threads. */
  digest(order: HashOrder): Promise<Buffer>
  close(): Promise<void>
}

/** A thread holds some ten MiB; logins come in bursts. */
const IDLE_MS = 60_000

export function openHashingThreads(): HashingThreads {
  const idle: Worker[] = []
  const all = new Set<Worker>()
  let ending: NodeJS.Timeout | undefined

  function begin(): Worker {
    const worker = new Worker(new URL('./hashing-thread.ts', import.meta.url))
    // A thread without an order keeps no process from ending.
    worker.unref()
    worker.once('exit', () => {
      all.delete(worker)
      const at = idle.indexOf(worker)
      if (at >= 0) idle.splice(at, 1)
    })
    all.add(worker)
    return worker
  }

  async function endAll(workers: readonly Worker[]): Promise<void> {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  return {
    async digest(order) {
      const worker = idle.pop() ?? begin()
      clearTimeout(ending)
      worker.ref()
      try {
        return await answerOf(worker, order)
      } finally {
        worker.unref()
        if (all.has(worker)) idle.push(worker)
        ending = setTimeout(() => void endAll(idle.splice(0)), IDLE_MS).unref()
      }
    },
    async close() {
      clearTimeout(ending)
      await endAll([...all])
    },
  }
}

function answerOf(worker: Worker, order: HashOrder): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = <T>(end: (value: T) => void) => {
      return (value: T) => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        end(value)
      }
    }
    const onMessage = settle((digest: Uint8Array) => resolve(Buffer.from(digest)))
    const onError = settle(reject)
    const onExit = settle((code: number) => reject(new Error(`a thread that was hashing ended with code ${code}`)))
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
    worker.postMessage(order)
  })
}
