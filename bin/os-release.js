// Which distribution this is, and what follows for the names of packages.
import { readFileSync } from 'node:fs'

/** What of `/etc/os-release` is asked: the ids that it goes by, its version, and how it calls itself. */
export function parseOsRelease(text) {
  const fields = new Map()
  for (const [, name, value] of text.matchAll(/^([A-Z_]+)=(.*)$/gm))
    fields.set(name, value.replace(/^(["'])(.*)\1$/, '$2'))
  const ids = [fields.get('ID') ?? '', ...(fields.get('ID_LIKE') ?? '').split(/\s+/)].filter((id) => id !== '')
  // Testing and unstable have none: newer than all.
  const version = fields.has('VERSION_ID') ? Number.parseFloat(fields.get('VERSION_ID')) : Number.POSITIVE_INFINITY
  return { id: ids[0] ?? '', ids, version, name: fields.get('PRETTY_NAME') ?? ids[0] ?? 'this system' }
}

export function readOsRelease(path = '/etc/os-release') {
  try {
    return parseOsRelease(readFileSync(path, 'utf8'))
  } catch {
    return parseOsRelease('')
  }
}

export const isUbuntu = (os) => os.ids.includes('ubuntu')
export const isDebianOrUbuntu = (os) => os.ids.includes('debian') || isUbuntu(os)

/** Why it may not work here; undefined on what it is made for. */
export function doubtsAbout(os) {
  if (!isDebianOrUbuntu(os))
    return `${os.name} is neither Debian nor Ubuntu: what they call packages may be called otherwise here`
  const oldest = { debian: 12, ubuntu: 22.04 }[os.id]
  if (oldest === undefined || os.version >= oldest) return undefined
  return `${os.name} is older than what this is made for: ${os.id === 'debian' ? 'Debian' : 'Ubuntu'} ${oldest === 12 ? '12' : '22.04'} or newer`
}
