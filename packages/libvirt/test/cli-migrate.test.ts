/** The command line moves a guest between two hosts, tells how far it is, and lets Ctrl-C take it back. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Connection, Domain } from '../src/index.ts'
import { busyGuestXml, untilBusy } from './busy-guest.ts'
import { Authority } from './certificates.ts'
import { cli, missing, startCli, virsh } from './cli-run.ts'
import { freePort } from './daemon-settings.ts'
import { until } from './fake-daemon.ts'
import { hostsUnavailable, withTwoHosts } from './two-daemons.ts'

const skip = hostsUnavailable() || Authority.unavailable()
const limits = { skip, timeout: 120_000 }

let here: Connection
let there: Connection
const stack = new AsyncDisposableStack()
before(async () => {
  if (skip !== false) return
  await withTwoHosts(stack, async (_authority, one, two) => {
    here = stack.use(await one.connect())
    there = stack.use(await two.connect())
  })
})
after(() => stack.disposeAsync())

function start(where: Connection): Promise<Domain> {
  const name = `libvirt-ts-cli-moving-${randomUUID().slice(0, 8)}`
  return where.domains.createXml(`<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os><devices><memballoon model='none'/></devices></domain>`)
}
const memoryUri = async () => `tcp:127.0.0.1:${await freePort()}`

test('a guest moves, with another name and a definition, and its progress is told', limits, async () => {
  const guest = await start(here)
  const wanted = [guest.name, there.uri, await memoryUri(), '--live', '--verbose', '--persistent', '--dname', 'moved']
  const { status, stdout, stderr } = await cli(['-c', here.uri, 'migrate', ...wanted])
  assert.deepEqual({ status, stdout }, { status: 0, stdout: '\n' }, stderr)
  assert.match(stderr, /^(\rMigration: \[ *\d+ %\])*\rMigration: \[100 %\]\n$/)
  assert.equal(await here.domains.findByUuid(guest.uuid), undefined)
  const moved = await there.domains.lookupByName('moved')
  assert.equal(moved.uuid, guest.uuid)
  assert.equal(await moved.isPersistent(), true)
  await moved.destroy()
  await moved.undefine()
})

test('the daemons move a guest among themselves, and virsh does the same', {
  ...limits,
  skip: skip || (await missing('virsh')),
}, async () => {
  for (const program of [cli, virsh]) {
    const guest = await start(here)
    const ran = await program(['-c', here.uri, 'migrate', '--live', '--p2p', guest.name, there.uri, await memoryUri()])
    assert.deepEqual(ran, { status: 0, stdout: '\n', stderr: '' })
    await (await there.domains.lookupByUuid(guest.uuid)).destroy()
  }
})

test('a migration that cannot be leaves the guest where it was', limits, async () => {
  const guest = await start(here)
  const nowhere = 'qemu+unix:///system?socket=/nowhere'
  const { status, stdout, stderr } = await cli(['-c', here.uri, 'migrate', '--live', guest.name, nowhere])
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '\n' })
  assert.match(stderr, /^error: .*\/nowhere.*\n$/)
  assert.equal((await guest.state()).state, 'running')
  await guest.destroy()
})

test('Ctrl-C takes a migration back', limits, async () => {
  const folder = stack.adopt(mkdtempSync(join(tmpdir(), 'libvirt-busy-')), (path) => rmSync(path, { recursive: true }))
  const guest = await here.domains.createXml(busyGuestXml(`libvirt-ts-cli-busy-${randomUUID().slice(0, 8)}`, folder))
  await untilBusy(guest)
  const wanted = ['--live', '--verbose', '--bandwidth', '1', guest.name, there.uri, await memoryUri()]
  const moving = startCli(['-c', here.uri, 'migrate', ...wanted])
  const closed = once(moving, 'close')
  await until(() => /Migration: \[ +\d+ %\]/.test(moving.said()))
  moving.kill('SIGINT')
  assert.deepEqual(await closed, [1, null], moving.said())
  assert.match(moving.said(), /\nerror: interrupted\n\n$/)
  assert.equal((await guest.state()).state, 'running')
  assert.equal(await there.domains.findByUuid(guest.uuid), undefined)
  await guest.destroy()
})
