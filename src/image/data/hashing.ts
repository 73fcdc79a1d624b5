/**
 * MD5 and SHA-512 of a stream, off the main thread and beside each other: together they cost more than two seconds a
 * GiB, which other requests must not wait for. A thread that hashes may write to a file, too. The threads share memory
 * with whoever fills it, so no byte is copied for them. What was measured: docs/decisions/0016-image-bytes.md
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { FromWorker, ToWorker } from './hash-worker.ts'

/** One hash of one stream. Calls are answered in order. */
export interface Hashing {
  /**
   * Resolves when the bytes have been read, and written where a file was given: the memory may be filled again.
   * @throws as writing does
   */
  update(memory: SharedArrayBuffer, length: number): Promise<void>
  /** In hex. Ends the stream. */
  digest(): Promise<string>
  /** Ends the stream without an answer. */
  abandon(): void
}

export interface HashPool {
  /**
   * @param fd a file that gets all that is hashed, from its beginning; where a whole update is zero, a hole. It must stay
   * open until each update has been settled.
   */
  open(algorithm: 'md5' | 'sha512', fd?: number): Hashing
  close(): Promise<void>
}

/** Threads end when nothing was hashed for so long: each holds about 10 MB. */
const IDLE_MS = 10_000
const MOST_THREADS = 4

interface Thread {
  readonly worker: Worker
  readonly streams: Map<number, Waiting[]>
  idle: NodeJS.Timeout | undefined
}

interface Waiting {
  resolve(digest: string): void
  reject(error: Error): void
}

export function openHashPool(): HashPool {
  const threads = new Set<Thread>()
  const most = Math.max(2, Math.min(availableParallelism(), MOST_THREADS))
  let nextStream = 1

  const startThread = (): Thread => {
    const worker = new Worker(new URL('./hash-worker.ts', import.meta.url), { name: 'image-hash' })
    worker.unref()
    const thread: Thread = { worker, streams: new Map(), idle: undefined }
    threads.add(thread)
    worker.on('message', (message: FromWorker) => {
      const waiting = thread.streams.get(message.stream)?.shift()
      if (message.did === 'fail') waiting?.reject(Object.assign(new Error(message.message), { code: message.code }))
      else waiting?.resolve(message.did === 'digest' ? message.digest : '')
    })
    const ended = (error: Error) => {
      threads.delete(thread)
      for (const waiting of [...thread.streams.values()].flat()) waiting.reject(error)
      thread.streams.clear()
    }
    worker.on('error', (error) => ended(new Error('the hashing thread failed', { cause: error })))
    worker.on('exit', () => ended(new Error('the hashing thread has ended')))
    return thread
  }

  /** The one with the least to do; a new one while all are busy and there is room. */
  const pickThread = (): Thread => {
    const [least] = [...threads].sort((a, b) => a.streams.size - b.streams.size)
    return least !== undefined && (least.streams.size === 0 || threads.size >= most) ? least : startThread()
  }

  const leave = (thread: Thread, stream: number) => {
    if (!thread.streams.delete(stream) || thread.streams.size > 0) return
    thread.idle = setTimeout(() => {
      threads.delete(thread)
      void thread.worker.terminate()
    }, IDLE_MS)
    thread.idle.unref()
  }

  return {
    open(algorithm, fd) {
      const thread = pickThread()
      clearTimeout(thread.idle)
      const stream = nextStream++
      thread.streams.set(stream, [])
      const post = (message: ToWorker) => thread.worker.postMessage(message)
      const ask = (message: ToWorker) =>
        new Promise<string>((resolve, reject) => {
          const waiting = thread.streams.get(stream)
          if (waiting === undefined) return reject(new Error('the hashing thread has ended'))
          waiting.push({ resolve, reject })
          post(message)
        })
      post({ do: 'open', stream, algorithm, fd })
      return {
        async update(memory, length) {
          await ask({ do: 'update', stream, memory, length })
        },
        async digest() {
          const digest = await ask({ do: 'digest', stream })
          leave(thread, stream)
          return digest
        },
        abandon() {
          post({ do: 'abandon', stream })
          leave(thread, stream)
        },
      }
    },

    async close() {
      for (const thread of threads) clearTimeout(thread.idle)
      await Promise.all([...threads].map((thread) => thread.worker.terminate()))
    },
  }
}
