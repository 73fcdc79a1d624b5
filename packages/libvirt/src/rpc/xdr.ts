/**
 * The part of XDR (RFC 4506) that libvirt's protocol uses. Big-endian, everything in multiples of four bytes.
 *
 * The generated codecs call these methods by the thousand, so their names are single letters:
 * i int32, t a union's tag, u uint32, h int64, q uint64, d double, s string, f fixed opaque, o opaque, c and cf arrays of char,
 * p optional, a array, n array of a fixed length.
 */
import { protocolError, requestError } from '../errors.ts'

const padded = (length: number) => length + (-length & 3)

/** Reads one packet's payload. Throws a protocol error on anything outside it; never reads past its end. */
export class Reader {
  readonly #buffer: Buffer
  #at: number
  readonly #end: number

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer
    this.#at = start
    this.#end = end
  }

  get at(): number {
    return this.#at
  }
  get remaining(): number {
    return this.#end - this.#at
  }

  bad(what: string): never {
    throw protocolError(`unreadable packet: ${what}`)
  }

  /** Where the next `length` bytes begin, once they are known to be there. */
  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) this.bad(`${length} bytes wanted, ${this.#end - at} left`)
    this.#at = at + length
    return at
  }

  i(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }
  t(): number {
    return this.i()
  }
  u(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }
  h(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }
  q(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8))
  }
  d(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }
  #length(max: number): number {
    const length = this.u()
    if (length > max) this.bad(`length ${length} above the maximum ${max}`)
    return length
  }
  /** Names and XML come from hosts as they are, so bytes that are not UTF-8 become replacement characters. */
  s(max: number): string {
    const length = this.#length(max)
    const at = this.#take(padded(length))
    return this.#buffer.toString('utf8', at, at + length)
  }
  /** A copy: a view would keep the whole receive buffer alive. */
  f(length: number): Uint8Array {
    const at = this.#take(padded(length))
    return new Uint8Array(this.#buffer.subarray(at, at + length))
  }
  o(max: number): Uint8Array {
    return this.f(this.#length(max))
  }
  /** Each char takes four bytes on the wire. */
  cf(length: number): Uint8Array {
    const at = this.#take(length * 4)
    const chars = new Uint8Array(length)
    for (let index = 0; index < length; index++) chars[index] = this.#buffer.readInt32BE(at + index * 4)
    return chars
  }
  c(max: number): Uint8Array {
    return this.cf(this.#length(max))
  }
  p<T>(read: (r: Reader) => T): T | null {
    const present = this.u()
    if (present > 1) this.bad(`optional marked ${present}`)
    return present === 1 ? read(this) : null
  }
  a<T>(max: number, read: (r: Reader) => T): T[] {
    return this.n(this.#length(max), read)
  }
  n<T>(length: number, read: (r: Reader) => T): T[] {
    // The smallest element takes four bytes: a count that cannot be true is refused before anything is allocated.
    if (length * 4 > this.remaining) this.bad(`${length} elements in ${this.remaining} bytes`)
    const elements: T[] = []
    for (let index = 0; index < length; index++) elements.push(read(this))
    return elements
  }
}

/** Writes one packet. Throws a request error on values that the definition does not allow. */
export class Writer {
  #buffer: Buffer
  #at = 0

  constructor(size = 1024) {
    this.#buffer = Buffer.allocUnsafe(size)
  }

  get length(): number {
    return this.#at
  }

  bad(what: string): never {
    throw requestError(`this cannot be sent: ${what}`)
  }

  /** Where the next `length` bytes go. Grows the buffer, so it comes before any use of it in the same statement. */
  #room(length: number): number {
    const at = this.#at
    this.#at = at + length
    if (this.#at > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    return at
  }

  i(value: number): void {
    if (value !== (value | 0)) this.bad(`${value} is no 32-bit integer`)
    const at = this.#room(4)
    this.#buffer.writeInt32BE(value, at)
  }
  t(value: number): void {
    this.i(value)
  }
  /** Flags with bit 31 are negative after `|` in JavaScript; the same 32 bits are meant. */
  u(value: number): void {
    if (value !== value >>> 0 && value !== (value | 0)) this.bad(`${value} is no unsigned 32-bit integer`)
    const at = this.#room(4)
    this.#buffer.writeUInt32BE(value >>> 0, at)
  }
  h(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) this.bad(`${value} is no 64-bit integer`)
    const at = this.#room(8)
    this.#buffer.writeBigInt64BE(value, at)
  }
  q(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) this.bad(`${value} is no unsigned 64-bit integer`)
    const at = this.#room(8)
    this.#buffer.writeBigUInt64BE(value, at)
  }
  d(value: number): void {
    const at = this.#room(8)
    this.#buffer.writeDoubleBE(value, at)
  }
  #length(length: number, max: number): void {
    if (length > max) this.bad(`length ${length} above the maximum ${max}`)
    this.u(length)
  }
  #pad(at: number, length: number): void {
    this.#buffer.fill(0, at + length, at + padded(length))
  }
  s(value: string, max: number): void {
    const length = Buffer.byteLength(value)
    this.#length(length, max)
    const at = this.#room(padded(length))
    this.#buffer.write(value, at, length, 'utf8')
    this.#pad(at, length)
  }
  f(value: Uint8Array, length: number): void {
    if (value.length !== length) this.bad(`${value.length} bytes where ${length} belong`)
    const at = this.#room(padded(length))
    this.#buffer.set(value, at)
    this.#pad(at, length)
  }
  o(value: Uint8Array, max: number): void {
    this.#length(value.length, max)
    this.f(value, value.length)
  }
  cf(value: Uint8Array, length: number): void {
    if (value.length !== length) this.bad(`${value.length} characters where ${length} belong`)
    const at = this.#room(length * 4)
    for (let index = 0; index < length; index++)
      this.#buffer.writeInt32BE(((value[index] as number) << 24) >> 24, at + index * 4)
  }
  c(value: Uint8Array, max: number): void {
    this.#length(value.length, max)
    this.cf(value, value.length)
  }
  p<T>(value: T | null, write: (w: Writer, value: T) => void): void {
    this.u(value === null ? 0 : 1)
    if (value !== null) write(this, value)
  }
  a<T>(values: readonly T[], max: number, write: (w: Writer, value: T) => void): void {
    this.#length(values.length, max)
    for (const value of values) write(this, value)
  }
  n<T>(values: readonly T[], length: number, write: (w: Writer, value: T) => void): void {
    if (values.length !== length) this.bad(`${values.length} elements where ${length} belong`)
    for (const value of values) write(this, value)
  }

  /** Stream data: no length, no padding. */
  raw(value: Uint8Array): void {
    const at = this.#room(value.length)
    this.#buffer.set(value, at)
  }

  /** A copy of what was written; the writer starts anew and may be used for the next packet. */
  finish(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#at))
    this.reset()
    return bytes
  }
  reset(): void {
    this.#at = 0
    if (this.#buffer.length > 1 << 20) this.#buffer = Buffer.allocUnsafe(1024)
  }
  /** The length word at the front of a packet, known only at its end. */
  setLength(at: number): void {
    this.#buffer.writeUInt32BE(this.#at - at, at)
  }
}
