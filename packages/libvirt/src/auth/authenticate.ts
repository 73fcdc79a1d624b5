/** Proving who we are, by what the daemon asks for: nothing, polkit or SASL. For each session anew. */
import { LibvirtError, requestError, unsupportedError } from '../errors.ts'
import { VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_UNAVAILABLE } from '../generated/constants.ts'
import type { AuthListRet, AuthPolkitRet } from '../generated/types.ts'
import { attempted } from './attempted.ts'
import { authenticateBySasl, type SaslOptions } from './sasl.ts'

const AUTH_NONE = 0
const AUTH_SASL = 1
const AUTH_POLKIT = 2
const names = new Map([
  [AUTH_NONE, 'none'],
  [AUTH_SASL, 'sasl'],
  [AUTH_POLKIT, 'polkit'],
])

export interface AuthenticationOptions extends SaslOptions {
  /** Nothing else will do. */
  wanted: WantedAuthentication | undefined
}

export interface WantedAuthentication {
  type: 'sasl' | 'polkit'
  mechanism: string | undefined
}

/** The URI's `auth`: `sasl`, `sasl.MECHANISM` or `polkit`. @throws LibvirtError for anything else */
export function parseWanted(text: string | undefined): WantedAuthentication | undefined {
  if (text === undefined) return undefined
  const [, type, mechanism] = /^(?:(polkit|sasl)|sasl\.([A-Za-z0-9_-]{1,20}))$/.exec(text) ?? []
  if (type === undefined && mechanism === undefined)
    throw requestError(`unknown authentication ${text}: it is sasl, sasl.MECHANISM or polkit`)
  return { type: type === 'polkit' ? 'polkit' : 'sasl', mechanism: mechanism?.toUpperCase() }
}

/** The first thing to say on a session: the daemon answers nothing else before. @throws LibvirtError when not let in */
export async function authenticate(
  call: (procedure: string, args?: unknown) => Promise<unknown>,
  options: AuthenticationOptions,
  signal: AbortSignal,
): Promise<void> {
  const { wanted } = options
  const { types } = (await call('authList')) as AuthListRet
  const asked = types.map((type) => names.get(type) ?? `number ${type}`)
  if (wanted !== undefined && !asked.includes(wanted.type)) {
    throw new LibvirtError(
      `${wanted.type} was wanted, but the daemon's authentication is ${asked.join(', ') || 'none'}`,
      {
        origin: 'request',
        code: VIR_ERR_AUTH_UNAVAILABLE,
      },
    )
  }
  const type = wanted?.type ?? (types.length === 0 ? 'none' : asked.find((name) => [...names.values()].includes(name)))
  switch (type) {
    case 'none':
      return
    case 'sasl':
      return authenticateBySasl(call, wanted?.mechanism, options, signal)
    case 'polkit': {
      const { complete } = (await call('authPolkit').catch((error: unknown) => {
        throw attempted('polkit authentication', error)
      })) as AuthPolkitRet
      if (complete === 0)
        throw new LibvirtError('polkit did not let this process in', { origin: 'daemon', code: VIR_ERR_AUTH_FAILED })
      return
    }
    default:
      throw unsupportedError(`the daemon asks for an authentication that is not known here: ${asked.join(', ')}`)
  }
}
