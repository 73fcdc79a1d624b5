import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, parseUri, socketPath, uuidBytes, uuidText } from '../src/index.ts'

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

test('a transport that is not there is refused by name', async () => {
  await assert.rejects(connect('qemu+tls://host/system'), /tls is not available/)
})

test('a uuid is text outside and bytes inside, in any spelling', () => {
  const text = '6695eb01-f6a4-8304-79aa-97f2502e193f'
  assert.equal(uuidText(uuidBytes(text.toUpperCase())), text)
  assert.equal(uuidText(uuidBytes(text.replaceAll('-', ''))), text)
  assert.throws(() => uuidBytes('6695eb01'), /no uuid/)
})
