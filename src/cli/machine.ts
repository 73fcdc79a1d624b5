/**
 * Which clouds are on this machine, so that devices found on it can be told apart: a file a cloud with its directory. In
 * /run, which a reboot empties as it removes devices. What clouds share out among themselves is noted likewise, in folders
 * of its own.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCloud } from '../state.ts'

const CLOUDS = '/run/stratolith/clouds'

export function rememberOnMachine({ cloudId, dir }: { cloudId: string; dir: string }, clouds = CLOUDS): void {
  mkdirSync(clouds, { recursive: true })
  writeFileSync(join(clouds, cloudId), dir)
}

export function forgetOnMachine(cloudId: string, clouds = CLOUDS): void {
  rmSync(join(clouds, cloudId), { force: true })
}

/** Where the cloud's state is; undefined when it is gone, or no such cloud was started here since the last reboot. */
export function directoryOf(cloudId: string, clouds = CLOUDS): string | undefined {
  try {
    const dir = readFileSync(join(clouds, cloudId), 'utf8')
    return readCloud(dir)?.cloudId === cloudId ? dir : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
