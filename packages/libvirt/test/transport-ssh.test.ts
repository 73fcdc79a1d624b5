/**
 * SSH: what the other end is told to run, with a stand-in for `ssh` that gives the line to a shell as a real one does;
 * then a real one, against an sshd of our own.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type ConnectOptions, connect, type LibvirtError } from '../src/index.ts'
import { freePort } from './daemon-settings.ts'
import { reach } from './daemons.ts'
import { FakeDaemon, until } from './fake-daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'libvirt-ssh-'))
after(() => rmSync(folder, { recursive: true, force: true }))

// ---- A stand-in --------------------------------------------------------------------------------------------

function program(path: string, body: string): string {
  writeFileSync(path, `#!${process.execPath}\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}
function which(name: string): string {
  return execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
}
/** Notes what it is given, in NAME.argv beside it. */
const note = "require('fs').writeFileSync(__filename + '.argv', JSON.stringify(process.argv.slice(2)))"

/** A host at the other end that has these programs besides sh and grep; they relay to the daemon. */
class Far {
  readonly bin = mkdtempSync(join(folder, 'far-'))
  readonly local = mkdtempSync(join(folder, 'near-'))

  constructor(daemon: FakeDaemon, programs: readonly string[], netcatKnowsQ = true) {
    for (const tool of ['sh', 'grep']) symlinkSync(which(tool), join(this.bin, tool))
    const relay = `const s = require('net').connect(${JSON.stringify(daemon.path)}); process.stdin.pipe(s); s.pipe(process.stdout)
process.stdin.on('error', () => {}); process.stdout.on('error', () => process.exit())`
    for (const name of programs) {
      const asked = netcatKnowsQ ? "option requires an argument -- 'q'" : "unknown option 'q'"
      const probe = `if (process.argv.length === 3 && process.argv[2] === '-q') { console.error(${JSON.stringify(asked)}); process.exit(1) }`
      program(join(this.bin, name), `${name === 'virt-ssh-helper' ? '' : probe}\n${note}\n${relay}`)
    }
    program(
      join(this.local, 'ssh'),
      `${note}
const [line] = process.argv.slice(-1)
const child = require('child_process').spawn('/bin/sh', ['-c', line], { stdio: 'inherit', env: { PATH: ${JSON.stringify(this.bin)} } })
child.on('exit', (code) => process.exit(code ?? 255))
process.on('SIGTERM', () => { child.kill(); process.exit(143) })`,
    )
  }
  async connect(uri: string, options: ConnectOptions = {}): Promise<void> {
    const { PATH } = process.env
    process.env.PATH = `${this.local}:${PATH}`
    try {
      await (await connect(uri, { connectTimeoutMs: 20_000, ...options })).close()
    } finally {
      process.env.PATH = PATH
    }
  }
  /** Of ssh, without the line. */
  get ssh(): string[] {
    return this.#argv(join(this.local, 'ssh')).slice(0, -1)
  }
  given(name: string): string[] {
    return this.#argv(join(this.bin, name))
  }
  wasRun(name: string): boolean {
    return existsSync(join(this.bin, `${name}.argv`))
  }
  #argv(path: string): string[] {
    return JSON.parse(readFileSync(`${path}.argv`, 'utf8'))
  }
}

test('the helper is asked where there is one, netcat where there is none', async () => {
  await using daemon = await new FakeDaemon().listen()
  const modern = new Far(daemon, ['virt-ssh-helper', 'nc'])
  await modern.connect('test+ssh://far.example/default')
  assert.deepEqual(modern.ssh, ['-T', '-e', 'none', '--', 'far.example'])
  assert.deepEqual(modern.given('virt-ssh-helper'), ['test:///default'])
  assert.equal(modern.wasRun('nc'), false)

  const old = new Far(daemon, ['nc'])
  await old.connect('test+ssh://far.example/default')
  assert.deepEqual(old.given('nc'), ['-q0', '-U', '/var/run/libvirt/libvirt-sock'])
  const other = new Far(daemon, ['nc'], false)
  await other.connect('test+ssh://far.example/default', { readOnly: true })
  assert.deepEqual(other.given('nc'), ['-U', '/var/run/libvirt/libvirt-sock-ro'])

  const bare = new Far(daemon, [])
  await assert.rejects(bare.connect('test+ssh://far.example/default'), /ssh ended with 127: .*nc: not found/s)
})

test('parameters say who logs in, how, and which way there is taken', async () => {
  await using daemon = await new FakeDaemon().listen()
  const far = new Far(daemon, ['virt-ssh-helper', 'nc', 'netcat'])
  await far.connect('test+ssh://me@far.example:2222/default?no_tty=1&no_verify=1&keyfile=/k%20k&x=1', {
    readOnly: true,
  })
  const secrets = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no']
  assert.deepEqual(far.ssh, [
    '-p',
    '2222',
    '-l',
    'me',
    '-i',
    '/k k',
    '-T',
    '-e',
    'none',
    ...secrets,
    '--',
    'far.example',
  ])
  assert.deepEqual(far.given('virt-ssh-helper'), ['-r', 'test:///default?x=1'])

  await far.connect('test+ssh:///default?proxy=netcat&no_tty=0')
  assert.deepEqual(far.ssh, ['-T', '-e', 'none', '--', 'localhost'])
  assert.deepEqual(far.given('nc'), ['-q0', '-U', '/var/run/libvirt/libvirt-sock'])
  await far.connect('test+ssh://h/default?netcat=netcat&mode=direct')
  assert.deepEqual(far.given('netcat'), ['-q0', '-U', '/var/run/libvirt/virttestd-sock'])
  await far.connect('test+ssh://h/default?socket=/run/mine')
  assert.deepEqual(far.given('nc'), ['-q0', '-U', '/run/mine'])
  await far.connect('test+ssh://h/session')
  assert.deepEqual(far.given('virt-ssh-helper'), ['test:///session'])
  await far.connect('remote+ssh://h/system')
  assert.deepEqual(far.given('virt-ssh-helper'), ['remote:///system'])

  const elsewhere = program(
    join(folder, 'my ssh'),
    `${note}; require('child_process').spawnSync('sh', ['-c', process.argv.at(-1)], { stdio: 'inherit', env: { PATH: ${JSON.stringify(far.bin)} } })`,
  )
  await far.connect(`test+ssh://[fe80::1%25eth0]/default?command=${encodeURIComponent(elsewhere)}`)
  assert.deepEqual(JSON.parse(readFileSync(`${elsewhere}.argv`, 'utf8')).slice(0, -1), [
    '-T',
    '-e',
    'none',
    '--',
    'fe80::1%eth0',
  ])

  for (const [query, expected] of [
    ['/default?proxy=socks', /unknown proxy socks/],
    ['/default?proxy=native&socket=/s', /the native proxy takes neither/],
    ['/default?proxy=native&netcat=nc', /the native proxy takes neither/],
    ['/default?proxy=native&mode=legacy', /the native proxy takes neither/],
    ['/session?proxy=netcat', /add socket=PATH/],
    ['/default?socket=relative', /no absolute path/],
  ] as const) {
    await assert.rejects(far.connect(`test+ssh://h${query}`), (error: LibvirtError) => {
      assert.match(error.message, expected)
      return error.origin === 'request'
    })
  }
})

test('whatever a URI says stays one word to every shell on the way', async () => {
  await using daemon = await new FakeDaemon().listen()
  const mark = join(folder, 'mark')
  const nasty = [
    `it's`,
    `$(touch ${mark})`,
    `\`touch ${mark}\``,
    `'; touch ${mark}; '`,
    `" && touch ${mark} "`,
    `'\\''$(touch ${mark})'\\''`,
    'a  b\tc',
    'line\nbreak',
    '*?[!-]{a,b}~#!$HOME\\',
    '-U',
    'å∂ƒ',
  ]
  for (const text of nasty) {
    const far = new Far(daemon, ['virt-ssh-helper', 'nc'])
    await far.connect(`test+ssh://h/default?name=${encodeURIComponent(text)}`)
    assert.deepEqual(far.given('virt-ssh-helper'), [text])
    await far.connect(`test+ssh://h/default?socket=${encodeURIComponent(`/${text}`)}`)
    assert.deepEqual(far.given('nc'), ['-q0', '-U', `/${text}`])
    await far.connect(`test+ssh://h/default?keyfile=${encodeURIComponent(text)}`)
    assert.equal(far.ssh[far.ssh.indexOf('-i') + 1], text)
    if (text.includes('/')) continue
    symlinkSync(join(far.bin, 'nc'), join(far.bin, text))
    rmSync(join(far.bin, 'nc.argv'))
    await far.connect(`test+ssh://h/default?netcat=${encodeURIComponent(text)}`)
    assert.deepEqual(far.given('nc'), ['-q0', '-U', '/var/run/libvirt/libvirt-sock'])
  }
  assert.equal(existsSync(mark), false)
})

test('a host or a user that ssh might give to a shell, or take for an option, is refused', async () => {
  for (const host of ['-oProxyCommand=x', '$(x)', 'a%20b', 'a;b', '`x`', "a'b"]) {
    await assert.rejects(connect(`test+ssh://${host}/default`), /no host for ssh/, host)
  }
  for (const user of ['-l', '$(x)', 'a%20b', 'a;b', '`x`', 'a%5C']) {
    await assert.rejects(connect(`test+ssh://${user}@h/default`), /no user for ssh/, user)
  }
  await using daemon = await new FakeDaemon().listen()
  const far = new Far(daemon, ['virt-ssh-helper'])
  await far.connect('test+ssh://DOMAIN%5Cme@h/default')
  assert.equal(far.ssh[far.ssh.indexOf('-l') + 1], 'DOMAIN\\me')
})

// ---- A real one --------------------------------------------------------------------------------------------

const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find(existsSync)
const noSshd =
  sshd === undefined
    ? 'there is no sshd here'
    : process.getuid?.() === 0
      ? false
      : 'only root can run an sshd that lets in'

/** On a port of 127.0.0.1, with keys of its own, that lets in root by key and nobody by password. */
class Sshd implements AsyncDisposable {
  readonly folder = mkdtempSync(join(folder, 'sshd-'))
  readonly key = join(this.folder, 'client')
  readonly #separation = '/run/sshd'
  #madeSeparation = false
  #child: ChildProcess | undefined
  port = 0

  async start(): Promise<this> {
    for (const name of ['host', 'client', 'stranger'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.folder, name)])
    if (!existsSync(this.#separation)) {
      mkdirSync(this.#separation, { mode: 0o755 })
      this.#madeSeparation = true
    }
    this.port = await freePort()
    const config = [
      `Port ${this.port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(this.folder, 'host')}`,
      `AuthorizedKeysFile ${join(this.folder, 'client.pub')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
    ]
    writeFileSync(join(this.folder, 'sshd_config'), `${config.join('\n')}\n`)
    this.#child = spawn(sshd as string, ['-D', '-e', '-f', join(this.folder, 'sshd_config')], { stdio: 'ignore' })
    let answers = false
    for (let waited = 0; !answers && waited < 10_000; waited += 50) {
      const socket = connectSocket(this.port, '127.0.0.1')
      answers = await new Promise((resolve) =>
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
      )
      socket.destroy()
      if (!answers) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    if (!answers) throw new Error('sshd did not start')
    return this
  }

  /** `ssh` that leaves the known hosts and the settings of whoever runs the test alone. */
  client(knownHosts = '/dev/null', more = ''): string {
    const path = join(this.folder, `ssh-${Math.random().toString(36).slice(2)}`)
    const own = `-F none -o UserKnownHostsFile='${knownHosts}' -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes ${more}`
    writeFileSync(path, `#!/bin/sh\nexec ssh ${own} "$@"\n`)
    chmodSync(path, 0o755)
    return path
  }
  uri(parameters: Record<string, string>, path = '/default'): string {
    const query = Object.entries({ no_tty: '1', ...parameters }).map(
      ([name, value]) => `${name}=${encodeURIComponent(value)}`,
    )
    return `test+ssh://root@127.0.0.1:${this.port}${path}?${query.join('&')}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      // It buries those that served a connection itself.
      await until(() => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8') === '')
      child.kill()
      await once(child, 'exit')
    }
    if (this.#madeSeparation) rmdirSync(this.#separation)
  }
}

test('a connection through sshd and netcat is encrypted, and leaves nothing behind', {
  skip: noSshd,
  timeout: 60_000,
}, async () => {
  await using server = await new Sshd().start()
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.connectIsSecure = () => ({ secure: 1 })
  const relay = program(
    join(folder, 'relay'),
    `if (process.argv[2] === '-q') process.exit(1)
const s = require('net').connect(process.argv.at(-1)); process.stdin.pipe(s); s.pipe(process.stdout)`,
  )
  const common = { keyfile: server.key, no_verify: '1', command: server.client() }
  {
    await using connection = await connect(server.uri({ ...common, netcat: relay, socket: daemon.path }))
    assert.equal(await connection.isEncrypted(), true)
  }
  await until(() => daemon.clients.size === 0)
})

const system = await reach('test:///default')
if (typeof system !== 'string') await system.close()
const noHelper = existsSync('/usr/bin/virt-ssh-helper') ? false : 'there is no virt-ssh-helper here'
const noFarEnd = noSshd || (typeof system === 'string' ? system : noHelper)

test("the helper leads to the far host's daemon, for reading only too", {
  skip: noFarEnd,
  timeout: 60_000,
}, async () => {
  await using server = await new Sshd().start()
  const uri = server.uri({ keyfile: server.key, no_verify: '1', command: server.client() })
  await using connection = await connect(uri)
  assert.equal(await connection.type(), 'TEST')
  assert.equal(await connection.isEncrypted(), true)
  await using readOnly = await connect(uri, { readOnly: true })
  const guest = await readOnly.domains.lookupByName('test')
  await assert.rejects(guest.destroy(), (error: LibvirtError) => error.isDenied())
})

test('what ssh says about a host or a user that it does not accept is in the error', {
  skip: noSshd,
  timeout: 60_000,
}, async () => {
  await using server = await new Sshd().start()
  const command = server.client()
  await assert.rejects(connect(server.uri({ keyfile: server.key, command })), (error: LibvirtError) => {
    assert.match(error.message, /ended with 255: .*Host key verification failed/s)
    return error.isConnectionLost()
  })
  const stranger = join(server.folder, 'stranger')
  await assert.rejects(
    connect(server.uri({ keyfile: stranger, command, no_verify: '1' })),
    /ended with 255: .*Permission denied \(publickey/s,
  )

  const known = join(server.folder, 'known_hosts')
  writeFileSync(known, `[127.0.0.1]:${server.port} ${readFileSync(join(server.folder, 'host.pub'), 'utf8')}`)
  const socket = join(server.folder, 'none')
  const parameters = { keyfile: server.key, command: server.client(known), socket, netcat: 'no-such-netcat' }
  await assert.rejects(connect(server.uri(parameters)), /ended with 127: .*no-such-netcat/s)
})
