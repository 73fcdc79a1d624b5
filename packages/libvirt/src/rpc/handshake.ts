/**
 * From an open socket to an open hypervisor connection: authentication, keepalive, open, features.
 * The order is the daemon's: before the authentication list it answers nothing else.
 */
import { type AuthenticationOptions, authenticate } from '../auth/authenticate.ts'
import { unsupportedError } from '../errors.ts'
import { remoteCalls } from '../generated/protocol.ts'
import type { ConnectSupportsFeatureRet } from '../generated/types.ts'
import type { CallEntry, CallOptions } from './call.ts'
import { PROGRAM_REMOTE } from './packet.ts'
import type { Session } from './session.ts'

const FEATURE_KEEPALIVE = 10
const FEATURE_EVENTS_BY_CALLBACK = 14

const entries = new Map<string, CallEntry>()
function entry(name: string): CallEntry {
  if (entries.size === 0) for (const row of remoteCalls) entries.set(row[1], row)
  return entries.get(name) as CallEntry
}

export interface OpenOptions {
  /** What the daemon is asked to open. */
  name: string
  readOnly: boolean
  authentication: AuthenticationOptions
}

export async function openConnection(
  session: Session,
  { name, readOnly, authentication }: OpenOptions,
  signal: AbortSignal,
): Promise<void> {
  // The limit of the whole handshake is the signal's.
  const options: CallOptions = { timeoutMs: 0, signal }
  const call = (procedure: string, args?: unknown) => session.call(PROGRAM_REMOTE, entry(procedure), args, options)
  const supports = async (feature: number) => {
    const { supported } = (await call('connectSupportsFeature', { feature })) as ConnectSupportsFeatureRet
    return supported !== 0
  }

  await authenticate(call, authentication, signal)

  // Asking also starts the daemon's own pings, which are answered below the calls.
  if (await supports(FEATURE_KEEPALIVE)) session.startKeepAlive()
  await call('connectOpen', { name, flags: readOnly ? 1 : 0 })
  if (!(await supports(FEATURE_EVENTS_BY_CALLBACK))) throw unsupportedError('the daemon is older than libvirt 1.2.1')
}
