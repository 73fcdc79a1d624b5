/** Devices of the host: virtual ones of the built-in test driver, real ones to look at. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Connection, LibvirtError } from '../src/index.ts'
import { reach } from './daemons.ts'
import { until } from './fake-daemon.ts'

const fake = await reach('test:///default')
const real = await reach(process.env.LIBVIRT_TEST_URI ?? 'qemu:///system')
const skip = typeof fake === 'string' ? fake : false
const skipReal = typeof real === 'string' ? real : false
after(async () => {
  if (typeof fake !== 'string') await fake.close()
  if (typeof real !== 'string') await real.close()
})
const fcHost = `<device><parent>scsi_host1</parent><capability type='scsi_host'><capability type='fc_host'>
  <wwnn>2000000012341234</wwnn><wwpn>1000000012341234</wwpn></capability></capability></device>`

test('devices know their parents and what they are', { skip }, async () => {
  const { nodeDevices } = fake as Connection
  const names = (await nodeDevices.listAll()).map(({ name }) => name)
  assert.ok(names.includes('computer') && names.includes('scsi_host1'))
  assert.deepEqual((await nodeDevices.list()).sort(), names.sort())
  assert.deepEqual(await nodeDevices.list('system'), ['computer'])
  assert.equal(await nodeDevices.numOf('system'), 1)
  const host = await nodeDevices.lookupByName('scsi_host1')
  assert.equal((await host.parent())?.name, 'computer')
  assert.equal(await nodeDevices.handle('computer').parent(), undefined)
  assert.deepEqual(await host.listCaps(), ['scsi_host'])
  assert.equal(await host.numOfCaps(), 1)
  assert.match(await host.xml(), /<name>scsi_host1<\/name>/)
  assert.equal(await nodeDevices.findByName('no_such_device'), undefined)
})

test('a virtual device is made and removed, and both are told', { skip, timeout: 20_000 }, async () => {
  const { nodeDevices } = fake as Connection
  const heard: string[] = []
  const stop = await nodeDevices.on('lifecycle', ({ device, event }) => heard.push(`${event} ${device.name}`))
  await using events = await nodeDevices.watch({ kinds: ['lifecycle'] })
  const device = await nodeDevices.createXml(fcHost)
  await using ofThis = await device.watch()
  await device.destroy()
  await assert.rejects(device.xml(), (error: LibvirtError) => error.isNotFound())
  await until(() => heard.length >= 2)
  await stop()
  assert.deepEqual(heard, [`created ${device.name}`, `deleted ${device.name}`])
  const told: string[] = []
  for await (const event of events) {
    if (event.kind === 'lifecycle') told.push(event.event)
    if (told.length === 2) break
  }
  assert.deepEqual(told, ['created', 'deleted'])
  assert.deepEqual((await ofThis.next()).value, { kind: 'lifecycle', device: { name: device.name }, event: 'deleted' })
})

test('real devices are looked at, and what they cannot do is refused', {
  skip: skipReal,
  timeout: 60_000,
}, async () => {
  const { nodeDevices } = real as Connection
  const computer = await nodeDevices.lookupByName('computer')
  assert.equal(await computer.isActive(), true)
  assert.equal(await computer.isPersistent(), true)
  assert.equal(await computer.autostart(), true)
  const refused = (error: LibvirtError) => error.origin === 'daemon'
  const loopback = (await nodeDevices.listAll()).find(({ name }) => name.startsWith('net_lo_'))
  assert.ok(loopback !== undefined)
  assert.equal(await loopback.isPersistent(), false)
  await assert.rejects(loopback.create(), (error: LibvirtError) => error.isWrongState())
  await assert.rejects(loopback.undefine(), (error: LibvirtError) => error.isWrongState())
  await assert.rejects(loopback.setAutostart(true), refused)
  // None of these is a PCI device, so there is nothing to detach, to give back or to reset.
  await assert.rejects(loopback.detach(), refused)
  await assert.rejects(loopback.detach('vfio'), refused)
  await assert.rejects(loopback.reAttach(), refused)
  await assert.rejects(loopback.reset(), refused)
  await assert.rejects(loopback.destroy(), refused)
  await assert.rejects(nodeDevices.lookupScsiHostByWwn('2000000012341234', '1000000012341234'), refused)
  // A mediated device has a parent that makes it; this host has none.
  await assert.rejects(
    nodeDevices.defineXml(
      `<device><parent>computer</parent><capability type='mdev'><type id='no-such'/></capability></device>`,
    ),
    refused,
  )
  await assert.rejects(nodeDevices.createXml(fcHost), refused)
})

test('changes of a real device can be watched', { skip: skipReal }, async () => {
  const { nodeDevices } = real as Connection
  const stop = new AbortController()
  const events = await nodeDevices.watch({ signal: stop.signal })
  const stopListening = await nodeDevices.on('update', () => {})
  stop.abort()
  assert.deepEqual(await events.next(), { done: true, value: undefined })
  await stopListening()
})
