/**
 * The SASL conversation (RFC 4422) over libvirt's calls: the daemon's list, one mechanism out of it, messages to and fro.
 *
 * No security layer is ever agreed on. The daemon wants one only over plain TCP, where it therefore refuses.
 */
import { LibvirtError, unsupportedError } from '../errors.ts'
import { VIR_ERR_AUTH_UNAVAILABLE } from '../generated/constants.ts'
import type { AuthSaslInitRet, AuthSaslStartRet } from '../generated/types.ts'
import { attempted } from './attempted.ts'
import { type CredentialsSource, findCredentials } from './credentials.ts'
import { anonymous, type Mechanism, plain } from './mechanism.ts'
import { Scram, scramHashes } from './scram.ts'

export interface SaslOptions extends CredentialsSource {
  /** The daemon needs no security layer of SASL's own. */
  encrypted: boolean
  /** Nobody but the daemon can read what is sent. */
  confidential: boolean
  /** For PLAIN where it is not. */
  sendPasswordInClear: boolean
}

const withPassword = [...scramHashes.keys(), 'PLAIN']
/** Proves nothing, so it is taken only when it is named. */
const withoutProof = 'ANONYMOUS'
const ours = [...withPassword, withoutProof]
const insistsOnLayer =
  '; over a connection that is not encrypted libvirt insists on a SASL security layer, which this client does not have: ' +
  'use TLS or SSH'

/** wanted: the mechanism's name, or undefined for the best one. @throws LibvirtError when the daemon does not let us in */
export async function authenticateBySasl(
  call: (procedure: string, args?: unknown) => Promise<unknown>,
  wanted: string | undefined,
  options: SaslOptions,
  signal: AbortSignal,
): Promise<void> {
  const mechanism = await made(choose(await offer(call, options), wanted, options), options, signal)
  let message: Uint8Array = mechanism.start()
  for (let procedure = 'authSaslStart'; ; procedure = 'authSaslStep') {
    // `nil` would say that there is no message, which is not the same as an empty one.
    const args = { mech: mechanism.name, nil: 0, data: message }
    const reply = (await call(procedure, args).catch((error: unknown) => {
      throw attempted(`${mechanism.name} authentication`, error)
    })) as AuthSaslStartRet
    const answer = reply.nil === 0 ? reply.data : new Uint8Array()
    if (reply.complete !== 0) {
      mechanism.complete(answer)
      return
    }
    message = await mechanism.respond(answer)
    signal.throwIfAborted()
  }
}

async function offer(
  call: (procedure: string) => Promise<unknown>,
  { encrypted }: SaslOptions,
): Promise<readonly string[]> {
  const { mechlist } = (await call('authSaslInit').catch((error: unknown) => {
    throw attempted('SASL authentication', error, encrypted ? '' : insistsOnLayer)
  })) as AuthSaslInitRet
  // Names are of this form by RFC 4422; anything else must not get into messages either.
  return mechlist.split(/[\s,]+/).filter((name) => /^[A-Z0-9_-]{1,20}$/.test(name))
}

/** @throws LibvirtError when there is none that both know, or none that may be used here */
function choose(
  offered: readonly string[],
  wanted: string | undefined,
  { encrypted, confidential, sendPasswordInClear }: SaslOptions,
): string {
  const theirs = `the daemon offers ${offered.slice(0, 20).join(', ') || 'none'}`
  if (wanted !== undefined && !ours.includes(wanted))
    throw unsupportedError(`no SASL mechanism ${wanted} here, only ${ours.join(', ')}; ${theirs}`)
  const candidates = wanted === undefined ? withPassword : [wanted]
  const common = candidates.filter((name) => offered.includes(name))
  const [usable] = common.filter((name) => name !== 'PLAIN' || confidential || sendPasswordInClear)
  if (usable !== undefined) return usable
  if (common.length > 0) {
    throw unavailable(
      'PLAIN would send the password for others to read: use TLS or SSH, without no_verify, or allow it by sendPasswordInClear',
    )
  }
  if (wanted !== undefined) throw unavailable(`no SASL mechanism ${wanted} there: ${theirs}`)
  const byName = offered.includes(withoutProof) ? `; ${withoutProof} only as auth=sasl.${withoutProof}` : ''
  const text = `no SASL mechanism in common: ${theirs}; known here are ${ours.join(', ')}${byName}`
  throw unsupportedError(encrypted ? text : text + insistsOnLayer)
}

async function made(name: string, options: SaslOptions, signal: AbortSignal): Promise<Mechanism> {
  if (name === withoutProof) return anonymous()
  const credentials = await findCredentials(options, name, signal)
  return name === 'PLAIN' ? plain(credentials) : new Scram(name, credentials)
}

function unavailable(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'request', code: VIR_ERR_AUTH_UNAVAILABLE })
}
