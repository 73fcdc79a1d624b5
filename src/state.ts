/**
 * The state directory: who may use it, what is remembered in it beside the database. Everything of one cloud lies
 * below it, so several clouds can run side by side on one machine.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CloudState {
  readonly dir: string
  /** Eight hex digits that mark everything of this cloud on the machine: devices, tables, domains. */
  readonly cloudId: string
  readonly firstRun: boolean
  /** Passwords of the first users, from a file that only its owner reads. */
  readonly passwords: { readonly admin: string; readonly demo: string }
}

/** What runs on the directory now, as `status` and `down` find it. */
export interface RunningCloud {
  readonly pid: number
  readonly url: string
  readonly startedAt: string
  readonly emulator: boolean
}

/** Opens the directory, making what is missing. Parents stay passable: PostgreSQL and QEMU run as users of their own. */
export function openState(dir: string): CloudState {
  mkdirSync(dir, { recursive: true, mode: 0o711 })
  mkdirSync(join(dir, 'log'), { recursive: true, mode: 0o700 })
  const file = join(dir, 'cloud.json')
  const firstRun = !existsSync(file)
  if (firstRun)
    writeWhole(file, JSON.stringify({ cloudId: randomBytes(4).toString('hex'), madeAt: new Date().toISOString() }))
  const { cloudId } = JSON.parse(readFileSync(file, 'utf8')) as { cloudId: string }
  const secret = join(dir, 'passwords.json')
  if (!existsSync(secret)) writeWhole(secret, JSON.stringify({ admin: password(), demo: password() }))
  return { dir, cloudId, firstRun, passwords: JSON.parse(readFileSync(secret, 'utf8')) }
}

/** The file with the passwords, for messages. */
export function passwordsFile(dir: string): string {
  return join(dir, 'passwords.json')
}

/** The control plane that runs on `dir`, if one does: a file that a killed one left behind does not count. */
export function findRunning(dir: string): RunningCloud | undefined {
  try {
    const running = JSON.parse(readFileSync(join(dir, 'run.json'), 'utf8')) as RunningCloud
    const commandLine = readFileSync(`/proc/${running.pid}/cmdline`, 'utf8')
    return commandLine.includes('main.ts') || commandLine.includes('stratolith') ? running : undefined
  } catch {
    // No file, or no such process: nothing runs.
    return undefined
  }
}

/** Marks the directory as ours until the returned function is called. */
export function markRunning(dir: string, running: RunningCloud): () => void {
  writeWhole(join(dir, 'run.json'), JSON.stringify(running))
  return () => rmSync(join(dir, 'run.json'), { force: true })
}

/** Whole or not at all, and for the owner's eyes only. */
export function writeWhole(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** 24 characters without look-alikes: about 140 bits. */
function password(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
  return [...randomBytes(24)].map((byte) => alphabet[byte % alphabet.length]).join('')
}
