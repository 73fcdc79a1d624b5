/**
 * Bytes of an image on their way out. One buffer is filled from the file while the other goes to the socket, and both
 * are used again and again: fresh memory for each read costs more than the reading.
 */
import type { FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import type { Range } from './range.ts'

/** Twice as much is no faster, and makes every other request wait twice as long for its turn. */
const LARGE_BYTES = 2 ** 19
/** With many downloads at once each makes do with less, so that together they stay small. */
const SMALL_BYTES = 2 ** 17
const LARGE_AT_ONCE = 8

/** Buffers of downloads that have ended. */
const spare: Buffer[] = []
let large = 0

/**
 * Closes the file. Resolves when everything was handed to the socket, or when the client has gone. The
 * response's head is out already.
 */
export async function sendFile(file: FileHandle, range: Range, response: ServerResponse): Promise<void> {
  const isLarge = large < LARGE_AT_ONCE
  const size = isLarge ? LARGE_BYTES : SMALL_BYTES
  const take = () => (isLarge ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size)
  if (isLarge) large++
  const buffers = [take(), take()] as const
  const read = async (turn: number, at: number) => {
    const { bytesRead } = await file.read(buffers[turn % 2]!, 0, Math.min(size, range.end - at), at)
    if (bytesRead === 0 && at < range.end) throw new Error('the file is shorter than its image')
    return buffers[turn % 2]!.subarray(0, bytesRead)
  }
  let next = read(0, range.start)
  try {
    for (let at = range.start, turn = 1; at < range.end; turn++) {
      const part = await next
      at += part.length
      if (at < range.end) next = read(turn, at)
      if (response.destroyed) return
      if (!response.write(part)) await drained(response)
    }
    await ended(response)
  } finally {
    // A read that is still under way writes into its buffer.
    await next.catch(() => {})
    await file.close()
    if (isLarge) {
      large--
      if (spare.length < 4) spare.push(...buffers)
    }
  }
}

/** Resolves when the socket has taken all, or will take no more. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}

async function ended(response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('close', resolve)
    response.end(resolve)
  })
}
