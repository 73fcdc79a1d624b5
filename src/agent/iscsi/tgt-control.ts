/**
 * tgtd's control socket, spoken directly: a fixed header, then parameters as text. A request costs a fraction of a
 * millisecond instead of a process, and no password stands on a command line.
 * Source: tgt's usr/tgtadm.h (struct tgtadm_req and tgtadm_rsp, the same since 2012) and usr/mgmt.c.
 */
import { connect } from 'node:net'
import { endianness } from 'node:os'

const OPS = ['new', 'delete', 'show', 'bind', 'unbind', 'update'] as const
const MODES = ['system', 'target', 'device', 'portal', 'lld', 'session', 'connection', 'account'] as const

/** By number, from TGTADM_SUCCESS on. */
const ERRORS = [
  'success',
  'unknown error',
  'out of memory',
  'no such driver',
  'no such target',
  'no such LUN',
  'no such session',
  'no such connection',
  'no such binding',
  'target exists',
  'LUN exists',
  'binding exists',
  'ACL entry exists',
  'no such ACL entry',
  'account exists',
  'no such account',
  'too many accounts',
  'invalid request',
  'outgoing account exists',
  'target is active',
  'LUN is active',
  'driver is active',
  'unsupported operation',
  'unknown parameter',
  'removal is prevented',
] as const

export type TgtErrorName = (typeof ERRORS)[number]

export interface TgtRequest {
  readonly mode: (typeof MODES)[number]
  readonly op: (typeof OPS)[number]
  /** Target number; -1 is all of them. */
  readonly tid?: number
  readonly sid?: bigint
  readonly cid?: number
  readonly lun?: bigint
  readonly force?: boolean
  /** In this order, as `name=value`. No value holds a comma: that is what parts them. */
  readonly parameters?: Readonly<Record<string, string>>
}

/** tgtd answered, and the answer is no. */
export class TgtError extends Error {
  override readonly name = 'TgtError'
  readonly reason: TgtErrorName
  constructor(request: TgtRequest, reason: TgtErrorName) {
    super(`tgtd: ${request.op} ${request.mode} ${request.tid ?? ''}: ${reason}`)
    this.reason = reason
  }
}

/** Nobody listens on the control socket. */
export class TgtGone extends Error {
  override readonly name = 'TgtGone'
}

const HEADER_BYTES = 120
const ALL_LUNS = 0xffff_ffff_ffff_ffffn
const ANSWER_WITHIN_MS = 10_000

/** @returns the text of the answer, empty for most. @throws TgtError, TgtGone */
export async function ask(socketPath: string, request: TgtRequest): Promise<string> {
  const answer = await exchange(socketPath, encode(request))
  const { u32 } = reader(answer)
  const error = u32(0)
  if (error !== 0) throw new TgtError(request, ERRORS[error] ?? 'unknown error')
  return answer.subarray(8, u32(4)).toString('utf8').replace(/\0+$/, '')
}

/** For requests whose aim is that something is not there, or is there already. */
export async function askUnless(
  socketPath: string,
  fine: readonly TgtErrorName[],
  request: TgtRequest,
): Promise<string> {
  try {
    return await ask(socketPath, request)
  } catch (error) {
    if (error instanceof TgtError && fine.includes(error.reason)) return ''
    throw error
  }
}

export function encode({
  mode,
  op,
  tid = -1,
  sid = 0n,
  cid = 0,
  lun = ALL_LUNS,
  force,
  parameters,
}: TgtRequest): Buffer {
  const text = Object.entries(parameters ?? {}).map(([name, value]) => `${name}=${value}`)
  const body = text.length === 0 ? Buffer.alloc(0) : Buffer.from(`${text.join(',')}\0`)
  const header = Buffer.alloc(HEADER_BYTES)
  const { u32, u64 } = writer(header)
  u32(0, MODES.indexOf(mode))
  u32(4, OPS.indexOf(op))
  header.write('iscsi', 8)
  u32(72, HEADER_BYTES + body.length)
  u32(76, tid >>> 0)
  u64(80, sid)
  u64(88, lun)
  u32(96, cid)
  // Host number 100, device type 104 (0: disk), account direction 108 (0: incoming) and pack 112 stay zero.
  u32(116, force ? 1 : 0)
  return Buffer.concat([header, body])
}

/** The protocol is in the byte order of the machine that both ends run on. */
function writer(buffer: Buffer) {
  const little = endianness() === 'LE'
  return {
    u32: (at: number, value: number) =>
      void (little ? buffer.writeUInt32LE(value, at) : buffer.writeUInt32BE(value, at)),
    u64: (at: number, value: bigint) =>
      void (little ? buffer.writeBigUInt64LE(value, at) : buffer.writeBigUInt64BE(value, at)),
  }
}

function reader(buffer: Buffer) {
  const little = endianness() === 'LE'
  return { u32: (at: number) => (little ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at)) }
}

function exchange(socketPath: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    const parts: Buffer[] = []
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error('tgtd does not answer')))
    socket.once('connect', () => socket.write(request))
    socket.on('data', (part) => parts.push(part as Buffer))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || error.code === 'ECONNRESET'
      reject(isGone ? new TgtGone('tgtd does not run', { cause: error }) : error)
    })
    // tgtd closes when it has answered; one that dies before has not.
    socket.once('close', () => {
      const answer = Buffer.concat(parts)
      if (answer.length < 8 || answer.length < reader(answer).u32(4))
        reject(new TgtGone('tgtd ended before it answered'))
      else resolve(answer)
    })
  })
}
