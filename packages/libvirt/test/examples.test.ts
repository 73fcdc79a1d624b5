/** The examples run, and the README shows the same text. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { VIR_STORAGE_POOL_CREATE_WITH_BUILD } from '../src/generated/constants.ts'
import type { Connection } from '../src/index.ts'
import { missing, run, startCli, Tty } from './cli-run.ts'
import { reach, reachQemu } from './daemons.ts'
import { echoGuestXml } from './echo-guest.ts'
import { until } from './fake-daemon.ts'
import { OwnDaemon } from './own-daemon.ts'

const examples = join(import.meta.dirname, '../examples')
const file = (name: string) => join(examples, name)
const folder = mkdtempSync(join(tmpdir(), 'libvirt-examples-'))
chmodSync(folder, 0o777)

const fake = await reach('test:///default')
if (typeof fake !== 'string') await fake.close()
const skip = typeof fake === 'string' ? fake : false
const uri = process.env.LIBVIRT_TEST_URI ?? 'qemu:///system'
const reached = await reachQemu()
const qemu = reached as Connection
const skipQemu = typeof reached === 'string' ? reached : false
after(async () => {
  if (typeof reached !== 'string') await qemu.close()
  rmSync(folder, { recursive: true, force: true })
})

test('the README shows every example as it is', () => {
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  for (const name of readdirSync(examples)) {
    const text = readFileSync(file(name), 'utf8')
    assert.ok(readme.includes(`\`\`\`ts\n${text}\`\`\``), `README.md does not show examples/${name}`)
  }
})

test('a first program has ten lines at most', () => {
  assert.ok(readFileSync(file('first.ts'), 'utf8').trimEnd().split('\n').length <= 10)
})

test('the first program tells of the host and its guests', { skip }, async () => {
  const node = join(folder, 'node.xml')
  const guest = '<name>web</name><memory>65536</memory><vcpu>2</vcpu><os><type>hvm</type></os>'
  writeFileSync(node, `<node><domain type='test'>${guest}</domain></node>`)
  const { status, stdout, stderr } = await run(process.execPath, [file('first.ts'), `test://${node}`])
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  assert.match(
    stdout,
    /^\S+ has 16 processors and 3145728 KiB of memory\nweb is running \(unknown\), with 2 processors and 65536 KiB\n$/,
  )
})

test('the watcher tells of what happens to guests, also after the daemon was away', {
  skip: OwnDaemon.unavailable(),
}, async () => {
  await using daemon = new OwnDaemon()
  await daemon.start()
  const watch = startCli([`test+unix:///default?socket=${daemon.path}`], file('watch.ts'))
  await until(() => watch.said().includes('Watching, until Ctrl-C\n'))
  const suspend = async () => {
    await using connection = await daemon.connect('test:///default')
    await (await connection.domains.lookupByName('test')).suspend()
  }
  await suspend()
  await until(() => watch.said().includes('test: suspended, paused\n'))
  await daemon.die()
  await daemon.start()
  await until(() => watch.said().includes('something may have been missed (reconnected): list again\n'))
  await suspend()
  await until(() => watch.said().endsWith('list again\ntest: suspended, paused\n'))
  const ended = once(watch, 'close')
  watch.kill('SIGINT')
  assert.deepEqual(await ended, [0, null], watch.said())
})

test('the console is the guest, until Ctrl-]', {
  skip: skipQemu || (await missing('script')),
  timeout: 120_000,
}, async () => {
  const name = `libvirt-ts-example-${randomUUID().slice(0, 8)}`
  const guest = await qemu.domains.createXml(echoGuestXml(name, folder))
  try {
    using tty = new Tty([name, uri], file('console.ts'))
    await until(() => tty.shown.includes(`The console of ${name}, until Ctrl-]\r\n`))
    await tty.typeUntil('{', '|')
    tty.type('\x1d')
    await tty.ended()
    assert.equal(tty.status, 0, tty.shown)
    assert.equal(tty.isRestored, true, tty.shown)

    using other = new Tty([name, uri], file('console.ts'))
    await other.typeUntil('{', '|')
    await guest.destroy()
    await other.ended()
    assert.equal(other.isRestored, true, other.shown)
  } finally {
    // It may be gone already, as the test wants it.
    if ((await qemu.domains.findByName(name)) !== undefined) await guest.destroy()
  }
})

test('an image is uploaded, with progress', { skip: skipQemu }, async () => {
  const name = `libvirt-ts-example-${randomUUID().slice(0, 8)}`
  const target = join(folder, 'pool')
  const pool = await qemu.storagePools.createXml(
    `<pool type='dir'><name>${name}</name><target><path>${target}</path></target></pool>`,
    VIR_STORAGE_POOL_CREATE_WITH_BUILD,
  )
  try {
    const image = join(folder, 'a & b.raw')
    writeFileSync(image, Buffer.alloc(3 << 20, 'x'))
    truncateSync(image, 8 << 20)
    const { status, stdout, stderr } = await run(process.execPath, [file('upload.ts'), image, name, uri])
    assert.deepEqual(
      { status, stdout },
      { status: 0, stdout: `\n${join(target, 'a & b.raw')}: 8388608 bytes, of which 5242880 are holes\n` },
    )
    assert.match(stderr, /^(\r\d+ %)+$/)
    assert.ok(stderr.endsWith('\r100 %'), stderr)
    assert.ok(readFileSync(join(target, 'a & b.raw')).equals(readFileSync(image)))
  } finally {
    await pool.destroy()
  }
})
