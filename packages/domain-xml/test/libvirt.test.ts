/** What this package writes, against what libvirt and QEMU accept: defined, started paused, destroyed, undefined. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Connection, Domain, LibvirtError } from '../../libvirt/src/index.ts'
import * as C from '../../libvirt/src/generated/constants.ts'
import { reachQemu } from '../../libvirt/test/daemons.ts'
import { diskXml, domainXml, type GuestSpec, interfaceXml, METADATA_NAMESPACE, secretXml } from '../src/index.ts'
import { aDisk, aGuest, anIscsiDisk, aPort } from './guests.ts'

const reached = await reachQemu()
const skip = typeof reached === 'string' ? reached : false
const connection = reached as Connection

const folder = mkdtempSync(join(tmpdir(), 'domain-xml-'))
chmodSync(folder, 0o755)
const made: Domain[] = []
const taps: string[] = []
after(async () => {
  for (const guest of made) {
    await guest.destroy().catch(() => {})
    await guest.undefine().catch(() => {})
  }
  for (const tap of taps) execFileSync('ip', ['link', 'delete', tap])
  if (typeof reached !== 'string') await reached.close()
  rmSync(folder, { recursive: true, force: true })
})

function qcow2(name: string): string {
  const path = join(folder, name)
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, '8M'])
  return path
}
function raw(name: string): string {
  const path = join(folder, name)
  writeFileSync(path, '')
  truncateSync(path, 1 << 20)
  return path
}
/** A tap device, or undefined where this process may not make one. */
function tap(): string | undefined {
  const name = `tapdx${randomUUID().slice(0, 8)}`
  try {
    execFileSync('ip', ['tuntap', 'add', name, 'mode', 'tap'], { stdio: 'ignore' })
    taps.push(name)
    return name
  } catch {
    return undefined
  }
}

function guest(more: Partial<GuestSpec>): GuestSpec {
  const uuid = randomUUID()
  return aGuest({ uuid, name: `domain-xml-${uuid.slice(0, 8)}`, memoryMiB: 32, ...more })
}
async function define(spec: GuestSpec): Promise<Domain> {
  const domain = await connection.domains.defineXml(domainXml(spec), C.VIR_DOMAIN_DEFINE_VALIDATE)
  made.push(domain)
  return domain
}

test('a guest with everything is accepted by the schema and by QEMU', { skip, timeout: 60_000 }, async (t) => {
  const port = tap()
  const log = join(folder, 'console.log')
  const spec = guest({
    title: 'a <title> & more',
    metadata: { serverId: 's-1', serverName: 'web "1"', projectId: 'p-1' },
    vcpus: 2,
    disks: [
      aDisk({ path: qcow2('root.qcow2'), bootOrder: 1, cache: 'none', discard: 'unmap', serial: 'root-1' }),
      aDisk({ path: raw('config.iso'), format: 'raw', target: 'hdd', bus: 'ide', device: 'cdrom' }),
      aDisk({ path: raw('scsi.raw'), format: 'raw', target: 'sda', bus: 'scsi', limits: { totalIops: 100 } }),
    ],
    interfaces: port === undefined ? [] : [aPort({ tap: port, mtu: 1450, bootOrder: 2 })],
    serial: { logFile: log },
    vnc: { password: 'geheim' },
    guestAgent: true,
    watchdog: { action: 'reset' },
    rng: { rate: { bytes: 1024, periodMs: 1000 } },
  })
  if (port === undefined) t.diagnostic('no tap device could be made: tried without a port')
  const domain = await define(spec)
  assert.equal(domain.uuid, spec.uuid)
  await domain.create(C.VIR_DOMAIN_START_PAUSED)
  assert.equal((await domain.state()).state, 'paused')
  assert.match(await domain.metadata(METADATA_NAMESPACE), /web &quot;1&quot;|web "1"/)
  const xml = await domain.xml()
  assert.match(xml, /OpenStack Compute/)
  assert.match(xml, /<graphics type='vnc' port='\d+'/)
  assert.ok(existsSync(log))
  await domain.destroy()
  await domain.undefine()
})

test('disks and ports are plugged into a running guest', { skip, timeout: 60_000 }, async () => {
  const domain = await define(guest({ disks: [aDisk({ path: qcow2('plug.qcow2') })] }))
  await domain.create(C.VIR_DOMAIN_START_PAUSED)
  const flags = C.VIR_DOMAIN_AFFECT_LIVE | C.VIR_DOMAIN_AFFECT_CONFIG
  const second = aDisk({ path: qcow2('second.qcow2'), target: 'vdb', serial: 'second' })
  await domain.attachDevice(diskXml(second), flags)
  assert.match(await domain.xml(), /<serial>second<\/serial>/)
  const port = tap()
  if (port !== undefined) {
    await domain.attachDevice(interfaceXml(aPort({ tap: port })), flags)
    assert.match(await domain.xml(C.VIR_DOMAIN_XML_INACTIVE), new RegExp(`dev='${port}' managed='no'`))
    await domain.detachDevice(interfaceXml(aPort({ tap: port })), C.VIR_DOMAIN_AFFECT_CONFIG)
  }
  await domain.detachDevice(diskXml(second), C.VIR_DOMAIN_AFFECT_CONFIG)
  assert.doesNotMatch(await domain.xml(C.VIR_DOMAIN_XML_INACTIVE), /<serial>second/)
  await domain.destroy()
})

test('a network disk with a secret gets as far as the portal that is not there', {
  skip,
  timeout: 60_000,
}, async () => {
  const uuid = randomUUID()
  const secret = await connection.secrets.defineXml(
    secretXml({ uuid, usage: { type: 'iscsi', target: `domain-xml-${uuid}` } }),
  )
  try {
    await secret.setValue('geheim')
    await assert.rejects(secret.value(), (error: LibvirtError) => error.code === C.VIR_ERR_INVALID_SECRET)
    const domain = await define(guest({}))
    await domain.create(C.VIR_DOMAIN_START_PAUSED)
    const volume = anIscsiDisk({ port: 1, auth: { username: 'u', secretUuid: uuid }, target: 'vda' })
    await assert.rejects(domain.attachDevice(diskXml(volume), C.VIR_DOMAIN_AFFECT_LIVE), /iSCSI|refused/i)
    await domain.attachDevice(diskXml(volume), C.VIR_DOMAIN_AFFECT_CONFIG)
    assert.match(await domain.xml(C.VIR_DOMAIN_XML_INACTIVE), /iqn\.2026-01\.org\.example:volume-1\/1/)
    await domain.destroy()
  } finally {
    await secret.undefine()
  }
})

test('a q35 guest has ports left for hot plug', { skip, timeout: 60_000 }, async () => {
  const config = aDisk({ path: raw('q35.iso'), format: 'raw', target: 'sda', bus: 'sata', device: 'cdrom' })
  const root = aDisk({ path: qcow2('q35.qcow2') })
  const domain = await define(guest({ machine: 'q35', disks: [root, config], serial: {}, guestAgent: true, vnc: {} }))
  await domain.create(C.VIR_DOMAIN_START_PAUSED)
  for (const letter of 'bcdefghi') {
    const more = aDisk({ path: qcow2(`q35-${letter}.qcow2`), target: `vd${letter}` })
    await domain.attachDevice(diskXml(more), C.VIR_DOMAIN_AFFECT_LIVE)
  }
  await domain.destroy()
})

test('every display, watchdog and card model is one that this QEMU has', { skip, timeout: 60_000 }, async () => {
  for (const model of ['vga', 'virtio', 'cirrus', 'bochs', 'none'] as const) await define(guest({ video: { model } }))
  for (const action of ['reset', 'shutdown', 'poweroff', 'pause', 'none'] as const) {
    await define(guest({ watchdog: { action } }))
  }
  for (const model of ['virtio', 'e1000', 'e1000e', 'rtl8139'] as const) {
    await define(guest({ machine: model === 'e1000e' ? 'q35' : 'pc', interfaces: [aPort({ model })] }))
  }
  for (const cpu of ['host-model', 'maximum'] as const) await define(guest({ cpu: { mode: cpu } }))
})

test("under kvm the host's processor is taken", { skip, timeout: 60_000 }, async (t) => {
  if (!/<domain type='kvm'/.test(await connection.capabilities())) {
    t.skip('this host has no kvm')
    return
  }
  await define(
    guest({
      virtType: 'kvm',
      vcpus: 2,
      cpu: { mode: 'host-passthrough', topology: { sockets: 1, cores: 2, threads: 1 } },
    }),
  )
})

test('a UEFI guest finds its firmware', { skip, timeout: 60_000 }, async (t) => {
  const capabilities = await connection.domainCapabilities({ virtType: 'qemu', machine: 'q35' })
  if (!/<value>efi<\/value>/.test(capabilities)) {
    t.skip('this host has no UEFI build')
    return
  }
  const domain = await define(guest({ machine: 'q35', firmware: { type: 'uefi', nvram: join(folder, 'vars.fd') } }))
  await domain.create(C.VIR_DOMAIN_START_PAUSED)
  await domain.destroy()
  await domain.undefine(C.VIR_DOMAIN_UNDEFINE_NVRAM)
})
