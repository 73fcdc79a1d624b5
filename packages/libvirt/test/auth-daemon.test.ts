/**
 * Authentication by a real libvirtd and Cyrus SASL: a daemon of the test's own, with users and a SASL configuration of
 * its own.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ConnectOptions, type Connection, type Credentials, connect, type LibvirtError } from '../src/index.ts'
import { Authority } from './certificates.ts'
import { configText, freePort } from './daemon-settings.ts'
import { until } from './fake-daemon.ts'
import { OwnDaemon } from './own-daemon.ts'

const fred: Credentials = { user: 'fred', password: 'pencil' }
/** What SASLprep leaves as it is: Cyrus SASL keeps passwords as they were given. */
const odd: Credentials = { user: 'o=d,d', password: 'p\u00e4ss, w\u00f6rd=' }
const mechanisms = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']
const uri = 'test:///default'
const isDenied = (error: LibvirtError) => error.isDenied() && error.codeName === 'VIR_ERR_AUTH_FAILED'

/** On every socket. */
class AskingDaemon extends OwnDaemon {
  constructor(offered: readonly string[], authority?: Authority) {
    super()
    const { certificate, key } = authority?.issue({ name: 'daemon', alternatives: 'IP:127.0.0.1' }) ?? {}
    const files = { cert_file: certificate, key_file: key, ca_file: authority?.certificate }
    const settings: Record<string, string | number> = { auth_unix_rw: 'sasl' }
    if (authority !== undefined) {
      Object.assign(settings, {
        listen_tcp: 1,
        listen_tls: 1,
        listen_addr: '127.0.0.1',
        auth_tcp: 'sasl',
        auth_tls: 'sasl',
        tcp_port: `${ports.tcp}`,
        tls_port: `${ports.tls}`,
      })
      this.flags.push('--listen')
    }
    for (const [name, path] of Object.entries(files)) {
      if (path === undefined) continue
      this.put(name, readFileSync(path, 'utf8'))
      settings[name] = join(this.folder, name)
    }
    this.put('home/.config/libvirt/libvirtd.conf', configText(settings))

    this.environment.SASL_CONF_PATH = this.folder
    const users = join(this.folder, 'users.db')
    this.put('libvirt.conf', `mech_list: ${offered.join(' ')}\nauxprop_plugin: sasldb\nsasldb_path: ${users}\n`)
    for (const { user, password } of [fred, odd])
      execFileSync('saslpasswd2', ['-p', '-c', '-a', 'libvirt', '-f', users, user], { input: password })
    this.give(users)
  }

  override connect(uri: string, options: ConnectOptions = {}): Promise<Connection> {
    return super.connect(uri, { credentials: fred, ...options })
  }
}

function unavailable(): string | false {
  const daemon = OwnDaemon.unavailable() || Authority.unavailable()
  if (daemon !== false) return daemon
  if (spawnSync('saslpasswd2', ['--nothing']).error !== undefined) return 'there is no saslpasswd2 here (sasl2-bin)'
  const folders = '/usr/lib/{*/,}sasl2'
  for (const plugin of ['libscram.so', 'libplain.so', 'libsasldb.so'])
    if (globSync(`${folders}/${plugin}`).length === 0)
      return `there is no ${plugin} of Cyrus SASL here (libsasl2-modules)`
  return false
}
const skip = unavailable()

let daemon: AskingDaemon
let ports: { tcp: number; tls: number }
/** As `pkipath` names it. */
let pki: string
const stack = new AsyncDisposableStack()
before(async () => {
  if (skip !== false) return
  try {
    ports = { tcp: await freePort(), tls: await freePort() }
    const authority = stack.use(new Authority())
    pki = authority.pki(authority.issue({ name: 'fred' }))
    daemon = stack.use(new AskingDaemon([...mechanisms, 'ANONYMOUS'], authority))
    await daemon.start()
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
})
after(() => stack.disposeAsync())

for (const mechanism of mechanisms) {
  test(`${mechanism}: the right password opens, a wrong one and an unknown user do not`, { skip }, async () => {
    const at = `${uri}?auth=sasl.${mechanism.toLowerCase()}`
    for (const credentials of [fred, odd]) {
      await using connection = await daemon.connect(at, { credentials })
      assert.equal(await connection.type(), 'TEST')
      await assert.rejects(daemon.connect(at, { credentials: { ...credentials, password: 'wrong' } }), isDenied)
      await assert.rejects(daemon.connect(at, { credentials: { ...credentials, user: 'nobody' } }), isDenied)
    }
    await assert.rejects(daemon.connect(at, { credentials: { ...fred, password: '' } }), isDenied)
    await assert.rejects(daemon.connect(at, { credentials: { ...fred, authorizeAs: odd.user } }), isDenied)
  })
}

test('of many mechanisms the strongest is taken, and one without a name only when it is named', { skip }, async () => {
  const asked: string[] = []
  const credentials = async ({ mechanism }: { mechanism: string }) => {
    asked.push(mechanism)
    return fred
  }
  await (await daemon.connect(uri, { credentials })).close()
  assert.deepEqual(asked, ['SCRAM-SHA-512'])
  await using anonymous = await daemon.connect(`${uri}?auth=sasl.anonymous`, { credentials })
  assert.equal(await anonymous.type(), 'TEST')
  assert.equal(asked.length, 1)
  await assert.rejects(daemon.connect(`${uri}?auth=sasl.gssapi`), /no SASL mechanism GSSAPI here/)
  await assert.rejects(daemon.connect(`${uri}?auth=polkit`), /polkit was wanted, but .* is sasl/)
})

test('auth.conf holds the password', { skip }, async () => {
  const file = join(daemon.folder, 'auth.conf')
  writeFileSync(file, '[auth-libvirt-localhost]\ncredentials=x\n[credentials-x]\nauthname=fred\npassword=pencil\n')
  const at = `${uri}?authfile=${encodeURIComponent(file)}`
  await (await daemon.connect(at, { credentials: undefined })).close()
  await assert.rejects(daemon.connect(at.replace('auth.conf', 'none'), { credentials: undefined }), /cannot read/)
})

test('a daemon that offers nothing in common is refused by name', { skip }, async () => {
  class Other extends AskingDaemon {
    override connect(uri: string, options: ConnectOptions = {}): Promise<Connection> {
      return super.connect(`${uri}?auth=sasl.anonymous`, options)
    }
    plainly(): Promise<Connection> {
      return super.connect(uri)
    }
  }
  await using other = await new Other(['ANONYMOUS', 'DIGEST-MD5']).start()
  await assert.rejects(other.plainly(), (error: LibvirtError) => {
    assert.match(error.message, /no SASL mechanism in common: the daemon offers .*DIGEST-MD5/)
    return error.isUnsupported()
  })
})

test('over TLS it is the same, and PLAIN wants to know the daemon by its certificate', { skip }, async () => {
  const at = `test+tls://127.0.0.1:${ports.tls}/default?pkipath=${pki}`
  for (const mechanism of mechanisms) {
    const wanted = `${at}&auth=sasl.${mechanism}`
    await using connection = await connect(wanted, { credentials: fred })
    assert.equal(await connection.isEncrypted(), true)
    await assert.rejects(connect(wanted, { credentials: { ...fred, password: 'wrong' } }), isDenied)
  }
  const unverified = `${at}&no_verify=1`
  await assert.rejects(connect(`${unverified}&auth=sasl.plain`, { credentials: fred }), /PLAIN would send/)
  await (await connect(unverified, { credentials: fred })).close()
})

test('over plain TCP the daemon insists on a security layer, and the error says what to do', { skip }, async () => {
  await assert.rejects(
    connect(`test+tcp://127.0.0.1:${ports.tcp}/default`, { credentials: fred }),
    (error: LibvirtError) => {
      assert.match(error.message, /security layer, which this client does not have: use TLS or SSH/)
      return isDenied(error)
    },
  )
})

test('a daemon that comes back is told again who we are', { skip, timeout: 60_000 }, async () => {
  let asked = 0
  const credentials = async () => {
    asked++
    return fred
  }
  await using connection = await daemon.connect(uri, { credentials, reconnect: { minDelayMs: 20, maxDelayMs: 200 } })
  await daemon.die()
  await until(() => connection.state === 'reconnecting')
  await daemon.start()
  await until(() => connection.state === 'open')
  assert.equal(await connection.type(), 'TEST')
  assert.ok(asked >= 2)
})
