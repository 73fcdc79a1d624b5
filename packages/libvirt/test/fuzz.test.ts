/**
 * The decoder against bytes that no daemon would send: noise, and recorded packets with something changed. Each ends in a
 * value or in a protocol error, soon, and in memory that the bytes account for.
 *
 * FUZZ_SEED repeats a run that failed; FUZZ_ROUNDS makes it longer.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PassThrough, Duplex } from 'node:stream'
import { decodeError, qemuCalls, qemuEvents, remoteCalls, remoteEvents } from '../src/generated/protocol.ts'
import { LibvirtError } from '../src/index.ts'
import {
  Deframer,
  HEADER_BYTES,
  MAX_PACKET_BYTES,
  PROGRAM_QEMU,
  PROGRAM_REMOTE,
  readHeader,
} from '../src/rpc/packet.ts'
import { Session } from '../src/rpc/session.ts'
import { Reader } from '../src/rpc/xdr.ts'
import { random } from './random.ts'

const seed = Number(process.env.FUZZ_SEED ?? 20_240_917)
const rounds = Number(process.env.FUZZ_ROUNDS ?? 5)
const next = random(seed)
const below = (limit: number) => Math.floor(next() * limit)
const again = `FUZZ_SEED=${seed}`

type Decode = (r: Reader) => unknown
const decoders: [name: string, decode: Decode][] = [['error', decodeError]]
for (const [, name, , decode] of [...remoteCalls, ...qemuCalls]) if (decode !== 0) decoders.push([name, decode])
for (const [, name, decode] of [...remoteEvents, ...qemuEvents]) if (decode !== 0) decoders.push([name, decode])

interface Vector {
  reply_hex?: string
  event_hex?: string
}
const { vectors } = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as { vectors: Vector[] }
const recorded = vectors
  .flatMap(({ reply_hex, event_hex }) => [reply_hex, event_hex])
  .filter((hex) => hex !== undefined)
  .map((hex) => Buffer.from(hex, 'hex'))

function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index++) bytes[index] = below(256)
  return bytes
}
/** Words that XDR likes: small numbers, and lengths that promise much. */
function words(count: number): Buffer {
  const bytes = Buffer.alloc(count * 4)
  for (let index = 0; index < count; index++) {
    const word = [0, 1, 2, 7, 0xffffffff, 0x7fffffff, 0x00400000, 16_384][below(12)] ?? below(32)
    bytes.writeUInt32BE(word, index * 4)
  }
  return bytes
}
/** One to four changes: bits, bytes, words, a piece left out, a piece twice, an end too early. */
function changed(packet: Buffer): Buffer {
  let bytes = Buffer.from(packet)
  for (let times = 1 + below(4); times > 0 && bytes.length > 0; times--) {
    const at = below(bytes.length)
    switch (below(6)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << below(8))
        break
      case 1:
        bytes[at] = below(256)
        break
      case 2:
        if (bytes.length >= 4) words(1).copy(bytes, below(bytes.length - 3) & ~3)
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + below(16))])
        break
      case 4:
        bytes = Buffer.concat([bytes, bytes.subarray(at, at + 64)])
        break
      default:
        bytes = bytes.subarray(0, at)
    }
  }
  return bytes
}

/** How much a decoded value holds, roughly: what its bytes may account for. */
function weight(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length
  if (Array.isArray(value)) return value.reduce((sum: number, inner) => sum + 1 + weight(inner), 0)
  if (value !== null && typeof value === 'object')
    return Object.values(value).reduce((sum, v) => sum + 1 + weight(v), 0)
  return 1
}

/** A value, or a protocol error; nothing else, and nothing larger than what was read. */
function endsWell(name: string, decode: Decode, bytes: Buffer, start = 0): boolean {
  const reader = new Reader(bytes, Math.min(start, bytes.length))
  try {
    const value = decode(reader)
    assert.ok(reader.at <= bytes.length, `${name} read past the end, ${again}`)
    assert.ok(weight(value) <= 64 + 4 * bytes.length, `${name} made much of ${bytes.length} bytes, ${again}`)
    return true
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    assert.ok(error instanceof LibvirtError && error.origin === 'protocol', `${name} threw ${error}, ${again}`)
    return false
  }
}

test('every decoder ends well on noise', () => {
  let read = 0
  for (const [name, decode] of decoders) {
    for (let round = 0; round < 40 * rounds; round++) {
      const bytes = below(2) === 0 ? noise(below(300)) : words(below(80))
      if (endsWell(name, decode, bytes)) read++
    }
  }
  // Otherwise the bytes would be refused at their first word, and prove little.
  assert.ok(read > decoders.length, `${read} of them made sense`)
})

test('every decoder ends well on recorded packets that were spoilt, of its own and of others', () => {
  const own = new Map<string, Decode>()
  for (const [number, , , decode] of remoteCalls) if (decode !== 0) own.set(`${PROGRAM_REMOTE} ${number}`, decode)
  for (const [number, , decode] of remoteEvents) if (decode !== 0) own.set(`${PROGRAM_REMOTE} ${number}`, decode)
  for (const [number, , , decode] of qemuCalls) if (decode !== 0) own.set(`${PROGRAM_QEMU} ${number}`, decode)
  for (const packet of recorded) {
    const { program, procedure } = readHeader(packet)
    for (let round = 0; round < 100 * rounds; round++) {
      const bytes = changed(packet.subarray(HEADER_BYTES))
      const [name, decode] = decoders[below(decoders.length)] as [string, Decode]
      endsWell(name, decode, bytes)
      const mine = own.get(`${program} ${procedure}`)
      if (mine !== undefined) endsWell(`${procedure}`, mine, bytes)
    }
  }
})

test('a length that promises much is believed of the bytes that are there only', () => {
  // A count of 2^20 in a packet of a few bytes: refused before anything is made for it.
  const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
  for (const [name, decode] of decoders) {
    for (const word of [0x00100000, 0x00400000, 0x7fffffff, 0xffffffff]) {
      const bytes = Buffer.alloc(64)
      for (let at = 0; at < 64; at += 4) bytes.writeUInt32BE(word, at)
      endsWell(name, decode, bytes)
    }
  }
  const after = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
  assert.ok(after - before < 64 << 20, `${(after - before) >> 20} MiB more`)
})

test('a stream of bytes is cut, or refused, and never kept past the largest packet', () => {
  for (let round = 0; round < 200 * rounds; round++) {
    const deframer = new Deframer()
    const parts = Array.from({ length: 1 + below(6) }, () =>
      below(4) === 0 ? noise(below(200)) : changed(recorded[below(recorded.length)] as Buffer),
    )
    const bytes = Buffer.concat(parts)
    try {
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + below(100)
        deframer.push(bytes.subarray(at, at + size), (packet) => {
          assert.ok(packet.length >= HEADER_BYTES && packet.length <= MAX_PACKET_BYTES, again)
          assert.equal(packet.readUInt32BE(0), packet.length, again)
        })
        at += size
      }
    } catch (error) {
      assert.ok(error instanceof LibvirtError && error.origin === 'protocol', `${error}, ${again}`)
    }
  }
})

/** A session whose other end is in this process. */
function session(): { session: Session; daemon: PassThrough; ended: Promise<LibvirtError> } {
  const toClient = new PassThrough()
  const socket = Duplex.from({ readable: toClient, writable: new PassThrough().resume() })
  const end = Promise.withResolvers<LibvirtError>()
  const made = new Session(socket, {
    timeoutMs: 0,
    slowTimeoutMs: 0,
    maxCallsInFlight: 4,
    maxSlowCallsInFlight: 3,
    keepAlive: false,
    onEvent: (_program, procedure, payload) => {
      const entry = remoteEvents.find((row) => row[0] === procedure)
      if (entry !== undefined && entry[2] !== 0) entry[2](payload)
    },
    onEnd: (error) => end.resolve(error),
  })
  return { session: made, daemon: toClient, ended: end.promise }
}

test('a whole session ends once, with every call answered, whatever bytes come', { timeout: 120_000 }, async () => {
  const calls = remoteCalls.filter(([, name]) => ['connectGetLibVersion', 'connectGetHostname'].includes(name))
  for (let round = 0; round < 100 * rounds; round++) {
    const { session: made, daemon, ended } = session()
    const outcomes = Promise.allSettled(calls.map((entry) => made.call(PROGRAM_REMOTE, entry, undefined)))
    for (let part = 1 + below(5); part > 0; part--) {
      daemon.write(below(4) === 0 ? noise(1 + below(100)) : changed(recorded[below(recorded.length)] as Buffer))
    }
    daemon.end()
    const error = await ended
    assert.ok(['protocol', 'connection'].includes(error.origin), `${error}, ${again}`)
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected')
        assert.ok(outcome.reason instanceof LibvirtError, `${outcome.reason}, ${again}`)
    }
  }
})
