/** From a server's name to the host name that its guest gets. Pure. Source: nova/utils.py, sanitize_hostname */

const MAX_LENGTH = 63

/** Letters, digits and dashes of the name, lower case; `Server-<id>` where nothing of it is left. */
export function hostnameOf(name: string, serverId: string): string {
  const kept = [...name]
    .filter((char) => char.codePointAt(0)! < 256)
    .join('')
    .replace(/[ _]/g, '-')
    .replace(/\./g, '-')
    .replace(/[^a-zA-Z0-9-]+/g, '')
    .toLowerCase()
    .replace(/^-+|-+$/g, '')
    .slice(0, MAX_LENGTH)
    .replace(/-+$/g, '')
  return kept === '' ? `Server-${serverId}` : kept
}
