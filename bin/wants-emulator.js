// Whether the emulator is asked for, and so nothing of the host is needed: by flag, environment or settings file, as
// src/config.ts reads them, which cannot be read before the npm packages are there.
import { readFileSync } from 'node:fs'

const yes = (text) => ['', '1', 'true', 'yes', 'on'].includes(text.toLowerCase())

/** The value of `--NAME VALUE` or `--NAME=VALUE`; '' for a switch without one. */
function flag(name, args) {
  for (const [index, arg] of args.entries()) {
    if (arg.startsWith(`--${name}=`)) return arg.slice(name.length + 3)
    if (arg === `--${name}`) return args[index + 1]?.startsWith('-') === false ? args[index + 1] : ''
  }
  return undefined
}

/** What a file of settings says; of one that cannot be read the program itself will tell. */
function inFile(file) {
  try {
    return /^emulator:\s*["']?(\w+)/m.exec(readFileSync(file, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

export function wantsEmulator(args, environment = process.env) {
  const file = flag('config', args) ?? environment.STRATOLITH_CONFIG
  const said = flag('emulator', args) ?? environment.STRATOLITH_EMULATOR ?? (file && inFile(file))
  return said !== undefined && yes(said)
}
