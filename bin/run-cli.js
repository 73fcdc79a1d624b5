import { join } from 'node:path'
import { root } from './packages.js'
import { runProgram } from './program.js'

if (process.argv[2] === 'up') {
  // The same as `npm run up`: what is missing on this host is installed.
  process.argv.splice(2, 1)
  await import('./set-up-and-run.js')
} else {
  process.exitCode = await runProgram(join(root, 'src/main.ts'), process.argv.slice(2))
}
