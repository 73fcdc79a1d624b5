/**
 * The connections on which DBOS keeps its records. Its statements are few and always the same, and it sends each as text
 * to be planned anew; here every text gets a name of its own, so that PostgreSQL plans it once a connection.
 */
import pg from 'pg'

/** Named texts at most: a text beyond is sent unnamed, so that no session's memory grows without end. */
const MAX_NAMED = 200

/**
 * @param url of the database, with `?host=` for a socket's directory
 * @param onError told of connections that broke while they were idle: the next use opens another one
 */
export function openStoryPool(url: string, connections: number, onError: (error: Error) => void): pg.Pool {
  const names = new Map<string, string>()

  class NamingClient extends pg.Client {
    // The signature of `query` is a dozen overloads, of which DBOS uses (text, values).
    override query = ((query: unknown, ...rest: unknown[]) => {
      const send = super.query.bind(this) as (...args: unknown[]) => unknown
      if (typeof query !== 'string' || !Array.isArray(rest[0])) return send(query, ...rest)
      const name = nameOf(query)
      return send({ text: query, values: rest[0], ...(name !== undefined && { name }) }, ...rest.slice(1))
    }) as pg.Client['query']
  }

  function nameOf(text: string): string | undefined {
    if (!names.has(text) && names.size < MAX_NAMED) names.set(text, `story_${names.size + 1}`)
    return names.get(text)
  }

  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    Client: NamingClient,
    application_name: 'stratolith-stories',
    // DBOS's records need not be on the disk before the next step begins. Ours are one log with them: whatever we commit
    // flushes every record before it. So only a crash of PostgreSQL or of the machine loses records, the last of them,
    // and a step whose record is lost is taken again, as after any crash.
    options: '-c synchronous_commit=off',
  })
  pool.on('error', onError)
  return pool
}
