/** The file back end with a real tgtd on a free port; qemu-io and qemu-img are the initiators. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { createReadStream } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { DomainError } from '../../domain-error.ts'
import { type ImageId, newId, type VolumeId } from '../../ids.ts'
import type { ExportOrder, VolumeConnection } from '../contract.ts'
import { volumeBackendContract } from '../volume-backend.contract.ts'
import { type FileBackend, findTgtd, openFileBackend } from './index.ts'

const run = promisify(execFile)

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root'
  if (findTgtd() === undefined) return 'tgt is not installed'
  if (!existsSync('/usr/bin/qemu-io')) return 'qemu-utils is not installed'
  return undefined
}

interface Opened extends AsyncDisposable {
  readonly dir: string
  readonly backend: FileBackend
  readonly images: Map<string, string>
  reopen(): Promise<FileBackend>
}

const log = pino({ level: process.env.STRATOLITH_TEST_LOG ?? 'silent' })

async function openForTest(): Promise<Opened> {
  const dir = await mkdtemp(join(tmpdir(), 'stratolith-iscsi-'))
  const images = new Map<string, string>()
  const openBackend = () =>
    openFileBackend({
      dir: join(dir, 'volumes'),
      host: 'test-host',
      cloudId: 'test',
      log,
      images: {
        async open(id) {
          const path = images.get(id)
          if (path === undefined) throw new DomainError('not-found', 'image.image.not-found', `no image ${id}`)
          return createReadStream(path) as Readable
        },
      },
    })
  let backend = await openBackend()
  return {
    dir,
    images,
    get backend() {
      return backend
    },
    async reopen() {
      backend = await openBackend()
      return backend
    },
    async [Symbol.asyncDispose]() {
      await backend.removeEverything()
      await backend.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A qcow2 of 8 MiB that begins with a word of its own. */
async function aQcow2(dir: string, word: string): Promise<string> {
  const path = join(dir, `${word}.qcow2`)
  const raw = join(dir, `${word}.img`)
  await writeFile(raw, Buffer.concat([Buffer.from(word.padEnd(512)), Buffer.alloc(8 * 1024 * 1024 - 512)]))
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, path])
  await rm(raw)
  return path
}

async function beginning(path: string): Promise<string> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(512), position: 0 })
  return buffer.subarray(0, bytesRead).toString('latin1')
}

/** qemu-io on the volume as a host would open it. */
async function io(connection: VolumeConnection, commands: readonly string[], signal?: AbortSignal): Promise<string> {
  const options = [
    'driver=iscsi',
    'transport=tcp',
    `portal=${connection.targetPortal}`,
    `target=${connection.targetIqn}`,
    `lun=${connection.targetLun}`,
    `user=${connection.authUsername}`,
    'password-secret=s0',
    `initiator-name=${connection.initiator}`,
  ]
  const { stdout } = await run(
    'qemu-io',
    [
      '--object',
      `secret,id=s0,data=${connection.authPassword}`,
      '--image-opts',
      ...commands.flatMap((command) => ['-c', command]),
      options.join(','),
    ],
    { timeout: 20_000, ...(signal !== undefined && { signal }) },
  )
  return stdout
}

async function canConnect(connection: VolumeConnection): Promise<boolean> {
  try {
    await io(connection, ['read 0 512'])
    return true
  } catch {
    return false
  }
}

const GIB = 1024 ** 3
const INITIATOR = 'iqn.1993-08.org.debian:01:test-host'

if (whyNot() === undefined) {
  volumeBackendContract('the file back end', async () => {
    const opened = await openForTest()
    const file = (id: VolumeId) => join(opened.dir, 'volumes', `${id}.raw`)
    return {
      backend: opened.backend,
      async anImage() {
        const id = newId<ImageId>()
        opened.images.set(id, await aQcow2(opened.dir, `image ${id}`))
        return { id, format: 'qcow2' }
      },
      sizeGiB: async (id) => (await stat(file(id))).size / GIB,
      holdsImage: async (id, imageId) => (await beginning(file(id))).startsWith(`image ${imageId}`),
      canConnect,
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    }
  })
}

describe('the file back end on tgtd', { skip: whyNot() ?? false }, () => {
  let test: Opened
  let numbers = 0
  before(async () => {
    test = await openForTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const anExport = async (backend = test.backend, sizeGiB = 1) => {
    const volumeId = newId<VolumeId>()
    await backend.create(volumeId, sizeGiB)
    const order: ExportOrder = {
      volumeId,
      targetNumber: ++numbers,
      initiators: [INITIATOR],
      authUsername: `user${volumeId.slice(0, 8)}`,
      authPassword: `secret${volumeId.slice(0, 8)}`,
    }
    const target = await backend.ensureExport(order)
    const { authUsername, authPassword } = order
    const connection: VolumeConnection = {
      driverVolumeType: 'iscsi',
      ...target,
      authUsername,
      authPassword,
      initiator: INITIATOR,
    }
    return { volumeId, order, connection }
  }
  const done = async ({ volumeId, order }: { volumeId: VolumeId; order: ExportOrder }, backend = test.backend) => {
    await backend.removeExport(volumeId, order.targetNumber)
    await backend.remove(volumeId)
  }
  const pid = async () => Number(await readFile(join(test.dir, 'volumes', 'tgtd.pid'), 'utf8'))

  it('is sparse: a volume takes room as it is written', async () => {
    const made = await anExport(test.backend, 100)
    const { blocks, size } = await stat(join(test.dir, 'volumes', `${made.volumeId}.raw`))
    assert.equal(size, 100 * GIB)
    assert.ok(blocks * 512 < 1024 * 1024)
    await done(made)
  })

  it('keeps what a host writes, and gives room back that it discards', async () => {
    const made = await anExport()
    await io(made.connection, ['write -P 0x5a 0 1M', 'flush'])
    assert.match(await io(made.connection, ['read -P 0x5a 0 1M']), /read 1048576\/1048576/)
    const blocks = async () => (await stat(join(test.dir, 'volumes', `${made.volumeId}.raw`))).blocks
    assert.ok((await blocks()) >= 2048)
    await io(made.connection, ['discard 0 1M', 'flush'])
    assert.equal(await blocks(), 0)
    await done(made)
  })

  it('shows a host the new size of a volume that grows while it is exported', async () => {
    const made = await anExport()
    assert.match(await io(made.connection, ['length']), /1 GiB/)
    await test.backend.extend(made.volumeId, 3)
    assert.match(await io(made.connection, ['length']), /3 GiB/)
    await done(made)
  })

  it('no longer lets in a host that is not named any more, and throws out its sessions', async () => {
    const made = await anExport()
    const session = new AbortController()
    const reads = io(made.connection, ['read 0 512', 'sleep 700', 'read 0 512'], session.signal)
    await sleep(300)
    await test.backend.ensureExport({ ...made.order, initiators: ['iqn.1993-08.org.debian:01:other'] })
    assert.equal(await canConnect(made.connection), false)
    // Its client comes back for as long as it lives and is not let in, so the second read does not end.
    const outcome = await Promise.race([
      reads.then(
        () => 'read',
        () => 'failed',
      ),
      sleep(1_500, 'waits'),
    ])
    assert.notEqual(outcome, 'read')
    session.abort()
    await done(made)
  })

  it('makes all exports again when tgtd is killed, at the same place and with the same accounts', async () => {
    const one = await anExport()
    const two = await anExport()
    await io(one.connection, ['write -P 0x11 0 64k', 'flush'])
    const before_ = await pid()
    process.kill(before_, 'SIGKILL')
    for (let waited = 0; waited < 10_000 && (await pid()) === before_; waited += 50) await sleep(50)
    assert.notEqual(await pid(), before_)
    for (let waited = 0; waited < 5_000 && !(await canConnect(two.connection)); waited += 50) await sleep(50)
    assert.match(await io(one.connection, ['read -P 0x11 0 64k']), /read 65536/)
    assert.equal(await canConnect(two.connection), true)
    assert.equal(await canConnect({ ...two.connection, authPassword: 'wrong-password-1' }), false)
    await done(one)
    await done(two)
  })

  it('leaves tgtd running with its guests when it closes, and adopts it when it opens', async () => {
    const made = await anExport()
    const running = await pid()
    await test.backend.close()
    assert.equal(await canConnect(made.connection), true)
    const again = await test.reopen()
    await again.reconcileExports([made.order])
    assert.equal(await pid(), running)
    assert.equal(await canConnect(made.connection), true)
    await done(made, again)
  })

  it('finds the port that guests know after tgtd has died while nobody watched', async () => {
    const made = await anExport()
    await test.backend.close()
    process.kill(await pid(), 'SIGKILL')
    const again = await test.reopen()
    await again.reconcileExports([made.order])
    assert.equal(await canConnect(made.connection), true)
    await done(made, again)
  })

  it('exports the others when one file is gone', async () => {
    const lost = await anExport()
    const kept = await anExport()
    await test.backend.removeExport(lost.volumeId, lost.order.targetNumber)
    await test.backend.remove(lost.volumeId)
    await assert.rejects(test.backend.reconcileExports([lost.order, kept.order]), /1 volumes cannot be exported/)
    assert.equal(await canConnect(kept.connection), true)
    await done(kept)
  })

  it('keeps passwords off command lines and out of files', async () => {
    const made = await anExport()
    for (const name of await readdir(join(test.dir, 'volumes'))) {
      if (name.endsWith('.raw') || name === 'tgtd.0') continue
      const text = await readFile(join(test.dir, 'volumes', name), 'utf8')
      assert.equal(text.includes(made.order.authPassword), false, name)
    }
    const commandLine = await readFile(`/proc/${await pid()}/cmdline`, 'utf8')
    assert.equal(commandLine.includes(made.order.authPassword), false)
    await done(made)
  })

  it('refuses an image that leans on another file', async () => {
    const base = await aQcow2(test.dir, 'base')
    const overlay = join(test.dir, 'overlay.qcow2')
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', overlay])
    const imageId = newId<ImageId>()
    test.images.set(imageId, overlay)
    const volumeId = newId<VolumeId>()
    await test.backend.create(volumeId, 1)
    await assert.rejects(test.backend.writeImage(volumeId, { id: imageId, format: 'qcow2' }), {
      code: 'agent.image.refused',
    })
    await test.backend.remove(volumeId)
    assert.deepEqual(
      (await readdir(join(test.dir, 'volumes'))).filter((name) => name.endsWith('.part')),
      [],
    )
  })

  it('refuses an image that is another than it claims, or larger than the volume', async () => {
    const imageId = newId<ImageId>()
    test.images.set(imageId, await aQcow2(test.dir, 'disguised'))
    const large = newId<ImageId>()
    test.images.set(large, join(test.dir, 'large.qcow2'))
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(test.dir, 'large.qcow2'), '2G'])
    const volumeId = newId<VolumeId>()
    await test.backend.create(volumeId, 1)
    for (const image of [
      { id: imageId, format: 'raw' },
      { id: imageId, format: 'vmdk' },
      { id: large, format: 'qcow2' },
    ]) {
      await assert.rejects(test.backend.writeImage(volumeId, image), { code: 'agent.image.refused' })
    }
    await test.backend.remove(volumeId)
  })

  it('takes a raw image byte by byte', async () => {
    const raw = join(test.dir, 'plain.img')
    await writeFile(raw, Buffer.concat([Buffer.from('plain bytes'.padEnd(512)), Buffer.alloc(1024 * 1024)]))
    const imageId = newId<ImageId>()
    test.images.set(imageId, raw)
    const volumeId = newId<VolumeId>()
    await test.backend.create(volumeId, 1)
    await test.backend.writeImage(volumeId, { id: imageId, format: 'raw' })
    assert.match(await beginning(join(test.dir, 'volumes', `${volumeId}.raw`)), /^plain bytes/)
    assert.equal((await stat(join(test.dir, 'volumes', `${volumeId}.raw`))).size, GIB)
    await test.backend.remove(volumeId)
  })

  it('does not remove a volume from under a host', async () => {
    const made = await anExport()
    await assert.rejects(test.backend.remove(made.volumeId), { code: 'agent.volume.exported' })
    await done(made)
  })

  it('makes and removes many exports quickly', async () => {
    const began = performance.now()
    const all = await Promise.all(Array.from({ length: 50 }, () => anExport()))
    const exportMs = performance.now() - began
    for (const each of all) await done(each)
    assert.ok(exportMs < 5_000, `${Math.round(exportMs)} ms`)
  })

  it('leaves no process behind when everything is removed, nor when nothing is exported', async () => {
    const made = await anExport()
    const running = await pid()
    await test.backend.removeEverything()
    assert.equal(existsSync(`/proc/${running}`), false)
    await test.backend.ensureExport(made.order)
    const next = await pid()
    await done(made)
    await test.backend.close()
    assert.equal(existsSync(`/proc/${next}`), false)
    await test.reopen()
  })
})
