/** The command line with guests that run and volumes that hold something: events, consoles, transfers. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Connection } from '../src/index.ts'
import { cli, missing, type Ran, startCli, Tty, virsh } from './cli-run.ts'
import { reachQemu } from './daemons.ts'
import { echoGuestXml } from './echo-guest.ts'
import { until } from './fake-daemon.ts'

const uri = process.env.LIBVIRT_TEST_URI ?? 'qemu:///system'
const reached = await reachQemu()
const connection = reached as Connection
const skip = typeof reached === 'string' ? reached : false
const skipBeside = skip || (await missing('virsh'))
const skipTty = skip || (await missing('script'))
const timeout = 120_000

const folder = mkdtempSync(join(tmpdir(), 'libvirt-cli-qemu-'))
chmodSync(folder, 0o777)
const suffix = randomUUID().slice(0, 8)
const guest = `libvirt-ts-cli-${suffix}`
const pool = `libvirt-ts-cli-${suffix}`
const target = join(folder, 'pool')
after(async () => {
  if (typeof reached !== 'string') {
    const left = await connection.domains.findByName(guest)
    await left?.destroy().catch(() => {})
    await left?.undefine()
    const volumes = await connection.storagePools.findByName(pool)
    await volumes?.destroy().catch(() => {})
    await volumes?.undefine()
    await connection.close()
  }
  rmSync(folder, { recursive: true, force: true })
})

const definition = join(folder, 'guest.xml')
writeFileSync(definition, echoGuestXml(guest, folder))
const ours = (...args: string[]) => cli(['-c', uri, ...args])
const done = (stdout: string): Ran => ({ status: 0, stdout: `${stdout}\n`, stderr: '' })
async function same(...args: string[]): Promise<void> {
  const [here, there] = await Promise.all([ours(...args), virsh(['-c', uri, ...args])])
  const timeless = ({ stdout, ...rest }: Ran) => ({ ...rest, stdout: stdout.replace(/^(CPU time: +)[\d.]+s$/m, '$1') })
  assert.deepEqual(timeless(here), timeless(there), args.join(' '))
}

test('a guest is defined and started', { skip, timeout }, async () => {
  assert.deepEqual(await ours('define', definition), done(`Domain '${guest}' defined from ${definition}\n`))
  assert.deepEqual(await ours('start', guest), done(`Domain '${guest}' started\n`))
  assert.deepEqual(await ours('domstate', guest, '--reason'), done('running (booted)\n'))
})

test('a running guest looks as virsh shows it', { skip: skipBeside, timeout }, async () => {
  await same('dominfo', guest)
  await same('domstate', '--reason', guest)
  await same('dumpxml', guest)
  await same('domblklist', '--details', guest)
  await same('domiflist', guest)
  await same('domiflist', '--inactive', guest)
  await same('start', guest)
})

test('events are told as virsh tells them, until Ctrl-C', { skip: skipBeside, timeout }, async () => {
  const wanted = ['-c', uri, 'event', '--all', '--loop', '--domain', guest]
  const here = startCli(wanted)
  const lines = spawn('stdbuf', ['-oL', 'virsh', ...wanted], { stdio: ['ignore', 'pipe', 'inherit'] })
  let there = ''
  lines.stdout.on('data', (chunk) => (there += chunk))
  // Nobody says that he listens: something happens until both have heard of it.
  const domain = await connection.domains.lookupByName(guest)
  const knock = /metadata-change/
  for (let knocks = 0; !(knock.test(here.said()) && knock.test(there)); knocks++) {
    assert.ok(knocks < 300, `${here.said()}${there}`)
    await domain.setTitle(`${knocks}`, 0)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await ours('suspend', guest)
  await ours('resume', guest)
  await ours('destroy', guest)
  await ours('start', guest)
  const last = /Started Booted\n/
  await until(() => last.test(here.said()) && last.test(there))
  const status = await Promise.all([here, lines].map((program) => interrupted(program)))
  assert.deepEqual(status, [0, 0])
  const lifecycle = (text: string) => text.split('\n').filter((line) => line.includes("'lifecycle'"))
  assert.deepEqual(lifecycle(here.said()), lifecycle(there))
  assert.equal(lifecycle(there)[0], `event 'lifecycle' for domain '${guest}': Suspended Paused`)
  assert.match(here.said(), /^event loop interrupted\nevents received: \d+\n\n$/m)
})
async function interrupted(program: ChildProcess): Promise<number | null> {
  const closed = once(program, 'close')
  program.kill('SIGINT')
  await closed
  return program.exitCode
}

test('one event is enough where no more are asked for', { skip, timeout }, async () => {
  const domain = await connection.domains.lookupByName(guest)
  const one = startCli(['-c', uri, 'event', '--event', 'metadata-change', '--timestamp', '--domain', guest])
  for (let knocks = 0; one.exitCode === null && knocks < 300; knocks++) {
    await domain.setTitle(`${knocks}`, 0)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.equal(one.exitCode, 0)
  assert.match(
    one.said(),
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000: event 'metadata-change' for domain '.*': type title, uri .*\nevents received: 1\n\n$/,
  )
})

// ---- Networks ------------------------------------------------------------------------------------------------

/** Where libvirt's network driver is told of leases. */
const leaseFolder = '/var/lib/libvirt/dnsmasq'
const skipLeases =
  process.getuid?.() === 0 && process.env.LIBVIRT_TEST_URI === undefined
    ? false
    : 'only root can write what the DHCP server of a network would'

test('leases are shown as virsh shows them, in the time of whoever looks', {
  skip: skipBeside || skipLeases,
  timeout,
}, async () => {
  // No address, so that no DHCP server runs: its leases are written here.
  const bridge = `v${suffix}`
  const network = await connection.networks.createXml(
    `<network><name>${guest}</name><bridge name='${bridge}' stp='off'/></network>`,
  )
  const status = join(leaseFolder, `${bridge}.status`)
  const begunFolder = mkdirSync(leaseFolder, { recursive: true })
  const tomorrow = Math.floor(Date.now() / 1000) + 86_400
  const lease = (last: number, expiry: number, more = {}) => ({
    'ip-address': `192.168.77.${last}`,
    'mac-address': `52:54:00:00:00:0${last}`,
    'expiry-time': expiry,
    ...more,
  })
  const named = { hostname: 'nine', 'client-id': '01:52:54:00:00:00:09' }
  try {
    writeFileSync(status, JSON.stringify([lease(9, tomorrow + 60, named), lease(5, tomorrow)]))
    await same('net-dhcp-leases', guest)
    await same('net-dhcp-leases', guest, '52:54:00:00:00:09')
    await same('net-info', guest)
    writeFileSync(status, JSON.stringify([lease(6, 0)]))
    const { stdout } = await cli(['-q', '-c', uri, 'net-dhcp-leases', guest])
    assert.equal(stdout, ' -   52:54:00:00:00:06   ipv4   192.168.77.6/0   -   -\n')
  } finally {
    rmSync(status, { force: true })
    if (begunFolder !== undefined) rmSync(begunFolder, { recursive: true })
    await network.destroy()
  }
})

// ---- Consoles ------------------------------------------------------------------------------------------------

const head = `Connected to domain '${guest}'\r\nEscape character is ^] (Ctrl + ])\r\n`
test('a console is a terminal of the guest, until Ctrl-]', { skip: skipTty, timeout }, async () => {
  using tty = new Tty(['-c', uri, 'console', guest])
  await until(() => tty.shown.includes(head))
  await tty.typeUntil('{', '|')
  // Keys that would mean something to a terminal here mean nothing, and nothing is shown but what the guest sends.
  tty.type('\x03K\ry')
  await until(() => tty.shown.includes('\x04L\x0ez'))
  tty.type('\x1dnot for the guest')
  await tty.ended()
  assert.match(tty.shown, /z\r\nstatus 0\r\n/)
  assert.equal(tty.isRestored, true, tty.shown)
})

test('another key may be the one that leaves', { skip: skipTty, timeout }, async () => {
  using tty = new Tty(['-c', uri, '-e', '^X', 'console', guest])
  await until(() => tty.shown.includes('Escape character is ^X (Ctrl + X)'))
  await tty.typeUntil('\x1d', '\x1e')
  tty.type('\x18')
  await tty.ended()
  assert.equal(tty.status, 0)
  assert.equal(tty.isRestored, true, tty.shown)
})

test('a console that is taken away leaves the terminal as it was', { skip: skipTty, timeout }, async () => {
  using first = new Tty(['-c', uri, 'console', guest])
  await until(() => first.shown.includes(head))
  using second = new Tty(['-c', uri, 'console', guest])
  await second.ended()
  assert.equal(second.status, 1)
  assert.match(second.shown, /error: .*console session/)
  using third = new Tty(['-c', uri, 'console', guest, '--force'])
  await first.ended()
  assert.equal(first.isRestored, true, first.shown)

  await until(() => third.shown.includes(head))
  third.kill('SIGTERM')
  await third.ended()
  assert.equal(third.status, 1)
  assert.match(third.shown, /error: interrupted/)
  assert.equal(third.isRestored, true, third.shown)
})

test('a console ends with the guest, and may begin with it', { skip: skipTty, timeout }, async () => {
  using tty = new Tty(['-c', uri, 'console', guest])
  await until(() => tty.shown.includes(head))
  await ours('destroy', guest)
  await tty.ended()
  assert.equal(tty.isRestored, true, tty.shown)

  assert.match((await ours('domstate', guest)).stdout, /^shut off\n/)
  using none = new Tty(['-c', uri, 'console', guest])
  await none.ended()
  assert.match(none.shown, /error: The domain is not running\r\n/)

  using begun = new Tty(['-c', uri, 'start', guest, '--console'])
  await until(() => begun.shown.includes(head))
  await begun.typeUntil('{', '|')
  begun.type('\x1d')
  await begun.ended()
  assert.equal(begun.isRestored, true, begun.shown)
  assert.deepEqual(await ours('destroy', guest), done(`Domain '${guest}' destroyed\n`))
  assert.deepEqual(await ours('undefine', guest), done(`Domain '${guest}' has been undefined\n`))
})

// ---- Volumes -------------------------------------------------------------------------------------------------

test('a pool is built, and volumes are made in it, one on the other', { skip, timeout }, async () => {
  const file = join(folder, 'pool.xml')
  writeFileSync(file, `<pool type='dir'><name>${pool}</name><target><path>${target}</path></target></pool>`)
  assert.deepEqual(await ours('pool-define', file), done(`Pool ${pool} defined from ${file}\n`))
  assert.deepEqual(await ours('pool-build', pool), done(`Pool ${pool} built\n`))
  assert.deepEqual(await ours('pool-start', pool), done(`Pool ${pool} started\n`))
  assert.deepEqual(await ours('vol-create-as', pool, 'base <1>.raw', '16M'), done('Vol base <1>.raw created\n'))
  const over = ['--format', 'qcow2', '--backing-vol', 'base <1>.raw', '--backing-vol-format', 'raw']
  assert.deepEqual(await ours('vol-create-as', pool, 'top.qcow2', '1GB', ...over), done('Vol top.qcow2 created\n'))
  assert.match((await ours('vol-dumpxml', 'top.qcow2', '--pool', pool)).stdout, /<path>.*base &lt;1&gt;\.raw<\/path>/)
})

test('a pool and its volumes look as virsh shows them', { skip: skipBeside, timeout }, async () => {
  await same('pool-info', pool)
  await same('vol-list', pool)
  await same('vol-list', '--details', pool)
  await same('vol-info', 'top.qcow2', '--pool', pool)
  await same('vol-info', '--bytes', '--physical', 'top.qcow2', '--pool', pool)
  await same('vol-info', join(target, 'top.qcow2'))
  await same('vol-dumpxml', 'top.qcow2', '--pool', pool)
  await same('vol-path', 'base <1>.raw', '--pool', pool)
  await same('vol-info', 'nosuch', '--pool', pool)
  await same('vol-delete', 'nosuch')
  await same('vol-create-as', pool, 'top.qcow2', '1G')
})

test('what is uploaded is what is downloaded, whole and in part', { skip, timeout }, async () => {
  const source = join(folder, 'source')
  const copy = join(folder, 'copy')
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 7) & 255))
  writeFileSync(source, bytes)
  const there = ['base <1>.raw', '--pool', pool]
  assert.deepEqual(await ours('vol-upload', ...there, source, '--offset', '1M'), done(''))
  const part = ['--offset', '1M', '--length', '100000']
  assert.deepEqual(await ours('vol-download', ...there, copy, ...part), done(''))
  assert.ok(readFileSync(copy).equals(bytes))
  assert.deepEqual(await ours('vol-download', ...there, copy), done(''))
  const whole = readFileSync(copy)
  assert.equal(whole.length, 16 << 20)
  assert.ok(whole.subarray(1 << 20, (1 << 20) + bytes.length).equals(bytes))
})

test('a download that fails leaves nothing that was not there', { skip, timeout }, async () => {
  const copy = join(folder, 'none')
  const { status, stderr } = await ours('vol-download', 'base <1>.raw', copy, '--pool', pool, '--offset', '1G')
  assert.equal(status, 1)
  assert.match(stderr, /^error: cannot download from volume base <1>\.raw\nerror: ./)
  assert.equal(existsSync(copy), false)
  assert.deepEqual(await ours('vol-upload', 'base <1>.raw', '/nowhere', '--pool', pool), {
    status: 1,
    stdout: '\n',
    stderr: 'error: cannot read /nowhere\nerror: no such file or directory\n',
  })
  const unwritable = await ours('vol-download', 'base <1>.raw', '/nowhere/x', '--pool', pool)
  assert.equal(unwritable.stderr, 'error: cannot create /nowhere/x\nerror: no such file or directory\n')
})

test('a transfer shows in a terminal how far it is, and Ctrl-C ends it', { skip: skipTty, timeout }, async () => {
  const bytes = 512 << 20
  const full = join(target, 'full.raw')
  const chunk = Buffer.alloc(1 << 20, 'x')
  writeFileSync(full, '')
  for (let at = 0; at < bytes; at += chunk.length) writeFileSync(full, chunk, { flag: 'a' })
  assert.deepEqual(await ours('pool-refresh', pool), done(`Pool ${pool} refreshed\n`))

  const copy = join(folder, 'full')
  using tty = new Tty(['-c', uri, 'vol-download', 'full.raw', copy, '--pool', pool])
  await until(() => /full\.raw {2} {0,2}\d+ % {2}\d+\.\d\d MiB {2}\d+\.\d\d (M|G)iB\/s/.test(tty.shown))
  tty.type('\x03')
  await tty.ended()
  assert.match(tty.shown, /\r\x1b\[Kerror: cannot download from volume full\.raw\r\nerror: interrupted\r\n\r\nstatus 1/)
  assert.equal(existsSync(copy), false)

  using quiet = new Tty(['-q', '-c', uri, 'vol-download', 'full.raw', copy, '--pool', pool, '--length', '100M'])
  await quiet.ended()
  assert.doesNotMatch(quiet.shown, /%/)
  assert.equal(quiet.status, 0)
})

test('volumes and pools go as they came', { skip, timeout }, async () => {
  assert.deepEqual(await ours('vol-delete', 'full.raw', '--pool', pool), done('Vol full.raw deleted\n'))
  assert.equal(existsSync(join(target, 'full.raw')), false)
  assert.deepEqual(await ours('pool-destroy', pool), done(`Pool ${pool} destroyed\n`))
  assert.deepEqual(await ours('pool-undefine', pool), done(`Pool ${pool} has been undefined\n`))
  assert.equal(await connection.storagePools.findByName(pool), undefined)
})
