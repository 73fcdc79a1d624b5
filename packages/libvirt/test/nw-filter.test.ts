/** Packet filters and their bindings, on the real driver: the built-in one has none. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import type { Connection, LibvirtError } from '../src/index.ts'
import { reach } from './daemons.ts'

const real = await reach(process.env.LIBVIRT_TEST_URI ?? 'qemu:///system')
const skip = typeof real === 'string' ? real : false
const connection = real as Connection
after(async () => {
  if (typeof real !== 'string') await real.close()
})
const short = randomUUID().slice(0, 8)

test('a filter is defined, listed, found, changed and forgotten', { skip, timeout: 60_000 }, async () => {
  const { nwFilters } = connection
  const name = `libvirt-ts-${short}`
  const uuid = randomUUID()
  const xml = (action: string) =>
    `<filter name='${name}' chain='root'><uuid>${uuid}</uuid><rule action='${action}' direction='out'><mac/></rule></filter>`
  const before = await nwFilters.numOf()
  const filter = await nwFilters.defineXml(xml('accept'))
  try {
    assert.equal(filter.name, name)
    assert.equal(filter.uuid, uuid)
    assert.equal(String(filter), `${name} (${uuid})`)
    assert.ok((await nwFilters.numOf()) >= Math.max(1, before))
    assert.ok((await nwFilters.list()).includes(name))
    assert.ok((await nwFilters.listAll()).some((listed) => listed.uuid === uuid))
    assert.equal((await nwFilters.lookupByName(name)).uuid, uuid)
    assert.equal((await nwFilters.lookupByUuid(uuid)).name, name)
    await nwFilters.defineXml(xml('drop'), C.VIR_NWFILTER_DEFINE_VALIDATE)
    assert.match(await filter.xml(), /action='drop'/)
    await assert.rejects(
      nwFilters.defineXml(`<filter name='${name}'><bogus/></filter>`, C.VIR_NWFILTER_DEFINE_VALIDATE),
      (error: LibvirtError) => error.codeName === 'VIR_ERR_XML_INVALID_SCHEMA',
    )
  } finally {
    await filter.undefine()
  }
  assert.equal(await nwFilters.findByName(name), undefined)
  assert.equal(await nwFilters.findByUuid(uuid), undefined)
})

test('a filter without rules is bound to a tap and let go', { skip, timeout: 60_000 }, async () => {
  const { nwFilters, nwFilterBindings, networks } = connection
  const filter = await nwFilters.defineXml(`<filter name='libvirt-ts-bound-${short}' chain='root'/>`)
  // A device to bind to: a bridge of a network without address. The binding has no rules, so nothing is put in force.
  const portDev = `f${short}`
  const network = await networks.createXml(
    `<network><name>libvirt-ts-filter-${short}</name><bridge name='${portDev}' stp='off'/></network>`,
  )
  try {
    const binding = await nwFilterBindings.createXml(
      `<filterbinding><owner><name>nobody</name><uuid>${randomUUID()}</uuid></owner><portdev name='${portDev}'/>
        <mac address='52:54:00:7b:35:94'/><filterref filter='${filter.name}'/></filterbinding>`,
    )
    assert.equal(binding.portDev, portDev)
    assert.equal(binding.filterName, filter.name)
    assert.equal(String(binding), `${filter.name} on ${portDev}`)
    assert.match(await binding.xml(), new RegExp(`<portdev name='${portDev}'/>`))
    assert.ok((await nwFilterBindings.listAll()).some((listed) => listed.portDev === portDev))
    assert.equal((await nwFilterBindings.lookupByPortDev(portDev)).filterName, filter.name)
    await binding.delete()
    assert.equal(await nwFilterBindings.findByPortDev(portDev), undefined)
  } finally {
    await network.destroy()
    await filter.undefine()
  }
})
