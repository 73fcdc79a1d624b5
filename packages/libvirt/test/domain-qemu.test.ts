/**
 * What a guest can be asked only where there is a hypervisor: block jobs, backups, saved memory, the monitor. By
 * emulation, without an operating system, and mostly paused.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as C from '../src/generated/constants.ts'
import type { Connection, Domain, DomainEventOf, LibvirtError } from '../src/index.ts'
import { reachQemu } from './daemons.ts'
import { until } from './fake-daemon.ts'

const reached = await reachQemu()
const skip = typeof reached === 'string' ? reached : false
const connection = reached as Connection
const limits = { skip, timeout: 60_000 }

const folder = mkdtempSync(join(tmpdir(), 'libvirt-domain-qemu-'))
chmodSync(folder, 0o777)
const made: Domain[] = []
after(async () => {
  const all =
    C.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
    C.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
    C.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
  await Promise.all(
    made.map(async (guest) => {
      await guest.destroy().catch(() => {})
      await guest.undefine(all).catch(() => {})
    }),
  )
  if (typeof reached !== 'string') await reached.close()
  rmSync(folder, { recursive: true, force: true })
})

function disk(name: string, format: 'raw' | 'qcow2'): string {
  const path = join(folder, `${name}.${format}`)
  execFileSync('qemu-img', ['create', '-q', '-f', format, path, '4M'])
  chmodSync(path, 0o666)
  return path
}
async function define(name: string): Promise<Domain> {
  const guest = await connection.domains.defineXml(`<domain type='qemu'>
    <name>libvirt-ts-${name}-${randomUUID().slice(0, 8)}</name>
    <memory unit='MiB'>64</memory><currentMemory unit='MiB'>48</currentMemory><vcpu current='1'>2</vcpu><iothreads>1</iothreads>
    <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
    <pm><suspend-to-mem enabled='yes'/></pm>
    <devices>
      <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk(name, 'qcow2')}'/><target dev='vda' bus='virtio'/></disk>
      <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk(name, 'raw')}'/><target dev='vdb' bus='virtio'/></disk>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
      <channel type='unix'><source mode='bind' path='${join(folder, `${name}.sock`)}'/><target type='virtio' name='ours'/></channel>
      <memballoon model='virtio'/>
    </devices></domain>`)
  made.push(guest)
  return guest
}
async function start(name: string): Promise<Domain> {
  const guest = await define(name)
  await guest.create(C.VIR_DOMAIN_START_PAUSED)
  return guest
}
const live = C.VIR_DOMAIN_AFFECT_LIVE
const config = C.VIR_DOMAIN_AFFECT_CONFIG
const isCode = (name: string) => (error: LibvirtError) => {
  assert.equal(error.codeName, name, error.message)
  return true
}

test('processors are plugged and pinned in a guest that is there', limits, async () => {
  const guest = await start('processors')
  await guest.setVcpus(2, live)
  assert.equal(await guest.vcpuCount(C.VIR_DOMAIN_VCPU_LIVE), 2)
  await guest.setVcpu([1], true, config)
  assert.equal(await guest.vcpuCount(C.VIR_DOMAIN_VCPU_CONFIG), 2)
  await guest.pinVcpu(0, [0], live)
  assert.deepEqual((await guest.vcpuPinInfo(live))[0], [0])
  const [vcpu] = await guest.vcpus()
  assert.deepEqual(vcpu?.affinity, [0])
  await guest.pinEmulator([0], live)
  assert.deepEqual(await guest.emulatorPinInfo(live), [0])
  await guest.addIoThread(2, live)
  await guest.setIoThreadParams(2, { poll_max_ns: 5000, poll_grow: 2 }, live)
  await guest.pinIoThread(2, [0], live)
  assert.deepEqual(
    (await guest.ioThreadInfo()).find(({ id }) => id === 2),
    { id: 2, cpus: [0] },
  )
  await guest.delIoThread(2, live)
  assert.equal((await guest.ioThreadInfo()).length, 1)
})

test('limits of a guest that runs, and of the one that will', limits, async () => {
  const guest = await start('limits')
  await guest.setMemory(40_000, live)
  await guest.setMemoryStatsPeriod(1, live)
  await assert.rejects(guest.setMaxMemory(131_072), isCode('VIR_ERR_OPERATION_INVALID'))
  await guest.setSchedulerParameters({ cpu_shares: 2000, vcpu_quota: -1 }, config)
  assert.equal((await guest.schedulerParameters(config)).cpu_shares, 2000n)
  assert.equal((await guest.schedulerType()).type, 'posix')
  await guest.setBlockIoTune('vda', { total_iops_sec: 1000, group_name: 'ours' }, live)
  const tune = await guest.blockIoTune('vda', live)
  assert.equal(tune.total_iops_sec, 1000n)
  assert.equal(tune.group_name, 'ours')
  await guest.setMemoryParameters({ hard_limit: 2_000_000 }, config)
  assert.equal((await guest.memoryParameters(config)).hard_limit, 2_000_000n)
  await guest.setPerfEvents({ cpu_clock: false }, config)
  assert.equal(await guest.isUpdated(), false)
  await guest.setLifecycleAction(C.VIR_DOMAIN_LIFECYCLE_REBOOT, C.VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY, live)
  assert.match(await guest.xml(), /<on_reboot>destroy<\/on_reboot>/)
})

test('what is in memory and on disk can be looked at', limits, async () => {
  const guest = await start('look')
  writeFileSync(join(folder, 'look.raw'), 'what is on the disk', { flag: 'r+' })
  assert.equal(Buffer.from(await guest.blockPeek('vdb', 8, 7)).toString(), 'on the ')
  // The reset vector of a PC: a far jump.
  assert.equal((await guest.memoryPeek(0xffff0, 16))[0], 0xea)
  assert.equal((await guest.memoryPeek(0, 16, C.VIR_MEMORY_VIRTUAL)).length, 16)
  assert.equal(typeof (await guest.blockStatsFlags('vda')).rd_bytes, 'bigint')
  assert.deepEqual(await guest.diskErrors(), [])
  assert.deepEqual(await guest.messages(), [])
  await guest.startDirtyRateCalc(1)
  assert.deepEqual(Object.keys(await guest.launchSecurityInfo()), [])
  await assert.rejects(
    guest.setLaunchSecurityState({ 'sev-secret': 'x', 'sev-secret-header': 'y' }),
    (error: LibvirtError) => error.isUnsupported(),
  )
  const status = JSON.parse(await guest.monitorCommand('{"execute":"query-status"}'))
  assert.equal(status.return.running, false)
  assert.match(await guest.monitorCommand('info status', C.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP), /paused/)
})

test("QEMU's own events are heard", limits, async () => {
  const guest = await start('monitor')
  await using events = await connection.domains.watchMonitor({ domain: guest, event: 'RESUME' })
  await guest.resume()
  const { value } = await events.next()
  assert.ok(value?.kind === 'monitor')
  assert.equal(value.event, 'RESUME')
  assert.ok(Math.abs(value.timeMicros / 1000 - Date.now()) < 60_000)
})

test('an agent that does not answer is said to be that, whatever is asked of it', limits, async () => {
  const guest = await start('agent')
  await guest.resume()
  await guest.agentSetResponseTimeout(1)
  const silent = (work: Promise<unknown>) =>
    assert.rejects(work, (error: LibvirtError) => {
      assert.ok(error.isAgentUnresponsive(), `${error.codeName}: ${error.message}`)
      return true
    })
  await silent(guest.guestInfo(C.VIR_DOMAIN_GUEST_INFO_OS))
  await silent(guest.guestVcpus())
  await silent(guest.setGuestVcpus([0], true))
  await silent(guest.authorizedSshKeys('root'))
  await silent(guest.setAuthorizedSshKeys('root', ['ssh-ed25519 AAAA']))
  await silent(guest.time())
  await silent(guest.fsInfo())
  await silent(guest.fsFreeze())
  await silent(guest.fsTrim())
  await silent(guest.hostname(C.VIR_DOMAIN_GET_HOSTNAME_AGENT))
  await silent(guest.pmSuspendForDuration(C.VIR_NODE_SUSPEND_TARGET_MEM))
  await assert.rejects(guest.pmWakeup(), /not in suspended state/)
  assert.equal((await guest.controlInfo()).state, 'ok')
})

test("bytes go through a channel of the guest's", limits, async () => {
  const guest = await start('channel')
  const channel = await guest.openChannel('ours')
  channel.on('error', () => {})
  channel.write('nobody reads this')
  channel.resume()
  const closed = new Promise((resolve) => channel.on('close', resolve))
  await guest.destroy()
  await closed
})

test('a job that is not there cannot be aborted, and tells nothing', limits, async () => {
  const guest = await start('jobs')
  assert.equal((await guest.jobInfo()).type, 'none')
  assert.deepEqual((await guest.jobStats()).type, 'none')
  await assert.rejects(guest.abortJob(), (error: LibvirtError) => error.isWrongState())
  await assert.rejects(guest.abortJob(C.VIR_DOMAIN_ABORT_JOB_POSTCOPY), (error: LibvirtError) => error.isWrongState())
  assert.equal(await guest.blockJobInfo('vda'), undefined)
})

test('a backup is made of what changed since a checkpoint', limits, async () => {
  const guest = await start('backup')
  const first = await guest.checkpoints.createXml(
    '<domaincheckpoint><name>one</name><disks><disk name="vda"/><disk name="vdb" checkpoint="no"/></disks></domaincheckpoint>',
  )
  const done = Promise.withResolvers<DomainEventOf<'job-completed'>>()
  const stop = await guest.connection.domains.on('job-completed', (event) => done.resolve(event), { domain: guest })
  const target = join(folder, 'backup.target')
  await guest.backupBegin(
    `<domainbackup mode='push'><incremental>one</incremental><disks>
      <disk name='vda' type='file'><target file='${target}'/><driver type='qcow2'/></disk><disk name='vdb' backup='no'/>
    </disks></domainbackup>`,
    '<domaincheckpoint><name>two</name><disks><disk name="vda"/><disk name="vdb" checkpoint="no"/></disks></domaincheckpoint>',
  )
  await guest.backupXml().then(
    (xml) => assert.match(xml, /<incremental>one</),
    // It may be over already.
    isCode('VIR_ERR_NO_DOMAIN_BACKUP'),
  )
  assert.equal((await done.promise).values.operation, C.VIR_DOMAIN_JOB_OPERATION_BACKUP)
  await stop()
  const stats = await guest.jobStats(C.VIR_DOMAIN_JOB_STATS_COMPLETED)
  assert.equal(stats.type, 'completed')
  assert.equal(stats.operation, 'backup')
  assert.equal(stats.values.success, true)
  assert.ok(existsSync(target))
  assert.equal((await guest.checkpoints.handle('two').parent()).name, 'one')
  await guest.checkpoints.handle('two').delete()
  await first.delete()
})

test('a backup that others fetch goes on until it is aborted', limits, async () => {
  const guest = await start('pull')
  await guest.backupBegin(
    `<domainbackup mode='pull'><server transport='unix' socket='${join(folder, 'pull.sock')}'/><disks>
      <disk name='vda' type='file'><scratch file='${join(folder, 'pull.scratch')}'/></disk><disk name='vdb' backup='no'/>
    </disks></domainbackup>`,
  )
  assert.match(await guest.backupXml(), /mode='pull'/)
  assert.equal((await guest.jobInfo()).type, 'unbounded')
  assert.equal((await guest.jobStats()).operation, 'backup')
  await guest.abortJob()
  // The answer comes when QEMU was told, the end when its jobs have stopped.
  while ((await guest.jobInfo()).type !== 'none') await sleep(20)
})

test('a device is changed as it stands, and asked to leave by its alias', limits, async () => {
  const guest = await start('devices')
  const cd = (source: string) =>
    `<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>${source}<target dev='hda' bus='ide'/><readonly/></disk>`
  await guest.attachDevice(cd(''), config)
  await guest.destroy()
  await guest.create(C.VIR_DOMAIN_START_PAUSED)
  const medium = disk('medium', 'raw')
  await guest.updateDevice(cd(`<source file='${medium}'/>`), live)
  assert.match(await guest.xml(), /medium\.raw/)
  // A guest that does not run cannot let go; libvirt takes the wish all the same.
  await guest.detachDeviceAlias('virtio-disk1', live)
  await assert.rejects(guest.detachDeviceAlias('nothing', live), /no device found/)
})

/** Resolves with the next event of the kind. */
async function next<Kind extends 'block-job' | 'tunable' | 'metadata-change'>(kind: Kind, guest: Domain) {
  const told = Promise.withResolvers<DomainEventOf<Kind>>()
  const stop = await connection.domains.on(kind, (event) => told.resolve(event), { domain: guest })
  return async () => {
    const event = await told.promise
    await stop()
    return event
  }
}

test('layers of a disk are made, committed, pulled and copied', limits, async () => {
  const guest = await start('layers')
  const overlay = (name: string) =>
    guest.snapshots.createXml(
      `<domainsnapshot><name>${name}</name><disks>
        <disk name='vda' snapshot='external'><source file='${join(folder, name)}'/></disk><disk name='vdb' snapshot='no'/>
      </disks></domainsnapshot>`,
      C.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | C.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA,
    )
  await overlay('one')
  let event = await next('block-job', guest)
  await guest.blockCommit('vda', { flags: C.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE })
  assert.partialDeepStrictEqual(await event(), { disk: 'vda', type: 'active-commit', status: 'ready' })
  await guest.blockJobSetSpeed('vda', 10)
  const job = await guest.blockJobInfo('vda')
  assert.equal(job?.type, 'active-commit')
  assert.equal(job?.bandwidth, 10n)
  assert.equal(job?.current, job?.end)
  await guest.blockJobAbort('vda', C.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
  assert.match(await guest.xml(), /layers.qcow2/)

  await overlay('two')
  event = await next('block-job', guest)
  await guest.blockPull('vda')
  assert.partialDeepStrictEqual(await event(), { type: 'pull', status: 'completed' })
  await overlay('three')
  event = await next('block-job', guest)
  await guest.blockRebase('vda', null)
  assert.partialDeepStrictEqual(await event(), { type: 'pull', status: 'completed' })

  event = await next('block-job', guest)
  await guest.blockCopy(
    'vda',
    `<disk type='file'><source file='${join(folder, 'copy.qcow2')}'/><driver type='qcow2'/></disk>`,
    { granularity: 65_536, bandwidth: 1 << 30 },
    C.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB,
  )
  assert.partialDeepStrictEqual(await event(), { type: 'copy', status: 'ready' })
  await guest.blockJobAbort('vda')
  await until(() => existsSync(join(folder, 'copy.qcow2')))
})

test('a disk that fills up to its mark is told of', limits, async () => {
  const guest = await start('threshold')
  await guest.setBlockThreshold('vdb', 1 << 20)
  const [stats] = await connection.domains.listStats([guest], C.VIR_DOMAIN_STATS_BLOCK)
  assert.equal(stats?.values['block.1.threshold'], 1n << 20n)
})

test('a guest that is tuned and described is told of', limits, async () => {
  const guest = await start('told')
  const tuned = await next('tunable', guest)
  await guest.setBlockIoTune('vda', { total_iops_sec: 1234 }, live)
  assert.equal((await tuned()).values['blkdeviotune.total_iops_sec'], 1234n)
  const described = await next('metadata-change', guest)
  await guest.setMetadata('urn:x', 'x', '<server/>', live)
  assert.partialDeepStrictEqual(await described(), { type: 'element', uri: 'urn:x' })
})

test('what a migration will be limited by is kept, and it is not begun where it would lose data', limits, async () => {
  const guest = await start('migrate')
  await guest.migrateSetMaxSpeed(100)
  assert.equal(await guest.migrateMaxSpeed(), 100n)
  await guest.migrateSetMaxDowntime(300)
  assert.equal(await guest.migrateMaxDowntime(), 300)
  await guest.migrateSetCompressionCache(1 << 26)
  assert.equal(await guest.migrateCompressionCache(), 1n << 26n)
  await assert.rejects(guest.migrateStartPostCopy(), (error: LibvirtError) => error.isWrongState())
  await assert.rejects(guest.migrate(connection, {}, C.VIR_MIGRATE_LIVE), isCode('VIR_ERR_MIGRATE_UNSAFE'))
  const flags = C.VIR_MIGRATE_PEER2PEER | C.VIR_MIGRATE_UNSAFE
  await assert.rejects(guest.migrateToUri('qemu+tcp://127.0.0.1:9/system', {}, flags), /127\.0\.0\.1:9/)
  // To itself: the destination has such a guest already, and the source is told that it will not be.
  await assert.rejects(
    guest.migrate(connection, {}, C.VIR_MIGRATE_UNSAFE),
    /same host|already (exists|active)|localhost/,
  )
  assert.equal((await guest.jobInfo()).type, 'none')
  assert.equal((await guest.state()).state, 'paused')
})

test('memory is dumped in the formats that QEMU has', limits, async () => {
  const guest = await start('dump')
  const plain = join(folder, 'plain.core')
  await guest.coreDump(plain, { flags: C.VIR_DUMP_MEMORY_ONLY })
  assert.equal(readFileSync(plain).subarray(1, 4).toString(), 'ELF')
  const small = join(folder, 'small.core')
  const format = C.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB
  await guest.coreDump(small, { flags: C.VIR_DUMP_MEMORY_ONLY, format })
  assert.ok(statSync(small).size < statSync(plain).size)
})

test('a guest is saved, its file is edited, and it goes on from there', limits, async () => {
  const guest = await start('saved')
  await guest.managedSave()
  const secure = C.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE
  await guest.managedSaveDefineXml(await guest.managedSaveXml(secure))
  await guest.managedSaveRemove()
  assert.equal(await guest.hasManagedSave(), false)

  await guest.create(C.VIR_DOMAIN_START_PAUSED)
  const file = join(folder, 'saved.image')
  await guest.saveParams({ file })
  const xml = await connection.domains.saveImageXml(file, secure)
  await connection.domains.saveImageDefineXml(file, xml.replace('destroy</on_poweroff>', 'restart</on_poweroff>'))
  await connection.domains.restoreParams({ file }, C.VIR_DOMAIN_SAVE_PAUSED)
  assert.equal((await guest.state()).state, 'paused')
  assert.match(await guest.xml(), /<on_poweroff>restart</)
})

test("what QEMU's driver does not have says so", limits, async () => {
  const guest = await start('not')
  const without = (work: Promise<unknown>) => assert.rejects(work, (error: LibvirtError) => error.isUnsupported())
  await without(guest.sendProcessSignal(1, 15))
  await without(connection.domains.qemuAttach(1))
  await assert.rejects(guest.rename('other'), (error: LibvirtError) => error.isWrongState())
})
