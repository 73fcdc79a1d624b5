/** TCP and TLS to a real libvirtd, with certificates made on the spot. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, type LibvirtError } from '../src/index.ts'
import { Authority, type Issued } from './certificates.ts'
import { recordMethods } from './coverage.ts'
import { configText, freePort } from './daemon-settings.ts'
import { OwnDaemon } from './own-daemon.ts'

const skip = OwnDaemon.unavailable() || Authority.unavailable()
const limits = { skip, timeout: 60_000 }

let authority: Authority
let ports: { tcp: number; tls: number }
let pki: string
const issue = (name: string, days?: number): Issued =>
  authority.issue({ name, ...(days === undefined ? {} : { days }) })

let daemon: OwnDaemon
const stack = new AsyncDisposableStack()
before(async () => {
  if (skip !== false) return
  try {
    authority = stack.use(new Authority())
    pki = authority.pki(issue('welcome'))
    daemon = stack.use(new OwnDaemon())
    await listen(daemon)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
})
after(() => stack.disposeAsync())

/** It lets in whoever is called `welcome`. */
async function listen(daemon: OwnDaemon): Promise<void> {
  recordMethods()
  ports = { tcp: await freePort(), tls: await freePort() }
  const { certificate, key } = authority.issue({ name: 'daemon', alternatives: 'IP:127.0.0.1,DNS:localhost' })
  const files = { cert_file: certificate, key_file: key, ca_file: authority.certificate }
  for (const [name, path] of Object.entries(files)) daemon.put(name, readFileSync(path, 'utf8'))
  const settings = {
    listen_tcp: 1,
    listen_tls: 1,
    listen_addr: '127.0.0.1',
    tcp_port: String(ports.tcp),
    tls_port: String(ports.tls),
    auth_tcp: 'none',
    auth_tls: 'none',
    ...Object.fromEntries(Object.keys(files).map((name) => [name, join(daemon.folder, name)])),
    tls_allowed_dn_list: ['CN=welcome'],
  }
  daemon.put('home/.config/libvirt/libvirtd.conf', configText(settings))
  daemon.flags.push('--listen')
  await daemon.start()
}

test('over TCP a daemon answers and tells of events, and the connection is not secure', limits, async () => {
  await using connection = await connect(`test+tcp://127.0.0.1:${ports.tcp}/default`)
  assert.equal(await connection.type(), 'TEST')
  assert.equal(await connection.daemonUri(), 'test:///default')
  assert.equal(await connection.isSecure(), false)
  await using watch = await connection.domains.watch({ kinds: ['lifecycle'] })
  const guest = await connection.domains.lookupByName('test')
  await guest.suspend()
  const { value } = await watch.next()
  assert.equal(value?.kind === 'lifecycle' && value.event, 'suspended')
  await using readOnly = await connect(`test+tcp://localhost:${ports.tcp}/default`, { readOnly: true })
  await assert.rejects((await readOnly.domains.lookupByName('test')).destroy(), (error: LibvirtError) =>
    error.isDenied(),
  )
})

test('over TLS the same, encrypted, with replies of every size', limits, async () => {
  // Without pings, which would wake a daemon that overlooked a call.
  const options = { keepAlive: false, timeoutMs: 5000 } as const
  await using connection = await connect(`test+tls://localhost:${ports.tls}/default?pkipath=${pki}`, options)
  assert.equal(await connection.isEncrypted(), true)
  assert.equal(await connection.isSecure(), true)
  const guest = await connection.domains.lookupByName('test')
  for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 20 }, () => guest.xml()))
  const note = 'x'.repeat(500_000)
  await guest.setDescription(note)
  assert.equal(await guest.description(), note)
})

test('TLS 1.2 will do as well', limits, async () => {
  const uri = `test+tls://localhost:${ports.tls}/default?pkipath=${pki}&tls_priority=NORMAL:-VERS-TLS1.3`
  await (await connect(uri)).close()
})

test('whom the daemon does not know, or whose time is over, it does not let in', limits, async () => {
  using stranger = new Authority('stranger')
  const cases = {
    'on no list': authority.pki(issue('somebody')),
    'without a certificate': authority.pki(undefined),
    'out of date': authority.pki(issue('welcome', -1)),
    'of another authority': authority.pki(stranger.issue({ name: 'welcome' })),
  }
  for (const [who, folder] of Object.entries(cases)) {
    for (const priority of ['NORMAL', 'NORMAL:-VERS-TLS1.3']) {
      const uri = `test+tls://127.0.0.1:${ports.tls}/default?no_sanity=1&tls_priority=${priority}&pkipath=${folder}`
      await assert.rejects(connect(uri), (error: LibvirtError) => {
        assert.match(error.message, /does not let in this client|no TLS with/, who)
        return priority !== 'NORMAL' || error.isDenied()
      })
    }
  }
  await (await connect(`test+tls://127.0.0.1:${ports.tls}/default?pkipath=${pki}`)).close()
})

test('one port is not the other', limits, async () => {
  await assert.rejects(connect(`test+tls://127.0.0.1:${ports.tcp}/default?pkipath=${pki}`), (error: LibvirtError) => {
    assert.match(error.message, /no TLS with 127\.0\.0\.1/)
    return error.isConnectionLost()
  })
  await assert.rejects(connect(`test+tcp://127.0.0.1:${ports.tls}/default`), (error: LibvirtError) =>
    error.isConnectionLost(),
  )
})

test('a connection over TLS comes back when the daemon does', limits, async () => {
  const uri = `test+tls://127.0.0.1:${ports.tls}/default?pkipath=${pki}`
  await using connection = await connect(uri, { reconnect: { minDelayMs: 50, maxDelayMs: 200 } })
  const back = new Promise<void>((resolve) => {
    connection.onStateChange((state) => {
      if (state === 'open') resolve()
    })
  })
  await daemon.die()
  await daemon.start()
  await back
  assert.equal(await connection.type(), 'TEST')
})
