/** The config drive: an ISO 9660 file system with the label `config-2`, as cloud-init and its like look for it. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { runTool } from './host-tools.ts'
import { unfinishedName } from './whole-files.ts'

/** @param folder where the files may lie for a moment */
export async function writeConfigDrive(
  path: string,
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const tree = unfinishedName(folder)
  try {
    for (const [name, content] of files) {
      if (normalize(name) !== name || name.startsWith('/') || name.startsWith('..')) {
        throw new Error(`not a path below the config drive: ${name}`)
      }
      await mkdir(dirname(join(tree, name)), { recursive: true, mode: 0o700 })
      await writeFile(join(tree, name), content, { mode: 0o600 })
    }
    const args = ['-no_rc', '-as', 'mkisofs', '-quiet', '-o', path, '-V', 'config-2', '-J', '-r', '-l', tree]
    await runTool('xorriso', args, { attempted: 'write the config drive' })
  } finally {
    await rm(tree, { force: true, recursive: true })
  }
}
