/** TLS against doors of our own, one for each way in which it can fail. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { connect, type LibvirtError } from '../src/index.ts'
import { readPki } from '../src/transport/pki.ts'
import { tlsTransport } from '../src/transport/tls.ts'
import { Authority } from './certificates.ts'
import { FakeDaemon, until } from './fake-daemon.ts'

const skip = Authority.unavailable()
const limits = { skip, timeout: 30_000 }
const authority = skip === false ? new Authority() : (undefined as unknown as Authority)
after(() => authority?.[Symbol.dispose]())

const local = { name: 'localhost', alternatives: 'DNS:localhost,IP:127.0.0.1,IP:::1' }

/** A door on a port of 127.0.0.1. What lies behind it is `enter`. */
class Door implements AsyncDisposable {
  readonly sockets = new Set<Socket>()
  readonly #server: Server

  constructor(options: TlsOptions, enter: (socket: TLSSocket) => void) {
    this.#server = createServer({ requestCert: true, rejectUnauthorized: false, ...options }, enter)
    this.#server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.sockets.delete(socket))
    })
    this.#server.on('tlsClientError', () => {})
  }
  async open(host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve))
    return this
  }
  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const pem = (issued: { certificate: string; key: string }) => ({
  cert: readText(issued.certificate),
  key: readText(issued.key),
})
function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
/** The daemon's byte and then the daemon. */
const leadTo = (daemon: FakeDaemon) => (socket: TLSSocket) => {
  socket.write('\x01')
  const inside = createConnection(daemon.path)
  socket.pipe(inside).pipe(socket)
  socket.on('error', () => inside.destroy())
  inside.on('error', () => socket.destroy())
}
const withByte = (socket: TLSSocket) => void socket.on('error', () => {}).write('\x01')
const server = (subject = local) => pem(authority.issue(subject))
const client = () => authority.issue({ name: 'a client' })

test('a connection over TLS shows its certificate, begins behind the byte, and is encrypted', limits, async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.connectIsSecure = () => ({ secure: 1 })
  const shown: string[] = []
  await using door = await new Door(server(), (socket) => {
    shown.push(String(socket.getPeerCertificate().subject.CN))
    leadTo(daemon)(socket)
  }).open()
  for (const host of ['127.0.0.1', 'localhost']) {
    await using connection = await connect(`test+tls://${host}:${door.port}/default?pkipath=${authority.pki(client())}`)
    assert.equal(await connection.isEncrypted(), true)
    assert.equal(await connection.isSecure(), true)
  }
  assert.deepEqual(shown, ['a client', 'a client'])
})

test('what comes in one piece with the byte is not lost', limits, async () => {
  await using door = await new Door(server(), (socket) => {
    socket.on('error', () => {}).write('\x01and the rest')
  }).open()
  const transport = tlsTransport({ host: '127.0.0.1', port: door.port, pkipath: authority.pki(client()) })
  const socket = await transport.open(AbortSignal.timeout(5000))
  const read = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
  assert.equal(read, 'and the rest')
  socket.destroy()
})

test('no record holds more than one packet, however many are sent at once', limits, async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.domainLookupByName = () => ({ dom: { name: 'guest', uuid: new Uint8Array(16), id: 1 } })
  const beginnings: number[] = []
  await using door = await new Door(server(), (socket) => {
    // Node gives what it reads record by record, and each begins with the length of its packet.
    socket.on('data', (record) => beginnings.push(record.readUInt32BE(0) - record.length))
    leadTo(daemon)(socket)
  }).open()
  const uri = `test+tls://localhost:${door.port}/default?pkipath=${authority.pki(client())}`
  await using connection = await connect(uri, { maxCallsInFlight: 100 })
  await Promise.all(Array.from({ length: 100 }, () => connection.domains.lookupByName('guest')))
  assert.ok(beginnings.length > 100)
  assert.deepEqual([...new Set(beginnings)], [0])
})

/** Must fail; leaves no socket behind. */
async function refusal(door: Door, uri: string): Promise<LibvirtError> {
  const error = await connect(uri.replace('PORT', String(door.port))).then(
    async (connection) => {
      await connection.close()
      throw new Error('it connected')
    },
    (reason: LibvirtError) => reason,
  )
  assert.equal(error.name, 'LibvirtError', error.stack)
  await until(() => door.sockets.size === 0)
  return error
}

test(
  'a daemon that closes instead of sending the byte has denied us, and what we showed is named',
  limits,
  async () => {
    await using door = await new Door(server(), (socket) => void socket.end()).open()
    const shown = client()
    const folder = authority.pki(shown)
    const error = await refusal(door, `test+tls://127.0.0.1:PORT/default?pkipath=${folder}`)
    assert.equal(error.isDenied(), true)
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${door.port} does not let in this client`))
    assert.match(error.message, new RegExp(`with the certificate ${folder}/clientcert.pem`))

    const bare = authority.pki(undefined)
    const without = await refusal(door, `test+tls://127.0.0.1:PORT/default?pkipath=${bare}`)
    assert.match(without.message, new RegExp(`without a certificate \\(${bare}/clientcert.pem \\(ENOENT\\)`))
  },
)

test('so has one that refuses our certificate by an alert, or that sends another byte', limits, async () => {
  await using strict = await new Door(
    { ...server(), ca: readText(authority.certificate), rejectUnauthorized: true },
    withByte,
  ).open()
  const folder = authority.pki(undefined)
  const refused = await refusal(strict, `test+tls://127.0.0.1:PORT/default?pkipath=${folder}`)
  assert.equal(refused.isDenied(), true, refused.message)
  await using odd = await new Door(server(), (socket) => void socket.on('error', () => {}).write('\x00')).open()
  const other = await refusal(odd, `test+tls://127.0.0.1:PORT/default?pkipath=${folder}`)
  assert.match(other.message, /it sent 0 for 1/)
})

test('a daemon of another authority, of another name, or out of date is not believed', limits, async () => {
  using stranger = new Authority('stranger')
  const folder = authority.pki(client())
  const uri = `test+tls://127.0.0.1:PORT/default?pkipath=${folder}`
  const cases = [
    { cert: pem(stranger.issue(local)), expect: /self-signed certificate in chain|unable to verify|unable to get/ },
    { cert: server({ name: 'elsewhere', alternatives: 'DNS:elsewhere' }), expect: /does not match certificate's/ },
    { cert: server({ ...local, days: -1 } as typeof local), expect: /certificate has expired/ },
  ]
  for (const { cert, expect } of cases) {
    let entered = false
    await using door = await new Door(cert, (socket) => {
      entered = true
      socket.write('\x01')
    }).open()
    const error = await refusal(door, uri)
    assert.match(error.message, expect)
    assert.match(error.message, new RegExp(`no TLS with 127\\.0\\.0\\.1:${door.port}: .*trusted: ${folder}/cacert.pem`))
    assert.equal(error.isConnectionLost(), true)
    // no_verify asks nothing of it.
    const socket = await tlsTransport({ host: '127.0.0.1', port: door.port, pkipath: folder, verify: false }).open(
      AbortSignal.timeout(5000),
    )
    assert.equal(entered, true)
    socket.destroy()
  }
})

const noIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((at) => at?.address === '::1')
  ? false
  : 'there is no IPv6 here'

test('the name in the URI is what the certificate must say, also for IPv6', {
  ...limits,
  skip: skip || noIpv6,
}, async () => {
  await using daemon = await new FakeDaemon().listen()
  const cert = server({ name: 'six', alternatives: 'IP:::1' })
  await using open = await new Door(cert, leadTo(daemon)).open('::1')
  const folder = authority.pki(client())
  await (await connect(`test+tls://[::1]:${open.port}/default?pkipath=${folder}`)).close()
})

test('nothing that answers at all says where it was looked for', limits, async () => {
  const folder = authority.pki(client())
  const free = await new Door(server(), withByte).open()
  const { port } = free
  await free[Symbol.asyncDispose]()
  const error = await connect(`test+tls://127.0.0.1:${port}/default?pkipath=${folder}`).catch((reason) => reason)
  assert.match(error.message, new RegExp(`cannot connect to 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`))
  assert.equal(error.isConnectionLost(), true)
})

test('what speaks no TLS, or says nothing, ends in an error and leaves no socket', limits, async () => {
  const folder = authority.pki(client())
  const sockets = new Set<Socket>()
  let greeting = 'SSH-2.0-OpenSSH\r\n'
  const plain = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.resume()
    if (greeting !== '') socket.write(greeting)
  })
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  try {
    const uri = `test+tls://127.0.0.1:${(plain.address() as AddressInfo).port}/default?pkipath=${folder}`
    await assert.rejects(connect(uri), /no TLS with 127\.0\.0\.1:\d+: wrong version number/)
    greeting = ''
    await assert.rejects(connect(uri, { connectTimeoutMs: 100 }), (error: LibvirtError) => error.isTimeout())
    await until(() => sockets.size === 0)
    const controller = new AbortController()
    const giving = connect(uri, { signal: controller.signal })
    await until(() => sockets.size === 1)
    controller.abort(new Error('enough'))
    await assert.rejects(giving, /enough/)
    await until(() => sockets.size === 0)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => plain.close(resolve))
  }
  // The same behind a handshake that was good.
  await using door = await new Door(server(), () => {}).open()
  const uri = `test+tls://127.0.0.1:${door.port}/default?pkipath=${folder}`
  await assert.rejects(connect(uri, { connectTimeoutMs: 300 }), (error: LibvirtError) => error.isTimeout())
  await until(() => door.sockets.size === 0)
})

test('certificates that cannot work are refused here, by file, unless no_sanity says not to look', limits, async () => {
  using stranger = new Authority('stranger')
  await using door = await new Door(server(), withByte).open()
  const mine = client()
  const broken = authority.pki(mine)
  writeFileSync(join(broken, 'clientcert.pem'), 'not PEM')
  const cases: [string, RegExp][] = [
    [authority.pki(authority.issue({ name: 'old', days: -1 })), /clientcert\.pem has expired at/],
    [
      authority.pki(stranger.issue({ name: 'other' })),
      /clientcert\.pem was not issued by the authority in .*cacert\.pem/,
    ],
    [authority.pki({ certificate: mine.certificate, key: client().key }), /clientkey\.pem is not the key of/],
    [broken, /clientcert\.pem holds no certificate/],
  ]
  for (const [folder, expected] of cases) {
    const error = await refusal(door, `test+tls://127.0.0.1:PORT/default?pkipath=${folder}`)
    assert.match(error.message, expected)
  }
  for (const [folder] of cases.slice(0, 2)) {
    const target = { host: '127.0.0.1', port: door.port, pkipath: folder, sanity: false }
    const socket = await tlsTransport(target).open(AbortSignal.timeout(5000))
    socket.destroy()
  }
  await assert.rejects(
    connect(`test+tls://127.0.0.1:${door.port}/default?no_sanity=1&pkipath=${broken}`),
    /TLS cannot use the certificates/,
  )
  await assert.rejects(
    connect(`test+tls://127.0.0.1:${door.port}/default?pkipath=/nowhere`),
    /no certificate of an authority to know 127\.0\.0\.1:\d+ by: \/nowhere\/cacert\.pem \(ENOENT\)/,
  )
})

test('a revoked certificate of the daemon is not believed', limits, async () => {
  const revoked = authority.issue(local)
  const folder = authority.pki(client())
  copyFileSync(authority.revoke(revoked), join(folder, 'cacrl.pem'))
  await using door = await new Door(pem(revoked), withByte).open()
  const error = await refusal(door, `test+tls://127.0.0.1:PORT/default?pkipath=${folder}`)
  assert.match(error.message, /certificate revoked/)
})

test("root's files are the system's, anybody else's their own first, each by itself but the pair", limits, async () => {
  const home = mkdtempSync(join(tmpdir(), 'libvirt-home-'))
  try {
    const system = join(home, 'etc/pki')
    const own = join(home, '.pki/libvirt')
    for (const folder of [join(system, 'CA'), join(system, 'libvirt/private'), own])
      mkdirSync(folder, { recursive: true })
    writeFileSync(join(system, 'CA/cacert.pem'), 'system ca')
    writeFileSync(join(system, 'CA/cacrl.pem'), 'system crl')
    writeFileSync(join(system, 'libvirt/clientcert.pem'), 'system cert')
    writeFileSync(join(system, 'libvirt/private/clientkey.pem'), 'system key')
    writeFileSync(join(own, 'cacert.pem'), 'own ca')
    writeFileSync(join(own, 'clientcert.pem'), 'own cert')
    const texts = async (privileged: boolean) => {
      const { ca, crl, client } = await readPki({ privileged, home, system })
      return [ca, crl, client?.certificate, client?.key].map((file) => file?.text)
    }
    assert.deepEqual(await texts(true), ['system ca', 'system crl', 'system cert', 'system key'])
    assert.deepEqual(await texts(false), ['own ca', 'system crl', 'system cert', 'system key'])
    writeFileSync(join(own, 'clientkey.pem'), 'own key')
    assert.deepEqual(await texts(false), ['own ca', 'system crl', 'own cert', 'own key'])
    const { missing } = await readPki({ privileged: false, home: '/nowhere', system: '/nothing' })
    assert.deepEqual(missing.ca, ['/nowhere/.pki/libvirt/cacert.pem (ENOENT)', '/nothing/CA/cacert.pem (ENOENT)'])
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
})

test('tls_priority chooses versions, and is refused for what OpenSSL cannot do', limits, async () => {
  const versions: (string | null)[] = []
  await using door = await new Door(server(), (socket) => {
    versions.push(socket.getProtocol())
    socket.write('\x01')
  }).open()
  const target = { host: '127.0.0.1', port: door.port, pkipath: authority.pki(client()) }
  for (const priority of [
    'NORMAL',
    'NORMAL:-VERS-TLS1.3',
    'NORMAL:-VERS-ALL:+VERS-TLS1.2',
    'NORMAL:-VERS-TLS1.0:!VERS-TLS1.2',
  ]) {
    const socket = await tlsTransport({ ...target, priority }).open(AbortSignal.timeout(5000))
    socket.destroy()
  }
  assert.deepEqual(versions, ['TLSv1.3', 'TLSv1.2', 'TLSv1.2', 'TLSv1.3'])
  for (const priority of ['SECURE256', 'NORMAL:-VERS-ALL', 'NORMAL:+VERS-TLS1.0', 'NORMAL:-AES-128-GCM', '']) {
    await assert.rejects(
      connect(`test+tls://h/default?tls_priority=${encodeURIComponent(priority)}`),
      (error: LibvirtError) => {
        assert.match(error.message, /tls_priority/)
        return error.isUnsupported()
      },
    )
  }
})
