/**
 * Our entries in the user's clouds.yaml: the admin's, and the demo user's beside it with `-demo` behind the name. Nothing
 * that is somebody else's is changed, and comments stay.
 */
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Document, isMap, parseDocument } from 'yaml'
import { SettingError } from '../config.ts'
import { readJson, writeWhole } from '../state.ts'
import type { Credentials } from './client.ts'

export interface OurClouds {
  readonly authUrl: string
  readonly region: string
  /** File of the certificate that clients have to be told of, for nobody else has signed it. */
  readonly cacert?: string
  readonly admin: Credentials
  readonly demo: Credentials
}

/** Where our entries are, remembered in the state directory: a user may have changed what is in them since. */
interface Remembered {
  readonly file: string
  readonly name: string
  readonly authUrl: string
}

export interface Merged {
  /** What the entries are called: the name asked for, or `NAME-2`, `NAME-3`, … where that is another cloud's. */
  readonly name: string
  readonly what: 'added' | 'kept' | 'moved'
}

const NOTE = 'clouds-entry.json'
const MOST_NAMES = 1000
/** What our two entries have behind the name. */
const SUFFIXES = { admin: '', demo: '-demo' } as const

/**
 * Sees to it that both entries are there.
 * @param dir the state directory
 * @returns `kept` where they said the same already, `moved` where only the address had to be changed
 * @throws SettingError when the file is not one to add to
 */
export function mergeClouds(file: string, asked: string, ours: OurClouds, dir: string): Merged {
  const document = read(file)
  const remembered = readJson<Remembered>(dir, NOTE)
  const name = chooseName(document, asked, ours, remembered?.file === file ? remembered : undefined)
  let what: Merged['what'] = 'kept'
  for (const who of ['admin', 'demo'] as const) {
    const path = ['clouds', name + SUFFIXES[who]]
    if (!document.hasIn(path)) {
      document.setIn(path, document.createNode(entry(ours, who)))
      what = 'added'
    } else if (document.getIn([...path, 'auth', 'auth_url']) !== ours.authUrl) {
      document.setIn([...path, 'auth', 'auth_url'], ours.authUrl)
      if (what === 'kept') what = 'moved'
    }
  }
  if (what !== 'kept') write(file, document)
  writeWhole(join(dir, NOTE), JSON.stringify({ file, name, authUrl: ours.authUrl } satisfies Remembered))
  return { name, what }
}

/**
 * Takes our entries out again; the file too when nothing else is in it.
 * @returns the file where there was something to take out
 */
export function removeFromClouds(dir: string, ours: Pick<OurClouds, 'admin' | 'demo'>): string | undefined {
  const remembered = readJson<Remembered>(dir, NOTE)
  if (remembered === undefined || !existsSync(remembered.file)) return undefined
  const document = read(remembered.file)
  let removed = false
  for (const who of ['admin', 'demo'] as const) {
    const path = ['clouds', remembered.name + SUFFIXES[who]]
    if (isOurs(document, path, ours[who], remembered)) removed = document.deleteIn(path) || removed
  }
  if (!removed) return undefined
  if (String(document).trim() === 'clouds: {}') rmSync(target(remembered.file))
  else write(remembered.file, document)
  return remembered.file
}

function entry({ authUrl, region, cacert, ...accounts }: OurClouds, who: 'admin' | 'demo') {
  const { username, password, project } = accounts[who]
  return {
    auth: {
      auth_url: authUrl,
      username,
      password,
      project_name: project,
      user_domain_id: 'default',
      project_domain_id: 'default',
    },
    region_name: region,
    identity_api_version: 3,
    ...(cacert !== undefined && { cacert }),
  }
}

function chooseName(document: Document, asked: string, ours: OurClouds, remembered: Remembered | undefined): string {
  const fits = (name: string) =>
    (['admin', 'demo'] as const).every((who) => {
      const path = ['clouds', name + SUFFIXES[who]]
      return !document.hasIn(path) || isOurs(document, path, ours[who], remembered)
    })
  for (let n = 1; n < MOST_NAMES; n++) {
    const name = n === 1 ? asked : `${asked}-${n}`
    if (fits(name)) return name
  }
  throw new SettingError(`clouds.yaml has ${MOST_NAMES} clouds called ${asked}; --cloud-name NAME chooses another name`)
}

/** By its password, which no other cloud has; or, where the user has changed that, by what we wrote there. */
function isOurs(document: Document, path: string[], account: Credentials, remembered: Remembered | undefined): boolean {
  const said = (key: string) => document.getIn([...path, 'auth', key])
  if (said('username') !== account.username) return false
  if (said('password') === account.password) return true
  if (remembered === undefined || said('auth_url') !== remembered.authUrl) return false
  return Object.values(SUFFIXES).some((suffix) => remembered.name + suffix === path[1])
}

function read(file: string): Document {
  const document: Document = parseDocument(existsSync(file) ? readFileSync(file, 'utf8') : 'clouds: {}\n')
  if (document.errors.length > 0)
    throw new SettingError(`${file} is not valid YAML: ${document.errors[0]!.message.split('\n')[0]}`)
  if (document.contents === null) document.contents = document.createNode({}) as never
  if (!isMap(document.contents)) throw new SettingError(`${file} is not a mapping`)
  if (!document.has('clouds') || document.get('clouds') === null) document.set('clouds', document.createNode({}))
  if (!isMap(document.get('clouds'))) throw new SettingError(`${file}: what stands under \`clouds\` is not a mapping`)
  return document
}

/** The file itself: where it is a link, perhaps to one that is not there yet, the link stays. */
function target(file: string): string {
  for (let path = file, hops = 0; hops < 40; hops++) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return path
    path = resolve(dirname(path), readlinkSync(path))
  }
  throw new SettingError(`${file} is a link that leads nowhere`)
}

function write(file: string, document: Document): void {
  const clouds = document.get('clouds')
  if (isMap(clouds)) clouds.flow = false
  const path = target(file)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const before = statSync(path, { throwIfNoEntry: false })
  // Beside the file at first, so that its owner has it back before it takes the place.
  const unfinished = `${path}.stratolith`
  writeWhole(unfinished, document.toString())
  if (before !== undefined && process.getuid?.() === 0) chownSync(unfinished, before.uid, before.gid)
  renameSync(unfinished, path)
}
