import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, beforeEach, describe, it } from 'node:test'
import { pino } from 'pino'
import { DomainError, isDomainError } from '../../domain-error.ts'
import { type ImageId, newId, type ServerId } from '../../ids.ts'
import type { ImageSource, RootDiskOrder, ServerDisks } from '../contract.ts'
import { openServerDisks } from './index.ts'

const missing = ['qemu-img', 'xorriso'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
const MiB = 2 ** 20

describe('disks of servers', { skip: missing.length > 0 ? `${missing.join(', ')} is not installed` : false }, () => {
  let dir: string
  let opened: number
  let disks: ServerDisks
  const files = new Map<ImageId, string>()
  let slow: Promise<void> | undefined

  const images: ImageSource = {
    async open(id, signal) {
      const path = files.get(id)
      if (path === undefined) throw new DomainError('not-found', 'image.image.not-found', `No image ${id}`)
      opened++
      await slow
      return createReadStream(path, { highWaterMark: MiB, ...(signal !== undefined && { signal }) })
    },
  }
  const log = pino({ level: 'silent' })
  const reopen = async () => {
    disks = await openServerDisks({ dir: join(dir, 'instances'), images, log })
  }

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'server-disks-'))
  })
  beforeEach(async () => {
    opened = 0
    slow = undefined
    await reopen()
  })
  after(() => rm(dir, { recursive: true }))

  /** A disk of 4 MiB whose second MiB is full of `x`. */
  const anImage = async (format: 'raw' | 'qcow2' | 'vhd') => {
    const id = newId<ImageId>()
    const raw = join(dir, `${id}.raw`)
    await writeFile(raw, Buffer.concat([Buffer.alloc(MiB), Buffer.alloc(MiB, 'x')]))
    await truncate(raw, 4 * MiB)
    const path = format === 'raw' ? raw : join(dir, `${id}.${format}`)
    const qemu = format === 'vhd' ? ['vpc', '-o', 'force_size=on'] : [format]
    if (format !== 'raw') execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', ...qemu, raw, path])
    files.set(id, path)
    return { imageId: id, contentId: id, imageFormat: format, imageSizeBytes: (await stat(path)).size }
  }
  const order = (image: Omit<RootDiskOrder, 'serverId' | 'diskGiB'>, wish: Partial<RootDiskOrder> = {}) => ({
    ...image,
    serverId: newId<ServerId>(),
    diskGiB: 1,
    ...wish,
  })
  const info = (path: string) =>
    JSON.parse(execFileSync('qemu-img', ['info', '--output=json', '-f', 'qcow2', path], { encoding: 'utf8' }))
  const refused = (asked: Promise<unknown>, code: string) =>
    assert.rejects(asked, (error) => isDomainError(error, code) || Promise.reject(error))
  const nameOf = ({ contentId, imageFormat }: Pick<RootDiskOrder, 'contentId' | 'imageFormat'>) =>
    `${contentId}-${imageFormat}`
  const base = (image: Pick<RootDiskOrder, 'contentId' | 'imageFormat'>) =>
    join(dir, 'instances', '_base', `${nameOf(image)}.raw`)
  const unfinished = async () =>
    (await readdir(join(dir, 'instances'), { recursive: true })).filter((name) => name.includes('.unfinished-'))

  for (const format of ['raw', 'qcow2', 'vhd'] as const) {
    it(`a root disk from a ${format} image is an overlay of the flavor's size on a flat, read-only base`, async () => {
      const image = await anImage(format)
      const disk = await disks.ensureRootDisk(order(image))
      assert.equal(disk.format, 'qcow2')
      const facts = info(disk.path)
      assert.equal(facts['virtual-size'], 2 ** 30)
      assert.equal(facts['backing-filename'], base(image))
      assert.equal(facts['backing-filename-format'], 'raw')
      const flat = await readFile(base(image))
      assert.equal(flat.length, 4 * MiB)
      assert.ok(flat.subarray(MiB, 2 * MiB).equals(Buffer.alloc(MiB, 'x')))
      assert.equal((await stat(base(image))).mode & 0o777, 0o444)
      assert.ok((await stat(base(image))).blocks * 512 < 2 * MiB, 'what is zero takes no room')
      assert.deepEqual(await unfinished(), [])
    })
  }

  it('a root disk of no size has the size of its image', async () => {
    const disk = await disks.ensureRootDisk(order(await anImage('qcow2'), { diskGiB: 0 }))
    assert.equal(info(disk.path)['virtual-size'], 4 * MiB)
  })

  it('asking for the same root disk again changes nothing', async () => {
    const asked = order(await anImage('qcow2'))
    const first = await disks.ensureRootDisk(asked)
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 64k', first.path])
    const before = await readFile(first.path)
    assert.deepEqual(await disks.ensureRootDisk(asked), first)
    assert.ok((await readFile(first.path)).equals(before))
    assert.equal(opened, 1)
  })

  it('asking for a larger root disk grows it', async () => {
    const asked = order(await anImage('qcow2'))
    await disks.ensureRootDisk(asked)
    const grown = await disks.ensureRootDisk({ ...asked, diskGiB: 2 })
    assert.equal(info(grown.path)['virtual-size'], 2 * 2 ** 30)
  })

  it('many boots at once download an image once', async () => {
    const image = await anImage('qcow2')
    const made = await Promise.all(Array.from({ length: 8 }, () => disks.ensureRootDisk(order(image))))
    assert.equal(new Set(made.map((disk) => disk.path)).size, 8)
    assert.equal(opened, 1)
  })

  it('one who gives up does not take the download from another', async () => {
    const image = await anImage('raw')
    const arrived = Promise.withResolvers<void>()
    slow = arrived.promise
    const impatient = new AbortController()
    const gaveUp = disks.ensureRootDisk(order(image), impatient.signal)
    const waited = disks.ensureRootDisk(order(image))
    await sleep(20)
    impatient.abort(new Error('no longer wanted'))
    await assert.rejects(gaveUp, /no longer wanted/)
    arrived.resolve()
    assert.ok(existsSync((await waited).path))
    assert.equal(opened, 1)
  })

  it('a download that nobody waits for ends, and leaves nothing', async () => {
    const image = await anImage('raw')
    const endless = {
      open: async () =>
        Readable.from(
          (async function* () {
            for (;;) {
              await sleep(5)
              yield Buffer.alloc(1024, 'x')
            }
          })(),
        ),
    }
    const slowDisks = await openServerDisks({ dir: join(dir, 'instances'), images: endless, log })
    const impatient = new AbortController()
    const asked = slowDisks.ensureRootDisk(order(image), impatient.signal)
    await sleep(30)
    impatient.abort(new Error('no longer wanted'))
    await assert.rejects(asked, /no longer wanted/)
    for (let tries = 0; (await unfinished()).length > 0 && tries < 100; tries++) await sleep(10)
    assert.deepEqual(await unfinished(), [])
    assert.ok(!existsSync(base(image)))
  })

  it('an image is inspected again: one with a backing file gives no disk', async () => {
    const image = await anImage('qcow2')
    const path = files.get(image.imageId)!
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', '/etc/hostname', '-F', 'raw', path, '4M'])
    await refused(
      disks.ensureRootDisk(order({ ...image, imageSizeBytes: (await stat(path)).size })),
      'agent.disk.image-unacceptable',
    )
    assert.ok(!existsSync(base(image)))
    assert.deepEqual(await unfinished(), [])
  })

  it('a small image that would fill the host, one cluster of it again and again, gives no disk', async () => {
    const id = newId<ImageId>()
    const path = join(dir, `${id}.qcow2`)
    await writeFile(path, aBomb())
    files.set(id, path)
    const image = { imageId: id, contentId: id, imageFormat: 'qcow2', imageSizeBytes: (await stat(path)).size }
    await refused(disks.ensureRootDisk(order(image)), 'agent.disk.no-room')
    assert.ok(!existsSync(base(image)))
    assert.deepEqual(await unfinished(), [])
  })

  it('images of the same bytes lie here once, but for what each format makes of them', async () => {
    const [one, other, claimed] = [await anImage('qcow2'), await anImage('qcow2'), await anImage('raw')]
    const same = { ...other, contentId: one.contentId }
    const disk = await disks.ensureRootDisk(order(one))
    const second = await disks.ensureRootDisk(order(same))
    assert.equal(opened, 1)
    assert.equal(info(second.path)['full-backing-filename'], info(disk.path)['full-backing-filename'])
    const third = await disks.ensureRootDisk(order({ ...claimed, contentId: one.contentId }))
    assert.equal(opened, 2)
    assert.notEqual(info(third.path)['full-backing-filename'], info(disk.path)['full-backing-filename'])
  })

  it('an image is fetched by itself when the one of the same bytes that was being fetched is gone', async () => {
    const image = await anImage('raw')
    const gone = { ...image, imageId: newId<ImageId>() }
    const asked = [disks.ensureRootDisk(order(gone)), disks.ensureRootDisk(order(image))]
    const [lost, made] = await Promise.allSettled(asked)
    assert.equal(lost!.status, 'rejected')
    assert.equal(made!.status, 'fulfilled')
  })

  it('a content id that would leave the folder is refused', async () => {
    const image = await anImage('raw')
    await assert.rejects(disks.ensureRootDisk(order({ ...image, contentId: '../x' })), /no content id/)
  })

  it('an image that arrives short gives no disk', async () => {
    const image = await anImage('raw')
    await refused(disks.ensureRootDisk(order({ ...image, imageSizeBytes: 5 * MiB })), 'agent.disk.image-cut-short')
    assert.ok(!existsSync(base(image)))
  })

  it('an image for which there is no room is not fetched', async () => {
    const image = await anImage('raw')
    await refused(disks.ensureRootDisk(order({ ...image, imageSizeBytes: 2 ** 50 })), 'agent.disk.no-room')
    assert.equal(opened, 0)
  })

  it('an image larger than the disk is refused', async () => {
    const image = await anImage('raw')
    await truncate(files.get(image.imageId)!, 2 ** 30 + MiB)
    await refused(disks.ensureRootDisk(order({ ...image, imageSizeBytes: 2 ** 30 + MiB })), 'agent.disk.too-small')
  })

  it('an image that is unknown is told by its own error', async () => {
    await refused(
      disks.ensureRootDisk(
        order({ imageId: newId<ImageId>(), contentId: 'unknown', imageFormat: 'raw', imageSizeBytes: 1 }),
      ),
      'image.image.not-found',
    )
  })

  it('a blank disk has its size, and is left alone when it is asked for again', async () => {
    const server = newId<ServerId>()
    const disk = await disks.ensureBlankDisk(server, 'eph0', 64)
    assert.ok(disk.path.endsWith(`${server}/disk.eph0`))
    assert.equal(info(disk.path)['virtual-size'], 64 * MiB)
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 64k', disk.path])
    const before = await readFile(disk.path)
    assert.deepEqual(await disks.ensureBlankDisk(server, 'eph0', 64), disk)
    assert.ok((await readFile(disk.path)).equals(before))
  })

  it('a config drive bears its label and its files, and tells what was asked last', async () => {
    const server = newId<ServerId>()
    const files = (name: string) =>
      new Map([
        ['openstack/latest/meta_data.json', Buffer.from(JSON.stringify({ name }))],
        ['openstack/content/0000', Buffer.from([0, 255, 10])],
      ])
    await disks.ensureConfigDrive(server, files('one'))
    const drive = await disks.ensureConfigDrive(server, files('two'))
    assert.equal(drive.format, 'raw')
    const bytes = await readFile(drive.path)
    assert.equal(bytes.toString('latin1', 0x8028, 0x8028 + 8), 'CONFIG-2'.toLowerCase())
    const out = join(dir, 'drive')
    execFileSync('xorriso', ['-osirrox', 'on', '-indev', drive.path, '-extract', '/', out], { stdio: 'ignore' })
    assert.equal(await readFile(join(out, 'openstack/latest/meta_data.json'), 'utf8'), '{"name":"two"}')
    assert.deepEqual([...(await readFile(join(out, 'openstack/content/0000')))], [0, 255, 10])
    assert.deepEqual(await unfinished(), [])
  })

  it('a file of a config drive stays below it', async () => {
    const server = newId<ServerId>()
    await assert.rejects(
      disks.ensureConfigDrive(server, new Map([['../../outside', Buffer.alloc(1)]])),
      /not a path below/,
    )
    assert.ok(!existsSync(join(dir, 'outside')))
  })

  it('servers with files are listed until they are removed, twice if need be', async () => {
    const server = newId<ServerId>()
    await disks.ensureBlankDisk(server, 'swap', 1)
    assert.ok((await disks.list()).includes(server))
    await disks.removeServer(server)
    await disks.removeServer(server)
    assert.ok(!(await disks.list()).includes(server))
  })

  describe('images that no disk needs', () => {
    const HOUR_MS = 3_600_000
    const age = async (path: string, hours: number) => {
      const then = new Date(Date.now() - hours * HOUR_MS)
      await utimes(path, then, then)
    }

    it('go when they are old, also those of an earlier name, and young ones and those in use stay', async () => {
      const [old, young, used] = [await anImage('raw'), await anImage('raw'), await anImage('qcow2')]
      for (const image of [old, young]) {
        const asked = order(image)
        await disks.ensureRootDisk(asked)
        await disks.removeServer(asked.serverId)
      }
      const kept = await disks.ensureRootDisk(order(used))
      const earlier = newId<ImageId>()
      await writeFile(join(dir, 'instances/_base', earlier), 'raw')
      for (const path of [base(old), base(used), join(dir, 'instances/_base', earlier)]) await age(path, 25)
      await age(base(young), 23)
      assert.deepEqual(new Set(await disks.removeUnusedImages()), new Set([nameOf(old), earlier]))
      assert.deepEqual([existsSync(base(old)), existsSync(base(young)), existsSync(base(used))], [false, true, true])
      execFileSync('qemu-img', ['check', '-q', kept.path])
    })

    it('are young for a day after the last server that used them has gone', async () => {
      const image = await anImage('raw')
      const asked = order(image)
      await disks.ensureRootDisk(asked)
      await age(base(image), 100)
      await disks.removeUnusedImages()
      await disks.removeServer(asked.serverId)
      assert.deepEqual(await disks.removeUnusedImages(), [])
      await age(base(image), 25)
      assert.deepEqual(await disks.removeUnusedImages(), [nameOf(image)])
    })

    it('stay while a boot is making a disk, however old they are, and come again when a boot asks later', async () => {
      const keepNothing = await openServerDisks({
        dir: join(dir, 'instances'),
        images,
        log,
        keepUnusedImagesMs: 0,
      })
      const image = await anImage('qcow2')
      const boots = Array.from({ length: 6 }, () => keepNothing.ensureRootDisk(order(image)))
      let sweeping = true
      const sweeps = (async () => {
        while (sweeping) {
          await keepNothing.removeUnusedImages()
          await sleep(1)
        }
      })()
      const made = await Promise.all(boots)
      sweeping = false
      await sweeps
      for (const { path } of made) execFileSync('qemu-img', ['check', '-q', path])
      assert.ok(existsSync(base(image)))
    })
  })

  it('what a crash left half is gone after a restart, and what was whole stands', async () => {
    const asked = order(await anImage('raw'))
    const whole = await disks.ensureRootDisk(asked)
    const server = join(dir, 'instances', asked.serverId)
    await writeFile(join(server, '.unfinished-00'), 'half')
    await mkdir(join(server, '.unfinished-01/openstack'), { recursive: true })
    await writeFile(join(dir, 'instances/_base/.unfinished-02'), 'half')
    await reopen()
    assert.deepEqual(await unfinished(), [])
    assert.deepEqual(await disks.ensureRootDisk(asked), whole)
    assert.equal(opened, 1)
  })
})

/** A qcow2 of 10 MiB that claims 10 TiB full of data: every entry of every table points to the same place. */
function aBomb(): Buffer {
  const cluster = 2 * MiB
  const [l1At, refcountsAt, l2At, dataAt] = [1, 2, 3, 4].map((index) => index * cluster) as [number, ...number[]]
  const entries = 20
  const image = Buffer.alloc(5 * cluster)
  image.write('QFI\xfb', 0, 'latin1')
  image.writeUInt32BE(3, 4)
  image.writeUInt32BE(21, 20)
  image.writeBigUInt64BE(BigInt(entries) * 2n ** 39n, 24)
  image.writeUInt32BE(entries, 36)
  image.writeBigUInt64BE(BigInt(l1At), 40)
  image.writeBigUInt64BE(BigInt(refcountsAt!), 48)
  image.writeUInt32BE(1, 56)
  image.writeUInt32BE(4, 96)
  image.writeUInt32BE(104, 100)
  for (let entry = 0; entry < entries; entry++) image.writeBigUInt64BE(BigInt(l2At!), l1At + entry * 8)
  for (let at = 0; at < cluster; at += 8) image.writeBigUInt64BE(BigInt(dataAt!), l2At! + at)
  return image.fill('x', dataAt)
}
