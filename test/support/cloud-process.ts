/** A cloud as its users start it: a process of its own on a state directory of its own. */
import { spawn } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { send } from './http-load.ts'

export interface CloudProcess {
  readonly url: string
  readonly pid: number
  /** From the start of the process until every endpoint answered. */
  readonly startMs: number
  /** What it has printed so far. */
  said(): string
  /** Resolves when the process has ended, whatever way. */
  readonly ended: Promise<void>
  stop(): Promise<void>
  /** With SIGKILL: nothing is closed. Its PostgreSQL stays, for the next start to end. */
  kill(): Promise<void>
}

const START_LIMIT_MS = 180_000

const ENDPOINTS = ['/identity/v3', '/compute/', '/placement/', '/image/versions', '/network/', '/volume/v3/']

/** @param flags further ones of `up`; `--emulator` is among them unless real guests are wanted */
export async function startCloud(state: string, port: number, flags: readonly string[]): Promise<CloudProcess> {
  const url = `http://127.0.0.1:${port}`
  const began = performance.now()
  const program = join(import.meta.dirname, '../../src/main.ts')
  // As bin/program.js does.
  const quiet = ['--disable-warning=ExperimentalWarning', '--disable-warning=DeprecationWarning']
  const thrifty = ['--heap-growing-percent=50', '--max-semi-space-size=16']
  const settings = ['--state', state, '--listen', `127.0.0.1:${port}`, '--hello', 'no', ...flags]
  const child = spawn(process.execPath, [...quiet, ...thrifty, program, 'up', ...settings], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said = () => Buffer.concat(output).toString()
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  while (!(await allAnswer(url))) {
    if (hasEnded()) throw new Error(`the cloud did not come up:\n${said()}`)
    if (performance.now() - began > START_LIMIT_MS) throw new Error(`the cloud does not answer:\n${said()}`)
    await sleep(10)
  }
  const startMs = performance.now() - began
  while (!said().includes('Try next')) {
    if (hasEnded()) throw new Error(`the cloud ended while coming up:\n${said()}`)
    await sleep(10)
  }
  return {
    url,
    pid: child.pid!,
    startMs,
    said,
    ended,
    async stop() {
      if (!hasEnded()) child.kill('SIGTERM')
      await ended
    },
    async kill() {
      if (!hasEnded()) child.kill('SIGKILL')
      await ended
    },
  }
}

async function allAnswer(url: string): Promise<boolean> {
  try {
    const replies = await Promise.all(ENDPOINTS.map((path) => send(url, 'GET', path)))
    return replies.every(({ status }) => status < 400)
  } catch {
    // Nobody listens yet.
    return false
  }
}

/** Proportional set size in MiB of a process, and of its descendants. */
export async function memoryMiB(pid: number): Promise<{ own: number; children: number }> {
  const pss = async (each: number) =>
    Number(/^Pss:\s+(\d+) kB/m.exec(await readFile(`/proc/${each}/smaps_rollup`, 'utf8').catch(() => ''))?.[1] ?? 0) /
    1024
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const below = (ancestor: number): number[] =>
    [...parents].filter(([, parent]) => parent === ancestor).flatMap(([child]) => [child, ...below(child)])
  const children = await Promise.all(below(pid).map(pss))
  return { own: await pss(pid), children: children.reduce((sum, each) => sum + each, 0) }
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
