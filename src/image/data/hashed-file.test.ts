import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { after, afterEach, before, describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import { type HashedFile, openHashedFile } from './hashed-file.ts'
import { type Hashing, type HashPool, openHashPool } from './hashing.ts'
import { receive } from './receive.ts'
import { openTurns } from './turns.ts'

const MiB = 2 ** 20

/** Threads that do nothing until they are told how each piece of work went. */
function handPool() {
  const updates: { algorithm: string; resolve: () => void; reject: (error: Error) => void }[] = []
  let abandoned = 0
  const hashing = (algorithm: string): Hashing => ({
    update: () => new Promise<void>((resolve, reject) => updates.push({ algorithm, resolve, reject })),
    digest: async () => algorithm,
    abandon: () => {
      abandoned++
    },
  })
  const hashes: HashPool = { open: hashing, close: async () => {} }
  return { tools: { hashes, flushing: openTurns(1) }, updates, abandoned: () => abandoned }
}

describe('a file that is hashed while it is written', () => {
  let dir: string
  let hashes: HashPool
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stratolith-test-'))
    hashes = openHashPool()
  })
  after(async () => {
    await hashes.close()
    await rm(dir, { recursive: true })
  })
  afterEach(() => rm(join(dir, 'file'), { force: true }))

  const write = async (chunks: readonly Buffer[]) => {
    await using file = await open(join(dir, 'file'), 'wx')
    const hashed = openHashedFile(file, { hashes, flushing: openTurns(1) })
    for (const chunk of chunks) await hashed.add(chunk)
    return await hashed.end()
  }

  it('is all that came in, also where the end is known before the last chunk has been taken', async () => {
    const all = randomBytes(9 * MiB + 4321)
    const source = new Readable({ read() {} })
    source.push(all)
    source.push(null)
    const path = join(dir, 'file')
    const order = { source, path, capBytes: Number.MAX_SAFE_INTEGER, idleMs: 10_000 }
    const received = await receive(order, { hashes, flushing: openTurns(1) })
    assert.equal(received.sizeBytes, all.length)
    assert.equal(received.sha512, createHash('sha512').update(all).digest('hex'))
    assert.ok((await readFile(path)).equals(all))
  })

  for (const [what, chunkBytes] of [
    ['crumbs', 1000],
    ['chunks of the HTTP parser', 65_536],
    ['chunks of more than all memory that it has', 9 * MiB],
  ] as const) {
    it(`is what came in, in ${what}`, async () => {
      const all = randomBytes(19 * MiB + 4321)
      const chunks = Array.from({ length: Math.ceil(all.length / chunkBytes) }, (_, at) =>
        all.subarray(at * chunkBytes, (at + 1) * chunkBytes),
      )
      const { md5, sha512 } = await write(chunks)
      assert.ok((await readFile(join(dir, 'file'))).equals(all))
      assert.equal(md5, createHash('md5').update(all).digest('hex'))
      assert.equal(sha512, createHash('sha512').update(all).digest('hex'))
    })
  }

  it('has holes for zeros, at its end too, and its whole size', async () => {
    const { md5 } = await write([randomBytes(MiB), Buffer.alloc(7 * MiB + 5)])
    const { size, blocks } = await stat(join(dir, 'file'))
    assert.equal(size, 8 * MiB + 5)
    assert.ok(blocks * 512 <= 2 * MiB, `${blocks} blocks`)
    assert.equal(
      md5,
      createHash('md5')
        .update(await readFile(join(dir, 'file')))
        .digest('hex'),
    )
  })

  it('keeps bytes that end a run of zeros', async () => {
    const bytes = Buffer.alloc(3 * MiB)
    bytes[MiB - 1] = 1
    bytes[3 * MiB - 1] = 2
    await write([bytes])
    assert.ok((await readFile(join(dir, 'file'))).equals(bytes))
  })

  it('takes so much and no more while nothing is done with it', async () => {
    const { tools, updates } = handPool()
    await using file = await open(join(dir, 'file'), 'wx')
    const hashed = openHashedFile(file, tools)
    const taken = takeUntilFull(hashed)
    assert.equal(taken.bytes, 4 * MiB)
    let waits = true
    const waiting = taken.full.then(() => {
      waits = false
    })
    updates.find(({ algorithm }) => algorithm === 'md5')!.resolve()
    await turn()
    assert.equal(waits, true, 'the other thread still reads')
    updates.find(({ algorithm }) => algorithm === 'sha512')!.resolve()
    await waiting
    for (const update of updates) update.resolve()
    await hashed.abandon()
  })

  it('takes less when there are many at once, and as much again when they have gone', async () => {
    const { tools, updates } = handPool()
    await using file = await open(join(dir, 'file'), 'wx')
    const others = Array.from({ length: 4 }, () => openHashedFile(file, tools))
    const hashed = openHashedFile(file, tools)
    assert.equal(takeUntilFull(hashed).bytes, 2 * MiB)
    for (const update of updates) update.resolve()
    await Promise.all([...others, hashed].map((each) => each.abandon()))
    const alone = openHashedFile(file, tools)
    assert.equal(takeUntilFull(alone).bytes, 4 * MiB)
    for (const update of updates) update.resolve()
    await alone.abandon()
  })

  it('is not let go while a thread may still write to it, though the other has failed', async () => {
    const { tools, updates, abandoned } = handPool()
    await using file = await open(join(dir, 'file'), 'wx')
    const hashed = openHashedFile(file, tools)
    await hashed.add(Buffer.alloc(MiB))
    updates.find(({ algorithm }) => algorithm === 'md5')!.reject(new Error('the hashing thread has ended'))
    let isLetGo = false
    const letGo = hashed.abandon().then(() => {
      isLetGo = true
    })
    await turn()
    assert.equal(isLetGo, false)
    updates.find(({ algorithm }) => algorithm === 'sha512')!.resolve()
    await letGo
    assert.equal(abandoned(), 2)
  })

  it('that does not fit on the disk says so', async () => {
    await using file = await open('/dev/full', 'w')
    const hashed = openHashedFile(file, { hashes, flushing: openTurns(1) })
    await hashed.add(randomBytes(2 * MiB))
    await assert.rejects(hashed.end(), { code: 'ENOSPC' })
    await hashed.abandon()
  })

  describe('from a stream', () => {
    const order = (source: Readable) => ({ source, path: join(dir, 'file'), capBytes: 64 * MiB, idleMs: 60_000 })

    it('that finds no room on the disk is refused for that', async () => {
      const { tools, updates } = handPool()
      const received = receive(order(Readable.from([randomBytes(2 * MiB)])), tools)
      while (updates.length < 4) await turn()
      for (const { reject } of updates) reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
      await assert.rejects(received, (error) => isDomainError(error, 'image.data.storage-full'))
    })

    it('whose memory is somebody’s leaves it alone', async () => {
      const bytes = randomBytes(2 * MiB)
      await receive(order(Readable.from([bytes])), { hashes, flushing: openTurns(1) })
      assert.equal(bytes.length, 2 * MiB)
    })

    it('that fails afterwards harms nobody', async () => {
      const source = new Readable({ read() {} })
      source.push(randomBytes(2 * MiB))
      const received = receive({ ...order(source), capBytes: MiB }, { hashes, flushing: openTurns(1) })
      await assert.rejects(received, (error) => isDomainError(error, 'image.data.too-large'))
      assert.equal(source.isPaused(), true)
      source.destroy(new Error('gone'))
      await turn()
    })

    it('is given up when nothing comes, and not while it is we who keep it waiting', async () => {
      const { tools, updates } = handPool()
      const source = new Readable({ read() {}, highWaterMark: 16 * MiB })
      source.push(randomBytes(6 * MiB))
      const received = receive({ ...order(source), idleMs: 20 }, tools)
      const outcome = assert.rejects(received, (error) => isDomainError(error, 'image.data.stalled'))
      while (updates.length < 8) await turn()
      await new Promise((resolve) => setTimeout(resolve, 100))
      assert.equal(source.destroyed, false)
      const done = setInterval(() => {
        for (const { resolve } of updates.splice(0)) resolve()
      }, 1)
      await outcome
      clearInterval(done)
      assert.equal(source.destroyed, true)
    })
  })
})

function takeUntilFull(hashed: HashedFile): { bytes: number; full: Promise<void> } {
  const chunk = Buffer.alloc(MiB / 2)
  for (let bytes = 0; ; bytes += chunk.length) {
    const full = hashed.add(chunk)
    if (full !== undefined) return { bytes, full }
  }
}
