/**
 * Between a stream of a volume and a file: holes stay holes, in both directions.
 *
 * Node cannot ask a file where its holes are, so on the way out a stretch of zero bytes counts as one. Zero bytes that
 * were really written become a hole as well, which reads the same.
 */
import type { FileHandle } from 'node:fs/promises'
import { requestError } from './errors.ts'
import type { RpcStream } from './rpc/stream.ts'

/** How much went through a transfer. */
export interface Transferred {
  /** From the first byte to the last, holes included. */
  bytes: number
  /** Of these, in holes. */
  holeBytes: number
}

/** Told after each piece. */
type OnProgress = (done: Transferred) => void

/** A stretch of zero bytes becomes a hole if it fills such blocks: smaller ones cost more than they save. */
const BLOCK_BYTES = 64 << 10
const READ_BYTES = 1 << 20
const PIECES_AT_ONCE = 32
const zeros = Buffer.alloc(BLOCK_BYTES)

/**
 * Writes what comes into the file, from `position` on. A hole over what the file holds already is written as zero bytes;
 * beyond its end it becomes a hole. The file ends where the stream ends, or where it ended before if that is later.
 */
export async function receiveIntoFile(
  stream: RpcStream,
  file: FileHandle,
  {
    position: start = 0,
    signal,
    onProgress,
  }: { position?: number; signal?: AbortSignal | undefined; onProgress?: OnProgress | undefined } = {},
): Promise<Transferred> {
  const before = await file.stat()
  // A device is never longer than it is, and has no holes.
  const held = before.isFile() ? before.size : Number.POSITIVE_INFINITY
  let position = start
  let end = held
  let holeBytes = 0
  for await (const piece of stream) {
    signal?.throwIfAborted()
    if (piece instanceof Uint8Array) {
      // What came while the last was written is written together.
      const pieces = [piece, ...stream.takeBytes(PIECES_AT_ONCE)]
      await writeAll(file, pieces, position)
      position += lengthOf(pieces)
      end = Math.max(end, position)
    } else {
      const length = Number(piece.hole)
      const over = Math.min(position + length, held)
      for (let at = position; at < over; at += BLOCK_BYTES) {
        await writeAll(file, [zeros.subarray(0, Math.min(BLOCK_BYTES, over - at))], at)
      }
      position += length
      holeBytes += length
    }
    onProgress?.({ bytes: position - start, holeBytes })
  }
  signal?.throwIfAborted()
  if (position > end) await file.truncate(position)
  return { bytes: position - start, holeBytes }
}

const lengthOf = (pieces: readonly Uint8Array[]) => pieces.reduce((sum, { length }) => sum + length, 0)

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[], position: number): Promise<void> {
  let left = pieces
  for (let at = position; left.length > 0; ) {
    const { bytesWritten } = await file.writev(left, at)
    at += bytesWritten
    left = after(left, bytesWritten)
  }
}

/** What is left of the pieces behind their first `bytes`. */
function after(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(Math.min(skip, piece.length))
    skip -= piece.length - rest.length
    return rest.length > 0 ? [rest] : []
  })
}

/**
 * Sends the file from `position` on, `length` bytes or to its end, with holes where the stream is at `holesFrom` or
 * later (undefined: nowhere). Reads the next piece while one is being sent.
 */
export async function sendFromFile(
  stream: RpcStream,
  file: FileHandle,
  {
    position: start = 0,
    length = Number.POSITIVE_INFINITY,
    holesFrom,
    signal,
    onProgress,
  }: {
    position?: number
    length?: number
    holesFrom?: number | undefined
    signal?: AbortSignal | undefined
    onProgress?: OnProgress | undefined
  } = {},
): Promise<Transferred> {
  let position = start
  let holeBytes = 0
  /** Zero bytes that were seen and not yet told. */
  let hole = 0
  const tellHole = async () => {
    if (hole === 0) return
    await stream.writeHole(BigInt(hole))
    holeBytes += hole
    hole = 0
  }
  const buffers = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)] as const
  const read = async (buffer: Buffer, at: number): Promise<Buffer> => {
    const wanted = Math.min(READ_BYTES, start + length - at)
    if (wanted <= 0) return buffer.subarray(0, 0)
    const { bytesRead } = await file.read(buffer, 0, wanted, at)
    return buffer.subarray(0, bytesRead)
  }
  let next = read(buffers[0], position)
  for (let turn = 1; ; turn++) {
    const bytes = await next
    signal?.throwIfAborted()
    if (bytes.length === 0) break
    next = read(buffers[turn % 2 === 0 ? 0 : 1], position + bytes.length)
    // An error of the one while the other is awaited must not count as nobody's.
    next.catch(() => {})
    for (let at = 0; at < bytes.length; ) {
      const sent = position + at - start
      const end = runEnd(bytes, at, holesFrom === undefined ? Number.POSITIVE_INFINITY : holesFrom - sent + at)
      if (end.zero) hole += end.at - at
      else {
        await tellHole()
        await stream.write(bytes.subarray(at, end.at)).catch((error: unknown) => {
          signal?.throwIfAborted()
          throw error
        })
      }
      at = end.at
    }
    position += bytes.length
    onProgress?.({ bytes: position - start, holeBytes: holeBytes + hole })
  }
  await tellHole()
  if (length !== Number.POSITIVE_INFINITY && position < start + length) {
    throw requestError(`the file ends ${start + length - position} bytes too early`)
  }
  return { bytes: position - start, holeBytes }
}

/** How far the bytes from `at` on are of one kind, block by block. Before `holesFrom` all are data. */
function runEnd(bytes: Buffer, at: number, holesFrom: number): { at: number; zero: boolean } {
  const kind = (block: number) => {
    const end = Math.min(block + BLOCK_BYTES, bytes.length)
    return block >= holesFrom && bytes.compare(zeros, 0, end - block, block, end) === 0
  }
  const zero = kind(at)
  let end = at + BLOCK_BYTES
  while (end < bytes.length && kind(end) === zero) end += BLOCK_BYTES
  return { at: Math.min(end, bytes.length), zero }
}
