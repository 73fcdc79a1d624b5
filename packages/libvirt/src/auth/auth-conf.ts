/**
 * libvirt's file of credentials: `[auth-libvirt-HOST]` names a set, `[credentials-SET]` holds it.
 * Upstream: https://libvirt.org/auth.html. Its `realm` belongs to DIGEST-MD5, which is not spoken here.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { userConfigFolder } from '../client-config.ts'
import { LibvirtError } from '../errors.ts'
import { VIR_ERR_CONF_SYNTAX } from '../generated/constants.ts'

type Environment = Record<string, string | undefined>
type Groups = ReadonlyMap<string, ReadonlyMap<string, string>>

/** What the file holds of a host; any of it may be missing. */
export interface KeptCredentials {
  user?: string | undefined
  password?: string | undefined
  authorizeAs?: string | undefined
}

export interface AuthConf {
  kept: KeptCredentials
  /** Where it was looked for, and what came of it. */
  looked: string
}

/**
 * Reads the first file that there is. authFile: the URI's `authfile`.
 * @throws LibvirtError for a file that was named and cannot be read, or that cannot be understood
 */
export async function readAuthConf(
  host: string,
  authFile: string | undefined,
  { environment = process.env, signal }: { environment?: Environment; signal?: AbortSignal } = {},
): Promise<AuthConf> {
  const named = environment.LIBVIRT_AUTH_FILE || authFile
  const own = join(userConfigFolder(environment), 'libvirt/auth.conf')
  const places = named === undefined ? [own, '/etc/libvirt/auth.conf'] : [named]
  const absent: string[] = []
  for (const path of places) {
    let text: string
    try {
      text = await readFile(path, { encoding: 'utf8', signal })
    } catch (error) {
      signal?.throwIfAborted()
      const { code } = error as NodeJS.ErrnoException
      if (named !== undefined || (code !== 'ENOENT' && code !== 'EACCES'))
        throw new LibvirtError(`cannot read the credentials in ${path}: ${(error as Error).message}`, {
          origin: 'request',
          code: VIR_ERR_CONF_SYNTAX,
          cause: error,
        })
      absent.push(`${path} ${code === 'ENOENT' ? 'does not exist' : 'may not be read'}`)
      continue
    }
    const kept = lookUp(parseAuthConf(text, path), host, path)
    if (kept !== undefined) return { kept, looked: `${path} holds only a part` }
    return { kept: {}, looked: `${path} names none for ${host}` }
  }
  return { kept: {}, looked: absent.join(', ') }
}

/** Groups of keys. Values go to the end of the line, blanks included. path: for errors, which never show a line. */
export function parseAuthConf(text: string, path: string): Groups {
  const groups = new Map<string, Map<string, string>>()
  let group: Map<string, string> | undefined
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const bad = (why: string) => syntaxError(`${path}:${index + 1}: ${why}`)
    if (/^[ \t]*$|^[#;]/.test(line)) continue
    const [, name] = /^\[([^\]]+)\][ \t]*$/.exec(line) ?? []
    if (name !== undefined) {
      if (groups.has(name)) throw bad('this group stands there twice')
      group = new Map()
      groups.set(name, group)
      continue
    }
    const [, key, value] = /^([A-Za-z0-9-]+)=(.*)$/.exec(line) ?? []
    if (key === undefined || value === undefined) throw bad('neither a group, nor a key and its value')
    if (group === undefined) throw bad('a key before the first group')
    if (group.has(key)) throw bad(`the key ${key} stands there twice`)
    group.set(key, value)
  }
  return groups
}

/** Undefined where the file says nothing of this host nor of others in general. */
export function lookUp(groups: Groups, host: string, path: string): KeptCredentials | undefined {
  const name = [`auth-libvirt-${host}`, 'auth-libvirt-default'].find((candidate) => groups.has(candidate))
  if (name === undefined) return undefined
  const set = groups.get(name)?.get('credentials')
  if (set === undefined) throw syntaxError(`${path}: the group ${name} has no key credentials`)
  const keys = groups.get(`credentials-${set}`)
  if (keys === undefined) throw syntaxError(`${path}: ${name} names credentials-${set}, which is no group there`)
  const [authname, username] = [keys.get('authname'), keys.get('username')]
  // Who logs in, and whom to act for; a file that was written for other services has only the second.
  return {
    user: authname ?? username,
    password: keys.get('password'),
    authorizeAs: authname === undefined ? undefined : username,
  }
}

function syntaxError(message: string): LibvirtError {
  return new LibvirtError(message, { origin: 'request', code: VIR_ERR_CONF_SYNTAX })
}
