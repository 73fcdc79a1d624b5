/** A fresh emulator as its users start it: a process of its own, a state directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { send } from './http-load.ts'

export interface EmulatorProcess {
  readonly url: string
  readonly pid: number
  /** From the start of the process until every endpoint answered. */
  readonly startMs: number
  stop(): Promise<void>
}

const ENDPOINTS = ['/identity/v3', '/compute/', '/placement/', '/image/versions', '/network/', '/volume/v3/']

export async function startEmulator(state: string, port: number): Promise<EmulatorProcess> {
  const url = `http://127.0.0.1:${port}`
  const began = performance.now()
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=DeprecationWarning',
      join(import.meta.dirname, '../src/main.ts'),
      'up',
      '--emulator',
      '--state',
      state,
      '--listen',
      `127.0.0.1:${port}`,
      '--hello',
      'no',
      '--clouds-yaml',
      'none',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  while (!(await allAnswer(url))) {
    if (child.exitCode !== null) throw new Error(`the emulator did not come up:\n${Buffer.concat(output)}`)
    if (performance.now() - began > 60_000) throw new Error(`the emulator does not answer:\n${Buffer.concat(output)}`)
    await sleep(10)
  }
  const startMs = performance.now() - began
  while (!Buffer.concat(output).includes('Try next')) await sleep(10)
  return {
    url,
    pid: child.pid!,
    startMs,
    async stop() {
      child.kill('SIGTERM')
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

export type { ChildProcess }
