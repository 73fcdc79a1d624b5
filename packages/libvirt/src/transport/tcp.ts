/** TCP as it is: anybody on the way can read and change what is said. The daemon listens on 16509 where it was told to. */
import { connect } from 'node:net'
import { connectionError } from '../errors.ts'
import { opened, placeOf, reasonOf } from './socket.ts'
import type { Transport } from './transport.ts'

const TCP_PORT = 16509

export function tcpTransport({ host, port = TCP_PORT }: { host: string; port?: number | undefined }): Transport {
  const place = placeOf(host, port)
  return {
    description: `tcp:${place}`,
    async open(signal) {
      signal.throwIfAborted()
      const socket = connect({ host, port, noDelay: true })
      await opened(socket, 'connect', signal, (error) =>
        connectionError(`cannot connect to ${place}: ${reasonOf(error)}`, error),
      )
      return socket
    },
  }
}
