/** The one way to PostgreSQL. Stores take a `Sql` and do not care whether it is a pool or a transaction. */
import postgres from 'postgres'

/** A pool or a transaction: what a store function takes when it runs in its caller's hands. */
export type Sql = postgres.ISql<Record<string, never>>
/** The pool itself: what may begin a transaction. */
export type Database = postgres.Sql<Record<string, never>>
export type Transaction = postgres.TransactionSql<Record<string, never>>

/**
 * Opens a pool. Column names are snake_case in SQL and camelCase above the store. `timestamptz` comes as Date,
 * `bigint` as number (no count of ours passes 2^53), `inet` and `cidr` as text.
 * @param url `postgres://…`; the host may be a directory with a UNIX socket
 */
export function openDatabase(
  url: string,
  options: { maxConnections?: number; onnotice?: (text: string) => void } = {},
): Database {
  // A socket's directory travels in `?host=`, as libpq and node-postgres understand it; postgres.js wants an option.
  const host = new URL(url).searchParams.get('host')
  return postgres(host === null ? url : url.replace(/\?.*$/, ''), {
    ...(host !== null && { host }),
    max: options.maxConnections ?? 8,
    // Columns only: postgres.camel would also rename the keys inside jsonb values, which are users' own.
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel }, undefined: null },
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: Number } as unknown as postgres.PostgresType,
    },
    connection: { application_name: 'stratolith' },
    onnotice: (notice) => options.onnotice?.(String(notice.message)),
  }) as unknown as Database
}

const ANSWERS_WITHIN_SECONDS = 10

/** @throws Error that says where nobody, or something else, answers */
export async function expectDatabase(url: string): Promise<void> {
  const { host, pathname } = new URL(url)
  const sql = postgres(url, { max: 1, connect_timeout: ANSWERS_WITHIN_SECONDS, max_lifetime: null, onnotice: () => {} })
  try {
    // What speaks another protocol may keep the connection open and say nothing that is understood.
    await within(sql`select 1`, (ANSWERS_WITHIN_SECONDS + 1) * 1000)
  } catch (cause) {
    throw new Error(`no PostgreSQL database answers at ${host}${pathname}: ${(cause as Error).message}`, { cause })
  } finally {
    await sql.end({ timeout: 0 })
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer')), ms)
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}

/** The name of the constraint that a failed statement violated, for a store to turn into a domain error. */
export function violatedConstraint(error: unknown): string | undefined {
  const failed = error as { constraint_name?: string; code?: string }
  return failed?.code?.startsWith('23') ? failed.constraint_name : undefined
}
