/**
 * Files that are whole or not there: made under a temporary name in the same folder, flushed, then renamed. What a crash
 * leaves behind bears a name that `sweepUnfinished` knows.
 */
import { randomBytes } from 'node:crypto'
import { chmod, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const UNFINISHED = '.unfinished-'

/**
 * @param make writes the file at the path that it is given
 * @param mode the finished file's; left as `make` set it where absent
 */
export async function makeWhole(
  path: string,
  make: (temporary: string) => Promise<void>,
  mode?: number,
): Promise<void> {
  const temporary = unfinishedName(dirname(path))
  try {
    await make(temporary)
    if (mode !== undefined) await chmod(temporary, mode)
    await flush(temporary)
    await rename(temporary, path)
    await flush(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true, recursive: true })
    throw error
  }
}

/** A name in `folder` that the next sweep removes. */
export function unfinishedName(folder: string): string {
  return join(folder, `${UNFINISHED}${randomBytes(8).toString('hex')}`)
}

export async function sweepUnfinished(folder: string): Promise<number> {
  const unfinished = (await readdir(folder)).filter((name) => name.startsWith(UNFINISHED))
  for (const name of unfinished) await rm(join(folder, name), { force: true, recursive: true })
  return unfinished.length
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
