#!/usr/bin/env node
// `npx stratolith COMMAND`: up, status, doctor, down, routes; `--help` lists them.
import { join } from 'node:path'
import { root } from './packages.js'
import { runProgram } from './run.js'

process.exitCode = await runProgram(join(root, 'src/main.ts'), process.argv.slice(2))
