/** Every struct of the protocol, both ways, with random values: the daemon's half is generated for this. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LibvirtError } from '../src/index.ts'
import * as client from '../src/generated/protocol.ts'
import { slowCalls } from '../src/rpc/slow.ts'
import { Reader, Writer } from '../src/rpc/xdr.ts'
import * as daemon from './generated/daemon-protocol.ts'
import { random } from './random.ts'

/** Instead of reading values it makes them up, so a decoder run on it gives a random value of its type. */
class InventingReader extends Reader {
  readonly #random: () => number
  #depth = 0
  constructor(next: () => number) {
    super(Buffer.alloc(0))
    this.#random = next
  }
  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
  override i(): number {
    return [0, 1, -1, 0x7fffffff, -0x80000000][this.#below(8)] ?? this.#below(1000)
  }
  override t(): number {
    return 1 + this.#below(7)
  }
  override u(): number {
    return [0, 1, 0xffffffff, 0x80000000][this.#below(8)] ?? this.#below(1000)
  }
  override h(): bigint {
    return [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)][this.#below(8)] ?? BigInt(this.#below(1e9))
  }
  override q(): bigint {
    return [0n, 2n ** 64n - 1n, 2n ** 53n + 1n][this.#below(8)] ?? BigInt(this.#below(1e9))
  }
  override d(): number {
    return this.#random() * 1e12 - 5e11
  }
  override s(max: number): string {
    return ['', 'a', 'ab', 'abc', 'äß', '漢字🙂'][this.#below(6)]?.slice(0, max) ?? ''
  }
  override f(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#below(256))
  }
  override o(max: number): Uint8Array {
    return this.f(Math.min(max, this.#below(9)))
  }
  override cf(length: number): Uint8Array {
    return this.f(length)
  }
  override c(max: number): Uint8Array {
    return this.o(max)
  }
  override p<T>(read: (r: Reader) => T): T | null {
    return this.#below(2) === 0 ? null : read(this)
  }
  override a<T>(max: number, read: (r: Reader) => T): T[] {
    return this.n(Math.min(max, this.#depth > 1 ? this.#below(2) : this.#below(4)), read)
  }
  override n<T>(length: number, read: (r: Reader) => T): T[] {
    this.#depth++
    const values = Array.from({ length }, () => read(this))
    this.#depth--
    return values
  }
}

type Decode = (r: Reader) => unknown
type Encode = (w: Writer, value: never) => void
interface Pair {
  name: string
  decode: Decode
  encode: Encode
}

function pairs(): { args: Pair[]; results: Pair[] } {
  const args: Pair[] = []
  const results: Pair[] = []
  for (const [ours, theirs] of [
    [client.remoteCalls, daemon.remoteCalls],
    [client.qemuCalls, daemon.qemuCalls],
  ] as const) {
    for (const [index, row] of ours.entries()) {
      const other = theirs[index]
      assert.ok(other)
      assert.equal(row[1], other[1])
      if (row[2] !== 0 && other[2] !== 0) args.push({ name: row[1], encode: row[2], decode: other[2] })
      if (row[3] !== 0 && other[3] !== 0) results.push({ name: row[1], encode: other[3], decode: row[3] })
    }
  }
  for (const [ours, theirs] of [
    [client.remoteEvents, daemon.remoteEvents],
    [client.qemuEvents, daemon.qemuEvents],
  ] as const) {
    for (const [index, row] of ours.entries()) {
      const other = theirs[index]
      if (row[2] !== 0 && other?.[2]) results.push({ name: row[1], encode: other[2], decode: row[2] })
    }
  }
  results.push({ name: 'error', encode: daemon.encodeError as Encode, decode: client.decodeError })
  return { args, results }
}

const { args, results } = pairs()

test('the tables hold every procedure of both programs, each number once', () => {
  const numbers = (rows: readonly (readonly unknown[])[]) => rows.map((row) => row[0] as number)
  const remote = [...numbers(client.remoteCalls), ...numbers(client.remoteEvents)].sort((a, b) => a - b)
  assert.deepEqual(
    remote,
    Array.from({ length: 443 }, (_, index) => index + 1),
  )
  const qemu = [...numbers(client.qemuCalls), ...numbers(client.qemuEvents)].sort((a, b) => a - b)
  assert.deepEqual(qemu, [1, 2, 3, 4, 5, 6, 7])
})

test('the names of slow calls are names of calls', () => {
  const names = new Set([...client.remoteCalls, ...client.qemuCalls].map((row) => row[1]))
  for (const name of slowCalls) assert.ok(names.has(name), name)
})

test('all arguments, results and events survive the wire with random values', () => {
  const next = random(20240501)
  // So small that it has to grow at every kind of field.
  const fresh = () => new Writer(4)
  for (const { name, decode, encode } of [...args, ...results]) {
    for (let turn = 0; turn < 5; turn++) {
      const value = decode(new InventingReader(next))
      const w = fresh()
      encode(w, value as never)
      const bytes = w.finish()
      assert.equal(bytes.length % 4, 0, name)
      const r = new Reader(bytes)
      assert.deepEqual(decode(r), value, name)
      assert.equal(r.remaining, 0, name)
      // What follows is no business of this struct.
      assert.deepEqual(decode(new Reader(Buffer.concat([bytes, Buffer.alloc(8, 255)]))), value, name)
    }
  }
})

test('a result or event cut off at any place is refused, and nothing is read past its end', () => {
  const next = random(7)
  const w = new Writer()
  for (const { name, decode, encode } of results) {
    const value = decode(new InventingReader(next))
    encode(w, value as never)
    const bytes = w.finish()
    const behind = Buffer.concat([bytes, Buffer.alloc(64, 0)])
    const step = bytes.length > 2000 ? 97 : 1
    for (let end = 0; end < bytes.length; end += step) {
      assert.throws(() => decode(new Reader(behind, 0, end)), LibvirtError, `${name} cut at ${end}`)
    }
  }
})

test('lengths above the maximum, and counts that cannot be true, are refused before anything is kept for them', () => {
  const word = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(value)
    return new Reader(bytes)
  }
  assert.throws(() => word(4194305).s(4194304), /above the maximum/)
  assert.throws(() => word(0xffffffff).o(0xffffffff), /bytes wanted/)
  assert.throws(() => word(17).a(16, (r) => r.i()), /above the maximum/)
  assert.throws(() => word(16384).a(16384, (r) => r.i()), /16384 elements in 4 bytes/)
  assert.throws(() => word(2).p((r) => r.i()), /optional/)
  assert.deepEqual(
    new Reader(Buffer.from('0000000100000000', 'hex')).a(1, (r) => r.i()),
    [0],
  )
})

test('values that the definition does not allow are refused when they are written', () => {
  const w = new Writer()
  assert.throws(() => w.s('abc', 2), /above the maximum/)
  assert.throws(() => w.i(2 ** 31), /32-bit/)
  assert.throws(() => w.i(1.5), /32-bit/)
  assert.throws(() => w.u(2 ** 32), /32-bit/)
  assert.throws(() => w.q(-1n), /64-bit/)
  assert.throws(() => w.h(2n ** 63n), /64-bit/)
  assert.throws(() => w.f(new Uint8Array(15), 16), /15 bytes/)
  assert.throws(() => w.a([1, 2, 3], 2, (writer, value) => writer.i(value)), /above the maximum/)
})

test('flags with the highest bit are the same whether JavaScript shows them as negative or not', () => {
  const w = new Writer()
  w.u(1 << 31)
  w.u(2 ** 31)
  assert.equal(w.finish().toString('hex'), '8000000080000000')
})
