/**
 * A thread that hashes, and writes what it has hashed. It reads memory that the main thread shares, and says when it is
 * done with it. See ./hashing.ts
 */
import { createHash, type Hash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { letOthersGoFirst } from '../../thread-priority.ts'

export type ToWorker =
  | { readonly do: 'open'; readonly stream: number; readonly algorithm: string; readonly fd: number | undefined }
  | { readonly do: 'update'; readonly stream: number; readonly memory: SharedArrayBuffer; readonly length: number }
  | { readonly do: 'digest'; readonly stream: number }
  | { readonly do: 'abandon'; readonly stream: number }

/** Answers come in the order of the questions. */
export type FromWorker =
  | { readonly did: 'update'; readonly stream: number }
  | { readonly did: 'digest'; readonly stream: number; readonly digest: string }
  | { readonly did: 'fail'; readonly stream: number; readonly code: string | undefined; readonly message: string }

interface Stream {
  readonly hash: Hash
  readonly fd: number | undefined
  position: number
}

const streams = new Map<number, Stream>()

letOthersGoFirst(5)
parentPort!.on('message', (message: ToWorker) => {
  const { stream } = message
  switch (message.do) {
    case 'open':
      streams.set(stream, { hash: createHash(message.algorithm), fd: message.fd, position: 0 })
      return
    case 'update':
      try {
        update(streams.get(stream)!, Buffer.from(message.memory, 0, message.length))
        return answer({ did: 'update', stream })
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        return answer({ did: 'fail', stream, code, message })
      }
    case 'digest':
      answer({ did: 'digest', stream, digest: streams.get(stream)!.hash.digest('hex') })
      streams.delete(stream)
      return
    case 'abandon':
      streams.delete(stream)
      return
  }
})

/** Hashes first: that brings the bytes into this processor's cache, and writing them costs half. */
function update(stream: Stream, bytes: Buffer): void {
  stream.hash.update(bytes)
  if (stream.fd !== undefined && !isZero(bytes)) {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(stream.fd, bytes, done, bytes.length - done, stream.position + done)
    }
  }
  stream.position += bytes.length
}

/** Compares the bytes with themselves, one further: equal all along to a first zero. Ends at the first difference. */
function isZero(bytes: Buffer): boolean {
  if (bytes.length === 0) return true
  return bytes[0] === 0 && bytes.compare(bytes, 1, bytes.length, 0, bytes.length - 1) === 0
}

function answer(message: FromWorker): void {
  parentPort!.postMessage(message)
}
