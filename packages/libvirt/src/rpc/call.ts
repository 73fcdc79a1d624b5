/** What a call is made of: the rows of the generated tables, and what a caller may say about one call. */
import type { Reader, Writer } from './xdr.ts'
import type { RpcStream } from './stream.ts'

/** How long to wait for an answer. */
export interface CallOptions {
  /** Waiting for a free place included. 0 = no limit. The daemon goes on with a call that was given up. */
  timeoutMs?: number | undefined
  /** Rejects the call with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** Result of a call that opens a stream. */
export interface Opened<Result> {
  ret: Result
  stream: RpcStream
}

export const HIGH_PRIORITY = 1
export const READS_STREAM = 2
export const WRITES_STREAM = 4
export const MAY_BE_SPARSE = 8
export const PASSES_DESCRIPTORS = 16

/** Number, name, encoder of the arguments, decoder of the result (0 = none), bits of the above. */
export type CallEntry = readonly [
  number: number,
  name: string,
  encode: ((w: Writer, value: never) => void) | 0,
  decode: ((r: Reader) => unknown) | 0,
  bits: number,
]

/** Number, name, decoder. */
export type EventEntry = readonly [number: number, name: string, decode: ((r: Reader) => unknown) | 0]
