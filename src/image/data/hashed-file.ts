/**
 * A file on its way to the disk, whose bytes are hashed beside.
 *
 * They are gathered in slots of shared memory. One thread takes a full slot into MD5, another into SHA-512 and writes it;
 * when both are done, the slot is free again. While none is, the bytes must wait. So memory is flat whatever comes.
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Hashing, HashPool } from './hashing.ts'
import type { Turns } from './turns.ts'

export interface HashedFile {
  /**
   * Copies the bytes, in order. Where that takes a promise, no more may be added until it resolves.
   * @throws what went wrong with those before
   */
  add(bytes: Buffer): Promise<void> | undefined
  /** Resolves when everything is on the disk. The answers are in hex. */
  end(): Promise<{ md5: string; sha512: string }>
  /** Resolves when nothing is read from the memory or written to the file any more; what still waits to be added is not. */
  abandon(): Promise<void>
}

export interface HashedFileTools {
  readonly hashes: HashPool
  readonly flushing: Turns
}

const SLOT_BYTES = 2 ** 20
const SLOTS = 4
/** With many files at once each makes do with less: together they give the threads enough to do. */
const SLOTS_OF_MANY = 2
const MANY = 4
/** So few are sooner hashed than handed over. */
const HASHED_AT_ONCE_BYTES = 2 ** 17
/** The disk is kept busy while bytes come in, so that little is left to flush at the end. */
const FLUSH_EVERY_BYTES = 16 * 2 ** 20

interface Slot {
  readonly memory: SharedArrayBuffer
  readonly bytes: Buffer
}

/** Slots of files that have ended. */
const spare: Slot[] = []
let openFiles = 0

/** @param file empty and open for writing; whoever gives it closes it, after `end` or `abandon` */
export function openHashedFile(file: FileHandle, { hashes, flushing }: HashedFileTools): HashedFile {
  openFiles++
  let isOpen = true
  let isAbandoned = false
  let slot: Slot | undefined
  let filled = 0
  let threads: readonly [md5: Hashing, sha512: Hashing] | undefined
  let position = 0
  let flushed = 0
  let isFlushing = false
  let made = 0
  const free: Slot[] = []
  let wake = () => {}
  const underWay = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined

  const follow = (work: readonly Promise<unknown>[], after: () => void) => {
    const followed = Promise.allSettled(work).then((outcomes) => {
      for (const outcome of outcomes) if (outcome.status === 'rejected') failure ??= { error: outcome.reason }
      underWay.delete(followed)
      after()
      wake()
    })
    underWay.add(followed)
  }
  const allDone = async () => {
    while (underWay.size > 0) await Promise.all(underWay)
  }
  const throwFailure = () => {
    if (failure !== undefined) throw failure.error
  }
  const freeSlot = (): Slot | undefined => {
    const found = free.pop()
    if (found !== undefined || made >= (openFiles > MANY ? SLOTS_OF_MANY : SLOTS)) return found
    made++
    return spare.pop() ?? newSlot()
  }
  const flushNowAndThen = () => {
    if (isFlushing || position - flushed < FLUSH_EVERY_BYTES) return
    isFlushing = true
    flushed = position
    follow([flushing.take(() => file.datasync())], () => {
      isFlushing = false
    })
  }
  const handOver = (full: Slot) => {
    threads ??= [hashes.open('md5'), hashes.open('sha512', file.fd)]
    follow(
      threads.map((thread) => thread.update(full.memory, filled)),
      () => free.push(full),
    )
    position += filled
    slot = undefined
    filled = 0
    flushNowAndThen()
  }
  const addFrom = (bytes: Buffer, from: number): Promise<void> | undefined => {
    for (let at = from; at < bytes.length && !isAbandoned; ) {
      throwFailure()
      slot ??= freeSlot()
      if (slot === undefined) {
        const freed = new Promise<void>((resolve) => {
          wake = resolve
        })
        return freed.then(() => addFrom(bytes, at))
      }
      const part = Math.min(bytes.length - at, SLOT_BYTES - filled)
      bytes.copy(slot.bytes, filled, at, at + part)
      at += part
      filled += part
      if (filled === SLOT_BYTES) handOver(slot)
    }
    return undefined
  }
  const release = () => {
    if (isOpen) openFiles--
    isOpen = false
    if (slot !== undefined) free.push(slot)
    slot = undefined
    for (const each of free.splice(0)) if (spare.length < 2 * SLOTS) spare.push(each)
  }
  const flushAll = async (sizeBytes: number) => {
    await file.truncate(sizeBytes) // A hole at the end has no size of its own.
    await flushing.take(() => file.sync())
  }

  return {
    add: (bytes) => addFrom(bytes, 0),

    async end() {
      if (threads === undefined && filled <= HASHED_AT_ONCE_BYTES) {
        const all = slot?.bytes.subarray(0, filled) ?? Buffer.alloc(0)
        await file.writeFile(all)
        const [md5, sha512] = ['md5', 'sha512'].map((algorithm) => createHash(algorithm).update(all).digest('hex'))
        await flushAll(filled)
        release()
        return { md5: md5!, sha512: sha512! }
      }
      if (slot !== undefined) handOver(slot)
      await allDone()
      throwFailure()
      const [md5, sha512] = await Promise.all([...threads!.map((thread) => thread.digest()), flushAll(position)])
      release()
      return { md5: md5!, sha512: sha512! }
    },

    async abandon() {
      isAbandoned = true
      await allDone()
      for (const thread of threads ?? []) thread.abandon()
      release()
    },
  }
}

function newSlot(): Slot {
  const memory = new SharedArrayBuffer(SLOT_BYTES)
  return { memory, bytes: Buffer.from(memory) }
}
