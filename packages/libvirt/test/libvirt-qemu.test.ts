/** Against a real libvirtd with QEMU, by emulation: guests without an operating system, mostly paused. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Connection, type Domain, LibvirtError } from '../src/index.ts'
import {
  VIR_DOMAIN_AFFECT_LIVE,
  VIR_DOMAIN_CONSOLE_FORCE,
  VIR_DOMAIN_START_PAUSED,
  VIR_DOMAIN_STATS_BALLOON,
  VIR_DOMAIN_STATS_BLOCK,
  VIR_DOMAIN_STATS_STATE,
} from '../src/generated/constants.ts'
import { reachQemu } from './daemons.ts'

const reached = await reachQemu()
const skip = typeof reached === 'string' ? reached : false
const connection = reached as Connection

const folder = mkdtempSync(join(tmpdir(), 'libvirt-qemu-'))
chmodSync(folder, 0o755)
const made: Domain[] = []
after(async () => {
  for (const guest of made) {
    await guest.destroy().catch(() => {})
    await guest.undefine().catch(() => {})
  }
  if (typeof reached !== 'string') await reached.close()
  rmSync(folder, { recursive: true, force: true })
})

function disk(name: string): string {
  const path = join(folder, name)
  writeFileSync(path, '')
  truncateSync(path, 1 << 20)
  return path
}
const diskXml = (path: string, target: string) =>
  `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='${target}' bus='virtio'/><serial>${target}-serial</serial></disk>`

async function define(name: string): Promise<Domain> {
  const guest = await connection.domains.defineXml(`<domain type='qemu'>
    <name>libvirt-ts-${name}-${randomUUID().slice(0, 8)}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
    <devices>${diskXml(disk(`${name}.raw`), 'vda')}
      <serial type='pty'/><console type='pty'/><video><model type='vga'/></video>
      <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    </devices></domain>`)
  made.push(guest)
  return guest
}

test('a guest is started, watched, looked at and cut off', { skip, timeout: 60_000 }, async () => {
  const guest = await define('life')
  await using events = await guest.watch()
  await guest.create(VIR_DOMAIN_START_PAUSED)
  assert.deepEqual(await guest.state(), { state: 'paused', reason: 'user' })
  await assert.rejects(guest.create(), (error: LibvirtError) => error.isWrongState())
  await guest.resume()
  assert.equal((await guest.state()).state, 'running')

  const info = await guest.info()
  assert.equal(info.maxMemoryKiB, 32_768)
  assert.equal(info.vcpus, 1)
  assert.ok((await guest.memoryStats()).rss)
  const block = await guest.blockStats('vda')
  assert.ok(block.readBytes >= 0n)
  assert.equal((await guest.blockInfo('vda')).capacityBytes, 1n << 20n)
  const [stats] = await connection.domains.allStats({
    domains: [guest],
    stats: VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_BLOCK,
  })
  assert.equal(stats?.domain.uuid, guest.uuid)
  assert.equal(stats?.values['state.state'], 1)
  assert.equal(stats?.values['block.0.name'], 'vda')
  assert.equal(stats?.values['block.0.capacity'], 1n << 20n)

  const listed = (await connection.domains.listWithState()).find(({ domain }) => domain.uuid === guest.uuid)
  assert.equal(listed?.state, 'running')
  assert.equal(listed?.reason, 'unpaused')

  const picture = await guest.screenshot()
  assert.match(picture.mime, /^image\//)
  assert.ok(picture.data.length > 100)
  await guest.sendKey([28])
  await guest.injectNmi()
  await guest.reset()
  await assert.rejects(guest.agentCommand('{"execute":"guest-ping"}', { timeoutSeconds: 1 }), (error: LibvirtError) =>
    error.isAgentUnresponsive(),
  )
  await guest.shutdown()
  await guest.destroy()
  assert.deepEqual(await guest.state(), { state: 'shutoff', reason: 'destroyed' })

  const heard: string[] = []
  for await (const event of events) {
    if (event.kind === 'lifecycle') heard.push(event.event)
    if (event.kind === 'lifecycle' && event.event === 'stopped') break
  }
  assert.equal(heard.at(-1), 'stopped')
  assert.ok(heard.includes('started') && heard.includes('resumed'))
})

test('a disk is plugged, grown and asked to leave', { skip, timeout: 60_000 }, async () => {
  const guest = await define('plug')
  await guest.create(VIR_DOMAIN_START_PAUSED)
  await using events = await guest.watch({ kinds: ['device-added', 'device-removed'] })
  const path = disk('second.raw')
  await guest.attachDevice(diskXml(path, 'vdb'), VIR_DOMAIN_AFFECT_LIVE)
  assert.match(await guest.xml(), /<serial>vdb-serial<\/serial>/)
  const { value } = await events.next()
  assert.equal(value?.kind, 'device-added')
  await guest.blockResize('vdb', 2 << 20)
  assert.equal((await guest.blockInfo('vdb')).capacityBytes, 2n << 20n)
  await assert.rejects(guest.attachDevice(diskXml(path, 'vdb'), VIR_DOMAIN_AFFECT_LIVE), /duplicated|already exists/)
  // A guest that does not run cannot let go; libvirt takes the wish all the same.
  await guest.detachDevice(diskXml(path, 'vdb'), VIR_DOMAIN_AFFECT_LIVE)
  await guest.destroy()
})

test('what a guest prints can be read at its console, by one at a time', { skip, timeout: 60_000 }, async () => {
  const guest = await define('console')
  await guest.create(VIR_DOMAIN_START_PAUSED)
  const first = await guest.openConsole()
  // Whoever loses the console is told: by an error, or by its end.
  first.on('error', () => {})
  first.resume()
  const ended = new Promise((resolve) => first.on('close', resolve))
  await assert.rejects(guest.openConsole(), LibvirtError)
  const second = await guest.openConsole(null, VIR_DOMAIN_CONSOLE_FORCE)
  second.on('error', () => {})
  await ended
  second.write('hello')
  second.resume()
  const closed = new Promise((resolve) => second.on('close', resolve))
  await guest.destroy()
  await closed
})

test('the memory of a guest is saved, and it goes on from there', { skip, timeout: 60_000 }, async () => {
  const guest = await define('save')
  await guest.create(VIR_DOMAIN_START_PAUSED)
  assert.equal(await guest.hasManagedSave(), false)
  await guest.managedSave()
  assert.deepEqual(await guest.state(), { state: 'shutoff', reason: 'saved' })
  assert.equal(await guest.hasManagedSave(), true)
  await guest.create()
  assert.equal((await guest.state()).state, 'paused')
  await guest.destroy()
})

test('a definition that makes no sense is refused with the reason', { skip }, async () => {
  await assert.rejects(
    connection.domains.defineXml('<domain'),
    (error: LibvirtError) => error.codeName === 'VIR_ERR_XML_DETAIL',
  )
  const guest = await define('twice')
  const clash = `<domain type='qemu'><name>${guest.name}</name><uuid>${randomUUID()}</uuid><memory>32768</memory><os><type>hvm</type></os></domain>`
  await assert.rejects(connection.domains.defineXml(clash), (error: LibvirtError) => error.isAlreadyThere())
})
