/**
 * `driver[+transport]://[user@][host][:port]/[path][?parameters]`, as https://libvirt.org/uri.html describes it.
 */
import { requestError } from './errors.ts'

/** The parts of a URI. */
export interface LibvirtUri {
  /** `qemu`, `test`, …; `remote` lets the daemon choose. */
  driver: string
  transport: 'unix' | 'tls' | 'tcp' | 'ssh' | 'libssh' | 'libssh2' | 'ext'
  user: string | undefined
  host: string | undefined
  port: number | undefined
  path: string
  /** What the daemon is asked to open: without transport, host, and the parameters meant for the client. */
  name: string
  socket: string | undefined
  mode: 'auto' | 'direct' | 'legacy'
  /** The client's own parameters. */
  parameters: ReadonlyMap<string, string>
}

const transports = ['unix', 'tls', 'tcp', 'ssh', 'libssh', 'libssh2', 'ext'] as const
/** Parameters that the client keeps; every other goes to the daemon inside the name. */
const own = new Set(
  (
    'name command socket auth netcat sshauth no_sanity no_verify no_tty pkipath tls_priority keyfile known_hosts ' +
    'known_hosts_verify authfile mode proxy'
  ).split(' '),
)

/** @throws LibvirtError of origin `request` for what is no URI of libvirt */
export function parseUri(text: string): LibvirtUri {
  const match = /^([A-Za-z][A-Za-z0-9]*)(?:\+([A-Za-z0-9]+))?:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(text)
  if (match === null) throw requestError(`no libvirt URI: ${text}`)
  const [, driver = '', wanted, authority = '', path = '', query = ''] = match
  const place = /^(?:([^@]*)@)?(\[[^\]]*\]|[^:[\]]*)(?::(\d+))?$/.exec(authority)
  if (place === null) throw requestError(`no host and port: ${authority}`)
  const user = place[1] === undefined ? undefined : decode(place[1])
  const host = place[2] === '' || place[2] === undefined ? undefined : hostOf(place[2])
  const port = place[3] === undefined ? undefined : Number(place[3])
  if (port !== undefined && (port < 1 || port > 65_535)) throw requestError(`no port: ${port} in ${text}`)
  const transport = (wanted?.toLowerCase() ?? (host === undefined ? 'unix' : 'tls')) as LibvirtUri['transport']
  if (!transports.includes(transport)) throw requestError(`unknown transport ${transport} in ${text}`)
  if (transport === 'unix' && host !== undefined) throw requestError('a UNIX socket has no host')

  const parameters = new Map<string, string>()
  const rest: string[] = []
  for (const pair of query.split(/[&;]/).filter((part) => part !== '')) {
    const [key = '', value = ''] = pair.split(/=(.*)/s)
    const name = decode(key)
    if (own.has(name)) parameters.set(name, decode(value))
    else rest.push(pair)
  }
  const mode = parameters.get('mode') ?? 'auto'
  if (mode !== 'auto' && mode !== 'direct' && mode !== 'legacy') throw requestError(`unknown mode ${mode} in ${text}`)
  const remote = driver.toLowerCase() === 'remote'
  const derived = remote ? '' : `${driver}://${path}${rest.length > 0 ? `?${rest.join('&')}` : ''}`
  return {
    driver: driver.toLowerCase(),
    transport,
    user,
    host,
    port,
    path,
    name: parameters.get('name') ?? derived,
    socket: parameters.get('socket'),
    mode,
    parameters,
  }
}

function decode(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch {
    throw requestError(`no percent-encoding: ${text}`)
  }
  // Ends a string for the system, so that what was checked would not be what is used.
  if (decoded.includes('\0')) throw requestError(`a zero byte in ${text}`)
  return decoded
}

/** The zone of an IPv6 address stands behind `%25`, and by habit behind a bare `%`. */
function hostOf(text: string): string {
  const address = /^\[([0-9A-Fa-f:.]+)(?:%(?:25)?([\w.-]+))?\]$/.exec(text)
  if (address !== null) return address[2] === undefined ? (address[1] as string) : `${address[1]}%${address[2]}`
  if (text.startsWith('[')) throw requestError(`no IPv6 address: ${text}`)
  return decode(text)
}
