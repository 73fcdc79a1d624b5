/** The metadata service itself: plain HTTP, read only, told apart by the address that a request comes from. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { answer } from './answer.ts'
import type { GuestFacts } from './index.ts'

export interface MetadataListener extends AsyncDisposable {
  readonly port: number
  close(): Promise<void>
}

interface Options {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Whose guest asks, by the peer's address as the socket shows it; undefined where nobody's does. */
  readonly facts: (peerAddress: string) => Promise<GuestFacts | undefined>
  readonly log?: Pick<Logger, 'error' | 'info'>
}

/** A guest that never finishes its request must not hold a socket for ever. */
const REQUEST_WITHIN_MS = 10_000

export async function openMetadataListener({ host, port, facts, log }: Options): Promise<MetadataListener> {
  const server = createServer({ requestTimeout: REQUEST_WITHIN_MS, maxHeaderSize: 8192 }, async (request, response) => {
    const send = (status: number, type: string, body: string | Uint8Array) =>
      response
        .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
        .end(request.method === 'HEAD' ? undefined : body)
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return send(405, 'text/plain; charset=UTF-8', 'The metadata service is read only.\n')
      }
      const guest = await facts(request.socket.remoteAddress ?? '')
      if (guest === undefined) return send(404, 'text/plain; charset=UTF-8', 'No server has this address.\n')
      const { status, type, body } = answer(pathOf(request.url ?? '/'), guest)
      return send(status, type, body)
    } catch (error) {
      log?.error({ err: error, peer: request.socket.remoteAddress, path: request.url }, 'metadata request failed')
      return send(500, 'text/plain; charset=UTF-8', 'The metadata could not be read; try again.\n')
    }
  })
  server.listen(port, host)
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })
  const close = async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close }
}

/** A path that is not good percent-encoding names nothing. */
function pathOf(url: string): string {
  try {
    return decodeURIComponent(url)
  } catch {
    return url
  }
}
