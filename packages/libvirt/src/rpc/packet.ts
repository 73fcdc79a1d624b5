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

/**
 * Cuts a byte stream into packets. Pieces of a large packet are joined once, when its last byte has come; a length
 * that cannot be right is refused before anything is kept for it.
 */
export class Deframer {
  #pieces: Buffer[] = []
  #have = 0
  #wanted = 0

  /** Calls `each` for every packet that `chunk` completes. The packet may be a view of `chunk`: copy what is kept. */
  push(chunk: Buffer, each: (packet: Buffer) => void): void {
    let rest = chunk
    if (this.#have > 0) {
      this.#pieces.push(chunk)
      this.#have += chunk.length
      if (this.#wanted === 0 && this.#have >= 4) {
        this.#join()
        this.#wanted = lengthOf(this.#pieces[0] as Buffer, 0)
      }
      if (this.#wanted === 0 || this.#have < this.#wanted) return
      this.#join()
      rest = this.#pieces[0] as Buffer
      this.#pieces = []
      this.#have = 0
      this.#wanted = 0
    }
    let at = 0
    while (rest.length - at >= 4) {
      const length = lengthOf(rest, at)
      if (rest.length - at < length) {
        this.#wanted = length
        break
      }
      each(rest.subarray(at, at + length))
      at += length
    }
    if (at < rest.length) {
      this.#pieces = [rest.subarray(at)]
      this.#have = rest.length - at
    }
  }

  #join(): void {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces, this.#have)]
  }
}

function lengthOf(buffer: Buffer, at: number): number {
  const length = buffer.readUInt32BE(at)
  if (length < HEADER_BYTES || length > MAX_PACKET_BYTES) throw protocolError(`a packet of ${length} bytes`)
  return length
}
