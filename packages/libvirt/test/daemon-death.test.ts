/** A real daemon that dies, falls silent, or waits for a slow reader. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CloseEvent, Connection, LibvirtError, StorageVolume } from '../src/index.ts'
import { until } from './fake-daemon.ts'
import { OwnDaemon } from './own-daemon.ts'

const MiB = 1 << 20
const skip = OwnDaemon.unavailable()
const isLost = (error: LibvirtError) => error.isConnectionLost()

async function aVolume(connection: Connection, daemon: OwnDaemon, sizeBytes: number): Promise<StorageVolume> {
  const pool = await connection.storagePools.createXml(
    `<pool type='dir'><name>own</name><target><path>${join(daemon.folder, 'pool')}</path></target></pool>`,
  )
  return pool.createVolumeXml(
    `<volume><name>v.raw</name><capacity>${sizeBytes}</capacity><allocation>0</allocation><target><format type='raw'/></target></volume>`,
  )
}

test('a daemon that is killed fails what is under way at once; a new one is found and watched again', {
  skip,
  timeout: 60_000,
}, async () => {
  await using daemon = await new OwnDaemon().start()
  await using connection = await daemon.connect('test:///default', { reconnect: { minDelayMs: 20, maxDelayMs: 200 } })
  const closes: CloseEvent[] = []
  await connection.onClose((event) => closes.push(event))
  const heard: string[] = []
  await connection.networks.on('lifecycle', ({ network, event }) => heard.push(`${network.name} ${event}`))
  await using events = await connection.storagePools.watch()
  await using guests = await connection.domains.watch({ kinds: ['lifecycle'] })

  daemon.signal('SIGSTOP')
  const call = assert.rejects(connection.hostname(), isLost)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await daemon.die()
  await call
  await until(() => closes.length === 1)
  assert.equal(closes[0]?.kind, 'close')

  await daemon.start()
  assert.deepEqual((await events.next()).value, { kind: 'events-lost', cause: 'reconnected' })
  assert.deepEqual((await guests.next()).value, { kind: 'events-lost', cause: 'reconnected' })
  const network = await connection.networks.createXml("<network><name>after</name><bridge name='br-a'/></network>")
  await (await connection.storagePools.lookupByName('default-pool')).refresh()
  await network.destroy()
  assert.equal((await events.next()).value?.kind, 'refresh')
  await until(() => heard.length === 2)
  assert.deepEqual(heard, ['after started', 'after stopped'])
})

test('a daemon that falls silent is given up by keepalive', { skip, timeout: 60_000 }, async () => {
  await using daemon = await new OwnDaemon().start()
  const connection = await daemon.connect('test:///default', { keepAlive: { intervalMs: 50, count: 3 } })
  assert.ok((await connection.hostname()).length > 0)
  await new Promise((resolve) => setTimeout(resolve, 400))
  assert.equal(connection.isAlive(), true)
  daemon.signal('SIGSTOP')
  await assert.rejects(connection.hostname(), /no sign of life/)
  assert.equal((await connection.closed)?.closeReason, 'keepalive')
  daemon.signal('SIGCONT')
})

test('transfers fail when the daemon dies in their middle', { skip, timeout: 60_000 }, async () => {
  await using daemon = await new OwnDaemon().start()
  const connection = await daemon.connect('qemu:///session')
  const volume = await aVolume(connection, daemon, 64 * MiB)
  const source = join(daemon.folder, 'source')
  writeFileSync(source, Buffer.alloc(64 * MiB, 'x'))
  const download = await volume.download()
  await once(download, 'readable')
  const upload = await volume.upload()
  upload.on('error', () => {})
  upload.write(Buffer.alloc(MiB))
  daemon.signal('SIGSTOP')
  const transfers = [
    download.toArray(),
    volume.uploadFrom(source, { sparse: false }),
    volume.downloadTo(join(daemon.folder, 'target')),
    once(upload, 'close').then(() => Promise.reject(upload.errored)),
  ].map((transfer) => assert.rejects(transfer, isLost))
  await new Promise((resolve) => setTimeout(resolve, 100))
  await daemon.die()
  await Promise.all(transfers)
  assert.equal(connection.state, 'closed')
})

test('a reader who rests longer than the daemon waits for signs of life keeps the connection', {
  skip,
  timeout: 60_000,
}, async () => {
  // Dropped after 3 s of silence.
  await using daemon = await new OwnDaemon('keepalive_interval = 1\nkeepalive_count = 2\n').start()
  await using connection = await daemon.connect('qemu:///session', { keepAlive: { intervalMs: 500, count: 5 } })
  const volume = await aVolume(connection, daemon, 64 * MiB)
  writeFileSync(join(daemon.folder, 'pool', 'v.raw'), Buffer.alloc(64 * MiB, 'x'))
  const download = await volume.download()
  await once(download, 'readable')
  await new Promise((resolve) => setTimeout(resolve, 6000))
  assert.equal(connection.isAlive(), true)
  let bytes = 0
  for await (const chunk of download) bytes += (chunk as Buffer).length
  assert.equal(bytes, 64 * MiB)
  assert.ok((await connection.hostname()).length > 0)
})
