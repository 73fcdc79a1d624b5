/**
 * Bytes of an image on their way in: from a stream into a temporary file, while both hashes are computed beside. While
 * these have enough to do (./hashed-file.ts), the stream is not read.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { IncomingMessage } from 'node:http'
import { finished, type Readable } from 'node:stream'
import { isDomainError } from '../../domain-error.ts'
import { imageTooLarge, storageFull, uploadBroken, uploadStalled } from '../errors.ts'
import { type HashedFileTools, openHashedFile } from './hashed-file.ts'

export interface Received {
  readonly path: string
  readonly sizeBytes: number
  readonly md5: string
  readonly sha512: string
}

export interface ReceiveOrder {
  readonly source: Readable
  /** Where to write; must not be there. It stays behind when this fails, for the caller to remove. */
  readonly path: string
  /** More is refused. */
  readonly capBytes: number
  readonly idleMs: number
}

/**
 * The stream is left paused when this fails: destroying a request takes away the connection, and the answer with it.
 * @throws DomainError `image.data.too-large`, `image.data.storage-full`, `image.data.broken-off`, `image.data.stalled`
 */
export async function receive(order: ReceiveOrder, tools: HashedFileTools): Promise<Received> {
  const file = await open(order.path, 'wx', 0o600)
  try {
    return await receiveInto(file, order, tools)
  } catch (error) {
    throw explained(error)
  } finally {
    await file.close()
  }
}

async function receiveInto(
  file: FileHandle,
  { source, path, capBytes, idleMs }: ReceiveOrder,
  tools: HashedFileTools,
): Promise<Received> {
  const hashed = openHashedFile(file, tools)
  let sizeBytes = 0
  try {
    await eachChunk(source, idleMs, (chunk) => {
      sizeBytes += chunk.length
      if (sizeBytes > capBytes) throw imageTooLarge(capBytes)
      return hashed.add(chunk)
    })
    return { path, sizeBytes, ...(await hashed.end()) }
  } catch (error) {
    await hashed.abandon()
    throw error
  }
}

/**
 * Gives each chunk to `take`, which may keep the stream waiting. An async iterator does so as well, but joins what has
 * gathered meanwhile into fresh memory.
 */
async function eachChunk(
  source: Readable,
  idleMs: number,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = finished(source, { writable: false }, (error) => (error ? reject(error) : resolve()))
  // Time in which we keep the stream waiting is not its fault.
  const idle = setTimeout(() => (source.isPaused() ? idle.refresh() : source.destroy(uploadStalled(idleMs))), idleMs)
  let isOver = false
  let waitingFor: Promise<void> | undefined
  const onData = (chunk: Buffer) => {
    idle.refresh()
    try {
      const taken = take(chunk)
      if (taken === undefined) return freeMemory(source, chunk)
      source.pause()
      waitingFor = taken
      taken.then(() => {
        freeMemory(source, chunk)
        if (isOver) return
        idle.refresh()
        source.resume()
      }, reject)
    } catch (error) {
      reject(error)
    }
  }
  source.on('data', onData)
  try {
    await promise
    // A stream that knew of its end when it gave the last chunk ends although it is paused.
    await waitingFor
  } catch (error) {
    source.pause()
    // How the rest of it fares is nobody's concern.
    source.on('error', () => {})
    throw error
  } finally {
    isOver = true
    clearTimeout(idle)
    source.off('data', onData)
    stop()
  }
}

/**
 * The HTTP parser makes fresh memory for each chunk, and V8 reacts to hundreds of MiB of it by collecting garbage again
 * and again: a fifth of all processor time of an upload. So what has been copied is given back at once. Chunks of other
 * streams may be somebody's.
 */
function freeMemory(source: Readable, { buffer, length }: Buffer): void {
  if (source instanceof IncomingMessage && buffer instanceof ArrayBuffer && buffer.byteLength === length) {
    buffer.transfer(0)
  }
}

function explained(error: unknown): unknown {
  if (isDomainError(error)) return error
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return storageFull(error)
    case 'ECONNRESET':
    case 'ERR_STREAM_PREMATURE_CLOSE':
    case 'ABORT_ERR':
      return uploadBroken(error)
    default:
      return error
  }
}
