/** What the SASL conversation (`sasl.ts`) asks of a mechanism, and the mechanisms that say all in one message. */
import { LibvirtError, requestError } from '../errors.ts'
import { VIR_ERR_AUTH_FAILED } from '../generated/constants.ts'
import type { Credentials } from './credentials.ts'

/** One attempt to prove who we are. */
export interface Mechanism {
  /** As the server calls it. */
  readonly name: string
  /** The first message. */
  start(): Uint8Array
  /** The answer to a challenge. @throws LibvirtError when the server may not ask that, or is not who it should be */
  respond(challenge: Uint8Array): Promise<Uint8Array>
  /** The server lets us in; what it adds may be empty. @throws LibvirtError when it still had something to prove */
  complete(last: Uint8Array): void
}

/** The server does not follow the mechanism, or could not prove what it had to. */
export function untrustworthy(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'protocol', code: VIR_ERR_AUTH_FAILED })
}

/** RFC 4616. The server prepares both strings, so they go as they are. @throws LibvirtError for what cannot be said */
export function plain({ user, password, authorizeAs = '' }: Credentials): Mechanism {
  for (const part of [user, password, authorizeAs])
    if (part.includes('\0') || !part.isWellFormed())
      throw requestError('PLAIN carries neither a NUL nor half a character in a name or a password')
  return single('PLAIN', Buffer.from(`${authorizeAs}\0${user}\0${password}`))
}

/** RFC 4505. Its trace tells of the program alone; libvirtd takes an empty one for none at all, and asks for ever. */
export function anonymous(): Mechanism {
  return single('ANONYMOUS', Buffer.from('stratolith'))
}

function single(name: string, message: Uint8Array): Mechanism {
  return {
    name,
    start: () => message,
    respond: async () => {
      throw untrustworthy(`the daemon asks for more than ${name} has to say`)
    },
    complete: (last) => {
      if (last.length > 0) throw untrustworthy(`the daemon ends ${name} with a message, which has none`)
    },
  }
}
