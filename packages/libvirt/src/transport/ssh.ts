/**
 * Through the system's `ssh`: at the other end `virt-ssh-helper` finds the daemon's socket, or else netcat is told it.
 *
 * What runs over there is one line for the login shell of whoever logs in, so everything out of the URI is quoted for
 * that shell and for the `sh` that the line calls. Here no shell has a part.
 * Upstream: https://libvirt.org/uri.html (parameters); src/remote/remote_driver.c, doRemoteOpen (which proxy).
 */
import { requestError } from '../errors.ts'
import type { LibvirtUri } from '../uri.ts'
import { flagOf } from './parameters.ts'
import { runProgram } from './program.ts'
import type { Transport } from './transport.ts'

export function sshTransport(uri: LibvirtUri, readOnly: boolean): Transport {
  const program = uri.parameters.get('command') ?? 'ssh'
  const args = sshArguments(uri, readOnly)
  return {
    description: `ssh:${uri.host ?? 'localhost'}`,
    encrypted: true,
    open: (signal) => runProgram(program, args, signal),
  }
}

function sshArguments(uri: LibvirtUri, readOnly: boolean): string[] {
  const { host = 'localhost', port, user, parameters } = uri
  // What ssh itself refuses today: its configuration may hand both to a shell.
  if (/^-|[\s'"`$\\;&<>|(){},\p{Cc}]/u.test(host)) throw requestError(`no host for ssh: ${host}`)
  if (user !== undefined && /^-|[\s'"`;&<>|(){}\p{Cc}]|\\$/u.test(user)) throw requestError(`no user for ssh: ${user}`)
  const keyfile = parameters.get('keyfile')
  return [
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(keyfile === undefined ? [] : ['-i', keyfile]),
    ...['-T', '-e', 'none'],
    ...(flagOf(parameters, 'no_tty') ? ['-o', 'BatchMode=yes'] : []),
    ...(flagOf(parameters, 'no_verify') ? ['-o', 'StrictHostKeyChecking=no'] : []),
    ...['--', host, remoteCommand(uri, readOnly)],
  ]
}

/** The line that is run at the other end. */
function remoteCommand(uri: LibvirtUri, readOnly: boolean): string {
  // The helper has to be given some URI, also where the daemon is to choose.
  const name = uri.name === '' ? `remote://${uri.path || '/'}` : uri.name
  const helper = `exec virt-ssh-helper ${readOnly ? '-r ' : ''}${quote(name)}`
  const proxy = proxyOf(uri)
  if (proxy === 'native') return `sh -c ${quote(helper)}`

  const netcat = quote(uri.parameters.get('netcat') ?? 'nc')
  // Some netcats stay after the end of their input unless -q0 tells them not to; others do not know it.
  const probe = `if ${netcat} -q 2>&1 | grep "requires an argument" >/dev/null 2>&1; then q=-q0; else q=; fi`
  const relay = `${probe}; exec ${netcat} $q -U ${quote(remoteSocket(uri, readOnly))}`
  if (proxy === 'netcat') return `sh -c ${quote(relay)}`
  return `sh -c ${quote(`if command -v virt-ssh-helper >/dev/null 2>&1; then ${helper}; else ${relay}; fi`)}`
}

/** The helper finds the socket by itself, and cannot be told one. */
function proxyOf({ parameters, socket, mode, path }: LibvirtUri): 'auto' | 'netcat' | 'native' {
  const namesSocket = socket !== undefined || mode !== 'auto'
  const asked = parameters.get('proxy') ?? 'auto'
  if (asked !== 'auto' && asked !== 'netcat' && asked !== 'native') throw requestError(`unknown proxy ${asked}`)
  if (asked === 'native' && (namesSocket || parameters.has('netcat')))
    throw requestError('the native proxy takes neither netcat nor socket nor mode')
  if (asked !== 'auto') return asked
  if (namesSocket || parameters.has('netcat')) return 'netcat'
  // Where a user's own daemon listens is known only over there.
  return path === '/session' ? 'native' : 'auto'
}

function remoteSocket({ driver, path, socket, mode }: LibvirtUri, readOnly: boolean): string {
  if (socket !== undefined) {
    if (!socket.startsWith('/')) throw requestError(`no absolute path of a socket: ${socket}`)
    return socket
  }
  if (path === '/session') throw requestError("netcat has to be told where a user's daemon listens: add socket=PATH")
  // Every host has this path, also those that have no /run.
  return `/var/run/libvirt/${mode === 'direct' ? `virt${driver}d` : 'libvirt'}-sock${readOnly ? '-ro' : ''}`
}

/** One word to any shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
