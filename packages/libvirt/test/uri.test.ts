import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { resolveUri, type Surroundings } from '../src/client-config.ts'
import { connect, LibvirtError, parseUri, socketPath, uuidBytes, uuidText } from '../src/index.ts'

test('a local URI means a UNIX socket, and goes to the daemon as it is', () => {
  const uri = parseUri('qemu:///system')
  assert.equal(uri.transport, 'unix')
  assert.equal(uri.name, 'qemu:///system')
  assert.equal(uri.path, '/system')
})

test("transport, host and the client's parameters stay here, all others go to the daemon", () => {
  const uri = parseUri('QEMU+ssh://root@host.example:2222/system?keyfile=%2Fk&no_tty=1&x=1&socket=/s')
  assert.equal(uri.driver, 'qemu')
  assert.equal(uri.transport, 'ssh')
  assert.equal(uri.user, 'root')
  assert.equal(uri.host, 'host.example')
  assert.equal(uri.port, 2222)
  assert.equal(uri.name, 'QEMU:///system?x=1')
  assert.equal(uri.parameters.get('keyfile'), '/k')
  assert.equal(uri.socket, '/s')
})

test('a host without a transport means TLS, `name` replaces what is opened, `remote` leaves it to the daemon', () => {
  assert.equal(parseUri('qemu://[fe80::1]:1/system').transport, 'tls')
  assert.equal(parseUri('qemu://[fe80::1]:1/system').host, 'fe80::1')
  assert.equal(parseUri('qemu+unix:///system?name=test:///default').name, 'test:///default')
  assert.equal(parseUri('remote+unix:///').name, '')
})

test('what is no URI is refused', () => {
  for (const bad of [
    '',
    'qemu',
    'qemu:/system',
    'qemu+carrier-pigeon:///system',
    'qemu+unix://host/system',
    'qemu:///x?mode=odd',
  ]) {
    assert.throws(() => parseUri(bad), /./, bad)
  }
})

test("the one-driver daemon's socket is taken where it exists, unless the URI says otherwise", () => {
  const only = (path: string) => (candidate: string) => candidate === path || candidate === '/run/libvirt'
  const of = (text: string, readOnly = false, exists = only('')) =>
    socketPath(parseUri(text), readOnly, { XDG_RUNTIME_DIR: '/run/user/7' }, exists)
  assert.equal(of('qemu:///system'), '/run/libvirt/libvirt-sock')
  assert.equal(of('qemu:///system', true), '/run/libvirt/libvirt-sock-ro')
  assert.equal(of('qemu:///system', false, only('/run/libvirt/virtqemud-sock')), '/run/libvirt/virtqemud-sock')
  assert.equal(
    of('qemu:///system?mode=legacy', false, only('/run/libvirt/virtqemud-sock')),
    '/run/libvirt/libvirt-sock',
  )
  assert.equal(of('qemu:///system?mode=direct'), '/run/libvirt/virtqemud-sock')
  assert.equal(of('qemu:///session'), '/run/user/7/libvirt/libvirt-sock')
  assert.equal(of('qemu:///system?socket=/x/y'), '/x/y')
  assert.equal(
    socketPath(parseUri('qemu:///system'), false, {}, () => false),
    '/var/run/libvirt/libvirt-sock',
  )
})

test('an IPv6 address may have a zone, a user and a parameter any character but zero', () => {
  assert.equal(parseUri('qemu+tcp://[fe80::1%25eth0.7]/system').host, 'fe80::1%eth0.7')
  assert.equal(parseUri('qemu+tcp://[fe80::1%eth0]/system').host, 'fe80::1%eth0')
  assert.equal(parseUri('qemu+SSH://me%40work@host/system').user, 'me@work')
  assert.equal(parseUri('qemu+SSH://host/system').transport, 'ssh')
  for (const bad of [
    'qemu+tcp://[fe80::1/system',
    'qemu+tcp://[host]/system',
    'qemu+tcp://host:65536/system',
    'qemu+tcp://host:0/system',
    'qemu+ssh://host/system?keyfile=%00',
    'qemu+ssh://host/system?keyfile=%zz',
  ]) {
    assert.throws(() => parseUri(bad), LibvirtError, bad)
  }
})

test('what a transport cannot do, or has no such parameter for, is refused by name', async () => {
  const refused = (uri: string, expected: RegExp) =>
    assert.rejects(connect(uri), (error: LibvirtError) => {
      assert.match(error.message, expected)
      return error.origin === 'request'
    })
  await refused('qemu+libssh2://host/system', /libssh2 is not available: \+ssh runs/)
  await refused('qemu+libssh://host/system', /libssh is not available/)
  await refused('qemu+ext:///system', /ext needs command/)
  await refused('qemu+tcp://host/system?keyfile=/k', /the transport tcp has no parameter keyfile/)
  await refused('qemu+ssh://host/system?known_hosts=/k', /the transport ssh has no parameter known_hosts/)
  await refused('qemu:///system?pkipath=/k', /the transport unix has no parameter pkipath/)
  await refused('qemu+tls://host/system?no_verify=yes', /no_verify is 0 or 1, not yes/)
})

/** What a client finds where libvirt.conf and the sockets are these. */
async function resolved(text: string, config: string | undefined, more: Surroundings = {}): Promise<string> {
  const etc = mkdtempSync(join(tmpdir(), 'libvirt-etc-'))
  try {
    mkdirSync(join(etc, 'libvirt'))
    if (config !== undefined) writeFileSync(join(etc, 'libvirt/libvirt.conf'), config)
    return await resolveUri(text, { environment: {}, uid: 0, etc, exists: () => false, ...more })
  } finally {
    rmSync(etc, { recursive: true, force: true })
  }
}

test('an alias and the default come from libvirt.conf', async () => {
  const config = `# Hosts
uri_aliases = [
  "hail=qemu+ssh://root@hail.example/system",   # 'quoted'
  'sleet-1=qemu+tls://sleet/system?no_verify=1',
]
uri_default = "hail"
remote_mode = "auto"
keepalive_interval = 5
`
  assert.equal(await resolved('hail', config), 'qemu+ssh://root@hail.example/system')
  assert.equal(await resolved('sleet-1', config), 'qemu+tls://sleet/system?no_verify=1')
  assert.equal(await resolved('', config), 'qemu+ssh://root@hail.example/system')
  assert.equal(await resolved('test:///default', config), 'test:///default')
  assert.equal(await resolved('', config, { environment: { LIBVIRT_DEFAULT_URI: 'test:///x' } }), 'test:///x')
  assert.equal(await resolved('rain', config), 'rain')
  await assert.rejects(connect('no-such-alias'), /no libvirt URI: no-such-alias/)
})

test('anybody but root has a libvirt.conf of their own', async () => {
  const home = mkdtempSync(join(tmpdir(), 'libvirt-home-'))
  try {
    mkdirSync(join(home, '.config/libvirt'), { recursive: true })
    writeFileSync(join(home, '.config/libvirt/libvirt.conf'), 'uri_aliases = ["mine=test:///mine"]')
    const config = 'uri_aliases = ["mine=test:///roots"]'
    const user = { environment: { HOME: home }, uid: 7 }
    assert.equal(await resolved('mine', config, user), 'test:///mine')
    assert.equal(await resolved('mine', config), 'test:///roots')
    const elsewhere = { environment: { HOME: '/nowhere', XDG_CONFIG_HOME: join(home, '.config') }, uid: 7 }
    assert.equal(await resolved('mine', config, elsewhere), 'test:///mine')
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
})

test('a libvirt.conf that cannot be understood is refused by line', async () => {
  await assert.rejects(resolved('', 'uri_default = "a"\nuri_aliases = [ "x=y"'), /libvirt\.conf, line 2: /)
  await assert.rejects(resolved('', '\n\nuri_default "a"'), /line 3: /)
  await assert.rejects(resolved('', 'uri_default = "a'), /line 1: /)
  await assert.rejects(resolved('x', 'uri_aliases = ["a b=c"]'), /the alias a b=c/)
  await assert.rejects(resolved('x', 'uri_default = ["a"]'), /uri_default is not what/)
})

test('where nothing says which, it is the daemon that there is', async () => {
  const only = (there: string) => ({ exists: (path: string) => path === there || path === '/run/libvirt' })
  assert.equal(await resolved('', undefined), 'remote:///system')
  assert.equal(await resolved('', undefined, only('/run/libvirt/libvirt-sock')), 'remote:///system')
  assert.equal(await resolved('', undefined, only('/run/libvirt/virtlxcd-sock')), 'lxc:///system')
  const user = { uid: 7, environment: { HOME: '/nowhere', XDG_RUNTIME_DIR: '/run/user/7' } }
  assert.equal(await resolved('', undefined, user), 'remote:///session')
  const qemu = { ...user, ...only('/run/user/7/libvirt/virtqemud-sock') }
  assert.equal(await resolved('', undefined, qemu), 'qemu:///session')
  assert.equal(parseUri('remote:///session').name, '')
})

test('a uuid is text outside and bytes inside, in any spelling', () => {
  const text = '6695eb01-f6a4-8304-79aa-97f2502e193f'
  assert.equal(uuidText(uuidBytes(text.toUpperCase())), text)
  assert.equal(uuidText(uuidBytes(text.replaceAll('-', ''))), text)
  assert.throws(() => uuidBytes('6695eb01'), /no uuid/)
})
