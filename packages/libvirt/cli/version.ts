/** Which release of this package runs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The manifest is beside `cli/` where the package is developed, and where it is installed. */
const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }
export const ownVersion = manifest.version
