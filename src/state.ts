/**
 * The state directory: who may use it, what is remembered in it beside the database. Everything of one cloud lies
 * below it, so several clouds can run side by side on one machine.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { SettingError } from './config.ts'

export interface CloudState {
  readonly dir: string
  /** Eight hex digits that mark everything of this cloud on the machine: devices, tables, domains. */
  readonly cloudId: string
  /** Passwords of the first users, from a file that only its owner reads. */
  readonly passwords: { readonly admin: string; readonly demo: string }
}

/** Where a cloud can be asked from its own machine. */
export interface Place {
  readonly host: string
  readonly port: number
  /** The file of the certificate that it shows; absent where it speaks plain HTTP. */
  readonly tlsCert?: string
}

/** What runs on the directory now, as `status` and `down` find it. */
export interface RunningCloud {
  readonly pid: number
  /** When the process began, in the kernel's ticks since boot: another process may get the same number later. */
  readonly startTicks: string
  readonly url: string
  readonly place: Place
  readonly startedAt: string
  readonly emulator: boolean
  /** Whether it has come up. */
  readonly answers: boolean
}

/** What a cloud keeps in its directory. Nothing else may lie there when it begins, and nothing else is purged. */
const OURS = [
  'cache',
  'cloud.json',
  'clouds-entry.json',
  'hello-was-made',
  'hosts',
  'identity',
  'image',
  'instances',
  'keys',
  'log',
  'network',
  'passwords.json',
  'postgres',
  'quotas-were-lifted',
  'run.json',
  'tiny.qcow2',
  'tiny.raw',
  'volumes',
]
/** The user's own settings, and what a new file system has. */
const WELCOME = ['stratolith.yaml', 'lost+found']

const isOurs = (name: string) => OURS.includes(name.replace(/(\.\d+)?(\.new)?$/, ''))

/**
 * Opens the directory, making what is missing. Parents stay passable: PostgreSQL and QEMU run as users of their own.
 * @throws SettingError when it cannot be one of this kind of cloud
 */
export function openState(dir: string, { emulator }: { emulator: boolean }): CloudState {
  makeDirectory(dir)
  const found = readCloud(dir)
  if (found === undefined) {
    const strangers = readdirSync(dir).filter((name) => !isOurs(name) && !WELCOME.includes(name))
    if (strangers.length > 0) {
      const few = strangers.slice(0, 3).join(', ') + (strangers.length > 3 ? ', …' : '')
      throw new SettingError(`--state: ${dir} has other files (${few}); a cloud wants a directory for itself`)
    }
  } else if (found.emulator !== undefined && found.emulator !== emulator) {
    throw new SettingError(
      found.emulator
        ? `--state: ${dir} is an emulator's; add --emulator, or choose another directory`
        : `--state: ${dir} is a cloud with real guests; leave --emulator out, or choose another directory`,
    )
  }
  mkdirSync(join(dir, 'log'), { recursive: true, mode: 0o700 })
  if (found === undefined) {
    const cloudId = randomBytes(4).toString('hex')
    writeWhole(join(dir, 'cloud.json'), JSON.stringify({ cloudId, emulator, madeAt: new Date().toISOString() }))
  }
  if (!existsSync(passwordsFile(dir)))
    writeWhole(passwordsFile(dir), JSON.stringify({ admin: password(), demo: password() }))
  return { dir, cloudId: readCloud(dir)!.cloudId, passwords: readPasswords(dir) }
}

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o711 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOTDIR') throw new SettingError(`--state: ${dir} is not a directory`)
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new SettingError(`--state: ${message}; choose a directory of yours`)
    throw error
  }
}

/**
 * Which cloud a directory is of; undefined when it is of none.
 * @throws SettingError when it is somebody else's
 */
export function readCloud(dir: string): { cloudId: string; emulator?: boolean } | undefined {
  return readJson(dir, 'cloud.json')
}

/** @throws SettingError when they are somebody else's */
export function readPasswords(dir: string): CloudState['passwords'] {
  const passwords = readJson<CloudState['passwords']>(dir, 'passwords.json')
  if (passwords === undefined) throw new SettingError(`${passwordsFile(dir)} is not there`)
  return passwords
}

/** Content of one of our files; undefined when it is not there. */
export function readJson<T>(dir: string, name: string): T | undefined {
  const file = join(dir, name)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES') throw new SettingError(`${file} is not yours to read; try sudo`)
    throw error
  }
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new SettingError(`${file} is damaged: ${(cause as Error).message}`)
  }
}

/** The file with the passwords, for messages. */
export function passwordsFile(dir: string): string {
  return join(dir, 'passwords.json')
}

/** The control plane that runs on `dir`, if one does: a mark that a killed one left behind does not count. */
export function findRunning(dir: string): RunningCloud | undefined {
  const running = readJson<RunningCloud>(dir, 'run.json')
  const alive = running !== undefined && startTicks(running.pid)
  return alive && alive === running.startTicks ? running : undefined
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

export interface Mark {
  /** Tells that it has come up. */
  answers(): void
  /** Repeating it changes nothing. */
  remove(): void
}

/** Marks the directory as this process's; undefined when another one has it. */
export function markRunning(dir: string, cloud: Pick<RunningCloud, 'url' | 'place' | 'emulator'>): Mark | undefined {
  const file = join(dir, 'run.json')
  const mark: RunningCloud = {
    pid: process.pid,
    startTicks: startTicks(process.pid)!,
    ...cloud,
    startedAt: new Date().toISOString(),
    answers: false,
  }
  const own = `${file}.${process.pid}`
  writeWhole(own, JSON.stringify(mark))
  try {
    // Of two that come at once, one gets the name. Only the mark of a process that is gone makes way.
    while (!linked(own, file)) {
      if (findRunning(dir) !== undefined) return undefined
      rmSync(file, { force: true })
    }
  } finally {
    rmSync(own)
  }
  return {
    answers: () => writeWhole(file, JSON.stringify({ ...mark, answers: true })),
    remove: () => rmSync(file, { force: true }),
  }
}

/** Gives a file another name; false when the name is taken. */
function linked(file: string, name: string): boolean {
  try {
    linkSync(file, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes what the cloud keeps in its directory, and the directory when nothing else is in it.
 * @returns what else is in it
 */
export function purgeState(dir: string): readonly string[] {
  // The last to go says that it is a cloud's: what was interrupted can be done again.
  for (const name of readdirSync(dir).filter((each) => isOurs(each) && each !== 'cloud.json'))
    rmSync(join(dir, name), { recursive: true, force: true })
  rmSync(join(dir, 'cloud.json'), { force: true })
  const others = readdirSync(dir)
  if (others.length > 0) return others
  try {
    rmdirSync(dir)
  } catch (error) {
    // A file system of its own is mounted there.
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
  }
  return []
}

/** Whole or not at all, also when the machine loses power, and for the owner's eyes only. */
export function writeWhole(file: string, content: string): void {
  const unfinished = `${file}.new`
  const handle = openSync(unfinished, 'w', 0o600)
  try {
    writeFileSync(handle, content)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(unfinished, file)
}

/** 24 characters without look-alikes: about 140 bits. */
function password(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
  return [...randomBytes(24)].map((byte) => alphabet[byte % alphabet.length]).join('')
}
