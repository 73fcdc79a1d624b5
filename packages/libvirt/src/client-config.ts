/**
 * What the administrator or the user has set for clients: other names for URIs, and the one to take where none is given.
 *
 * `uri_aliases` and `uri_default` of libvirt.conf, root's in /etc/libvirt, anybody else's in ~/.config/libvirt. Nothing
 * else of that file is read. A full URI is never looked up: an alias has no colon.
 * Upstream: https://libvirt.org/uri.html; src/libvirt.c, virConnectOpenInternal.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { connectionError, requestError } from './errors.ts'
import { socketPath } from './transport/unix.ts'
import { parseUri } from './uri.ts'

/** Where to look, for tests. */
export interface Surroundings {
  environment?: Record<string, string | undefined>
  /** Undefined where there are no users. */
  uid?: number | undefined
  /** Of the system's configuration. */
  etc?: string
  exists?: (path: string) => boolean
}

/** Of drivers with a daemon of their own, in the order in which libvirt looks for them. */
const probed = ['qemu', 'xen', 'ch', 'bhyve', 'lxc', 'vbox', 'vz']

/**
 * The full URI: of an alias, or for an empty text LIBVIRT_DEFAULT_URI, else `uri_default`, else whatever daemon there is.
 * @throws LibvirtError of origin `request` for a file that cannot be understood
 */
export async function resolveUri(text: string, surroundings: Surroundings = {}): Promise<string> {
  const { environment = process.env, uid = process.getuid?.(), etc = '/etc', exists = existsSync } = surroundings
  const isAlias = (name: string) => /^[\w.-]+$/.test(name)
  if (text !== '' && !isAlias(text)) return text
  const settings = await readSettings(join(uid === 0 ? etc : userConfigFolder(environment), 'libvirt/libvirt.conf'))
  const wanted = text || environment.LIBVIRT_DEFAULT_URI || settings.default
  if (wanted !== undefined) return settings.aliases.get(wanted) ?? wanted

  const path = uid === 0 ? 'system' : 'session'
  const here = (uri: string) => exists(socketPath(parseUri(uri), false, environment, exists))
  const all = `remote:///${path}`
  const driver = here(`${all}?mode=legacy`) ? undefined : probed.find((name) => here(`${name}:///${path}?mode=direct`))
  return driver === undefined ? all : `${driver}:///${path}`
}

/** The user's own configuration, of every program; an empty variable counts as none. */
export function userConfigFolder({ XDG_CONFIG_HOME, HOME }: Record<string, string | undefined>): string {
  return XDG_CONFIG_HOME || join(HOME || homedir(), '.config')
}

interface Settings {
  aliases: Map<string, string>
  default: string | undefined
}

async function readSettings(file: string): Promise<Settings> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { aliases: new Map(), default: undefined }
    throw connectionError(`cannot read ${file}: ${(error as Error).message}`, error)
  }
  const settings = parseConfig(text, file)
  const wrong = (name: string) => requestError(`${file}: ${name} is not what it should be`)
  const aliases = new Map<string, string>()
  const entries = settings.get('uri_aliases') ?? []
  if (!Array.isArray(entries)) throw wrong('uri_aliases')
  for (const entry of entries) {
    const [, alias, uri] = /^([\w.-]+)=(.+)$/s.exec(entry) ?? []
    if (alias === undefined || uri === undefined) throw wrong(`the alias ${entry}`)
    aliases.set(alias, uri)
  }
  const fallback = settings.get('uri_default')
  if (Array.isArray(fallback)) throw wrong('uri_default')
  return { aliases, default: fallback }
}

/** A blank, a comment, a string in three spellings, a word or number, a sign. */
const token = /(\s+|#[^\n]*)|"""([\s\S]*?)"""|"([^"\n]*)"|'([^'\n]*)'|([\w-]+)|([=[\],])/y

/** libvirt's own configuration format: `name = "text"`, `name = 5`, `name = [ "text", … ]`. */
function parseConfig(text: string, file: string): Map<string, string | string[]> {
  const tokens: { kind: 'text' | 'word' | 'sign'; value: string; line: number }[] = []
  let line = 1
  const refuse = (at: number) => requestError(`${file}, line ${at}: not the format of libvirt's configuration`)
  for (let from = 0; from < text.length; from = token.lastIndex) {
    token.lastIndex = from
    const match = token.exec(text)
    if (match === null) throw refuse(line)
    const [whole, blank, long, double, single, word, sign] = match
    if (blank === undefined) {
      const value = long ?? double ?? single
      if (value !== undefined) tokens.push({ kind: 'text', value, line })
      else if (word !== undefined) tokens.push({ kind: 'word', value: word, line })
      else tokens.push({ kind: 'sign', value: sign as string, line })
    }
    line += whole.split('\n').length - 1
  }

  const settings = new Map<string, string | string[]>()
  let at = 0
  const isSign = (value: string) => tokens[at]?.kind === 'sign' && tokens[at]?.value === value
  const take = (kind: 'text' | 'word' | 'sign', sign?: string): string => {
    const next = tokens[at]
    if (next?.kind !== kind || (sign !== undefined && next.value !== sign)) throw refuse(next?.line ?? line)
    at++
    return next.value
  }
  while (at < tokens.length) {
    const name = take('word')
    take('sign', '=')
    if (!isSign('[')) {
      settings.set(name, take(tokens[at]?.kind === 'word' ? 'word' : 'text'))
      continue
    }
    take('sign', '[')
    const list: string[] = []
    while (!isSign(']')) {
      list.push(take('text'))
      if (!isSign(']')) take('sign', ',')
    }
    take('sign', ']')
    settings.set(name, list)
  }
  return settings
}
