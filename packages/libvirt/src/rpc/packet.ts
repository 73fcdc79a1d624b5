/**
 * Packets: a length word, a header of six words, a payload.
 * Upstream: https://libvirt.org/kbase/internals/rpc.html; the length counts itself.
 */
import { protocolError } from '../errors.ts'
import type { Writer } from './xdr.ts'

export const PROGRAM_REMOTE = 0x20008086
export const PROGRAM_QEMU = 0x20008087
export const PROGRAM_KEEPALIVE = 0x6b656570

export const TYPE_CALL = 0
export const TYPE_REPLY = 1
export const TYPE_MESSAGE = 2
export const TYPE_STREAM = 3
export const TYPE_REPLY_WITH_FDS = 5
export const TYPE_STREAM_HOLE = 6

export const STATUS_OK = 0
export const STATUS_ERROR = 1
export const STATUS_CONTINUE = 2

export const HEADER_BYTES = 28
/** 32 MiB of packet and the length word. */
export const MAX_PACKET_BYTES = 33_554_436

export interface Header {
  program: number
  procedure: number
  type: number
  serial: number
  status: number
}

/** Begins a packet; `finishPacket` completes it once the payload is written. */
export function writeHeader(w: Writer, { program, procedure, type, serial, status }: Header): void {
  w.u(HEADER_BYTES)
  w.u(program)
  w.u(1)
  w.i(procedure)
  w.i(type)
  w.u(serial)
  w.i(status)
}

export function finishPacket(w: Writer): Buffer {
  if (w.length > MAX_PACKET_BYTES) {
    const length = w.length
    w.reset()
    return w.bad(`a packet of ${length} bytes, above the maximum of ${MAX_PACKET_BYTES}`)
  }
  w.setLength(0)
  return w.finish()
}

/** One packet of stream data: the one large thing that is sent, so it is copied once; into `room` if that just fits. */
export function streamPacket(
  { program, procedure, type, serial, status }: Header,
  data: Uint8Array,
  room?: Buffer,
): Buffer {
  const length = HEADER_BYTES + data.length
  const packet = room?.length === length ? room : Buffer.allocUnsafe(length)
  packet.writeUInt32BE(packet.length, 0)
  packet.writeUInt32BE(program, 4)
  packet.writeUInt32BE(1, 8)
  packet.writeInt32BE(procedure, 12)
  packet.writeInt32BE(type, 16)
  packet.writeUInt32BE(serial, 20)
  packet.writeInt32BE(status, 24)
  packet.set(data, HEADER_BYTES)
  return packet
}

export function readHeader(packet: Buffer): Header {
  const version = packet.readUInt32BE(8)
  if (version !== 1) throw protocolError(`program version ${version}`)
  return {
    program: packet.readUInt32BE(4),
    procedure: packet.readInt32BE(12),
    type: packet.readInt32BE(16),
    serial: packet.readUInt32BE(20),
    status: packet.readInt32BE(24),
  }
}

/** Room that a packet gets when its length word has come; a larger one gets more as it comes. */
const FIRST_ROOM_BYTES = 512 << 10
const LENGTH_WORD_BYTES = 4

/** Of a packet of stream data, what must have come for it to be handed on in parts. */
const PART_FROM_BYTES = 4 << 10

/**
 * Cuts a byte stream into packets. A packet that comes in pieces is copied once, into room that grows with what has
 * come, whatever its length word promises and however small the pieces are; a length that cannot be right is refused.
 * Stream data, of which nobody needs a whole packet at once, is handed on as it comes and copied not at all.
 */
export class Deframer {
  #room: Buffer = Buffer.alloc(0)
  #have = 0
  /** Of the packet, or of its length word while that is not complete. */
  #wanted = 0
  /** Of a packet whose beginning was handed on. */
  #toCome = 0

  /**
   * Calls `each` for every packet that `chunk` completes. With `more`, a packet of stream data may be the beginning of
   * one, whose rest goes to `more` in parts, before anything else. All may be views of `chunk`: copy what is kept.
   */
  push(chunk: Buffer, each: (packet: Buffer) => void, more?: (data: Buffer) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#toCome > 0) {
        const data = chunk.subarray(at, at + this.#toCome)
        this.#toCome -= data.length
        at += data.length
        more?.(data)
        continue
      }
      if (this.#have === 0) {
        const left = chunk.length - at
        const length = left < LENGTH_WORD_BYTES ? LENGTH_WORD_BYTES : lengthOf(chunk, at)
        if (length <= left) {
          each(chunk.subarray(at, at + length))
          at += length
          continue
        }
        if (more !== undefined && left >= PART_FROM_BYTES && isStreamData(chunk, at)) {
          this.#toCome = length - left
          each(chunk.subarray(at))
          return
        }
        this.#wanted = length
        this.#room = Buffer.allocUnsafe(Math.min(length, FIRST_ROOM_BYTES))
      }
      at += this.#take(chunk, at)
      if (this.#have < this.#wanted) return
      if (this.#wanted === LENGTH_WORD_BYTES) this.#wanted = lengthOf(this.#room, 0)
      else {
        const packet = this.#room.subarray(0, this.#wanted)
        this.#have = 0
        each(packet)
      }
    }
  }

  /** How much of the chunk belongs to the packet. */
  #take(chunk: Buffer, at: number): number {
    const bytes = Math.min(this.#wanted - this.#have, chunk.length - at)
    const have = this.#have + bytes
    if (have > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#wanted, Math.max(have, this.#room.length * 2)))
      this.#room.copy(larger, 0, 0, this.#have)
      this.#room = larger
    }
    chunk.copy(this.#room, this.#have, at, at + bytes)
    this.#have = have
    return bytes
  }
}

function isStreamData(buffer: Buffer, at: number): boolean {
  return buffer.readInt32BE(at + 16) === TYPE_STREAM && buffer.readInt32BE(at + 24) === STATUS_CONTINUE
}

function lengthOf(buffer: Buffer, at: number): number {
  const length = buffer.readUInt32BE(at)
  if (length < HEADER_BYTES || length > MAX_PACKET_BYTES) throw protocolError(`a packet of ${length} bytes`)
  return length
}
