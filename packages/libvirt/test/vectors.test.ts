/** Packets that a real daemon (9.0.0) and its client exchanged, see vectors.json. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeError, qemuCalls, qemuEvents, remoteCalls, remoteEvents } from '../src/generated/protocol.ts'
import {
  Deframer,
  finishPacket,
  HEADER_BYTES,
  PROGRAM_QEMU,
  PROGRAM_REMOTE,
  readHeader,
  STATUS_ERROR,
  STATUS_OK,
  TYPE_CALL,
  TYPE_MESSAGE,
  TYPE_REPLY,
  writeHeader,
} from '../src/rpc/packet.ts'
import { Reader, Writer } from '../src/rpc/xdr.ts'

interface Vector {
  name: string
  program: 'remote' | 'qemu'
  procedure: string
  args?: unknown
  ret?: unknown
  error?: unknown
  event?: unknown
  call_hex?: string
  reply_hex?: string
  event_hex?: string
  packets?: unknown[]
}
const { vectors } = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as { vectors: Vector[] }

const camel = (snake: string) => snake.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** The file's way to write values: `12n` is 64 bits wide, `hex:…` are bytes. */
function toValue(json: unknown): unknown {
  if (typeof json === 'string') {
    if (/^-?\d+n$/.test(json)) return BigInt(json.slice(0, -1))
    if (json.startsWith('hex:')) return new Uint8Array(Buffer.from(json.slice(4), 'hex'))
    return json
  }
  if (Array.isArray(json)) return json.map(toValue)
  if (json !== null && typeof json === 'object') {
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [camel(key), toValue(value)]))
  }
  return json
}

const programs = {
  remote: { number: PROGRAM_REMOTE, calls: remoteCalls, events: remoteEvents },
  qemu: { number: PROGRAM_QEMU, calls: qemuCalls, events: qemuEvents },
}

for (const vector of vectors) {
  if (vector.call_hex === undefined) continue
  const { number, calls } = programs[vector.program]
  const name = camel(vector.procedure)
  const entry = calls.find((row) => row[1] === name)

  test(`the call "${vector.name}" is written byte for byte as recorded`, () => {
    assert.ok(entry, name)
    const recorded = Buffer.from(vector.call_hex as string, 'hex')
    const { serial } = readHeader(recorded)
    const w = new Writer()
    writeHeader(w, { program: number, procedure: entry[0], type: TYPE_CALL, serial, status: STATUS_OK })
    if (entry[2] !== 0) entry[2](w, toValue(vector.args) as never)
    assert.equal(finishPacket(w).toString('hex'), recorded.toString('hex'))
  })

  test(`the reply "${vector.name}" is read as recorded`, () => {
    assert.ok(entry)
    const packet = Buffer.from(vector.reply_hex as string, 'hex')
    const header = readHeader(packet)
    assert.equal(header.program, number)
    assert.equal(header.procedure, entry[0])
    assert.equal(header.type, TYPE_REPLY)
    const r = new Reader(packet, HEADER_BYTES)
    if (header.status === STATUS_ERROR) {
      const { dom: _dom, net: _net, ...error } = decodeError(r)
      assert.deepEqual(error, toValue(vector.error))
    } else {
      const ret = entry[3] === 0 ? null : entry[3](r)
      assert.deepEqual(plain(ret), plain(toValue(vector.ret ?? null)))
    }
    assert.equal(r.remaining, 0)
  })
}

/** Arrays of char are bytes here, while the recording may show them as a list or as text. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  }
  return value
}

for (const vector of vectors) {
  if (vector.event_hex === undefined) continue
  test(`the event "${vector.name}" is read as recorded`, () => {
    const packet = Buffer.from(vector.event_hex as string, 'hex')
    const header = readHeader(packet)
    assert.equal(header.type, TYPE_MESSAGE)
    const entry = programs[vector.program].events.find((row) => row[0] === header.procedure)
    assert.equal(entry?.[1], camel(vector.procedure))
    assert.ok(entry?.[2])
    assert.deepEqual(plain(entry[2](new Reader(packet, HEADER_BYTES))), plain(toValue(vector.event)))
  })
}

test('all recorded packets in one piece, or byte by byte, are cut at the same places', () => {
  const packets = vectors.flatMap((vector) =>
    [vector.call_hex, vector.reply_hex, vector.event_hex].filter((hex) => hex !== undefined),
  )
  const bytes = Buffer.from(packets.join(''), 'hex')
  for (const size of [bytes.length, 1, 3, 29, 1000]) {
    const deframer = new Deframer()
    const found: string[] = []
    for (let at = 0; at < bytes.length; at += size) {
      deframer.push(Buffer.from(bytes.subarray(at, at + size)), (packet) => found.push(packet.toString('hex')))
    }
    assert.deepEqual(found, packets)
  }
})
