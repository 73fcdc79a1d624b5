/**
 * Bytes of an image on their way in: from a socket into a temporary file, while both hashes are computed beside.
 *
 * The stream is gathered in slots of shared memory. A full slot is written and hashed twice, all three at once, and is
 * free again when all three are done; while none is free the socket is not read. So memory is flat whatever comes.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { isDomainError } from '../../domain-error.ts'
import { imageTooLarge, storageFull, uploadBroken, uploadStalled } from '../errors.ts'
import type { HashPool } from './hashing.ts'
import type { Turns } from './turns.ts'

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

export interface ReceiveTools {
  readonly hashes: HashPool
  readonly writing: Turns
  readonly flushing: Turns
}

const SLOT_BYTES = 2 ** 20
const SLOTS = 4
/** The disk is kept busy while bytes come in, so that little is left to flush at the end. */
const FLUSH_EVERY_BYTES = 64 * SLOT_BYTES

interface Slot {
  readonly memory: SharedArrayBuffer
  readonly bytes: Buffer
}

/** Slots of uploads that have ended. */
const spare: Slot[] = []

/**
 * @throws DomainError `image.data.too-large`, `image.data.storage-full`, `image.data.broken-off`, `image.data.stalled`
 */
export async function receive(order: ReceiveOrder, tools: ReceiveTools): Promise<Received> {
  const file = await tools.writing.take(() => open(order.path, 'wx', 0o600))
  try {
    return await receiveInto(file, order, tools)
  } catch (error) {
    throw explained(error)
  } finally {
    await file.close()
  }
}

async function receiveInto(file: FileHandle, order: ReceiveOrder, tools: ReceiveTools): Promise<Received> {
  const { source, path, capBytes, idleMs } = order
  const writer = openWriter(file, tools)
  const idle = setTimeout(() => source.destroy(uploadStalled(idleMs)), idleMs)
  let slot = await writer.take()
  let filled = 0
  let sizeBytes = 0
  try {
    // The stream is left alone when this fails: destroying a request takes away the connection, and the answer with it.
    for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      idle.refresh()
      sizeBytes += chunk.length
      if (sizeBytes > capBytes) throw imageTooLarge(capBytes)
      for (let at = 0; at < chunk.length; ) {
        const part = Math.min(chunk.length - at, SLOT_BYTES - filled)
        chunk.copy(slot.bytes, filled, at, at + part)
        at += part
        filled += part
        if (filled < SLOT_BYTES) continue
        writer.give(slot, filled)
        slot = await writer.take()
        filled = 0
      }
    }
    return { path, sizeBytes, ...(await writer.end(slot, filled)) }
  } catch (error) {
    await writer.abandon(slot)
    throw error
  } finally {
    clearTimeout(idle)
  }
}

/** Slots go in and come back; what goes wrong meanwhile is thrown at the next call. */
function openWriter(file: FileHandle, { hashes, writing, flushing }: ReceiveTools) {
  const free: Slot[] = []
  let made = 0
  let position = 0
  let flushed = 0
  let failure: { error: unknown } | undefined
  let wake: (() => void) | undefined
  const underWay = new Set<Promise<void>>()
  let md5: ReturnType<HashPool['open']> | undefined
  let sha512: ReturnType<HashPool['open']> | undefined

  const follow = (work: Promise<unknown>, after: () => void) => {
    const followed = work
      .then(
        () => {},
        (error: unknown) => {
          failure ??= { error }
        },
      )
      .then(() => {
        underWay.delete(followed)
        after()
        wake?.()
      })
    underWay.add(followed)
  }
  const allDone = async () => {
    while (underWay.size > 0) await Promise.all(underWay)
  }
  const write = async (slot: Slot, length: number, at: number) => {
    if (isZero(slot.bytes, length)) return // A hole: `end` sets the size.
    await writing.take(async () => {
      for (let done = 0; done < length; ) {
        done += (await file.write(slot.bytes, done, length - done, at + done)).bytesWritten
      }
    })
  }
  let isFlushing = false
  const flushNowAndThen = () => {
    if (isFlushing || position - flushed < FLUSH_EVERY_BYTES) return
    isFlushing = true
    flushed = position
    follow(
      flushing.take(() => file.datasync()),
      () => {
        isFlushing = false
      },
    )
  }
  const release = () => {
    for (const slot of free.splice(0)) if (spare.length < 2 * SLOTS) spare.push(slot)
  }

  return {
    async take(): Promise<Slot> {
      for (;;) {
        if (failure !== undefined) throw failure.error
        const slot = free.pop()
        if (slot !== undefined) return slot
        if (made < SLOTS) {
          made++
          return spare.pop() ?? newSlot()
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },

    give(slot: Slot, length: number): void {
      md5 ??= hashes.open('md5')
      sha512 ??= hashes.open('sha512')
      const { memory } = slot
      const work = Promise.all([
        write(slot, length, position),
        md5.update(memory, length),
        sha512.update(memory, length),
      ])
      position += length
      follow(work, () => free.push(slot))
      flushNowAndThen()
    },

    /** Writes what the last slot holds; then everything is on the disk. */
    async end(slot: Slot, length: number): Promise<{ md5: string; sha512: string }> {
      if (md5 === undefined || sha512 === undefined) {
        // Less than a slot in all: sooner hashed than handed over.
        await write(slot, length, 0)
        await file.truncate(length)
        await flushing.take(() => file.sync())
        free.push(slot)
        release()
        const digest = (algorithm: string) => createHash(algorithm).update(slot.bytes.subarray(0, length)).digest('hex')
        return { md5: digest('md5'), sha512: digest('sha512') }
      }
      this.give(slot, length)
      await allDone()
      if (failure !== undefined) throw failure.error
      const [inMd5, inSha512] = await Promise.all([
        md5.digest(),
        sha512.digest(),
        file.truncate(position).then(() => flushing.take(() => file.sync())),
      ])
      release()
      return { md5: inMd5, sha512: inSha512 }
    },

    /** Waits for what is under way, which still reads the slots. */
    async abandon(slot: Slot): Promise<void> {
      await allDone()
      md5?.abandon()
      sha512?.abandon()
      if (!free.includes(slot)) free.push(slot)
      release()
    },
  }
}

function newSlot(): Slot {
  const memory = new SharedArrayBuffer(SLOT_BYTES)
  return { memory, bytes: Buffer.from(memory) }
}

/** Compares the bytes with themselves, one further: equal all along to a first zero. */
function isZero(bytes: Buffer, length: number): boolean {
  if (length === 0) return true
  return bytes[0] === 0 && bytes.compare(bytes, 1, length, 0, length - 1) === 0
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
