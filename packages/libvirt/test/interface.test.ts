/** The host's interfaces: all of it on the built-in test driver, and what may be done to a real host. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import type { Connection, LibvirtError } from '../src/index.ts'
import { reach } from './daemons.ts'

const folder = mkdtempSync(join(tmpdir(), 'libvirt-interface-'))
writeFileSync(
  join(folder, 'node.xml'),
  `<node><interface type='ethernet' name='eth1'><start mode='onboot'/><mac address='aa:bb:cc:dd:ee:01'/></interface></node>`,
)
const fake = await reach(`test://${join(folder, 'node.xml')}`)
const real = await reach(process.env.LIBVIRT_TEST_URI ?? 'qemu:///system')
const skip = typeof fake === 'string' ? fake : false
const skipReal = typeof real === 'string' ? real : false
const connection = fake as Connection
after(async () => {
  if (typeof fake !== 'string') await fake.close()
  if (typeof real !== 'string') await real.close()
  rmSync(folder, { recursive: true, force: true })
})
const xml = (name: string, mac: string) =>
  `<interface type='ethernet' name='${name}'><start mode='none'/><mac address='${mac}'/></interface>`

test('an interface is defined, taken up and down, found and forgotten', { skip }, async () => {
  const { interfaces } = connection
  const made = await interfaces.defineXml(xml('eth7', 'aa:bb:cc:dd:ee:07'))
  assert.equal(made.name, 'eth7')
  assert.equal(made.mac, 'aa:bb:cc:dd:ee:07')
  assert.equal(made.connection, connection)
  assert.equal(String(made), 'eth7 (aa:bb:cc:dd:ee:07)')
  assert.equal(await made.isActive(), false)
  assert.deepEqual(await interfaces.listDefined(), ['eth7'])
  assert.equal(await interfaces.numOfDefined(), 1)
  await made.create()
  assert.equal(await made.isActive(), true)
  assert.deepEqual((await interfaces.list()).sort(), ['eth1', 'eth7'])
  assert.equal(await interfaces.numOf(), 2)
  assert.equal((await interfaces.listAll(C.VIR_CONNECT_LIST_INTERFACES_ACTIVE)).length, 2)
  assert.match(await made.xml(), /<mac address='aa:bb:cc:dd:ee:07'\/>/)
  assert.equal((await interfaces.lookupByName('eth7')).mac, made.mac)
  assert.equal((await interfaces.lookupByMac('aa:bb:cc:dd:ee:07')).name, 'eth7')
  assert.equal((await interfaces.findByMac('aa:bb:cc:dd:ee:07'))?.name, 'eth7')
  await made.destroy()
  await made.undefine()
  assert.equal(await interfaces.findByName('eth7'), undefined)
})

test('changes of interfaces are kept by a commit, and undone by a rollback', { skip }, async () => {
  const { interfaces } = connection
  await interfaces.changeBegin()
  await assert.rejects(interfaces.changeBegin(), (error: LibvirtError) => error.isWrongState())
  await interfaces.defineXml(xml('eth8', 'aa:bb:cc:dd:ee:08'))
  await interfaces.changeRollback()
  assert.equal(await interfaces.findByName('eth8'), undefined)
  await interfaces.changeBegin()
  const kept = await interfaces.defineXml(xml('eth9', 'aa:bb:cc:dd:ee:09'))
  await interfaces.changeCommit()
  await assert.rejects(interfaces.changeRollback(), (error: LibvirtError) => error.isWrongState())
  assert.equal((await interfaces.lookupByName('eth9')).mac, kept.mac)
  await kept.undefine()
})

test('the interfaces of this host can be looked at', { skip: skipReal }, async () => {
  const { interfaces } = real as Connection
  const loopback = await interfaces.lookupByName('lo')
  assert.match(await loopback.xml(), /name='lo'/)
  const all = (await interfaces.listAll()).map(({ name }) => name)
  assert.ok(all.includes('lo'))
  const names = [...(await interfaces.list()), ...(await interfaces.listDefined())]
  assert.ok(names.length > 0)
  assert.equal(await interfaces.findByName('no-such-0'), undefined)
})
