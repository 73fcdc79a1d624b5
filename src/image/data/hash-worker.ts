/** A thread that hashes. It reads memory that the main thread shares, and says when it has read. See ./hashing.ts */
import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

export type ToWorker =
  | { readonly do: 'open'; readonly stream: number; readonly algorithm: string }
  | { readonly do: 'update'; readonly stream: number; readonly memory: SharedArrayBuffer; readonly length: number }
  | { readonly do: 'digest'; readonly stream: number }
  | { readonly do: 'abandon'; readonly stream: number }

export type FromWorker =
  | { readonly did: 'update'; readonly stream: number }
  | { readonly did: 'digest'; readonly stream: number; readonly digest: string }

const hashes = new Map<number, Hash>()

parentPort!.on('message', (message: ToWorker) => {
  const { stream } = message
  switch (message.do) {
    case 'open':
      hashes.set(stream, createHash(message.algorithm))
      return
    case 'update':
      hashes.get(stream)?.update(new Uint8Array(message.memory, 0, message.length))
      return answer({ did: 'update', stream })
    case 'digest':
      answer({ did: 'digest', stream, digest: hashes.get(stream)!.digest('hex') })
      hashes.delete(stream)
      return
    case 'abandon':
      hashes.delete(stream)
      return
  }
})

function answer(message: FromWorker): void {
  parentPort!.postMessage(message)
}
