import { join } from 'node:path'
import { root } from './packages.js'
import { runProgram } from './program.js'

process.exitCode = await runProgram(join(root, 'src/main.ts'), process.argv.slice(2))
