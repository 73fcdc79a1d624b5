#!/usr/bin/env node
// `npm run up`: installs what is missing, saying what and why, then runs the cloud. Plain JavaScript without
// dependencies: it must start on any Node.js from 18 on, in a fresh clone.
import { join } from 'node:path'
import { howToGoOn, installHostPackages, isDebianFamily, missingPackages } from './host-packages.js'
import { ensurePackages, root } from './packages.js'
import { runProgram } from './run.js'

const args = process.argv.slice(2)
const wantsHelp = args.includes('--help') || args.includes('-h')
const environment = (process.env.STRATOLITH_EMULATOR ?? '').toLowerCase()
const emulator =
  args.some((arg) => arg === '--emulator' || /^--emulator=(yes|true|1|on)$/.test(arg)) ||
  ['1', 'true', 'yes', 'on'].includes(environment)

if (!emulator && !wantsHelp) {
  const missing = missingPackages()
  const isRoot = process.getuid?.() === 0
  if (missing.length > 0 && !(isRoot && isDebianFamily())) {
    process.stderr.write(howToGoOn(missing))
    process.exit(1)
  }
  if (!isRoot) {
    process.stderr.write(
      '\nReal guests need root: bridges, taps and rules are made on this machine. Run `sudo npm run up`,\nor the emulator, which needs nothing: npm run up -- --emulator\n\n',
    )
    process.exit(1)
  }
  try {
    await Promise.all([ensurePackages(), missing.length > 0 ? installHostPackages(missing) : undefined])
  } catch (error) {
    process.stderr.write(`\n${error.message}\n`)
    process.exit(1)
  }
}
process.exitCode = await runProgram(join(root, 'src/main.ts'), ['up', ...args])
