/** From a URI to a connection. */
import { type AuthenticationOptions, parseWanted } from './auth/authenticate.ts'
import type { AskCredentials, Credentials } from './auth/credentials.ts'
import { resolveUri } from './client-config.ts'
import { Connection } from './connection.ts'
import type { KeepAlive } from './rpc/session.ts'
import { transportOf } from './transport/of-uri.ts'
import { flagOf } from './transport/parameters.ts'
import type { Transport } from './transport/transport.ts'
import { type LibvirtUri, parseUri } from './uri.ts'

/** Everything may be left out. */
export interface ConnectOptions {
  /** Calls that change anything are refused by the daemon. */
  readOnly?: boolean | undefined
  /** For SASL, over what `auth.conf` says; or who is asked for what `auth.conf` does not say, for each reconnect anew. */
  credentials?: Credentials | AskCredentials | undefined
  /** Whether SASL may fall back to PLAIN where others on the way can read the password. Default off. */
  sendPasswordInClear?: boolean | undefined
  /** Transport, authentication and open together, for each try. 0 = none, which polkit's dialogues may need. Default 10 000. */
  connectTimeoutMs?: number | undefined
  /** Of each call that names none; 0 = none. Default 60 000. */
  timeoutMs?: number | undefined
  /** The same for calls that wait for a guest, its agent, a disk or another host, such as saving memory. Default 600 000. */
  slowTimeoutMs?: number | undefined
  /** Gives up connecting. */
  signal?: AbortSignal | undefined
  /** Default: a ping after 5 s of silence, and the end after five unanswered ones. */
  keepAlive?: false | Partial<KeepAlive> | undefined
  /** Less than the daemon's `max_client_requests` (5), at which it stops to read. Default 4. */
  maxCallsInFlight?: number | undefined
  /** Default: one less than all, so that a quick call always gets through. */
  maxSlowCallsInFlight?: number | undefined
  /** Come back by itself after the daemon was lost. Default off. */
  reconnect?: boolean | { minDelayMs?: number; maxDelayMs?: number } | undefined
  /** Instead of the one that the URI names. */
  transport?: Transport | undefined
}

/**
 * Opens a connection to libvirt. Instead of a URI an alias of libvirt.conf will do; an empty text is the default there,
 * or whatever daemon this host has.
 * @throws LibvirtError isConnectionLost() when there is no daemon, isTimeout(), isDenied(), or the driver's own error
 * @libvirt virConnectOpen, virConnectOpenReadOnly, virConnectOpenAuth
 */
export async function connect(uri: string, options: ConnectOptions = {}): Promise<Connection> {
  const target = await resolveUri(uri)
  const parsed = parseUri(target)
  const readOnly = options.readOnly ?? false
  const transport = options.transport ?? transportOf(parsed, readOnly)
  const { keepAlive, reconnect } = options
  const maxCallsInFlight = options.maxCallsInFlight ?? 4
  const connection = new Connection(target, {
    transport,
    name: parsed.name,
    readOnly,
    authentication: authenticationOf(parsed, transport, options),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    timeoutMs: options.timeoutMs ?? 60_000,
    slowTimeoutMs: options.slowTimeoutMs ?? 600_000,
    maxCallsInFlight,
    maxSlowCallsInFlight: options.maxSlowCallsInFlight ?? Math.max(1, maxCallsInFlight - 1),
    keepAlive: keepAlive === false ? false : { intervalMs: 5000, count: 5, ...keepAlive },
    reconnect: reconnect ? { minDelayMs: 100, maxDelayMs: 5000, ...(reconnect === true ? {} : reconnect) } : false,
  })
  await connection.open(options.signal)
  return connection
}

function authenticationOf(uri: LibvirtUri, transport: Transport, options: ConnectOptions): AuthenticationOptions {
  const { encrypted = false, local = false } = transport
  // Over SSH it is SSH's user.
  const overSsh = uri.transport === 'ssh'
  // Whoever answers can read what is encrypted for him.
  const verified = !flagOf(uri.parameters, 'no_verify')
  return {
    wanted: parseWanted(uri.parameters.get('auth')),
    host: uri.host ?? 'localhost',
    user: overSsh ? undefined : uri.user,
    authFile: uri.parameters.get('authfile'),
    credentials: options.credentials,
    encrypted: encrypted || local,
    confidential: (encrypted && verified) || local,
    sendPasswordInClear: options.sendPasswordInClear ?? false,
  }
}
