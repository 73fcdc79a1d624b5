/** Networks and their ports: on the built-in test driver, and isolated ones of the real driver. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import type { Connection, LibvirtError, NetworkEvent } from '../src/index.ts'
import { reach } from './daemons.ts'
import { FakeDaemon, until } from './fake-daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'libvirt-network-'))
writeFileSync(join(folder, 'node.xml'), '<node><network><name>first</name><bridge name="br-first"/></network></node>')
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
const isNotFound = (error: LibvirtError) => error.isNotFound()
const isWrongState = (error: LibvirtError) => error.isWrongState()

test('a network is defined, started, found, stopped and forgotten', { skip }, async () => {
  const { networks } = connection
  const uuid = randomUUID()
  const network = await networks.defineXml(
    `<network><name>life</name><uuid>${uuid}</uuid><bridge name='br-life'/><ip address='10.9.8.1' netmask='255.255.255.0'/></network>`,
  )
  assert.equal(network.name, 'life')
  assert.equal(network.uuid, uuid)
  assert.equal(network.connection, connection)
  assert.equal(String(network), `life (${uuid})`)
  assert.equal(await network.isActive(), false)
  assert.equal(await network.isPersistent(), true)
  assert.deepEqual(await networks.listDefined(), ['life'])
  assert.equal(await networks.numOfDefined(), 1)

  await network.create()
  assert.equal(await network.isActive(), true)
  await assert.rejects(network.create(), isWrongState)
  assert.deepEqual((await networks.list()).sort(), ['first', 'life'])
  assert.equal(await networks.numOf(), 2)
  assert.equal(await network.bridgeName(), 'br-life')
  assert.equal(await network.autostart(), false)
  await network.setAutostart(true)
  assert.equal(await network.autostart(), true)
  assert.match(await network.xml(), /<name>life<\/name>/)
  assert.equal((await networks.lookupByName('life')).uuid, uuid)
  assert.equal((await networks.lookupByUuid(uuid.toUpperCase())).name, 'life')
  assert.equal(await networks.handle(uuid).isActive(), true)
  assert.deepEqual(
    (await networks.listAll(C.VIR_CONNECT_LIST_NETWORKS_AUTOSTART)).map(({ name }) => name),
    ['life'],
  )

  await network.destroy()
  await network.undefine()
  assert.equal(await networks.findByName('life'), undefined)
  assert.equal(await networks.findByUuid(uuid), undefined)
  await assert.rejects(network.xml(), isNotFound)
})

test('a transient network is gone when it stops', { skip }, async () => {
  const network = await connection.networks.createXml("<network><name>passing</name><bridge name='br-p'/></network>")
  assert.equal(await network.isActive(), true)
  assert.equal(await network.isPersistent(), false)
  await network.destroy()
  assert.equal(await connection.networks.findByName('passing'), undefined)
})

test('one host entry of a network is added, changed and taken away', { skip }, async () => {
  const network = await connection.networks.createXml(
    `<network><name>updated</name><bridge name='br-u'/>
      <ip address='10.9.7.1' netmask='255.255.255.0'><dhcp><range start='10.9.7.10' end='10.9.7.20'/></dhcp></ip></network>`,
  )
  const host = (address: string) => `<host mac='52:54:00:00:00:01' name='one' ip='${address}'/>`
  const flags = C.VIR_NETWORK_UPDATE_AFFECT_LIVE
  const section = 'ip-dhcp-host'
  await network.update({ command: 'add-last', section, xml: host('10.9.7.10'), parentIndex: 0, flags })
  assert.match(await network.xml(), /<host mac='52:54:00:00:00:01' name='one' ip='10.9.7.10'\/>/)
  await network.update({ command: 'modify', section, xml: host('10.9.7.11'), flags })
  assert.match(await network.xml(), /ip='10.9.7.11'/)
  await network.update({ command: 'delete', section, xml: host('10.9.7.11'), flags })
  assert.doesNotMatch(await network.xml(), /<host /)
  await network.destroy()
})

test('networks tell what happens to them, to those who watch and to those who listen', { skip }, async () => {
  const { networks } = connection
  const network = await networks.defineXml("<network><name>watched</name><bridge name='br-w'/></network>")
  const other = await networks.defineXml("<network><name>unwatched</name><bridge name='br-o'/></network>")
  await using events = await network.watch()
  const heard: string[] = []
  const stop = await networks.on('lifecycle', (event) => heard.push(`${event.network.name} ${event.event}`))
  const ofOne: string[] = []
  const stopOne = await networks.on('lifecycle', ({ event }) => ofOne.push(event), { network })
  await other.create()
  await network.create()
  await network.destroy()
  await until(() => heard.length === 3 && ofOne.length === 2)
  await stop()
  await stopOne()
  await network.undefine()
  await other.destroy()
  await other.undefine()
  const watched: NetworkEvent['event'][] = []
  for await (const event of events) {
    if (event.kind === 'events-lost') continue
    assert.equal(event.network.uuid, network.uuid)
    watched.push(event.event)
    if (event.event === 'undefined') break
  }
  assert.deepEqual(watched, ['started', 'stopped', 'undefined'])
  assert.deepEqual(heard, ['unwatched started', 'watched started', 'watched stopped'])
  assert.deepEqual(ofOne, ['started', 'stopped'])
})

test('a real network has leases, ports and limits on them', { skip: skipReal, timeout: 60_000 }, async () => {
  const { networks } = real as Connection
  const name = `libvirt-ts-${randomUUID().slice(0, 8)}`
  // No address, so that no dnsmasq has to run; a bridge is made.
  const network = await networks.defineXml(
    `<network><name>${name}</name><bridge name='v${name.slice(-8)}' stp='off'/></network>`,
    C.VIR_NETWORK_DEFINE_VALIDATE,
  )
  try {
    await assert.rejects(
      networks.createXml(`<network><name>${name}-2</name><bogus/></network>`, C.VIR_NETWORK_CREATE_VALIDATE),
      (error: LibvirtError) => error.codeName === 'VIR_ERR_XML_INVALID_SCHEMA',
    )
    await network.create()
    assert.deepEqual(await network.dhcpLeases(), [])
    assert.deepEqual(await network.dhcpLeases('52:54:00:00:00:01'), [])
    assert.equal(await network.bridgeName(), `v${name.slice(-8)}`)

    const uuid = randomUUID()
    const port = await network.createPortXml(
      `<networkport><uuid>${uuid}</uuid><owner><name>nobody</name><uuid>${randomUUID()}</uuid></owner>
        <mac address='52:54:00:7b:35:93'/></networkport>`,
    )
    assert.equal(port.uuid, uuid)
    assert.equal(port.network, network)
    assert.equal(port.connection, real)
    assert.match(await port.xml(), /<mac address='52:54:00:7b:35:93'\/>/)
    assert.deepEqual(
      (await network.listAllPorts()).map((listed) => listed.uuid),
      [uuid],
    )
    assert.equal((await network.lookupPortByUuid(uuid)).uuid, uuid)
    assert.deepEqual({ ...(await port.parameters()) }, {})
    await port.setParameters({ 'inbound.average': 1000, 'inbound.peak': 2000 })
    const { 'inbound.average': average, 'inbound.peak': peak } = await port.parameters()
    assert.deepEqual({ average, peak }, { average: 1000, peak: 2000 })
    await assert.rejects(port.setParameters({ 'inbound.average': 'fast' }), /cannot be fast/)
    await port.delete()
    assert.equal(await network.findPortByUuid(uuid), undefined)
    assert.deepEqual(await network.listAllPorts(), [])
  } finally {
    await network.destroy()
    await network.undefine()
  }
})

test('a lease says who has which address, and until when', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connected = await daemon.connect()
  const asked: unknown[] = []
  daemon.answers.networkGetDhcpLeases = ({ args }) => {
    asked.push((args as { mac: string | null }).mac)
    const nothing = { mac: null, iaid: null, hostname: null, clientid: null }
    const four = { ...nothing, iface: 'virbr0', expirytime: 1_700_000_000n, type: 0, ipaddr: '10.0.0.5', prefix: 24 }
    const six = { ...nothing, iface: 'virbr0', expirytime: 0n, type: 1, ipaddr: 'fd00::5', prefix: 64 }
    return {
      leases: [
        { ...four, mac: '52:54:00:00:00:05', hostname: 'five' },
        { ...six, iaid: '77', clientid: '00:01' },
      ],
      ret: 2,
    }
  }
  const network = connected.networks.handle('00000000-0000-0000-0000-000000000001', 'n')
  assert.deepEqual(await network.dhcpLeases('52:54:00:00:00:05'), [
    {
      interface: 'virbr0',
      expirySeconds: 1_700_000_000,
      family: 'ipv4',
      mac: '52:54:00:00:00:05',
      iaid: undefined,
      address: '10.0.0.5',
      prefix: 24,
      hostname: 'five',
      clientId: undefined,
    },
    {
      interface: 'virbr0',
      expirySeconds: 0,
      family: 'ipv6',
      mac: undefined,
      iaid: '77',
      address: 'fd00::5',
      prefix: 64,
      hostname: undefined,
      clientId: '00:01',
    },
  ])
  assert.deepEqual(asked, ['52:54:00:00:00:05'])
})
