/**
 * The SASL conversation (RFC 4422) over libvirt's calls: the daemon's list, one mechanism out of it, messages to and fro.
 *
 * No security layer is ever agreed on. The daemon wants one only over plain TCP, where it therefore refuses.
 */
import { LibvirtError, unsupportedError } from '../errors.ts'
import { VIR_ERR_AUTH_UNAVAILABLE } from '../generated/constants.ts'
import type { AuthSaslInitRet, AuthSaslStartRet } from '../generated/types.ts'
import { type CredentialsSource, findCredentials } from './credentials.ts'
import { anonymous, external, type Mechanism, plain } from './mechanism.ts'
import { Scram, scramHashes } from './scram.ts'

export interface SaslOptions extends CredentialsSource {
  /** Nobody on the way can read what is sent. */
  confidential: boolean
  /** For PLAIN where it is not. */
  sendPasswordInClear: boolean
}

const withPassword = [...scramHashes.keys(), 'PLAIN']
/** They prove nothing that we know, so they are taken only when they are named. */
const onlyByName = ['EXTERNAL', 'ANONYMOUS']
const ours = [...withPassword, ...onlyByName]
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
    // Of ours none is missing, only empty: the daemon tells the two apart.
    const args = { mech: mechanism.name, nil: 0, data: message }
    const reply = (await call(procedure, args).catch((error: unknown) => {
      throw said(`${mechanism.name} authentication`, error)
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
  { confidential }: SaslOptions,
): Promise<readonly string[]> {
  const { mechlist } = (await call('authSaslInit').catch((error: unknown) => {
    throw said('SASL authentication', error, confidential ? '' : insistsOnLayer)
  })) as AuthSaslInitRet
  // Names are of this form by RFC 4422; anything else must not get into messages either.
  return mechlist.split(/[\s,]+/).filter((name) => /^[A-Z0-9_-]{1,20}$/.test(name))
}

/** @throws LibvirtError when there is none that both know, or none that may be used here */
export function choose(
  offered: readonly string[],
  wanted: string | undefined,
  { confidential, sendPasswordInClear }: Pick<SaslOptions, 'confidential' | 'sendPasswordInClear'>,
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
      'PLAIN would send the password for everybody on the way to read: use TLS or SSH, or allow it by sendPasswordInClear',
    )
  }
  if (wanted !== undefined) throw unavailable(`no SASL mechanism ${wanted} there: ${theirs}`)
  const named = onlyByName.filter((name) => offered.includes(name)).map((name) => `; auth=sasl.${name} takes ${name}`)
  const text = `no SASL mechanism in common: ${theirs}; known here are ${ours.join(', ')}${named.join('')}`
  throw unsupportedError(confidential ? text : text + insistsOnLayer)
}

async function made(name: string, options: SaslOptions, signal: AbortSignal): Promise<Mechanism> {
  if (name === 'ANONYMOUS') return anonymous()
  if (name === 'EXTERNAL') return external()
  const credentials = await findCredentials(options, name, signal)
  return name === 'PLAIN' ? plain(credentials) : new Scram(name, credentials)
}

/** The daemon's own error, with what was attempted. */
function said(attempt: string, error: unknown, why = ''): unknown {
  if (!(error instanceof LibvirtError) || error.origin !== 'daemon') return error
  const { origin, code, domain, level, str1, str2, str3, int1, int2, procedure } = error
  const fields = { origin, code, domain, level, str1, str2, str3, int1, int2, procedure, cause: error }
  return new LibvirtError(`${attempt}: ${error.message}${why}`, fields)
}

function unavailable(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'request', code: VIR_ERR_AUTH_UNAVAILABLE })
}
