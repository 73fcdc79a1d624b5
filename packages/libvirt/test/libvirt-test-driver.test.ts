/** Against a real libvirtd with its built-in fake hypervisor: no QEMU, but the real protocol. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Connection, LibvirtError } from '../src/index.ts'
import { VIR_CONNECT_LIST_DOMAINS_ACTIVE, VIR_CONNECT_LIST_DOMAINS_INACTIVE } from '../src/generated/constants.ts'
import { reach } from './daemons.ts'

// A file of one's own, since everybody's `test:///default` is one and the same.
const folder = mkdtempSync(join(tmpdir(), 'libvirt-test-'))
writeFileSync(
  join(folder, 'node.xml'),
  `<node>
    <domain type='test'><name>first</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory>65536</memory><os><type>hvm</type></os></domain>
    <pool type='dir'><name>pool</name><target><path>/nowhere</path></target></pool>
  </node>`,
)
const uri = `test://${join(folder, 'node.xml')}`
const reached = await reach(uri)
const skip = typeof reached === 'string' ? reached : false
const connection = reached as Connection
after(async () => {
  if (typeof reached !== 'string') await reached.close()
  rmSync(folder, { recursive: true, force: true })
})

const xml = (name: string) =>
  `<domain type='test'><name>${name}</name><memory>8192</memory><os><type>hvm</type></os></domain>`

test('the host tells its versions, its name and what it has', { skip }, async () => {
  assert.ok((await connection.libVersion()).number >= 1_002_001)
  assert.equal((await connection.version()).number, 2)
  assert.ok((await connection.hostname()).length > 0)
  const node = await connection.node.info()
  assert.equal(node.model, 'i686')
  assert.equal(node.memoryKiB, 3_145_728)
  assert.equal(node.cpus, 16)
  assert.match(await connection.capabilities(), /<capabilities>/)
})

test('a guest lives from its definition to its end', { skip }, async () => {
  const guest = await connection.domains.defineXml(xml('life'))
  assert.equal(guest.name, 'life')
  assert.equal(guest.id, -1)
  assert.deepEqual(await guest.state(), { state: 'shutoff', reason: 'unknown' })
  assert.equal(await guest.isPersistent(), true)
  await guest.create()
  assert.deepEqual(await guest.state(), { state: 'running', reason: 'booted' })
  await guest.suspend()
  assert.deepEqual(await guest.state(), { state: 'paused', reason: 'user' })
  await guest.resume()
  assert.deepEqual(await guest.state(), { state: 'running', reason: 'unpaused' })
  assert.ok((await connection.domains.lookupByUuid(guest.uuid)).id > 0)
  await guest.reboot()
  await guest.managedSave()
  assert.equal(await guest.hasManagedSave(), true)
  await guest.create()
  await guest.shutdown()
  assert.equal((await guest.state()).state, 'shutoff')
  await assert.rejects(guest.destroy(), (error: LibvirtError) => error.isWrongState())
  await guest.undefine()
  assert.equal(await connection.domains.findByUuid(guest.uuid), undefined)
  await assert.rejects(guest.state(), (error: LibvirtError) => error.isNotFound())
})

test('lists tell which guests there are, and how they are', { skip }, async () => {
  const guest = await connection.domains.defineXml(xml('listed'))
  const names = async (flags: number) => (await connection.domains.listAll(flags)).map(({ name }) => name)
  assert.ok((await names(0)).includes('listed'))
  assert.ok((await names(VIR_CONNECT_LIST_DOMAINS_INACTIVE)).includes('listed'))
  assert.ok(!(await names(VIR_CONNECT_LIST_DOMAINS_ACTIVE)).includes('listed'))
  const states = await connection.domains.listWithState()
  assert.equal(states.find(({ domain }) => domain.name === 'first')?.state, 'running')
  assert.equal(states.find(({ domain }) => domain.uuid === guest.uuid)?.state, 'shutoff')
  await guest.undefine()
})

test('events tell of a guest in the order of what happens, and only of the one asked for', { skip }, async () => {
  const guest = await connection.domains.defineXml(xml('watched'))
  const other = await connection.domains.defineXml(xml('unwatched'))
  await using events = await guest.watch({ kinds: ['lifecycle'] })
  await other.create()
  await guest.create()
  await guest.suspend()
  await guest.resume()
  await guest.destroy()
  await guest.undefine()
  const heard: string[] = []
  for await (const event of events) {
    if (event.kind !== 'lifecycle') continue
    assert.equal(event.domain.uuid, guest.uuid)
    heard.push(`${event.event} ${event.detail}`)
    if (event.event === 'undefined') break
  }
  assert.deepEqual(heard, [
    'started booted',
    'suspended paused',
    'resumed unpaused',
    'stopped destroyed',
    'undefined removed',
  ])
  await other.destroy()
  await other.undefine()
})

test('metadata of our own is kept with the guest', { skip }, async () => {
  const guest = await connection.domains.defineXml(xml('described'))
  await assert.rejects(guest.metadata('urn:x'), (error: LibvirtError) => error.isNotFound())
  await guest.setMetadata('urn:x', 'x', '<server id="1 &amp; 2"/>')
  assert.match(await guest.metadata('urn:x'), /<server id="1 &amp; 2"\/>/)
  assert.match(await guest.xml(), /<x:server xmlns:x="urn:x"/)
  await guest.setMetadata('urn:x', 'x', null)
  await assert.rejects(guest.metadata('urn:x'), (error: LibvirtError) => error.isNotFound())
  await guest.undefine()
})

test('figures of a running guest', { skip }, async () => {
  const guest = await connection.domains.lookupByName('first')
  const info = await guest.info()
  assert.equal(info.state, 'running')
  assert.equal(info.memoryKiB, 65_536)
  assert.equal(typeof info.cpuTimeNs, 'bigint')
  const xmlText = await guest.xml()
  assert.match(xmlText, /<name>first<\/name>/)
})

test('many calls at once all find their answers', { skip }, async () => {
  const guest = await connection.domains.lookupByName('first')
  const infos = await Promise.all(Array.from({ length: 200 }, () => guest.info()))
  assert.ok(infos.every((info) => info.memoryKiB === 65_536))
})

test('a read-only connection may look and not touch', { skip }, async () => {
  const readOnly = await reach(uri, { readOnly: true })
  assert.ok(typeof readOnly !== 'string', String(readOnly))
  const guest = await readOnly.domains.lookupByName('first')
  assert.equal((await guest.state()).state, 'running')
  await assert.rejects(guest.suspend(), (error: LibvirtError) => error.isDenied())
  await readOnly.close()
})

test('a URI that no driver knows fails with what the daemon says', { skip }, async () => {
  const outcome = await reach('nosuch+unix:///x')
  assert.ok(typeof outcome === 'string')
  assert.match(outcome, /nosuch|no connection driver/)
})

test('the raw API reaches what has no friendly name', { skip }, async () => {
  const { pools } = await connection.raw.connectListAllStoragePools({ needResults: 1, flags: 0 })
  assert.deepEqual(
    pools.map(({ name }) => name),
    ['pool'],
  )
  await assert.rejects(connection.raw.nodeGetSevInfo({ nparams: 0, flags: 0 }), (error: LibvirtError) =>
    error.isUnsupported(),
  )
})
