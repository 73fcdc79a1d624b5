/** The host, and what the hypervisor says of itself: on the built-in test driver and on this host. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import { type CloseEvent, type Connection, LibvirtError } from '../src/index.ts'
import { reach, reachQemu } from './daemons.ts'
import { FakeDaemon } from './fake-daemon.ts'

const fake = await reach('test:///default')
const real = await reachQemu()
const skip = typeof fake === 'string' ? fake : false
const skipReal = typeof real === 'string' ? real : false
after(async () => {
  if (typeof fake !== 'string') await fake.close()
  if (typeof real !== 'string') await real.close()
})
const isUnsupported = (error: LibvirtError) => error.isUnsupported()

test('the test driver tells of a host that never was', { skip }, async () => {
  const { node } = fake as Connection
  const info = await node.info()
  assert.equal(info.model, 'i686')
  assert.equal(info.numaNodes, 2)
  assert.equal(info.threadsPerCore, 2)
  assert.deepEqual(await node.cpuMap(), {
    cpus: 8,
    online: 3,
    map: [true, false, true, false, true, false, false, false],
  })
  assert.equal(typeof (await node.cpuStats()).idle, 'bigint')
  assert.equal((await node.cellsFreeMemoryBytes()).length, 2)
  assert.equal((await node.cellsFreeMemoryBytes(1, 1)).length, 1)
  assert.equal((await node.securityModel()).model, 'testSecurity')
  await assert.rejects(node.sevInfo(), isUnsupported)
})

test('this host tells how it is', { skip: skipReal }, async () => {
  const { node } = real as Connection
  const info = await node.info()
  assert.ok(info.cpus >= 1 && info.memoryKiB > 100_000 && info.model.length > 2)
  const map = await node.cpuMap()
  assert.equal(map.map.filter(Boolean).length, map.online)
  assert.ok(map.cpus >= info.cpus)
  const all = await node.cpuStats()
  const first = await node.cpuStats(0)
  assert.ok((all.user ?? 0n) >= (first.user ?? 0n) && (first.user ?? 0n) > 0n)
  const memory = await node.memoryStats()
  assert.ok((memory.total ?? 0) > (memory.free ?? 0))
  const free = Number(await node.freeMemoryBytes())
  assert.ok(free > 0 && free < info.memoryKiB * 4096)
  assert.ok((await node.cellsFreeMemoryBytes()).every((bytes) => bytes > 0n))
  const [small, huge] = await node.freePages([4, 2048])
  assert.equal(small?.pageSizeKiB, 4)
  assert.equal(huge?.pageSizeKiB, 2048)
  assert.ok((small?.free[0] ?? 0) > 0)
  assert.equal(small?.free.length, 1)
  assert.equal(typeof (await node.securityModel()).model, 'string')
})

test('what changes the host is refused by the daemon, or changes nothing', { skip: skipReal }, async () => {
  const { node } = real as Connection
  // Adding no pages, and setting what is set already.
  assert.equal(await node.allocPages([{ pageSizeKiB: 2048, count: 0 }]), 1)
  const { shm_pages_to_scan: pages } = await node.memoryParameters()
  assert.equal(typeof pages, 'number')
  await node.setMemoryParameters({ shm_pages_to_scan: pages })
  await assert.rejects(node.setMemoryParameters({ shm_pages_to_scan: 'many' }), /cannot be many/)
  // A flag that there is not: nobody wants this host to sleep.
  await assert.rejects(
    node.suspendForDuration('memory', 60, 1 << 20),
    (error: LibvirtError) => error.origin === 'daemon',
  )
  await assert.rejects(node.sevInfo(), isUnsupported)
})

test('a hypervisor tells its name, its limits and what it runs on', { skip }, async () => {
  const connection = fake as Connection
  assert.equal(await connection.type(), 'TEST')
  assert.equal(await connection.daemonUri(), 'test:///default')
  assert.equal(await connection.maxVcpus(), 32)
  assert.match(await connection.sysinfo(), /<sysinfo type='smbios'>/)
  assert.ok((await connection.cpuModelNames('x86_64')).includes('Westmere'))
  assert.equal(connection.isAlive(), true)
  // A UNIX socket does not leave the host, and is not encrypted.
  assert.equal(await connection.isSecure(), true)
  assert.equal(await connection.isEncrypted(), false)
})

test('processors are compared, and reduced to what they share', { skip: skipReal, timeout: 60_000 }, async () => {
  const connection = real as Connection
  const cpu = (model: string) => `<cpu><arch>x86_64</arch><model>${model}</model></cpu>`
  const guest = (model: string) => `<cpu mode='custom'><model>${model}</model></cpu>`
  assert.ok(['incompatible', 'identical', 'superset'].includes(await connection.compareCpu(cpu('qemu64'))))
  const emulated = { virtType: 'qemu', arch: 'x86_64' }
  assert.equal(await connection.compareHypervisorCpu(guest('qemu64'), emulated), 'superset')
  assert.match(await connection.baselineCpu([cpu('Westmere'), cpu('Nehalem')]), /<model .*>Nehalem</)
  assert.match(await connection.baselineHypervisorCpu([guest('qemu64')], emulated), /<model .*>qemu64</)
  assert.match(await connection.domainCapabilities(emulated), /<domain>qemu<\/domain>/)
  assert.match(await connection.capabilities(), /<capabilities>/)
})

test('a definition becomes a command line of QEMU', { skip: skipReal }, async () => {
  const connection = real as Connection
  const xml = `<domain type='qemu'><name>native</name><memory>32768</memory><os><type arch='x86_64'>hvm</type></os></domain>`
  assert.match(await connection.domainXmlToNative('qemu-argv', xml), /-name guest=native/)
  // The driver gave up the way back in libvirt 5.5.
  await assert.rejects(connection.domainXmlFromNative('qemu-argv', 'qemu-system-x86_64'), isUnsupported)
})

test('a privileged client may act for somebody else', { skip: skipReal }, async () => {
  const own = await reach(process.env.LIBVIRT_TEST_URI ?? 'qemu:///system')
  assert.ok(typeof own !== 'string', String(own))
  await own.setIdentity({ 'user-name': 'nobody', 'unix-user-id': 65534, 'process-id': 1n })
  await assert.rejects(own.setIdentity({ 'no-such-name': 'x' }), (error: LibvirtError) => error.origin === 'daemon')
  await own.close()
})

test('keepalive may be changed on an open connection', { skip }, async () => {
  const own = await reach('test:///default', { keepAlive: false })
  assert.ok(typeof own !== 'string', String(own))
  own.setKeepAlive({ intervalMs: 20, count: 3 })
  await new Promise((resolve) => setTimeout(resolve, 150))
  // The daemon answers, so the connection lives.
  assert.equal(own.isAlive(), true)
  own.setKeepAlive(false)
  await own.close()
  assert.equal(own.isAlive(), false)
})

test('an answer that came while the program was busy is no time-out', { skip }, async () => {
  const connection = fake as Connection
  await connection.hostname()
  const call = connection.hostname({ timeoutMs: 200 })
  await new Promise((resolve) => setImmediate(resolve))
  const busyUntil = Date.now() + 400
  while (Date.now() < busyUntil);
  assert.ok((await call).length > 0)
})

test('the end of a connection is told to those who asked', { skip }, async () => {
  const own = await reach('test:///default')
  assert.ok(typeof own !== 'string', String(own))
  const heard: CloseEvent[] = []
  const stopped: CloseEvent[] = []
  await own.onClose((event) => heard.push(event))
  const stop = await own.onClose((event) => stopped.push(event))
  await stop()
  const events = await own.watchClose()
  await own.close()
  assert.deepEqual(heard, [{ kind: 'close', reason: 'client', error: undefined }])
  assert.deepEqual(stopped, [])
  const told: unknown[] = []
  for await (const event of events) told.push(event)
  assert.deepEqual(told, heard)
})

test('an error says what it means', { skip }, async () => {
  await assert.rejects((fake as Connection).networks.lookupByName('no such network'), (error: unknown) => {
    assert.ok(error instanceof LibvirtError)
    assert.equal(error.code, C.VIR_ERR_NO_NETWORK)
    assert.equal(error.procedure, 'networkLookupByName')
    return error.isNotFound()
  })
})

test('free pages are told by their size, cell by cell', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.nodeGetFreePages = ({ args }) => {
    assert.deepEqual(args, { pages: [4, 2048], startCell: 1, cellCount: 2, flags: 0 })
    return { counts: [100n, 1n, 200n, 2n] }
  }
  assert.deepEqual(await connection.node.freePages([4, 2048], 1, 2), [
    { pageSizeKiB: 4, free: [100, 200] },
    { pageSizeKiB: 2048, free: [1, 2] },
  ])
})

test('what AMD keeps of guests is told by name', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.nodeGetSevInfo = () => ({
    params: [
      { field: 'cbitpos', value: { type: C.VIR_TYPED_PARAM_UINT, value: 47 } },
      { field: 'pdh', value: { type: C.VIR_TYPED_PARAM_STRING, value: 'AQ==' } },
    ],
    nparams: 2,
  })
  assert.deepEqual({ ...(await connection.node.sevInfo()) }, { cbitpos: 47, pdh: 'AQ==' })
})

test('a host goes to sleep in the way that was named', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const asked: unknown[] = []
  daemon.answers.nodeSuspendForDuration = ({ args }) => void asked.push(args)
  await connection.node.suspendForDuration('memory', 60)
  await connection.node.suspendForDuration('disk', 61n)
  await connection.node.suspendForDuration('hybrid', 62)
  assert.deepEqual(asked, [
    { target: 0, duration: 60n, flags: 0 },
    { target: 1, duration: 61n, flags: 0 },
    { target: 2, duration: 62n, flags: 0 },
  ])
})
