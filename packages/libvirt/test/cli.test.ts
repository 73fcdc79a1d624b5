/** The command line beside `virsh`: the same words to the same daemon give the same output. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { once } from 'node:events'
import { eventLine } from '../cli/events.ts'
import { nearest } from '../cli/nearest.ts'
import { commands } from '../cli/program.ts'
import { prettySize, sizeBytes } from '../cli/sizes.ts'
import { Terminal } from '../cli/terminal.ts'
import { attributeAt, elementsAt, escapeXml, parseXml } from '../cli/xml.ts'
import type { Connection } from '../src/index.ts'
import { cli, missing, type Ran, run, startCli, Tty, virsh } from './cli-run.ts'
import { reach } from './daemons.ts'
import { until } from './fake-daemon.ts'
import { OwnDaemon } from './own-daemon.ts'

// Such a file is a hypervisor of its own for each connection: whatever a command does to it, the next one finds it new.
const folder = mkdtempSync(join(tmpdir(), 'libvirt-cli-'))
const uri = `test://${join(folder, 'node.xml')}`
const guest = (name: string, number: number, more = '') => `
  <domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
    <name>${name}</name><uuid>11111111-2222-3333-4444-55555555555${number}</uuid>
    <memory>65536</memory><os><type>hvm</type></os>${more}
  </domain>`
const devices = `<title>two &amp; more</title><devices>
  <disk type='file' device='disk'><source file='/x/disk &quot;one&quot;.img'/><target dev='vda'/></disk>
  <disk type='block' device='disk'><source dev='/dev/sdb'/><target dev='vdb'/></disk>
  <disk type='network' device='disk'><source protocol='rbd' name='pool/image'/><target dev='vdc'/></disk>
  <disk type='volume' device='disk'><source pool='pool' volume='disk'/><target dev='vdd'/></disk>
  <disk type='block' device='cdrom'><target dev='hdc'/></disk>
  <interface type='network'><mac address='52:54:00:00:00:01'/><source network='net'/><model type='virtio'/><target dev='tap0'/></interface>
  <interface type='bridge'><mac address='52:54:00:00:00:02'/><source bridge='br7'/></interface>
  <interface type='user'><mac address='52:54:00:00:00:03'/></interface>
</devices>`
const snapshot = (name: string, active: 0 | 1, parent = '') => `<test:domainsnapshot><name>${name}</name>${parent}
  <creationTime>1272917631</creationTime><state>running</state><active>${active}</active>${guest('gamma', 7)}</test:domainsnapshot>`
writeFileSync(
  join(folder, 'node.xml'),
  `<node>
  ${guest('Beta', 5, `<vcpu>2</vcpu>${devices}`)}
  ${guest('alpha', 6, '<test:runstate>5</test:runstate>')}
  ${guest(
    'gamma',
    7,
    `<test:runstate>3</test:runstate>${snapshot('first', 0)}${snapshot('Second', 1, '<parent><name>first</name></parent>')}`,
  )}
  <network><name>net</name><uuid>21111111-2222-3333-4444-555555555555</uuid><bridge name='virbr7'/><forward/>
    <ip address='192.168.7.1' netmask='255.255.255.0'><dhcp><range start='192.168.7.2' end='192.168.7.9'/></dhcp></ip></network>
  <network><name>Another</name><uuid>21111111-2222-3333-4444-555555555556</uuid><bridge name='virbr8'/></network>
  <pool type='dir'><name>pool</name><uuid>31111111-2222-3333-4444-555555555555</uuid><target><path>/nowhere</path></target></pool>
</node>`,
)
writeFileSync(
  join(folder, 'new.xml'),
  `<domain type='test'><name>new</name><memory>8192</memory><os><type>hvm</type></os></domain>`,
)
writeFileSync(join(folder, 'network.xml'), `<network><name>new</name></network>`)
writeFileSync(join(folder, 'pool.xml'), `<pool type='dir'><name>new</name><target><path>/new</path></target></pool>`)
after(() => rmSync(folder, { recursive: true, force: true }))

const reached = await reach('test:///default')
if (typeof reached !== 'string') await reached.close()
const skip = typeof reached === 'string' ? reached : false
const skipBeside = skip || (await missing('virsh'))

/** What the clock shows differs between two calls. */
const timeless = ({ status, stdout, stderr }: Ran) => ({
  status,
  stdout: stdout.replace(/^(CPU time: +)[\d.]+s$/m, '$1'),
  stderr,
})

const beside: Record<string, string> = {
  'lists of domains': `
    list
    list --all
    list --inactive
    list --all --inactive
    list --all --title
    list --all --name
    list --all --uuid
    list --all --id
    list --inactive --id
    list --all --uuid --name --id
    list --all --managed-save
    -q list --all
    --quiet list
    list --state-paused
    list --all --state-paused
    list --state-shutoff
    list --all --with-snapshot
    list --all --persistent --no-autostart
    list --transient`,
  'what a domain is': `
    dominfo Beta
    dominfo alpha
    dominfo 1
    dominfo 11111111-2222-3333-4444-555555555557
    dominfo --domain gamma
    domstate Beta
    domstate --reason gamma
    domstate alpha --reason
    dumpxml Beta
    dumpxml --inactive Beta
    -q dumpxml Beta
    domblklist Beta
    domblklist --details Beta
    domblklist alpha --inactive
    -q domblklist Beta
    domiflist Beta
    domiflist alpha
    snapshot-list gamma
    snapshot-list gamma --parent
    snapshot-list gamma --name
    snapshot-list gamma --roots
    snapshot-list alpha`,
  'what is done to a domain': `
    start alpha
    start Beta
    start --paused alpha
    suspend Beta
    -q suspend Beta
    resume gamma
    resume alpha
    shutdown Beta
    shutdown Beta --mode acpi,agent
    reboot Beta
    reset alpha
    destroy Beta
    destroy alpha
    undefine alpha
    undefine Beta
    define FOLDER/new.xml
    create FOLDER/new.xml
    define FOLDER/node.xml
    create FOLDER/node.xml
    autostart alpha
    autostart --disable alpha
    -r destroy Beta
    --readonly list`,
  networks: `
    net-list
    net-list --all
    net-list --inactive
    net-list --all --name
    net-list --uuid
    net-info net
    net-info 21111111-2222-3333-4444-555555555556
    net-dumpxml net
    net-dumpxml net --inactive
    net-define FOLDER/network.xml
    net-define FOLDER/node.xml
    net-destroy net
    net-start net
    net-undefine net
    net-autostart net
    net-autostart --disable net
    net-dhcp-leases net
    net-dhcp-leases net 52:54:00:00:00:01`,
  'pools and volumes': `
    pool-list
    pool-list --all
    pool-list --all --details
    pool-list --uuid
    pool-info pool
    pool-info --bytes pool
    pool-dumpxml pool
    pool-define FOLDER/pool.xml
    pool-define FOLDER/node.xml
    pool-refresh pool
    pool-build pool
    pool-destroy pool
    pool-start pool
    pool-undefine pool
    pool-autostart pool
    pool-autostart pool --disable
    vol-list pool
    vol-list pool --details
    vol-create-as pool disk 1G
    vol-create-as pool disk 1GB --format qcow2 --allocation 1M
    vol-create-as pool disk 9000T
    vol-info disk --pool pool
    vol-info disk
    vol-delete nosuch --pool pool`,
  'the host': `
    nodeinfo
    capabilities
    uri
    hostname`,
  'what cannot be': `
    nosuch
    --nosuch list
    --constructor list
    dominfo
    dominfo nosuch
    dominfo Beta more
    dominfo --nosuch Beta
    list --name=x
    list --toString
    list --name --name
    start --domain
    migrate Beta
    shutdown --mode nosuch Beta
    net-info nosuch
    net-start 21111111-2222-3333-4444-55555555555f
    pool-info nosuch
    vol-list nosuch
    vol-upload disk
    snapshot-list nosuch
    console Beta
    event
    event --nosuch
    event --event nosuch
    event --event constructor
    event --all --event lifecycle
    event --all --timeout soon
    event --all --timeout 1
    event --event lifecycle --domain Beta --timeout 1
    -c nosuch:///system list`,
}
for (const [what, lines] of Object.entries(beside)) {
  test(`prints what virsh prints: ${what}`, { skip: skipBeside }, async (t) => {
    for (const line of lines.trim().split('\n')) {
      const words = line.trim().replaceAll('FOLDER', folder).split(' ')
      await t.test(words.join(' '), async () => {
        const [theirs, ours] = await Promise.all([virsh(['-c', uri, ...words]), cli(['-c', uri, ...words])])
        assert.deepEqual(timeless(ours), timeless(theirs))
      })
    }
  })
}

test('tells of itself and of the daemon instead of the C library', { skip }, async () => {
  const { stdout, status } = await cli(['-c', uri, 'version', '--daemon'])
  assert.match(
    stdout,
    /^Using library: @stratolith\/libvirt [\d.]+\nUsing API: TEST [\d.]+\nRunning hypervisor: TEST 0.0.2\nRunning against daemon: [\d.]+\n\n$/,
  )
  assert.equal(status, 0)
})

test('reads a description from standard input', { skip }, async () => {
  const ran = await run('sh', [
    '-c',
    'cat "$1" | "$2" "$3" -c "$4" define /dev/stdin',
    'sh',
    join(folder, 'new.xml'),
    process.execPath,
    join(import.meta.dirname, '../cli/main.ts'),
    uri,
  ])
  assert.deepEqual(ran, { status: 0, stdout: `Domain 'new' defined from /dev/stdin\n\n`, stderr: '' })
})

test('ends without a word when nobody reads on', { skip }, async () => {
  const command = `"$1" "$2" -c "$3" capabilities | head -c 1`
  const main = join(import.meta.dirname, '../cli/main.ts')
  const { stdout, stderr } = await run('sh', ['-c', command, 'sh', process.execPath, main, uri])
  assert.deepEqual({ stdout, stderr }, { stdout: '<', stderr: '' })
})

test('connects to where the environment says', { skip }, async () => {
  const where = async (env: Record<string, string>) => (await cli(['uri'], env)).stdout.trim()
  assert.equal(await where({ LIBVIRT_DEFAULT_URI: 'test:///default' }), 'test:///default')
  assert.equal(await where({ VIRSH_DEFAULT_CONNECT_URI: uri, LIBVIRT_DEFAULT_URI: 'test:///default' }), uri)
})

test('says what could not be opened, and that nobody answers', async () => {
  const file = await cli(['-c', uri, 'define', '/nowhere.xml'])
  if (skip === false) {
    assert.deepEqual(file, {
      status: 1,
      stdout: '\n',
      stderr: `error: Failed to open file '/nowhere.xml'\nerror: no such file or directory\n`,
    })
  }
  const { status, stderr } = await cli(['-c', 'test+unix:///default?socket=/nowhere', 'list'])
  assert.equal(status, 1)
  assert.match(stderr, /^error: failed to connect to the hypervisor\nerror: .*\/nowhere/)
})

test('a lost daemon ends what waits for it, and a second Ctrl-C what waits for a daemon that hangs', {
  skip: OwnDaemon.unavailable(),
}, async () => {
  await using daemon = new OwnDaemon()
  await daemon.start()
  const wait = () => startCli(['-c', `test+unix:///default?socket=${daemon.path}`, 'event', '--all', '--loop'])
  const heard = async (program: ReturnType<typeof wait>, connection: Connection) => {
    const domain = await connection.domains.lookupByName('test')
    for (let knocks = 0; program.said() === ''; knocks++) {
      assert.ok(knocks < 300)
      await domain.setTitle(`${knocks}`, 0)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const connection = await daemon.connect('test:///default')
  const deaf = wait()
  await heard(deaf, connection)
  daemon.signal('SIGSTOP')
  const ended = once(deaf, 'close')
  // The first one lets it say goodbye, to which nobody answers.
  for (; deaf.exitCode === null && deaf.signalCode === null; await new Promise((go) => setTimeout(go, 200))) {
    deaf.kill('SIGINT')
  }
  assert.deepEqual(await ended, [null, 'SIGINT'])
  daemon.signal('SIGCONT')

  const lost = wait()
  await heard(lost, connection)
  const closed = once(lost, 'close')
  await daemon.die()
  assert.deepEqual(await closed, [1, null])
  assert.match(lost.said(), /^event 'metadata-change' .+\n(.+\n)*error: no more events: .+\n\n$/)
})

test('a name and a password are asked for, and the password is not shown', {
  skip: await missing('script'),
}, async () => {
  const program = join(folder, 'ask.ts')
  const source = join(import.meta.dirname, '../cli/credentials.ts')
  writeFileSync(
    program,
    `import { askCredentials } from '${source}'
    const { signal } = new AbortController()
    const host = 'there'
    const { user, password } = await askCredentials({ host, mechanism: 'PLAIN', user: process.argv[2], signal })
    console.log(user, password.toUpperCase())`,
  )
  using both = new Tty([], program)
  await until(() => both.shown.includes('User on there: '))
  both.type('fred\r')
  await until(() => both.shown.includes('Password of fred on there: '))
  both.type('pencil\r')
  await both.ended()
  assert.match(both.shown, /fred PENCIL\r\n/)
  assert.ok(!both.shown.includes('pencil'), both.shown)
  assert.equal(both.isRestored, true, both.shown)

  using known = new Tty(['fred'], program)
  await until(() => known.shown.includes('Password of fred on there: '))
  known.type('pen\x03')
  await known.ended()
  assert.match(known.shown, /no name and password were given/)
  assert.notEqual(known.status, 0)
  assert.equal(known.isRestored, true, known.shown)
})

test('tables stand straight under any name, and show no control character', () => {
  let shown = ''
  const out = { write: (text: string) => (shown += text) } as unknown as NodeJS.WriteStream
  const table = (quiet: boolean) => {
    shown = ''
    new Terminal({ out, err: out, quiet }).table(
      ['Name', 'State'],
      [
        ['网络', 'a'],
        ['u\u0308', 'b'],
        ['\x1b[31mx', 'c'],
      ],
    )
    return shown
  }
  const head = ' Name        State\n--------------------\n'
  const rows = ' 网络        a\n u\u0308           b\n \\x1b[31mx   c\n'
  assert.equal(table(false), head + rows)
  assert.equal(table(true), rows)
})

// ---- Help ----------------------------------------------------------------------------------------------------

test('every command is held to what virsh prints, or to a guest that runs', () => {
  const lines = Object.values(beside).join('\n')
  const running = readFileSync(join(import.meta.dirname, 'cli-qemu.test.ts'), 'utf8')
  const isHeld = (name: string) =>
    new RegExp(`^ +(-\\w )?${name}( |$)`, 'm').test(lines) || running.includes(`'${name}'`)
  assert.deepEqual(
    [...commands.keys()].filter((name) => !isHeld(name)),
    ['version'],
  )
})

test('the help names every command, and the help of each shows one example that it understands', async () => {
  const general = (await cli(['help'])).stdout
  const { parseGiven } = await import('../cli/command.ts')
  for (const command of commands.values()) {
    assert.match(general, new RegExp(`^    ${command.name} +\\S`, 'm'))
    const [name, ...args] = command.example.split(' ')
    assert.equal(name, command.name)
    parseGiven(command, args)
  }
})

test('help, --help and the help of a group say the same as the table', async () => {
  const [help, option, group, global] = await Promise.all([
    cli(['help', 'vol-upload']),
    cli(['vol-upload', '--help']),
    cli(['help', 'volume']),
    cli(['--help']),
  ])
  assert.deepEqual(help, option)
  assert.equal(
    help.stdout,
    `  NAME
    vol-upload - write a file into a volume

  SYNOPSIS
    vol-upload <vol> <file> [--pool <string>] [--offset <string>] [--length <string>]

  OPTIONS
    [--vol] <string>         its name (with --pool), its key or its path
    [--file] <string>        the file here
    --pool <string>          its name or its uuid
    --offset <string>        from there on in the volume, such as 1M
    --length <string>        so much and no more, such as 512M

  EXAMPLE
    npx @stratolith/libvirt vol-upload disk.raw ./debian.raw --pool images

`,
  )
  assert.match(group.stdout, /^ Storage Volume \(help keyword 'volume'\):\n {4}vol-create-as/)
  assert.ok(global.stdout.includes(group.stdout))
})

test('a name that is not there brings those that may have been meant', async () => {
  const { status, stderr } = await cli(['lsit'])
  assert.deepEqual(
    { status, stderr },
    { status: 1, stderr: `error: unknown command: 'lsit'\nerror: did you mean list?\n` },
  )
  const names = [...commands.keys()]
  assert.deepEqual(nearest('domifno', names), ['dominfo'])
  assert.deepEqual(nearest('vol-crete-as', names), ['vol-create-as'])
  assert.deepEqual(nearest('pool', names).length, 3)
  assert.deepEqual(nearest('frobnicate', names), [])
})

// ---- Pieces --------------------------------------------------------------------------------------------------

test('sizes are read and written as people do', () => {
  assert.equal(sizeBytes('10', 'capacity'), 10n)
  assert.equal(sizeBytes('10b', 'capacity'), 10n)
  assert.equal(sizeBytes('10k', 'capacity'), 10_240n)
  assert.equal(sizeBytes('10KiB', 'capacity'), 10_240n)
  assert.equal(sizeBytes('10kB', 'capacity'), 10_000n)
  assert.equal(sizeBytes('8E', 'capacity'), 1n << 63n)
  for (const text of ['', '-1', '1.5G', '1X', 'G', '16E']) assert.throws(() => sizeBytes(text, 'capacity'), /malformed/)
  assert.equal(prettySize(0n), '0.00 B')
  assert.equal(prettySize(1023n), '1023.00 B')
  assert.equal(prettySize(3_000_000_000n), '2.79 GiB')
  assert.equal(prettySize(1n << 63n), '8.00 EiB')
})

test('XML is read with its entities, and what is not well-formed is refused', () => {
  const xml = parseXml(
    `<?xml version='1.0'?><!-- <a> --><a b="1 &lt; 2" c='&#x41;&#66;'><d/>x &amp; y<d e = "'">z</d><![CDATA[<&>]]></a>\n`,
  )
  assert.deepEqual(xml.attributes, { b: '1 < 2', c: 'AB' })
  assert.equal(xml.text, 'x & y<&>')
  assert.deepEqual(
    elementsAt(xml, 'd').map(({ text }) => text),
    ['', 'z'],
  )
  assert.equal(attributeAt(xml, 'd', 'f', 'e'), "'")
  assert.equal(attributeAt(xml, 'd', 'f'), undefined)
  assert.equal(parseXml(`<a b='${escapeXml(`<&>"'`)}'/>`).attributes.b, `<&>"'`)
  for (const text of ['', 'x', '<a>', '<a></b>', '<a b=c/>', '<a', '</a>', '<a/></b>']) {
    assert.throws(() => parseXml(text), Error, text)
  }
})

test('events are told as virsh tells them', () => {
  const domain = { uuid: '', name: 'web', id: 1 }
  const said = (event: object) => eventLine({ domain, ...event } as Parameters<typeof eventLine>[0])
  assert.equal(
    said({ kind: 'lifecycle', event: 'stopped', detail: 'destroyed' }),
    `event 'lifecycle' for domain 'web': Stopped Destroyed\n`,
  )
  assert.equal(
    said({ kind: 'lifecycle', event: 'suspended', detail: 'ioerror' }),
    `event 'lifecycle' for domain 'web': Suspended I/O Error\n`,
  )
  assert.equal(said({ kind: 'reboot' }), `event 'reboot' for domain 'web'\n`)
  assert.equal(
    said({ kind: 'io-error', path: '/x', alias: 'virtio-disk0', action: 'pause', reason: 'enospc' }),
    `event 'io-error-reason' for domain 'web': /x (virtio-disk0) pause due to enospc\n`,
  )
  assert.equal(
    said({ kind: 'block-job', disk: 'vda', type: 'commit', status: 'completed' }),
    `event 'block-job-2' for domain 'web': Block Commit for vda completed\n`,
  )
  assert.equal(
    said({ kind: 'disk-change', alias: 'a', oldPath: '/x', newPath: undefined, reason: 'dropped-missing-on-start' }),
    `event 'disk-change' for domain 'web' disk a: /x -> <null>: dropped\n`,
  )
  assert.equal(
    said({ kind: 'tunable', values: { a: 1n, b: 'c' } }),
    `event 'tunable' for domain 'web':\n\ta: 1\n\tb: c\n`,
  )
  const graphics = {
    kind: 'graphics',
    phase: 'connect',
    local: { family: 'ipv4', node: '127.0.0.1', service: '5900' },
    remote: { family: 'unix', node: '/x', service: '' },
    authScheme: 'none',
    identities: [{ type: 'dname', name: 'CN=x' }],
  }
  assert.equal(
    said(graphics),
    `event 'graphics' for domain 'web': connect local[IPv4 127.0.0.1 5900] remote[unix /x ] none\n\tdname=CN=x\n`,
  )
})
