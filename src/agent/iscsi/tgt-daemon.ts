/**
 * The tgtd of one cloud: its own process, control socket and port. Guests read and write through it, so it outlives
 * the control plane: it is left running, adopted by the next, and started again when it dies.
 *
 * The socket lies in the cloud's own directory (tgtd takes TGT_IPC_SOCKET since 1.0.55), so clouds side by side need
 * no numbers to keep apart.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { DomainError } from '../../domain-error.ts'
import { ask, TgtGone } from './tgt-control.ts'

export interface TgtDaemon {
  readonly socketPath: string
  /** `127.0.0.1:3260`; known once it has run. */
  portal(): string
  /** It runs when this resolves. @returns whether it had to be started, with no target in it */
  ensureRunning(): Promise<{ started: boolean }>
  isRunning(): Promise<boolean>
  /** Calls `revive` whenever a daemon that ran has died, until the watch is ended. */
  watch(revive: () => Promise<void>): void
  endWatch(): Promise<void>
  /** Ends it; its targets are gone before. */
  stop(): Promise<void>
}

interface Options {
  readonly dir: string
  /** Stands in the daemon's environment, so that a tgtd that is left over says whose it is. */
  readonly cloudId: string
  /** Host and port to listen on; port 0 is one that is free now, and remembered. */
  readonly portal: string
  readonly log: Logger
}

const PROGRAMS = ['/usr/sbin/tgtd', '/usr/local/sbin/tgtd', '/sbin/tgtd']
/** I/O threads of each LUN; tgt's own default of 16 is 1,600 threads for a hundred volumes. */
const IO_THREADS = '4'
const WATCH_EVERY_MS = 1_000
const START_WITHIN_MS = 10_000
const STOP_WITHIN_MS = 5_000
const MAX_LOG_BYTES = 4 * 1024 * 1024
/** Of a UNIX socket's address. */
const MAX_SOCKET_PATH = 107

export function findTgtd(): string | undefined {
  return PROGRAMS.find((path) => existsSync(path))
}

export async function openTgtDaemon({ dir, cloudId, portal: asked, log }: Options): Promise<TgtDaemon> {
  const base = await socketBase(dir)
  const socketPath = `${base}.0`
  const portFile = join(dir, 'portal')
  const pidFile = join(dir, 'tgtd.pid')
  let portal = await remembered(portFile, asked)
  let clock: NodeJS.Timeout | undefined
  let reviving: Promise<void> | undefined

  const isRunning = async () => {
    try {
      await ask(socketPath, { mode: 'system', op: 'show' })
      return true
    } catch (error) {
      if (error instanceof TgtGone) return false
      throw error
    }
  }

  const start = async () => {
    const program = findTgtd()
    if (program === undefined) {
      throw new DomainError('unavailable', 'agent.iscsi.tgt-missing', 'tgtd is not installed: install the package tgt.')
    }
    await endUnresponsive(pidFile, socketPath, log)
    portal = await freePortal(portal, log)
    await writeFile(portFile, `${portal}\n`, { mode: 0o600 })
    const logFile = await openLog(join(dir, 'tgtd.log'))
    const child = spawn(program, ['-f', '-C', '0', '-t', IO_THREADS, '--iscsi', `portal=${portal}`], {
      // A session of its own: a Ctrl-C at the control plane's terminal is not for it.
      detached: true,
      stdio: ['ignore', logFile.fd, logFile.fd],
      cwd: '/',
      env: { PATH: process.env.PATH, TGT_IPC_SOCKET: base, STRATOLITH_CLOUD: cloudId },
    })
    let ended: string | undefined
    child.once('exit', (code, signal) => (ended = signal ?? `exit status ${code}`))
    child.once('error', (error) => (ended = error.message))
    child.unref()
    await logFile.close()
    if (child.pid !== undefined) await writeFile(pidFile, `${child.pid}\n`, { mode: 0o600 })
    for (let waited = 0; waited < START_WITHIN_MS; waited += 20) {
      if (ended !== undefined) break
      if ((await isRunning()) && (await answers(portal))) {
        log.info({ pid: child.pid, portal }, 'tgtd runs')
        return
      }
      await sleep(20)
    }
    throw new DomainError(
      'unavailable',
      'agent.iscsi.tgt-not-started',
      `tgtd did not start on ${portal} (${ended ?? 'no answer'}); see ${join(dir, 'tgtd.log')}`,
    )
  }

  return {
    socketPath,
    portal: () => portal,
    isRunning,

    async ensureRunning() {
      if (await isRunning()) return { started: false }
      await start()
      return { started: true }
    },

    watch(revive) {
      let delayMs = WATCH_EVERY_MS
      const look = async () => {
        try {
          if (!(await isRunning())) {
            log.warn({ portal }, 'tgtd has died; its exports are made again')
            await revive()
          }
          delayMs = WATCH_EVERY_MS
        } catch (error) {
          log.error({ err: error }, 'tgtd could not be revived')
          delayMs = Math.min(delayMs * 2, 30_000)
        }
        if (clock !== undefined) clock = setTimeout(tick, delayMs).unref()
      }
      const tick = () => {
        reviving = look()
      }
      clock ??= setTimeout(tick, delayMs).unref()
    },

    async endWatch() {
      clearTimeout(clock)
      clock = undefined
      await reviving
    },

    async stop() {
      const pid = await pidOf(pidFile, socketPath)
      try {
        await ask(socketPath, { mode: 'system', op: 'delete' })
      } catch (error) {
        if (error instanceof TgtGone) return
        throw error
      }
      for (let waited = 0; waited < STOP_WITHIN_MS; waited += 20) {
        if (pid === undefined ? !(await isRunning()) : !existsSync(`/proc/${pid}`)) return
        await sleep(20)
      }
      // It has no target any more, so nothing is lost.
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    },
  }
}

/** tgtd adds `.0`, and `.0.lock` for its lock. A directory whose path is too long for a socket gets one below /run. */
async function socketBase(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const base = join(dir, 'tgtd')
  if (Buffer.byteLength(`${base}.0`) <= MAX_SOCKET_PATH) return base
  const short = join('/run', `stratolith-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`)
  await mkdir(short, { recursive: true, mode: 0o700 })
  return join(short, 'tgtd')
}

/** The port of before: guests know it. */
async function remembered(portFile: string, asked: string): Promise<string> {
  if (!asked.endsWith(':0')) return asked
  const text = await readFile(portFile, 'utf8').catch(() => '')
  return /^\S+:\d+$/.test(text.trim()) ? text.trim() : asked
}

/** The same portal where its port is free, else one that is. */
async function freePortal(portal: string, log: Logger): Promise<string> {
  const colon = portal.lastIndexOf(':')
  const host = portal.slice(0, colon)
  const wanted = Number(portal.slice(colon + 1))
  const port = (await listens(host, wanted)) ?? (await listens(host, 0))
  if (port === undefined) {
    throw new DomainError('unavailable', 'agent.iscsi.no-port', `No port can be listened on at ${host}.`)
  }
  if (wanted !== 0 && port !== wanted)
    log.warn({ portal, port }, 'the port of the iSCSI target is taken; another is used')
  return `${host}:${port}`
}

function listens(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ host, port }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}

/** tgtd goes on without its portal when it cannot listen, so this is asked of the port itself. */
function answers(portal: string): Promise<boolean> {
  const colon = portal.lastIndexOf(':')
  return new Promise((resolve) => {
    const socket = connect({
      host: portal.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(portal.slice(colon + 1)),
    })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The process that the file names, if it is a tgtd of this socket still: numbers are used again. */
async function pidOf(pidFile: string, socketPath: string): Promise<number | undefined> {
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).trim())
  if (!Number.isInteger(pid) || pid <= 1) return undefined
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
  return environment.split('\0').includes(`TGT_IPC_SOCKET=${socketPath.replace(/\.0$/, '')}`) ? pid : undefined
}

/** One that runs without answering holds the lock and the port; what was flushed is safe. */
async function endUnresponsive(pidFile: string, socketPath: string, log: Logger): Promise<void> {
  const pid = await pidOf(pidFile, socketPath)
  if (pid === undefined) return
  log.warn({ pid }, 'a tgtd that does not answer is ended')
  process.kill(pid, 'SIGKILL')
  for (let waited = 0; waited < STOP_WITHIN_MS && existsSync(`/proc/${pid}`); waited += 20) await sleep(20)
}

/** Appended to, and put aside when it has grown. */
async function openLog(path: string) {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > MAX_LOG_BYTES) await rename(path, `${path}.1`)
  return await open(path, 'a', 0o600)
}
