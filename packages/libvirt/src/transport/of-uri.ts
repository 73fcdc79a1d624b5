/** Which transport a URI asks for. */
import { requestError, unsupportedError } from '../errors.ts'
import type { LibvirtUri } from '../uri.ts'
import { flagOf } from './parameters.ts'
import { runProgram } from './program.ts'
import { sshTransport } from './ssh.ts'
import { tcpTransport } from './tcp.ts'
import { tlsTransport } from './tls.ts'
import type { Transport } from './transport.ts'
import { socketPath, unixTransport } from './unix.ts'

/** Besides those that mean something whatever the transport. */
const understood = {
  unix: ['socket', 'mode'],
  tcp: [],
  tls: ['pkipath', 'no_verify', 'no_sanity', 'tls_priority'],
  ssh: ['command', 'keyfile', 'no_tty', 'no_verify', 'proxy', 'netcat', 'socket', 'mode'],
  ext: ['command'],
} as const
const everywhere: readonly string[] = ['name', 'auth', 'authfile']

/** @throws LibvirtError of origin `request` for a transport, or a parameter of it, that is not available */
export function transportOf(uri: LibvirtUri, readOnly: boolean): Transport {
  const { transport, parameters, host = 'localhost', port } = uri
  if (transport === 'libssh' || transport === 'libssh2') {
    throw unsupportedError(`the transport ${transport} is not available: +ssh runs the system's ssh instead`)
  }
  const meant: readonly string[] = understood[transport]
  for (const name of parameters.keys()) {
    if (!meant.includes(name) && !everywhere.includes(name))
      throw requestError(`the transport ${transport} has no parameter ${name}`)
  }
  switch (transport) {
    case 'unix':
      return unixTransport(socketPath(uri, readOnly))
    case 'tcp':
      return tcpTransport({ host, port })
    case 'tls':
      return tlsTransport({
        host,
        port,
        pkipath: parameters.get('pkipath'),
        verify: !flagOf(parameters, 'no_verify'),
        sanity: !flagOf(parameters, 'no_sanity'),
        priority: parameters.get('tls_priority'),
      })
    case 'ssh':
      return sshTransport(uri, readOnly)
    case 'ext': {
      const command = parameters.get('command')
      if (command === undefined) throw requestError('the transport ext needs command=PROGRAM')
      return { description: `ext:${command}`, open: (signal) => runProgram(command, [], signal) }
    }
  }
}
