/** What all sockets share: waiting until one is open, and saying what came in between. */
import { isIPv6, type Socket } from 'node:net'

/** `host:port` as people write it. */
export function placeOf(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** Where several addresses were tried, Node's own error says nothing by itself; OpenSSL's says more than anybody asked. */
export function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(({ message }) => message).join(', ')
  const { library, reason } = error as { library?: string; reason?: string }
  return library === undefined || reason === undefined ? error.message : reason
}

/**
 * Waits for the event that opens a socket. Whatever comes before it, the signal included, destroys the socket.
 * @throws what `failed` makes of the socket's error, or the signal's reason
 */
export function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  failed: (error: Error) => Error,
): Promise<void> {
  return settledBy(socket, signal, (resolve, giveUp) => ({
    [event]: resolve,
    error: (error: Error) => giveUp(failed(error)),
    close: () => giveUp(failed(new Error('the other side closed the connection'))),
  }))
}

/**
 * Listens to a socket until one of these listeners resolves or gives up, or the signal aborts, and then no longer. All
 * but the first destroys the socket.
 * @throws what was given up with, or the signal's reason
 */
export function settledBy(
  socket: Socket,
  signal: AbortSignal,
  listenersOf: (resolve: () => void, giveUp: (error: Error) => void) => Record<string, (error: Error) => void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort)
      for (const [event, listener] of listeners) socket.off(event, listener)
      act()
    }
    const giveUp = (error: unknown) =>
      settle(() => {
        // A destroyed socket may still tell why it failed.
        socket.on('error', () => {}).destroy()
        reject(error)
      })
    const onAbort = () => giveUp(signal.reason)
    const listeners = Object.entries(listenersOf(() => settle(resolve), giveUp))
    for (const [event, listener] of listeners) socket.on(event, listener)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
