/** What goes wrong between us and a hypervisor, in one class that can be asked what it means. */
import * as constants from './generated/constants.ts'

/**
 * Where the error arose. `daemon`: libvirt said so, `code` is its virErrorNumber. The others arise on this side:
 * `connection` (lost, closed or never had), `timeout`, `protocol` (unreadable packet), `request` (arguments that
 * the protocol cannot carry, or something this client does not do).
 */
export type LibvirtErrorOrigin = 'daemon' | 'connection' | 'timeout' | 'protocol' | 'request'

/** What a `LibvirtError` is made of, beside its message. */
export interface LibvirtErrorFields {
  origin: LibvirtErrorOrigin
  /** virErrorNumber. On this side's errors the nearest one. */
  code: number
  /** virErrorDomain: which part of libvirt speaks. */
  domain?: number
  /** virErrorLevel: 1 warning, 2 error. */
  level?: number
  /** Details as libvirt carries them; `int1` is errno when `code` is VIR_ERR_SYSTEM_ERROR. */
  str1?: string | null
  str2?: string | null
  str3?: string | null
  int1?: number
  int2?: number
  /** The procedure that was called, such as `domainCreate`. */
  procedure?: string | undefined
  closeReason?: CloseReason | undefined
  cause?: unknown
}

/**
 * How a connection came to its end. `error`: it broke, or the daemon did not follow the protocol; `end-of-file`: the
 * daemon closed it or died; `keepalive`: it gave no sign of life; `client`: `close` was called.
 */
export type CloseReason = 'error' | 'end-of-file' | 'keepalive' | 'client'

const notFound: ReadonlySet<number> = new Set([
  constants.VIR_ERR_NO_DOMAIN,
  constants.VIR_ERR_NO_NETWORK,
  constants.VIR_ERR_NO_STORAGE_POOL,
  constants.VIR_ERR_NO_STORAGE_VOL,
  constants.VIR_ERR_NO_INTERFACE,
  constants.VIR_ERR_NO_SECRET,
  constants.VIR_ERR_NO_NWFILTER,
  constants.VIR_ERR_NO_NWFILTER_BINDING,
  constants.VIR_ERR_NO_NODE_DEVICE,
  constants.VIR_ERR_NO_DOMAIN_SNAPSHOT,
  constants.VIR_ERR_NO_DOMAIN_CHECKPOINT,
  constants.VIR_ERR_NO_DOMAIN_METADATA,
  constants.VIR_ERR_NO_DOMAIN_BACKUP,
  constants.VIR_ERR_NO_NETWORK_PORT,
  constants.VIR_ERR_NO_SERVER,
  constants.VIR_ERR_NO_CLIENT,
  constants.VIR_ERR_NO_HOSTNAME,
  constants.VIR_ERR_DEVICE_MISSING,
])

/** Whatever fails between a caller and a hypervisor. Ask it what it means, or compare `code` with `VIR_ERR_*`. */
export class LibvirtError extends Error {
  readonly origin: LibvirtErrorOrigin
  readonly code: number
  readonly domain: number
  readonly level: number
  readonly str1: string | null
  readonly str2: string | null
  readonly str3: string | null
  readonly int1: number
  readonly int2: number
  readonly procedure: string | undefined
  /** On an error that ended a connection. */
  readonly closeReason: CloseReason | undefined

  constructor(message: string, fields: LibvirtErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'LibvirtError'
    this.origin = fields.origin
    this.code = fields.code
    this.domain = fields.domain ?? constants.VIR_FROM_RPC
    this.level = fields.level ?? constants.VIR_ERR_ERROR
    this.str1 = fields.str1 ?? null
    this.str2 = fields.str2 ?? null
    this.str3 = fields.str3 ?? null
    this.int1 = fields.int1 ?? -1
    this.int2 = fields.int2 ?? -1
    this.procedure = fields.procedure
    this.closeReason = fields.closeReason
  }

  /** libvirt's own word for the code, such as `VIR_ERR_NO_DOMAIN`. */
  get codeName(): string {
    const name = Object.entries(constants).find(
      ([key, value]) =>
        value === this.code && /^VIR_(ERR|WAR)_/.test(key) && !/^VIR_ERR_(NONE|WARNING|ERROR)$/.test(key),
    )
    return name?.[0] ?? `VIR_ERR_${this.code}`
  }

  #is(...codes: number[]): boolean {
    return this.origin === 'daemon' && codes.includes(this.code)
  }

  /** The domain, secret, device … does not exist. */
  isNotFound(): boolean {
    return this.origin === 'daemon' && notFound.has(this.code)
  }
  /** The object exists but is not in a state for this, such as starting a running guest. */
  isWrongState(): boolean {
    return this.#is(constants.VIR_ERR_OPERATION_INVALID)
  }
  /** Something of this name or uuid exists. libvirt answers some of these with its general "operation failed". */
  isAlreadyThere(): boolean {
    return (
      this.#is(constants.VIR_ERR_DOM_EXIST, constants.VIR_ERR_NETWORK_EXIST, constants.VIR_ERR_STORAGE_VOL_EXIST) ||
      (this.#is(constants.VIR_ERR_OPERATION_FAILED) && /already (exists|defined|active)/.test(this.message))
    )
  }
  /** The driver, this release of it, or this client cannot do it. */
  isUnsupported(): boolean {
    const codes: number[] = [
      constants.VIR_ERR_NO_SUPPORT,
      constants.VIR_ERR_OPERATION_UNSUPPORTED,
      constants.VIR_ERR_ARGUMENT_UNSUPPORTED,
      constants.VIR_ERR_CONFIG_UNSUPPORTED,
    ]
    return (this.origin === 'daemon' || this.origin === 'request') && codes.includes(this.code)
  }
  /** Read-only connection, or access refused. */
  isDenied(): boolean {
    return this.#is(
      constants.VIR_ERR_OPERATION_DENIED,
      constants.VIR_ERR_ACCESS_DENIED,
      constants.VIR_ERR_AUTH_FAILED,
      constants.VIR_ERR_AUTH_CANCELLED,
      constants.VIR_ERR_AUTH_UNAVAILABLE,
    )
  }
  /** The guest agent does not answer, or not in step. */
  isAgentUnresponsive(): boolean {
    return this.#is(constants.VIR_ERR_AGENT_UNRESPONSIVE, constants.VIR_ERR_AGENT_UNSYNCED)
  }
  /** A time limit passed, here or in the daemon. The work may still go on. */
  isTimeout(): boolean {
    return this.origin === 'timeout' || this.#is(constants.VIR_ERR_OPERATION_TIMEOUT)
  }
  /** No connection: lost while the call ran (it may have been carried out), or not there to begin with. */
  isConnectionLost(): boolean {
    return this.origin === 'connection'
  }
}

/** The connection is gone, or cannot be had. */
export function connectionError(message: string, cause?: unknown, closeReason?: CloseReason): LibvirtError {
  return new LibvirtError(message, { origin: 'connection', code: constants.VIR_ERR_SYSTEM_ERROR, cause, closeReason })
}

/** Bytes that do not follow the protocol, from the other side. */
export function protocolError(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'protocol', code: constants.VIR_ERR_RPC })
}

/** A request that cannot be sent as it is. */
export function requestError(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'request', code: constants.VIR_ERR_INVALID_ARG })
}

/** What only a client with native code can do. */
export function unsupportedError(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'request', code: constants.VIR_ERR_NO_SUPPORT })
}

/** What a lookup found, or undefined where there is none. */
export async function unlessMissing<T>(lookup: Promise<T>): Promise<T | undefined> {
  try {
    return await lookup
  } catch (error) {
    if (error instanceof LibvirtError && error.isNotFound()) return undefined
    throw error
  }
}
