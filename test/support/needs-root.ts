/** Why a test that works on the host itself cannot run here, for its `skip`; false when it can. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export function needsRootAnd(...tools: string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  const folders = (process.env.PATH ?? '').split(':')
  const missing = tools.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))))
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`
}
