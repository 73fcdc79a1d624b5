// Where the host's packages cannot be installed (not root, not a Debian family) the tests with real guests are left out by
// name.
import { join } from 'node:path'
import { installHostPackages, isDebianFamily, missingPackages, missingTestPackages } from './host-packages.js'
import { ensurePackages, root } from './packages.js'
import { runProgram } from './program.js'
import { openProgress } from './progress.js'

const mayInstall = process.getuid?.() === 0 && isDebianFamily() && process.env.STRATOLITH_NO_LAB === undefined
const missing = mayInstall ? [...missingPackages(), ...missingTestPackages()] : []
const progress = openProgress()
try {
  await Promise.all([ensurePackages(progress), missing.length > 0 ? installHostPackages(missing, progress) : undefined])
  process.exitCode = await runProgram(join(root, 'test/run.ts'), process.argv.slice(2))
} catch (error) {
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
}
