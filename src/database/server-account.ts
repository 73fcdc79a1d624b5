/**
 * Whom the embedded PostgreSQL runs as. It refuses root, so where we are root it gets a system user of its own, made when
 * it is missing; `nobody`, whom other services of a host may run as too, only where none can be made.
 */
import { spawnSync } from 'node:child_process'
import { type Dirent, lchownSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface ServerAccount {
  readonly uid: number
  readonly gid: number
}

export const OWN_USER = 'stratolith-postgres'

/** Debian's `nobody`. */
export const NOBODY: ServerAccount = { uid: 65534, gid: 65534 }

/** The system user, made where it is missing. Otherwise `nobody`, and why. Needs root. */
export function ownAccount(
  name: string = OWN_USER,
):
  | { readonly account: ServerAccount; readonly insteadBecause?: undefined }
  | { readonly account: ServerAccount; readonly insteadBecause: string } {
  const existing = accountOf(name)
  if (existing !== undefined) return { account: existing }
  const options = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent']
  const made = spawnSync('useradd', [...options, '--shell', '/usr/sbin/nologin', name], { encoding: 'utf8' })
  const account = accountOf(name)
  if (account !== undefined) return { account }
  const why = made.error?.message ?? (made.stderr.trim() || `useradd ended with ${made.status}`)
  return { account: NOBODY, insteadBecause: `the user ${name} could not be made: ${why}` }
}

/** By the file and not by NSS: a system user of this machine stands there, and a directory service may be away. */
function accountOf(name: string): ServerAccount | undefined {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name)
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])]
  // 0 would be root, which PostgreSQL refuses.
  return fields !== undefined && uid > 0 && gid > 0 ? { uid, gid } : undefined
}

/** The first folder on the way to `path`, itself included, that the account may not pass; undefined when it gets there. */
export function folderClosedTo({ uid, gid }: ServerAccount, path: string): string | undefined {
  const folders = [path]
  while (dirname(folders[0]!) !== folders[0]) folders.unshift(dirname(folders[0]!))
  return folders.find((folder) => {
    const found = statSync(folder, { throwIfNoEntry: false })
    if (found === undefined || !found.isDirectory()) return false
    const bit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001
    return (found.mode & bit) === 0
  })
}

/**
 * Gives a folder with all that is in it to the account, unless it has it. The folder itself comes last, so that what was
 * interrupted is found undone.
 */
export function giveTo({ uid, gid }: ServerAccount, folder: string): void {
  if (lstatSync(folder).uid === uid) return
  const give = (path: string) => lchownSync(path, uid, gid)
  const giveInside = (inside: string) => {
    for (const entry of readdirSync(inside, { withFileTypes: true }) as Dirent[]) {
      const path = join(inside, entry.name)
      if (entry.isDirectory()) giveInside(path)
      give(path)
    }
  }
  giveInside(folder)
  give(folder)
}
