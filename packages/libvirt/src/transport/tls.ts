/**
 * TLS, on port 16514: both sides show a certificate. After the handshake the daemon sends one byte, 0x01, once it has
 * looked at the client's; a client that it does not want finds the connection closed instead.
 * Upstream: https://libvirt.org/kbase/tlscerts.html; src/rpc/virnetclient.c, virNetClientSetTLSSession.
 */
import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { connectionError, LibvirtError, unsupportedError } from '../errors.ts'
import { VIR_ERR_AUTH_FAILED } from '../generated/constants.ts'
import { checkPki, type Pki, type PkiPlace, readPki } from './pki.ts'
import { opened, placeOf, reasonOf, settledBy } from './socket.ts'
import type { Transport } from './transport.ts'

const TLS_PORT = 16514

export interface TlsOptions extends PkiPlace {
  host: string
  port?: number | undefined
  /** False: whoever answers is taken for the daemon. Default true. */
  verify?: boolean | undefined
  /** False: our own certificates are not looked at before they are used. Default true. */
  sanity?: boolean | undefined
  /** In GnuTLS's words: `NORMAL`, and which versions of TLS. */
  priority?: string | undefined
}

export function tlsTransport(options: TlsOptions): Transport {
  const { host, port = TLS_PORT, verify = true, sanity = true, priority } = options
  const place = placeOf(host, port)
  const versions = priority === undefined ? {} : versionsOf(priority)
  return {
    description: `tls:${place}`,
    encrypted: true,
    // The files are read for each connection: certificates are renewed while programs run.
    async open(signal) {
      const pki = await readPki(options)
      if (pki.ca === undefined && verify) {
        throw connectionError(`no certificate of an authority to know ${place} by: ${pki.missing.ca.join(', ')}`)
      }
      if (sanity) checkPki(pki)
      signal.throwIfAborted()
      const socket = connectTls({ host, port, rejectUnauthorized: verify, ...versions, ...credentials(pki) })
      socket.setNoDelay(true)
      let reached = false
      socket.once('connect', () => {
        reached = true
      })
      await opened(socket, 'secureConnect', signal, (error) => {
        if (!reached) return connectionError(`cannot connect to ${place}: ${reasonOf(error)}`, error)
        const trusted = verify ? ` (trusted: ${pki.ca?.path})` : ''
        return connectionError(`no TLS with ${place}: ${reasonOf(error)}${trusted}`, error)
      })
      await admission(socket, signal, (why) => notAdmitted(place, pki, why))
      writeOneByOne(socket)
      return socket
    },
  }
}

function credentials({ ca, crl, client }: Pki): ConnectionOptions {
  return {
    // Without a list of one's own Node trusts the authorities of the web.
    ca: ca === undefined ? [] : [ca.text],
    ...(crl === undefined ? {} : { crl: crl.text }),
    ...(client === undefined ? {} : { cert: client.certificate.text, key: client.key.text }),
  }
}

/** @throws LibvirtError for files that OpenSSL cannot read */
function connectTls({ host, port, ...rest }: ConnectionOptions & { host: string; port: number }): TLSSocket {
  // The zone of a link-local address is no part of what a certificate says.
  const name = host.replace(/%.*$/, '')
  try {
    return connect({
      host,
      port,
      ...rest,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    })
  } catch (error) {
    throw connectionError(`TLS cannot use the certificates: ${reasonOf(error as Error)}`, error)
  }
}

/** Takes the daemon's one byte; what follows it stays in the socket. */
function admission(socket: TLSSocket, signal: AbortSignal, refused: (why: string) => Error): Promise<void> {
  return settledBy(socket, signal, (resolve, giveUp) => {
    const onEnd = () => giveUp(refused('it closed the connection'))
    return {
      readable: () => {
        const first = socket.read(1) as Buffer | null
        if (first === null) return
        if (first[0] === 1) resolve()
        else giveUp(refused(`it sent ${first[0]} for 1`))
      },
      error: (error) => giveUp(refused(reasonOf(error))),
      end: onEnd,
      close: onEnd,
    }
  })
}

/**
 * What is written at one time becomes one record, and a daemon that took the first packet out of a record waits for the
 * socket before it looks for a second one in there. So no record may hold more than one packet.
 */
function writeOneByOne(socket: TLSSocket): void {
  // Node joins what waits only where a stream can write several chunks at once.
  socket._writev = undefined
}

function notAdmitted(place: string, { client, missing }: Pki, why: string): LibvirtError {
  const shown =
    client === undefined
      ? `without a certificate (${missing.client.join(', ')})`
      : `with the certificate ${client.certificate.path}`
  return new LibvirtError(`the daemon at ${place} does not let in this client ${shown}: ${why}`, {
    origin: 'daemon',
    code: VIR_ERR_AUTH_FAILED,
  })
}

const known: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3']

/**
 * Of GnuTLS's priority strings what OpenSSL can do exactly: `NORMAL`, then `-VERS-ALL`, `+VERS-TLS1.3` and their likes.
 * @throws LibvirtError isUnsupported() for any other
 */
function versionsOf(priority: string): { minVersion: SecureVersion; maxVersion: SecureVersion } {
  const refuse = () =>
    unsupportedError(`the tls_priority ${priority} is not available: only NORMAL and versions of TLS, 1.2 and 1.3`)
  const [base, ...changes] = priority.split(':')
  if (base !== 'NORMAL') throw refuse()
  const wanted = new Set(known)
  for (const change of changes) {
    const [, sign, name] = /^([-+!])VERS-((?:TLS-)?ALL|TLS1\.[0-3])$/.exec(change) ?? []
    if (sign === undefined || name === undefined) throw refuse()
    const versions = name.endsWith('ALL') ? known : known.filter((version) => version === name.replace('TLS', 'TLSv'))
    // Taking away what was never there changes nothing.
    if (sign === '+' && versions.length === 0) throw refuse()
    for (const version of versions) sign === '+' ? wanted.add(version) : wanted.delete(version)
  }
  const [minVersion, maxVersion = minVersion] = known.filter((version) => wanted.has(version))
  if (minVersion === undefined || maxVersion === undefined) throw refuse()
  return { minVersion, maxVersion }
}
