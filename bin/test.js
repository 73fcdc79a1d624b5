#!/usr/bin/env node
// `npm test [-- FILE…]`: installs what is missing, then runs test/run.ts.
import { join } from 'node:path'
import { root } from './packages.js'
import { runProgram } from './run.js'

process.exitCode = await runProgram(join(root, 'test/run.ts'), process.argv.slice(2))
