/** Whether we could listen at a place, found out by doing so for a moment. */
import { once } from 'node:events'
import { createServer } from 'node:net'

export interface ListenProblem {
  readonly found: string
  readonly remedy: string
}

/** Why nobody can listen there now; undefined when one can. */
export async function listenProblem(place: { host: string; port: number }): Promise<ListenProblem | undefined> {
  if (place.port === 0) return { found: 'port 0 is any port, and clients must be told of one', remedy: another(5000) }
  const server = createServer()
  try {
    server.listen(place.port, place.host)
    await once(server, 'listening')
    return undefined
  } catch (error) {
    return explained(error as NodeJS.ErrnoException, place)
  } finally {
    server.close()
  }
}

function explained(
  { code, message }: NodeJS.ErrnoException,
  { host, port }: { host: string; port: number },
): ListenProblem {
  const remedy = another(port < 65_535 ? port + 1 : 5000)
  switch (code) {
    case 'EADDRINUSE':
      return { found: `something else listens on ${host}:${port}`, remedy }
    case 'EACCES':
      return { found: `${host}:${port} is not yours to listen on: ports below 1024 want root`, remedy }
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return { found: `${host} is no address of this machine`, remedy }
    default:
      return { found: `nobody can listen on ${host}:${port}: ${message}`, remedy }
  }
}

const another = (port: number) => `--listen HOST:PORT chooses another place, such as 127.0.0.1:${port}`
