/** What a daemon may do wrong, and what a client must not do to it: bounds, ends, signs of life. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { after, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as C from '../src/generated/constants.ts'
import { type CloseEvent, LibvirtError, type RpcStream, unixTransport } from '../src/index.ts'
import { Limiter } from '../src/rpc/limiter.ts'
import {
  Deframer,
  finishPacket,
  MAX_PACKET_BYTES,
  PROGRAM_KEEPALIVE,
  PROGRAM_REMOTE,
  STATUS_CONTINUE,
  STATUS_ERROR,
  STATUS_OK,
  streamPacket,
  TYPE_CALL,
  TYPE_MESSAGE,
  TYPE_REPLY,
  TYPE_REPLY_WITH_FDS,
  TYPE_STREAM,
  TYPE_STREAM_HOLE,
  writeHeader,
} from '../src/rpc/packet.ts'
import { Writer } from '../src/rpc/xdr.ts'
import { type Client, entryOf, FakeDaemon, Refusal, until } from './fake-daemon.ts'

const MiB = 1 << 20
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const folder = mkdtempSync(join(tmpdir(), 'libvirt-robust-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const later = <T>() => Promise.withResolvers<T>()
const isLost = (error: LibvirtError) => error.isConnectionLost()
const isProtocol = (error: LibvirtError) => error.origin === 'protocol' || error.cause instanceof LibvirtError

/** A packet with any header. */
function packet(
  {
    type,
    serial,
    status = STATUS_OK,
    name = 'connectGetHostname',
  }: Record<'type' | 'serial', number> & {
    status?: number
    name?: string
  },
  payload?: (w: Writer) => void,
): Buffer {
  const w = new Writer()
  writeHeader(w, { ...entryOf(name), type, serial, status })
  payload?.(w)
  return finishPacket(w)
}

/** A transport that shows its socket. */
function watched(daemon: FakeDaemon): { transport: ReturnType<typeof unixTransport>; socket: () => Duplex } {
  const inner = unixTransport(daemon.path)
  let last: Duplex | undefined
  return {
    transport: {
      ...inner,
      open: async (signal) => {
        last = await inner.open(signal)
        return last
      },
    },
    socket: () => last as Duplex,
  }
}

/** A stream for download or upload, and the daemon's end of it. */
async function openStream(
  daemon: FakeDaemon,
  connection: Awaited<ReturnType<FakeDaemon['connect']>>,
  name: 'storageVolDownload' | 'storageVolUpload' = 'storageVolDownload',
): Promise<{ stream: RpcStream; client: Client; serial: number; piece: (bytes: Uint8Array) => Buffer }> {
  const opened = later<{ client: Client; serial: number }>()
  daemon.answers[name] = ({ client, serial }) => opened.resolve({ client, serial })
  const vol = { pool: 'p', name: 'v', key: 'k' }
  const { stream } = await connection.raw[name]({ vol, offset: 0n, length: 0n, flags: 1 })
  const { client, serial } = await opened.promise
  return { stream, client, serial, piece: (bytes) => client.stream(serial, name, STATUS_CONTINUE, bytes) }
}

// ---- Packets -------------------------------------------------------------------------------------------------

test('a packet in crumbs costs its size, and one that is only promised costs little', () => {
  const whole = streamPacket(
    { program: PROGRAM_REMOTE, procedure: 1, type: TYPE_STREAM, serial: 1, status: STATUS_CONTINUE },
    Buffer.alloc(2 * MiB, 'x'),
  )
  const deframer = new Deframer()
  const cut: Buffer[] = []
  const before = process.memoryUsage().arrayBuffers
  for (let at = 0; at < whole.length; at += 7) {
    deframer.push(whole.subarray(at, at + 7), (each) => cut.push(Buffer.from(each)))
  }
  assert.equal(cut.length, 1)
  assert.ok(cut[0]?.equals(whole))
  const promised = Buffer.alloc(64)
  promised.writeUInt32BE(MAX_PACKET_BYTES)
  new Deframer().push(promised, () => assert.fail('not whole'))
  assert.ok(process.memoryUsage().arrayBuffers - before < 12 * MiB)
})

test('stream data is handed on as it comes, and its rest before anything else', () => {
  const header = { program: PROGRAM_REMOTE, procedure: 1, serial: 1 }
  const dataOf = (length: number) => Buffer.from(Array.from({ length }, (_, at) => at % 251))
  const lengths = [0, 5000, 70_000, 1, 300_000, 12_000]
  const reply = packet({ type: TYPE_REPLY, serial: 7 }, (w) => w.s('y'.repeat(9000), 9000))
  const whole = Buffer.concat(
    lengths.flatMap((length) => [
      streamPacket({ ...header, type: TYPE_STREAM, status: STATUS_CONTINUE }, dataOf(length)),
      reply,
    ]),
  )
  for (const size of [1, 27, 29, 4095, 65_536, 200_000, whole.length]) {
    const got: Buffer[] = []
    let parts = 0
    const deframer = new Deframer()
    for (let at = 0; at < whole.length; at += size) {
      deframer.push(
        whole.subarray(at, at + size),
        (each) => void got.push(Buffer.from(each)),
        (more) => {
          parts++
          got.push(Buffer.concat([got.pop() as Buffer, more]))
        },
      )
    }
    assert.ok(Buffer.concat(got).equals(whole), `in chunks of ${size}`)
    assert.equal(got.length, 2 * lengths.length)
    assert.equal(parts > 0, size > 4096 && size < whole.length, `${parts} parts in chunks of ${size}`)
  }
})

for (const [what, bytes] of [
  ['shorter than its header', Buffer.from('0000001b', 'hex')],
  ['longer than allowed', Buffer.from('02000005', 'hex')],
  ['of no length', Buffer.from('00000000', 'hex')],
  ['of another version of the program', Buffer.from(`0000001c2000808600000002${'00'.repeat(16)}`, 'hex')],
  ['of an unknown type', packet({ type: 9, serial: 1 })],
  ['that is a call', packet({ type: TYPE_CALL, serial: 1 })],
  ['that answers nothing', packet({ type: TYPE_REPLY, serial: 4711 })],
] as const) {
  test(`a packet ${what} ends the connection with an error`, async () => {
    await using daemon = await new FakeDaemon().listen()
    await using connection = await daemon.connect()
    daemon.answers.connectGetHostname = () => new Promise(() => {})
    const call = connection.hostname()
    await until(() => daemon.running === 1)
    daemon.broadcast(bytes)
    await assert.rejects(call, isProtocol)
    assert.equal((await connection.closed)?.origin, 'protocol')
    assert.equal((await connection.closed)?.closeReason, undefined)
  })
}

for (const [what, reply] of [
  ['of another procedure', (serial: number) => packet({ type: TYPE_REPLY, serial, name: 'connectGetLibVersion' })],
  ['of no known status', (serial: number) => packet({ type: TYPE_REPLY, serial, status: STATUS_CONTINUE })],
  ['with file descriptors', (serial: number) => packet({ type: TYPE_REPLY_WITH_FDS, serial }, (w) => w.u(1))],
] as const) {
  test(`a reply ${what} ends the connection with an error`, async () => {
    await using daemon = await new FakeDaemon().listen()
    await using connection = await daemon.connect()
    daemon.answers.connectGetHostname = ({ client, serial }) => {
      client.send(reply(serial))
      return new Promise(() => {})
    }
    await assert.rejects(connection.hostname(), isProtocol)
    assert.equal((await connection.closed)?.origin, 'protocol')
  })
}

test('a reply that could carry file descriptors and carries none is a reply', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectGetHostname = ({ client, serial }) => {
    client.send(
      packet({ type: TYPE_REPLY_WITH_FDS, serial }, (w) => {
        w.u(0)
        w.s('host-a', 100)
      }),
    )
    return new Promise(() => {})
  }
  assert.equal(await connection.hostname(), 'host-a')
})

test('whatever bytes come, every call ends in time and the memory stays small', { timeout: 60_000 }, async () => {
  let seed = 20_260
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return seed % below
  }
  const spoil = (bytes: Buffer): Buffer => {
    const spoilt = Buffer.from(bytes)
    for (let times = random(4); times >= 0; times--) spoilt[random(spoilt.length)] = random(256)
    const end = random(3) === 0 ? random(spoilt.length) : spoilt.length
    return random(5) === 0 ? Buffer.concat([spoilt.subarray(0, end), bytes]) : spoilt.subarray(0, end)
  }
  await using daemon = await new FakeDaemon().listen()
  const uuid = new Uint8Array(16).fill(9)
  let spoilt = 0
  for (const name of ['connectListAllNetworks', 'networkGetDhcpLeases', 'storageVolDownload'] as const) {
    daemon.answers[name] = ({ client, serial }) => {
      const good = packet({ type: TYPE_REPLY, serial, name }, (w) => {
        if (name === 'storageVolDownload') return
        w.u(1)
        if (name === 'connectListAllNetworks') {
          w.s('network', 100)
          w.f(uuid, 16)
        }
        w.u(1)
      })
      spoilt++
      client.send(spoil(good), spoil(client.stream(serial, 'storageVolDownload', STATUS_CONTINUE, Buffer.alloc(40))))
      return new Promise(() => {})
    }
  }
  const before = process.memoryUsage().rss
  const outcomes = { answered: 0, refused: 0 }
  for (let turn = 0; turn < 150; turn++) {
    const connection = await daemon.connect({ timeoutMs: 40, maxCallsInFlight: 8 })
    const network = connection.networks.handle('00000000-0000-0000-0000-000000000001')
    const volume = connection.storageVolumes.of({ pool: 'p', name: 'v', key: 'k' })
    const settled = await Promise.allSettled([
      connection.networks.listAll(),
      network.dhcpLeases(),
      volume.downloadTo(join(folder, 'fuzz'), { signal: AbortSignal.timeout(60), timeoutMs: 40 }),
    ])
    for (const { status } of settled) outcomes[status === 'fulfilled' ? 'answered' : 'refused']++
    await Promise.race([connection.close(), new Promise((resolve) => setTimeout(resolve, 50))])
    for (const client of daemon.clients) client.socket.destroy()
  }
  assert.ok(spoilt > 300, `${spoilt} calls came`)
  assert.ok(outcomes.refused > 100, JSON.stringify(outcomes))
  assert.ok(process.memoryUsage().rss - before < 200 * MiB)
})

// ---- Limits of what waits ------------------------------------------------------------------------------------

test('very many calls wait in order, and one in the middle may leave, at a cost that does not grow with them', () => {
  const calls = 100_000
  const limiter = new Limiter(1, 1)
  const started: number[] = []
  let looks = 0
  const tickets = Array.from({ length: calls }, (_, index) => {
    const ticket = limiter.enter(index % 2 === 0, () => started.push(index))
    let { state } = ticket
    return Object.defineProperty(ticket, 'state', {
      get: () => {
        looks++
        return state
      },
      set: (next: typeof state) => {
        state = next
      },
    })
  })
  for (const [index, ticket] of tickets.entries()) if (index % 3 === 1) limiter.leave(ticket)
  for (const [index, ticket] of tickets.entries()) if (index % 3 !== 1) limiter.leave(ticket)
  assert.ok(looks < 20 * calls, `a ticket was looked at ${looks / calls} times`)
  assert.equal(started.length, 66_667)
  assert.deepEqual(
    started,
    started.toSorted((a, b) => a - b),
  )
})

test('calls that gave up waiting for their turn leave nothing behind', async () => {
  const limiter = new Limiter(1, 1)
  limiter.enter(false, () => {})
  const packets: WeakRef<object>[] = []
  for (let turn = 0; turn < 2000; turn++) {
    const packet = { turn }
    packets.push(new WeakRef(packet))
    limiter.leave(limiter.enter(turn % 2 === 0, () => assert.fail(`${packet.turn} was sent`)))
  }
  // What a WeakRef was made of lives on to the end of the turn.
  await new Promise((resolve) => setImmediate(resolve))
  gc()
  const left = packets.filter((packet) => packet.deref() !== undefined).length
  assert.ok(left < 200, `${left} are left`)
})

test('any time limit may be named: the longest that a timer can is long enough', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectGetHostname = () => new Promise((resolve) => setTimeout(resolve, 20, { hostname: 'a' }))
  assert.equal(await connection.hostname({ timeoutMs: 2 ** 40 }), 'a')
  assert.equal(await connection.hostname({ timeoutMs: Number.POSITIVE_INFINITY }), 'a')
})

test('limits under which nothing could ever be sent are refused', async () => {
  await using daemon = await new FakeDaemon().listen()
  for (const options of [
    { maxCallsInFlight: 0 },
    { maxSlowCallsInFlight: Number.NaN },
    { keepAlive: { intervalMs: 0 } },
    { keepAlive: { count: -1 } },
  ]) {
    await assert.rejects(daemon.connect(options), (error: LibvirtError) => error.origin === 'request')
  }
  await using connection = await daemon.connect()
  assert.throws(() => connection.setKeepAlive({ intervalMs: Number.NaN, count: 1 }), /no keepalive/)
})

test('one signal may serve many calls', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectGetHostname = () => ({ hostname: 'a' })
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 50 }, () => connection.hostname({ signal })))
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', warn)
  assert.deepEqual(warnings, [])
})

test('a daemon that pings without reading the answers fills no memory', async () => {
  await using daemon = await new FakeDaemon().listen()
  const { transport, socket } = watched(daemon)
  await using connection = await daemon.connect({ transport })
  const [client] = daemon.clients as unknown as [Client]
  client.socket.pause()
  const w = new Writer()
  writeHeader(w, { program: PROGRAM_KEEPALIVE, procedure: 1, type: TYPE_MESSAGE, serial: 0, status: STATUS_OK })
  const ping = finishPacket(w)
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => ping))
  for (let sent = 0; sent < 40; sent++) {
    if (!client.socket.write(pings)) await once(client.socket, 'drain')
  }
  await until(() => socket().writableLength > MiB)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.ok(socket().writableLength < 5 * MiB, `${socket().writableLength}`)
  client.socket.resume()
  assert.equal(connection.isAlive(), true)
})

test('crumbs and holes count, so that a reader who does not read stops them as well', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const { stream, client, serial, piece } = await openStream(daemon, connection)
  const hole = packet({ type: TYPE_STREAM_HOLE, serial, status: STATUS_CONTINUE, name: 'storageVolDownload' }, (w) => {
    w.h(4096n)
    w.u(0)
  })
  const crumbs = Buffer.concat(Array.from({ length: 1000 }, (_, at) => (at % 2 === 0 ? piece(Buffer.from('x')) : hole)))
  for (let sent = 0; sent < 100; sent++) client.send(crumbs)
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.ok(client.socket.writableLength > MiB, `only ${client.socket.writableLength} bytes wait`)
  client.send(piece(new Uint8Array()))
  let bytes = 0
  let holes = 0
  for await (const each of stream) {
    if ('hole' in each) holes += Number(each.hole)
    else bytes += each.length
  }
  assert.deepEqual({ bytes, holes }, { bytes: 50_000, holes: 4096 * 50_000 })
})

test('an upload waits for a daemon that does not read, and goes on when it does', async () => {
  await using daemon = await new FakeDaemon().listen()
  const { transport, socket } = watched(daemon)
  await using connection = await daemon.connect({ transport })
  const { stream, client, serial } = await openStream(daemon, connection, 'storageVolUpload')
  client.socket.pause()
  let written = 0
  const writing = (async () => {
    for (; written < 32; written++) await stream.write(Buffer.alloc(MiB, written))
    await stream.finish()
  })()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(written < 8, `${written} MiB were taken`)
  assert.ok(socket().writableLength < 4 * MiB, `${socket().writableLength} bytes wait`)
  client.socket.resume()
  await until(() => daemon.others.at(-1)?.status === STATUS_OK)
  client.send(client.stream(serial, 'storageVolUpload', STATUS_OK))
  await writing
  // Packets are filled anew once they are sent, and not before.
  const came = Buffer.concat(daemon.others.map(({ bytes }) => bytes))
  assert.equal(came.length, 32 * MiB)
  for (let at = 0; at < 32; at++)
    assert.ok(came.subarray(at * MiB, (at + 1) * MiB).equals(Buffer.alloc(MiB, at)), `${at}`)
})

test('bytes may be changed once they were written', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const { stream } = await openStream(daemon, connection, 'storageVolUpload')
  const bytes = Buffer.from('before')
  const writing = stream.write(bytes)
  bytes.write('behind')
  await writing
  await until(() => daemon.others.length === 1)
  assert.equal(daemon.others[0]?.bytes.toString(), 'before')
})

// ---- Signs of life -------------------------------------------------------------------------------------------

test('while a slow reader keeps the connection from reading, the daemon still hears from us', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ keepAlive: { intervalMs: 15, count: 2 } })
  const { stream, client, piece } = await openStream(daemon, connection)
  const large = piece(Buffer.alloc(262_120))
  for (let sent = 0; sent < 60; sent++) client.send(large)
  const pongs = () =>
    daemon.others.filter((other) => other.program === PROGRAM_KEEPALIVE && other.procedure === 2).length
  await until(() => pongs() >= 3)
  assert.equal(connection.isAlive(), true)
  client.send(piece(new Uint8Array()))
  for await (const _ of stream);
  // Behind its answer no pong is under way.
  daemon.answers.connectGetHostname = () => ({ hostname: 'a' })
  await connection.hostname()
  const then = pongs()
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(pongs(), then)
})

// ---- Streams -------------------------------------------------------------------------------------------------

test('a hole of less than nothing ends the connection', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const { stream, client, serial } = await openStream(daemon, connection)
  client.send(
    packet({ type: TYPE_STREAM_HOLE, serial, status: STATUS_CONTINUE, name: 'storageVolDownload' }, (w) => {
      w.h(-1n)
      w.u(0)
    }),
  )
  await assert.rejects(stream.read(), isProtocol)
})

test('a hole where none was asked for is an error of the transfer', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.storageVolDownload = ({ client, serial, name }) => {
    setImmediate(() =>
      client.send(
        packet({ type: TYPE_STREAM_HOLE, serial, status: STATUS_CONTINUE, name }, (w) => {
          w.h(10n)
          w.u(0)
        }),
      ),
    )
  }
  const volume = connection.storageVolumes.of({ pool: 'p', name: 'v', key: 'k' })
  await assert.rejects((await volume.download()).toArray(), /not sparse/)
  await until(() => daemon.others.some(({ status }) => status === STATUS_ERROR))
})

test('a transfer to a file fails with the daemon that dies in its middle', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  const volume = connection.storageVolumes.of({ pool: 'p', name: 'v', key: 'k' })
  const opened = later<Client>()
  daemon.answers.storageVolDownload = ({ client, serial, name }) => {
    client.send(client.stream(serial, name, STATUS_CONTINUE, Buffer.alloc(1000)))
    opened.resolve(client)
  }
  const download = volume.downloadTo(join(folder, 'half'))
  await opened.promise
  await new Promise((resolve) => setTimeout(resolve, 10))
  await daemon.die()
  await assert.rejects(download, isLost)
})

test('a transfer from a file fails with the daemon that dies, even while it waits for it', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  const volume = connection.storageVolumes.of({ pool: 'p', name: 'v', key: 'k' })
  const opened = later<Client>()
  daemon.answers.storageVolUpload = ({ client }) => {
    client.socket.pause()
    opened.resolve(client)
  }
  const source = join(folder, 'source')
  writeFileSync(source, Buffer.alloc(8 * MiB, 'x'))
  const upload = volume.uploadFrom(source, { sparse: false })
  await opened.promise
  await new Promise((resolve) => setTimeout(resolve, 30))
  await daemon.die()
  await assert.rejects(upload, isLost)
})

test('a signal ends a transfer, though the daemon has fallen silent', { timeout: 60_000 }, async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const volume = connection.storageVolumes.of({ pool: 'p', name: 'v', key: 'k' })
  daemon.answers.storageVolDownload = () => undefined
  daemon.answers.storageVolUpload = ({ client }) => void client.socket.pause()
  const source = join(folder, 'source')
  writeFileSync(source, Buffer.alloc(8 * MiB, 'x'))
  for (const transfer of [
    (signal: AbortSignal) => volume.downloadTo(join(folder, 'silent'), { signal }),
    async (signal: AbortSignal) => (await volume.download({ signal })).toArray(),
    (signal: AbortSignal) => volume.uploadFrom(source, { signal, sparse: false }),
  ]) {
    const given = new AbortController()
    const transferring = transfer(given.signal)
    setTimeout(() => given.abort(new Error('enough of this')), 20)
    await assert.rejects(transferring, /enough of this/)
  }
  for (const client of daemon.clients) client.socket.resume()
})

test('a stream whose reply cannot be read is given back to the daemon', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.domainScreenshot = ({ client, serial, name }) => {
    client.send(packet({ type: TYPE_REPLY, serial, name }, (w) => w.u(7)))
    return new Promise(() => {})
  }
  await assert.rejects(
    connection.domains.handle('00000000-0000-0000-0000-000000000001').screenshot(),
    /unreadable packet/,
  )
  await until(() => daemon.others.some(({ status }) => status === STATUS_ERROR))
})

// ---- Events --------------------------------------------------------------------------------------------------

const uuid = new Uint8Array(16).fill(7)
const uuidText = '07070707-0707-0707-0707-070707070707'
/** Each family of events numbers its callbacks for itself, as the drivers do. */
function numberEvents(daemon: FakeDaemon): void {
  for (const family of ['Network', 'StoragePool', 'NodeDevice', 'Secret']) {
    let next = 0
    daemon.answers[`connect${family}EventRegisterAny`] = () => ({ callbackID: next++ })
    daemon.answers[`connect${family}EventDeregisterAny`] = () => undefined
  }
}

test('events of all kinds of objects are told in words, though their numbers are the same', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  numberEvents(daemon)
  const network = await connection.networks.watch()
  const pool = await connection.storagePools.watch()
  const device = await connection.nodeDevices.watch()
  const secret = await connection.secrets.watch()
  const named = { name: 'n', uuid }
  const usage = { uuid, usageType: C.VIR_SECRET_USAGE_TYPE_CEPH, usageID: 'client.a' }
  daemon.broadcast(
    daemon.event('networkEventLifecycle', { callbackID: 0, net: named, event: 2, detail: 0 }),
    daemon.event('storagePoolEventLifecycle', { callbackID: 0, pool: named, event: 5, detail: 0 }),
    daemon.event('storagePoolEventRefresh', { callbackID: 1, pool: named }),
    daemon.event('nodeDeviceEventLifecycle', { callbackID: 0, dev: { name: 'd' }, event: 0, detail: 0 }),
    daemon.event('nodeDeviceEventUpdate', { callbackID: 1, dev: { name: 'd' } }),
    daemon.event('secretEventLifecycle', { callbackID: 0, secret: usage, event: 1, detail: 0 }),
    daemon.event('secretEventValueChanged', { callbackID: 1, secret: usage }),
    // What only a newer daemon knows is not told.
    daemon.event('networkEventLifecycle', { callbackID: 0, net: named, event: 99, detail: 0 }),
    daemon.event('networkEventLifecycle', { callbackID: 0, net: named, event: 3, detail: 0 }),
  )
  const ref = { name: 'n', uuid: uuidText }
  assert.deepEqual((await network.next()).value, { kind: 'lifecycle', network: ref, event: 'started' })
  assert.deepEqual((await network.next()).value, { kind: 'lifecycle', network: ref, event: 'stopped' })
  assert.deepEqual((await pool.next()).value, { kind: 'lifecycle', pool: ref, event: 'deleted' })
  assert.deepEqual((await pool.next()).value, { kind: 'refresh', pool: ref })
  assert.deepEqual((await device.next()).value, { kind: 'lifecycle', device: { name: 'd' }, event: 'created' })
  assert.deepEqual((await device.next()).value, { kind: 'update', device: { name: 'd' } })
  const told = { uuid: uuidText, usageType: 'ceph', usageId: 'client.a' }
  assert.deepEqual((await secret.next()).value, { kind: 'lifecycle', secret: told, event: 'undefined' })
  assert.deepEqual((await secret.next()).value, { kind: 'value-changed', secret: told })
})

test('after a reconnect every kind is registered again, iterations and listeners alike', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ reconnect: { minDelayMs: 5, maxDelayMs: 20 } })
  numberEvents(daemon)
  const network = await connection.networks.watch()
  const heard: string[] = []
  await connection.secrets.on('value-changed', ({ secret }) => heard.push(secret.usageId))
  const lost: string[] = []
  connection.onEventsLost(({ cause }) => lost.push(cause))
  const closes: CloseEvent[] = []
  daemon.answers.connectRegisterCloseCallback = () => undefined
  await connection.onClose((event) => closes.push(event))
  await daemon.die()
  await until(() => connection.state === 'reconnecting')
  numberEvents(daemon)
  await daemon.listen()
  assert.deepEqual((await network.next()).value, { kind: 'events-lost', cause: 'reconnected' })
  assert.deepEqual(lost, ['reconnected'])
  // Several tries may have failed; the loss is told once.
  assert.deepEqual(
    closes.map(({ reason, error }) => [reason, error?.isConnectionLost()]),
    [['end-of-file', true]],
  )
  daemon.broadcast(
    daemon.event('networkEventLifecycle', { callbackID: 0, net: { name: 'n', uuid }, event: 0, detail: 0 }),
    daemon.event('secretEventValueChanged', { callbackID: 0, secret: { uuid, usageType: 0, usageID: 'again' } }),
    daemon.event('connectEventConnectionClosed', { reason: C.VIR_CONNECT_CLOSE_REASON_KEEPALIVE }),
  )
  assert.equal((await network.next()).value?.kind, 'lifecycle')
  await until(() => heard.length === 1 && closes.length === 2)
  assert.deepEqual(heard, ['again'])
  assert.deepEqual(closes[1], { kind: 'close', reason: 'keepalive', error: undefined })
})

test('a daemon that comes back without an event ends the watches of that one only', { timeout: 10_000 }, async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ reconnect: { minDelayMs: 5, maxDelayMs: 20 } })
  numberEvents(daemon)
  const network = await connection.networks.watch()
  const secret = await connection.secrets.watch({ kinds: ['lifecycle'] })
  await daemon.die()
  await until(() => connection.state === 'reconnecting')
  daemon.answers.connectSecretEventRegisterAny = () => {
    throw new Refusal(C.VIR_ERR_NO_SUPPORT, 'no secrets here')
  }
  await daemon.listen()
  assert.equal((await network.next()).value?.kind, 'events-lost')
  await assert.rejects(async () => {
    for await (const event of secret) assert.equal(event.kind, 'events-lost')
  }, /no secrets here/)
  assert.equal(connection.isAlive(), true)
})

test('an unanswered connection is closed by keepalive, and says so', async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.connectRegisterCloseCallback = () => undefined
  const connection = await daemon.connect({ keepAlive: false })
  const events = await connection.watchClose()
  daemon.answers.connectGetHostname = () => new Promise(() => {})
  connection.setKeepAlive({ intervalMs: 10, count: 2 })
  await assert.rejects(connection.hostname(), /no sign of life/)
  const told: CloseEvent[] = []
  for await (const event of events) if (event.kind === 'close') told.push(event)
  assert.deepEqual(
    told.map(({ reason }) => reason),
    ['keepalive'],
  )
})

// ---- The way -------------------------------------------------------------------------------------------------

test('whether a connection is secure depends on its transport and on what the daemon says of its own', async () => {
  await using daemon = await new FakeDaemon().listen()
  const inner = unixTransport(daemon.path)
  const over = async (way: { local?: boolean; encrypted?: boolean }, secure: number) => {
    daemon.answers.connectIsSecure = () => ({ secure })
    const { local = false, encrypted = false } = way
    await using connection = await daemon.connect({ transport: { ...inner, local, encrypted } })
    return [await connection.isSecure(), await connection.isEncrypted()]
  }
  assert.deepEqual(await over({ local: true }, 1), [true, false])
  assert.deepEqual(await over({ encrypted: true }, 1), [true, true])
  assert.deepEqual(await over({}, 1), [false, false])
  assert.deepEqual(await over({ encrypted: true }, 0), [false, false])
})

test('a daemon with the old order of arguments gets a change of a network in its order', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const seen: unknown[] = []
  daemon.answers.networkUpdate = ({ args }) => {
    const { command, section } = args as { command: number; section: number }
    seen.push([command, section])
  }
  const network = connection.networks.handle(uuidText)
  const change = { command: 'delete', section: 'dns-txt', xml: '<txt/>' } as const
  await network.update(change)
  daemon.answers.connectSupportsFeature = () => ({ supported: 0 })
  await network.update(change)
  const { VIR_NETWORK_UPDATE_COMMAND_DELETE: command, VIR_NETWORK_SECTION_DNS_TXT: section } = C
  assert.deepEqual(seen, [
    [command, section],
    [section, command],
  ])
})
