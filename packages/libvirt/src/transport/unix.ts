/**
 * UNIX sockets, and which of them serves a URI.
 * Upstream: https://libvirt.org/daemons.html (names), https://libvirt.org/uri.html (`socket`, `mode`).
 */
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connectionError } from '../errors.ts'
import type { LibvirtUri } from '../uri.ts'
import { opened } from './socket.ts'
import type { Transport } from './transport.ts'

/** The socket at this path. */
export function unixTransport(path: string): Transport {
  return {
    description: `unix:${path}`,
    local: true,
    async open(signal) {
      signal.throwIfAborted()
      const socket = connect({ path })
      await opened(socket, 'connect', signal, (error) =>
        connectionError(`cannot connect to ${path}: ${error.message}`, error),
      )
      return socket
    },
  }
}

/** The one-driver daemon's socket if that daemon is there, else the all-in-one daemon's. */
export function socketPath(
  uri: LibvirtUri,
  readOnly: boolean,
  environment: Record<string, string | undefined> = process.env,
  exists: (path: string) => boolean = existsSync,
): string {
  if (uri.socket !== undefined) return uri.socket
  const session = uri.path === '/session'
  const folder = session
    ? join(environment.XDG_RUNTIME_DIR ?? join(environment.HOME ?? '/', '.cache'), 'libvirt')
    : exists('/run/libvirt')
      ? '/run/libvirt'
      : '/var/run/libvirt'
  const suffix = readOnly && !session ? '-ro' : ''
  const direct = join(folder, `virt${uri.driver}d-sock${suffix}`)
  const legacy = join(folder, `libvirt-sock${suffix}`)
  if (uri.mode === 'direct') return direct
  if (uri.mode === 'legacy') return legacy
  return exists(direct) ? direct : legacy
}
