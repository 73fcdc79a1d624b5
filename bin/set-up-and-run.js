// Plain JavaScript without dependencies: it must start on any Node.js from 18 on, in a fresh clone.
import { join } from 'node:path'
import { howToGoOn, installHostPackages, isDebianFamily, missingPackages } from './host-packages.js'
import { doubtsAbout, readOsRelease } from './os-release.js'
import { ensurePackages, root } from './packages.js'
import { runProgram } from './program.js'
import { openProgress } from './progress.js'
import { wantsEmulator } from './wants-emulator.js'

const args = process.argv.slice(2)
const wantsHelp = args.includes('--help') || args.includes('-h')
const emulator = wantsEmulator(args)

function giveUp(text) {
  process.stderr.write(`\n${text}\n\n`)
  process.exit(1)
}

if (!emulator && !wantsHelp) {
  if (process.arch !== 'x64')
    giveUp(
      `Real guests are x86-64 ones, and this machine is ${process.arch}. The emulator works here: npm run up -- --emulator`,
    )
  const os = readOsRelease()
  const missing = missingPackages(os)
  const isRoot = process.getuid?.() === 0
  if (missing.length > 0 && !(isRoot && isDebianFamily(os))) {
    process.stderr.write(howToGoOn(missing))
    process.exit(1)
  }
  if (!isRoot)
    giveUp(
      'Real guests need root: bridges, taps and rules are made on this machine. Run `sudo npm run up`,\nor the emulator, which needs nothing: npm run up -- --emulator',
    )
  const progress = openProgress()
  const doubts = doubtsAbout(os)
  if (doubts !== undefined) progress.say(`  ! ${doubts}`)
  try {
    await Promise.all([
      ensurePackages(progress),
      missing.length > 0 ? installHostPackages(missing, progress) : undefined,
    ])
  } catch (error) {
    giveUp(error.message)
  }
}
process.exitCode = await runProgram(join(root, 'src/main.ts'), ['up', ...args], { ownSession: true })
