/** Whose name and password, and where they come from. */
import { LibvirtError } from '../errors.ts'
import { VIR_ERR_AUTH_CANCELLED } from '../generated/constants.ts'
import { readAuthConf } from './auth-conf.ts'

/** A name and its password. */
export interface Credentials {
  user: string
  password: string
  /** Another user to act for, where the daemon lets this one do so. */
  authorizeAs?: string | undefined
}

/** Asked when a daemon wants a password that is not known. */
export interface CredentialsQuestion {
  /** The URI's, or `localhost`. */
  host: string
  /** The SASL mechanism, such as `SCRAM-SHA-256`. */
  mechanism: string
  /** Where the URI or `auth.conf` names one. */
  user: string | undefined
  /** Aborts when connecting is given up. */
  signal: AbortSignal
}

/** Asked again for each reconnect. What it throws is what connecting fails with. */
export type AskCredentials = (question: CredentialsQuestion) => Promise<Credentials>

export interface CredentialsSource {
  host: string
  /** Of the URI. */
  user: string | undefined
  /** The URI's `authfile`. */
  authFile: string | undefined
  /** An object stands over `auth.conf`; a function is asked for what is not there. */
  credentials: Credentials | AskCredentials | undefined
}

/** @throws LibvirtError when there are none, with where they were looked for */
export async function findCredentials(
  { host, user, authFile, credentials }: CredentialsSource,
  mechanism: string,
  signal: AbortSignal,
): Promise<Credentials> {
  if (typeof credentials === 'object') return credentials
  const { kept, looked } = await readAuthConf(host, authFile, { signal })
  // Somebody else's password is no help.
  const own = user === undefined || kept.user === undefined || kept.user === user ? kept : {}
  const known = { ...own, user: own.user ?? user }
  if (known.user !== undefined && known.password !== undefined)
    return { ...known, user: known.user, password: known.password }
  if (credentials === undefined) {
    const whose = known.user === undefined ? '' : ` of ${known.user}`
    throw new LibvirtError(`the daemon asks for a password${whose}, and none was given: ${looked}`, {
      origin: 'request',
      code: VIR_ERR_AUTH_CANCELLED,
    })
  }
  return unlessAborted(credentials({ host, mechanism, user: known.user, signal }), signal)
}

/** Who is asked may never answer. */
async function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([answer, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
