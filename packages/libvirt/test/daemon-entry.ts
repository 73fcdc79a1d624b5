/** Rows of the generated tables for the daemon's side: arguments are read, results and events written. */
import type { Reader, Writer } from '../src/rpc/xdr.ts'

export type DaemonCallEntry = readonly [
  number: number,
  name: string,
  decode: ((r: Reader) => unknown) | 0,
  encode: ((w: Writer, value: never) => void) | 0,
  bits: number,
]
export type DaemonEventEntry = readonly [number: number, name: string, encode: ((w: Writer, value: never) => void) | 0]
