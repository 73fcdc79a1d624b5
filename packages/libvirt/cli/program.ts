/** From the command line to a command, and from what came of it to the exit status. */
import { connect } from '@stratolith/libvirt'
import {
  attempt,
  type Command,
  CommandError,
  type Group,
  type Option,
  optionValue,
  ownOf,
  parseGiven,
  tokensOf,
} from './command.ts'
import { interactiveOptions } from './credentials.ts'
import { domainCommands, domainMonitoringCommands } from './domains.ts'
import { eventCommands } from './events.ts'
import { commandHelp, generalHelp, groupHelp } from './help.ts'
import { hostCommands } from './host.ts'
import { nearest } from './nearest.ts'
import { networkCommands } from './networks.ts'
import { poolCommands } from './pools.ts'
import { snapshotCommands } from './snapshots.ts'
import { Terminal } from './terminal.ts'
import { ownVersion } from './version.ts'
import { volumeCommands } from './volumes.ts'

const groups: readonly Group[] = [
  domainCommands,
  domainMonitoringCommands,
  eventCommands,
  hostCommands,
  networkCommands,
  snapshotCommands,
  poolCommands,
  volumeCommands,
]
export const commands = new Map(
  groups.flatMap((group) => group.commands.map((command) => [command.name, command] as const)),
)

/** Before the command's name. */
const globalOptions = {
  connect: { short: 'c', value: 'URI', about: 'which daemon and which hypervisor' },
  escape: { short: 'e', value: 'char', about: 'the key that leaves a console, ^] by default' },
  help: { short: 'h', about: 'this help' },
  quiet: { short: 'q', about: 'results only: no heads, no remarks' },
  readonly: { short: 'r', about: 'change nothing' },
  version: { short: 'v', about: 'version of this program' },
} as const
interface Globals {
  connect?: string
  escape?: string
  help?: true
  quiet?: true
  readonly?: true
  version?: true
}

/** @returns the exit status: 0, or 1 for whatever went wrong */
export async function runProgram(args: readonly string[]): Promise<0 | 1> {
  const streams = { out: process.stdout, err: process.stderr }
  let terminal = new Terminal({ ...streams, quiet: false })
  try {
    const { globals, name, rest } = splitArguments(args)
    terminal = new Terminal({ ...streams, quiet: globals.quiet ?? false })
    if (globals.version) terminal.print(`${ownVersion}\n`)
    else if (globals.help) help(name === undefined ? rest : [name], terminal)
    else if (name === 'help') help(rest, terminal)
    else if (name === undefined) throw new CommandError('no command: see --help')
    else return (await runCommand(name, rest, globals, terminal)) ? 0 : 1
    return 0
  } catch (error) {
    terminal.error(error)
    return 1
  }
}

function splitArguments(args: readonly string[]): { globals: Globals; name: string | undefined; rest: string[] } {
  const { tokens } = tokensOf(args, globalOptions)
  const first = tokens.find(({ kind }) => kind === 'positional')
  const end = first?.index ?? args.length
  const globals: Record<string, string | true> = {}
  for (const token of tokens) {
    if (token.kind !== 'option' || token.index >= end) continue
    const option = ownOf<Option>(globalOptions, token.name)
    if (option === undefined) throw new CommandError(`unsupported option '${token.rawName}'. See --help.`)
    globals[token.name] = optionValue(token, option.value)
  }
  return { globals, name: args[end], rest: args.slice(end + 1) }
}

async function runCommand(
  name: string,
  rest: readonly string[],
  globals: Globals,
  terminal: Terminal,
): Promise<boolean> {
  const command = commandNamed(name)
  const asked = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined)
  if (asked.includes('--help')) {
    terminal.print(commandHelp(command))
    return true
  }
  const escapeByte = escapeByteOf(globals.escape ?? '^]')
  const given = parseGiven(command, rest)
  // Without one `connect` looks where the C library does.
  const uri = globals.connect ?? (process.env.VIRSH_DEFAULT_CONNECT_URI || '')
  const connecting = connect(uri, { readOnly: globals.readonly, ...interactiveOptions() })
  await using connection = await attempt('failed to connect to the hypervisor', connecting)
  try {
    return (await command.run(given, { connection, terminal, escapeByte })) !== false
  } catch (error) {
    terminal.error(error)
    return false
  } finally {
    terminal.remark('\n')
  }
}

function commandNamed(name: string): Command {
  const command = commands.get(name)
  if (command !== undefined) return command
  const near = nearest(name, [...commands.keys()])
  throw new CommandError(`unknown command: '${name}'`, {
    ...(near.length > 0 && { cause: new CommandError(`did you mean ${near.join(', ')}?`) }),
  })
}

/** `^]` is 29: the key pressed together with Ctrl. */
function escapeByteOf(text: string): number {
  const [, key] = /^\^([A-Za-z@[\\\]^_])$/.exec(text) ?? []
  if (key === undefined) throw new CommandError(`Invalid escape sequence '${text}': it is a ^ and a key, such as ^]`)
  return key.toUpperCase().charCodeAt(0) - 64
}

/** Of everything, of a group, or of one command. */
function help([word, ...more]: readonly string[], terminal: Terminal): void {
  if (more.length > 0) throw new CommandError(`unexpected data '${more[0]}'`)
  if (word === undefined || word === '--help') terminal.print(generalHelp(groups, globalOptions))
  else {
    const group = groups.find(({ keyword }) => keyword === word)
    terminal.print(group === undefined ? commandHelp(commandNamed(word)) : groupHelp(group))
  }
}
