/** Pools and volumes: on the built-in test driver, and folders of the real one, with what goes in and comes out. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import {
  type Connection,
  type Hole,
  LibvirtError,
  type StoragePool,
  type StorageVolume,
  type Transferred,
} from '../src/index.ts'
import { reach } from './daemons.ts'
import { until } from './fake-daemon.ts'

const MiB = 1 << 20
const folder = mkdtempSync(join(tmpdir(), 'libvirt-storage-'))
chmodSync(folder, 0o755)
writeFileSync(
  join(folder, 'node.xml'),
  `<node><pool type='dir'><name>first</name><target><path>/first</path></target></pool></node>`,
)
const fake = await reach(`test://${join(folder, 'node.xml')}`)
const real = await reach(process.env.LIBVIRT_TEST_URI ?? 'qemu:///system')
const skip = typeof fake === 'string' ? fake : false
const skipReal = typeof real === 'string' ? real : false
after(async () => {
  if (typeof fake !== 'string') await fake.close()
  if (typeof real !== 'string') await real.close()
  rmSync(folder, { recursive: true, force: true })
})
const isNotFound = (error: LibvirtError) => error.isNotFound()
const raw = (name: string, capacityBytes: number) =>
  `<volume><name>${name}</name><capacity>${capacityBytes}</capacity><allocation>0</allocation><target><format type='raw'/></target></volume>`

/** A pool of one's own, for as long as the test takes. */
async function ownPool(): Promise<{ pool: StoragePool; path: string } & AsyncDisposable> {
  const name = `libvirt-ts-${randomUUID().slice(0, 8)}`
  const path = join(folder, name)
  const pool = await (real as Connection).storagePools.createXml(
    `<pool type='dir'><name>${name}</name><target><path>${path}</path></target></pool>`,
    C.VIR_STORAGE_POOL_CREATE_WITH_BUILD,
  )
  // The daemon lets go of a transfer that was given up in its own time, and keeps the pool until then.
  const release = async (triesLeft = 50): Promise<void> => {
    try {
      await pool.destroy()
    } catch (error) {
      if (triesLeft === 0 || !/asynchronous jobs/.test((error as Error).message)) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
      await release(triesLeft - 1)
    }
  }
  return { pool, path, [Symbol.asyncDispose]: () => release() }
}
function patterned(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 7 + (at >> 8) * seed) & 255
  return bytes
}

// ---- Pools ---------------------------------------------------------------------------------------------------

test('a pool is defined, built, started, found, stopped, deleted and forgotten', { skip }, async () => {
  const { storagePools } = fake as Connection
  const uuid = randomUUID()
  const pool = await storagePools.defineXml(
    `<pool type='dir'><name>life</name><uuid>${uuid}</uuid><target><path>/life</path></target></pool>`,
  )
  assert.equal(pool.name, 'life')
  assert.equal(pool.uuid, uuid)
  assert.equal(String(pool), `life (${uuid})`)
  assert.equal(await pool.isActive(), false)
  assert.equal(await pool.isPersistent(), true)
  assert.deepEqual(await storagePools.listDefined(), ['life'])
  assert.equal(await storagePools.numOfDefined(), 1)
  await pool.build(C.VIR_STORAGE_POOL_BUILD_NEW)
  await pool.create()
  assert.equal((await pool.info()).state, 'running')
  await assert.rejects(pool.create(), (error: LibvirtError) => error.isWrongState())
  assert.deepEqual((await storagePools.list()).sort(), ['first', 'life'])
  assert.equal(await storagePools.numOf(), 2)
  assert.equal((await storagePools.listAll(C.VIR_CONNECT_LIST_STORAGE_POOLS_DIR)).length, 2)
  await pool.refresh()
  assert.equal(await pool.autostart(), false)
  await pool.setAutostart(false)
  assert.match(await pool.xml(), /<path>\/life<\/path>/)
  assert.equal((await storagePools.lookupByName('life')).uuid, uuid)
  assert.equal((await storagePools.lookupByUuid(uuid)).name, 'life')
  assert.equal(await storagePools.handle(uuid).isActive(), true)
  await pool.destroy()
  await pool.delete()
  await pool.undefine()
  assert.equal(await storagePools.findByName('life'), undefined)
  assert.equal(await storagePools.findByUuid(uuid), undefined)
})

test('pools tell what happens to them', { skip, timeout: 20_000 }, async () => {
  const { storagePools } = fake as Connection
  const refreshed: string[] = []
  const stop = await storagePools.on('refresh', ({ pool }) => refreshed.push(pool.name))
  const pool = await storagePools.defineXml(
    `<pool type='dir'><name>told</name><target><path>/told</path></target></pool>`,
  )
  await using events = await pool.watch()
  await pool.create()
  await pool.refresh()
  await pool.destroy()
  await pool.undefine()
  const told: string[] = []
  for await (const event of events) {
    if (event.kind === 'events-lost') continue
    assert.equal(event.pool.uuid, pool.uuid)
    told.push(event.kind === 'lifecycle' ? event.event : event.kind)
    if (told.at(-1) === 'undefined') break
  }
  assert.deepEqual(told, ['started', 'refresh', 'stopped', 'undefined'])
  assert.deepEqual(refreshed, ['told'])
  await stop()
})

test('where pools could be is asked by their type', { skip }, async () => {
  const { storagePools } = fake as Connection
  assert.match(await storagePools.findSources('logical'), /<name>testvg1<\/name>/)
  assert.match(await storagePools.findSources('netfs', "<source><host name='h'/></source>"), /<host name='h'\/>/)
})

test('a folder becomes a pool and is removed with it', { skip: skipReal, timeout: 60_000 }, async () => {
  const { storagePools } = real as Connection
  assert.match(await storagePools.capabilities(), /<pool type='dir' supported='yes'>/)
  const name = `libvirt-ts-${randomUUID().slice(0, 8)}`
  const path = join(folder, name)
  const pool = await storagePools.defineXml(
    `<pool type='dir'><name>${name}</name><target><path>${path}</path></target></pool>`,
    C.VIR_STORAGE_POOL_DEFINE_VALIDATE,
  )
  try {
    await pool.build()
    await pool.create()
    await pool.setAutostart(true)
    assert.equal(await pool.autostart(), true)
    const info = await pool.info()
    assert.equal(info.capacityBytes, info.allocationBytes + info.availableBytes)
    assert.equal(await pool.numOfVolumes(), 0)
    assert.equal((await storagePools.lookupByTargetPath(path)).name, name)
    assert.equal(await storagePools.findByTargetPath(join(path, 'no', 'such')), undefined)
    await pool.destroy()
    await pool.delete()
    assert.ok(!existsSync(path))
  } finally {
    await pool.destroy().catch(() => {})
    await pool.undefine()
  }
})

// ---- Volumes -------------------------------------------------------------------------------------------------

test('a volume is made, copied, looked at and deleted', { skip }, async () => {
  const { storagePools, storageVolumes } = fake as Connection
  const pool = await storagePools.lookupByName('first')
  const volume = await pool.createVolumeXml(raw('v.raw', 4 * MiB))
  assert.equal(volume.name, 'v.raw')
  assert.equal(volume.pool, 'first')
  assert.equal(String(volume), 'first/v.raw')
  assert.equal(await volume.path(), '/first/v.raw')
  assert.deepEqual(await volume.info(), { type: 'file', capacityBytes: 4_194_304n, allocationBytes: 0n })
  assert.match(await volume.xml(), /<capacity unit='bytes'>4194304<\/capacity>/)
  const copy = await pool.createVolumeXmlFrom(raw('copy.raw', 4 * MiB), volume)
  assert.deepEqual((await pool.listVolumes()).sort(), ['copy.raw', 'v.raw'])
  assert.equal(await pool.numOfVolumes(), 2)
  assert.equal((await pool.listAllVolumes()).length, 2)
  assert.equal((await pool.lookupVolumeByName('v.raw')).key, volume.key)
  assert.equal((await storageVolumes.lookupByKey(volume.key)).name, 'v.raw')
  assert.equal((await storageVolumes.lookupByPath('/first/v.raw')).name, 'v.raw')
  assert.equal((await storageVolumes.of(volume.handle).info()).type, 'file')
  assert.equal((await storagePools.lookupByVolume(volume)).name, 'first')
  await copy.delete()
  await volume.delete()
  assert.equal(await pool.findVolumeByName('v.raw'), undefined)
  assert.equal(await storageVolumes.findByKey(volume.key), undefined)
  assert.equal(await storageVolumes.findByPath('/first/v.raw'), undefined)
  await assert.rejects(volume.info(), isNotFound)
})

test('a real volume grows, is wiped and tells its physical length', { skip: skipReal, timeout: 60_000 }, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', MiB))
  await volume.resize(2 * MiB)
  assert.equal((await volume.info()).capacityBytes, 2n << 20n)
  await volume.resize(MiB, C.VIR_STORAGE_VOL_RESIZE_DELTA)
  assert.equal((await volume.info(C.VIR_STORAGE_VOL_GET_PHYSICAL)).allocationBytes, 3n << 20n)
  await assert.rejects(volume.resize(MiB), LibvirtError)
  await volume.resize(MiB, C.VIR_STORAGE_VOL_RESIZE_SHRINK)
  await pipeline(Readable.from([patterned(MiB)]), await volume.upload())
  // The daemon wipes what it knows to be there.
  await own.pool.refresh()
  await volume.wipe()
  assert.ok((await readFile(join(own.path, 'v.raw'))).every((byte) => byte === 0))
  // A file has nothing to trim, and this host may have no `scrub`: the daemon says so.
  await assert.rejects(volume.wipe('trim'), (error: LibvirtError) => error.origin === 'daemon')
  await volume.wipe('random').catch((error: LibvirtError) => assert.equal(error.origin, 'daemon', error.message))
  const clone = await own.pool.createVolumeXmlFrom(raw('clone.raw', MiB), volume)
  assert.equal(statSync(join(own.path, 'clone.raw')).size, MiB)
  await clone.delete()
})

// ---- Content -------------------------------------------------------------------------------------------------

test('bytes go into a volume and come out again, as streams of Node and of the web', {
  skip: skipReal,
  timeout: 60_000,
}, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 3 * MiB))
  const bytes = patterned(2 * MiB + 12_345)
  await pipeline(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), await volume.upload())
  assert.ok((await readFile(join(own.path, 'v.raw'))).subarray(0, bytes.length).equals(bytes))
  const whole = Buffer.concat(await (await volume.download()).toArray())
  assert.equal(whole.length, 3 * MiB)
  assert.ok(whole.subarray(0, bytes.length).equals(bytes))
  const part = await volume.download({ offsetBytes: 10, lengthBytes: 600_000 })
  assert.ok(Buffer.concat(await part.toArray()).equals(bytes.subarray(10, 600_010)))
  const web = Readable.toWeb(await volume.download({ lengthBytes: 1_000_000 }))
  let length = 0
  for await (const chunk of web) length += (chunk as Uint8Array).length
  assert.equal(length, 1_000_000)
})

test('more than was announced is an error of the upload, and the connection goes on', { skip: skipReal }, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', MiB))
  const upload = await volume.upload({ lengthBytes: 10 })
  upload.end(Buffer.alloc(700_000))
  const [error] = await once(upload, 'error')
  assert.ok(error instanceof LibvirtError)
  assert.equal((await volume.info()).capacityBytes, 1n << 20n)
})

test('a transfer can be given up in the middle, by its stream and by a signal', {
  skip: skipReal,
  timeout: 60_000,
}, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 64 * MiB))
  const stopped = new AbortController()
  const download = await volume.download({ signal: stopped.signal })
  await once(download, 'readable')
  stopped.abort(new Error('enough'))
  await assert.rejects(download.toArray(), /enough/)
  const destroyed = await volume.download()
  await once(destroyed, 'readable')
  destroyed.destroy()
  const upload: Writable = await volume.upload()
  upload.on('error', () => {})
  upload.write(Buffer.alloc(MiB))
  upload.destroy()
  const file = join(folder, 'given-up')
  const source = join(folder, 'never-sent')
  writeFileSync(source, 'x')
  const given = new AbortController()
  const transfer = volume.downloadTo(file, { signal: given.signal })
  setImmediate(() => given.abort(new Error('changed my mind')))
  await assert.rejects(transfer, /changed my mind/)
  await assert.rejects(volume.uploadFrom(source, { signal: AbortSignal.abort(new Error('never')) }), /never/)
  assert.equal((await volume.info()).capacityBytes, 64n << 20n)
})

test('a file with holes goes into a volume and comes out with holes', { skip: skipReal, timeout: 60_000 }, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 64 * MiB))
  const source = join(folder, 'source')
  const file = await open(source, 'w')
  await file.write(patterned(MiB), 0, MiB, 5 * MiB)
  await file.write(patterned(100_000), 0, 100_000, 20 * MiB + 999)
  await file.truncate(32 * MiB)
  await file.close()
  const sent = await volume.uploadFrom(source)
  assert.equal(sent.bytes, 32 * MiB)
  assert.ok(sent.holeBytes > 30 * MiB)
  const stored = statSync(join(own.path, 'v.raw'))
  assert.equal(stored.size, 64 * MiB)
  assert.ok(stored.blocks * 512 < 2 * MiB, `${stored.blocks} blocks`)

  const target = join(folder, 'target')
  const received = await volume.downloadTo(target)
  assert.equal(received.bytes, 64 * MiB)
  const came = statSync(target)
  assert.equal(came.size, 64 * MiB)
  assert.ok(came.blocks * 512 < 2 * MiB, `${came.blocks} blocks`)
  const expected = Buffer.concat([await readFile(source), Buffer.alloc(32 * MiB)])
  assert.ok((await readFile(target)).equals(expected))
  assert.ok((await readFile(join(own.path, 'v.raw'))).equals(expected))
})

test('holes for those who ask: chunks of their own, both ways', { skip: skipReal, timeout: 60_000 }, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 0))
  const upload = await volume.upload({ sparse: true })
  upload.write(Buffer.from('begin'))
  upload.write({ hole: 4n << 20n } satisfies Hole)
  upload.end(Buffer.from('end'))
  await once(upload, 'finish')
  const bytes = await readFile(join(own.path, 'v.raw'))
  assert.equal(bytes.length, 5 + 4 * MiB + 3)
  assert.equal(bytes.toString('latin1', bytes.length - 3), 'end')
  let data = 0
  let holes = 0
  for await (const chunk of await volume.download({ sparse: true })) {
    if (chunk instanceof Buffer) data += chunk.length
    else holes += Number((chunk as Hole).hole)
  }
  assert.equal(data + holes, bytes.length)
  assert.ok(holes >= 4 * MiB - 8192)
})

test('zero bytes overwrite what a volume holds, so that nothing old shines through', {
  skip: skipReal,
  timeout: 60_000,
}, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 4 * MiB))
  await pipeline(Readable.from([patterned(4 * MiB)]), await volume.upload())
  const source = join(folder, 'zeros')
  writeFileSync(source, Buffer.concat([Buffer.alloc(2 * MiB), patterned(10)]))
  const sent = await volume.uploadFrom(source)
  assert.deepEqual(sent, { bytes: 2 * MiB + 10, holeBytes: 0 })
  const bytes = await readFile(join(own.path, 'v.raw'))
  assert.equal(bytes.length, 4 * MiB)
  assert.ok(bytes.subarray(0, 2 * MiB).every((byte) => byte === 0))
  assert.ok(bytes.subarray(2 * MiB + 10).equals(patterned(4 * MiB).subarray(2 * MiB + 10)))
  // Likewise into a file that holds something.
  const target = join(folder, 'held')
  writeFileSync(target, patterned(5 * MiB, 3))
  await using file = await open(target, 'r+')
  const empty = await own.pool.createVolumeXml(raw('empty.raw', 4 * MiB))
  assert.deepEqual(await empty.downloadTo(file), { bytes: 4 * MiB, holeBytes: 4 * MiB })
  const held = await readFile(target)
  assert.ok(held.subarray(0, 4 * MiB).every((byte) => byte === 0))
  assert.ok(held.subarray(4 * MiB).equals(patterned(5 * MiB, 3).subarray(4 * MiB)))
})

test('parts of a file go to a place in a volume', { skip: skipReal, timeout: 60_000 }, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 4 * MiB))
  const source = join(folder, 'part')
  writeFileSync(source, patterned(3 * MiB))
  assert.deepEqual(await volume.uploadFrom(source, { offsetBytes: MiB, lengthBytes: 1000 }), {
    bytes: 1000,
    holeBytes: 0,
  })
  const bytes = await readFile(join(own.path, 'v.raw'))
  assert.equal(bytes.length, 4 * MiB)
  assert.ok(bytes.subarray(MiB, MiB + 1000).equals(patterned(1000)))
  await assert.rejects(volume.uploadFrom(source, { lengthBytes: 4 * MiB }), /ends 1048576 bytes too early/)
  await assert.rejects(volume.uploadFrom(join(folder, 'no such file')), /ENOENT/)
  await volume.delete()
  await assert.rejects(volume.downloadTo(source), isNotFound)
  assert.equal(statSync(source).size, 3 * MiB)
})

test('a transfer between a volume and a file tells how far it is', { skip: skipReal, timeout: 60_000 }, async () => {
  await using own = await ownPool()
  const volume = await own.pool.createVolumeXml(raw('v.raw', 4 * MiB))
  const source = join(folder, 'told')
  writeFileSync(source, patterned(2 * MiB))
  truncateSync(source, 4 * MiB)
  const whole = { bytes: 4 * MiB, holeBytes: 2 * MiB }
  const up: Transferred[] = []
  assert.deepEqual(await volume.uploadFrom(source, { onProgress: (done) => up.push(done) }), whole)
  const steps = [1, 2, 3, 4].map((bytes) => ({ bytes: bytes * MiB, holeBytes: Math.max(0, bytes - 2) * MiB }))
  assert.deepEqual(up, steps)

  const down: Transferred[] = []
  const target = join(folder, 'told-too')
  assert.deepEqual(await volume.downloadTo(target, { onProgress: (done) => down.push(done) }), whole)
  assert.deepEqual(down.at(-1), whole)
  assert.ok(down.length > 1)
  assert.ok(down.every(({ bytes }, at) => bytes > (down[at - 1]?.bytes ?? 0)))
})

test('large transfers need little memory', { skip: skipReal, timeout: 120_000 }, async () => {
  await using own = await ownPool()
  const size = 256 * MiB
  const volume: StorageVolume = await own.pool.createVolumeXml(raw('v.raw', size))
  const block = patterned(MiB)
  const before = process.memoryUsage.rss()
  let peak = before
  const looking = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 10)
  let left = size / MiB
  await pipeline(
    new Readable({
      read() {
        this.push(left-- > 0 ? block : null)
      },
    }),
    await volume.upload(),
  )
  let slow = 0
  let total = 0
  for await (const chunk of await volume.download()) {
    total += (chunk as Buffer).length
    if (slow++ % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  clearInterval(looking)
  assert.equal(total, size)
  assert.ok(peak - before < 128 * MiB, `${Math.round((peak - before) / MiB)} MiB more`)
  await until(() => (real as Connection).isAlive())
})
