/**
 * What a command is: its name, what it takes, and what it does. Parsing, help and dispatch are all made of this.
 */
import { parseArgs } from 'node:util'
import type { Connection } from '@stratolith/libvirt'
import type { Terminal } from './terminal.ts'

export interface Argument {
  about: string
  optional?: true
}
export interface Option {
  about: string
  /** What stands for the value in the usage, such as `file`. An option without is a switch. */
  value?: string
}
/** What the command line said, by the names of arguments and options. */
export type Given<Arguments, Options> = {
  [K in keyof Arguments]: Arguments[K] extends { optional: true } ? string | undefined : string
} & { [K in keyof Options]: Options[K] extends { value: string } ? string | undefined : boolean }

export interface Session {
  connection: Connection
  terminal: Terminal
  /** The byte that leaves a console. */
  escapeByte: number
}

export interface Command {
  name: string
  about: string
  /** Each may be written as an option as well: `--domain web`. */
  arguments: Readonly<Record<string, Argument>>
  options: Readonly<Record<string, Option>>
  /** What follows the program's name. */
  example: string
  /** @returns false where it failed and there is nothing to say about it */
  run(given: Record<string, string | boolean | undefined>, session: Session): Promise<unknown>
}
export interface Group {
  keyword: string
  title: string
  commands: readonly Command[]
}

/** One row of the table, in which `run` gets what it declared. */
export function command<
  const Arguments extends Record<string, Argument> = Record<never, never>,
  const Options extends Record<string, Option> = Record<never, never>,
>(
  name: string,
  about: string,
  row: {
    arguments?: Arguments
    options?: Options
    example: string
    run(given: Given<Arguments, Options>, session: Session): Promise<unknown>
  },
): Command {
  return { arguments: {}, options: {}, ...row, name, about } as Command
}

/** What a person reads: a line of what failed. The cause, where there is one, is a line of its own. */
export class CommandError extends Error {}

/** @throws CommandError of this message, caused by what went wrong */
export async function attempt<T>(failure: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new CommandError(failure, { cause: error })
  }
}

/** @throws CommandError for what the command does not take, and for what it misses */
export function parseGiven(command: Command, args: readonly string[]): Parameters<Command['run']>[0] {
  const { name } = command
  const { tokens } = tokensOf(args, { ...command.arguments, ...command.options }, Object.keys(command.arguments))
  const given: Record<string, string | boolean | undefined> = {}
  for (const option of Object.keys(command.options)) {
    given[option] = command.options[option]?.value === undefined ? false : undefined
  }
  const seen = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name: option } = token
    const known = ownOf(command.options, option) ?? ownOf(command.arguments, option)
    if (known === undefined) throw new CommandError(`command '${name}' doesn't support option ${token.rawName}`)
    if (seen.has(option)) throw new CommandError(`option --${option} already seen`)
    seen.add(option)
    given[option] = optionValue(
      token,
      'value' in known ? known.value : option in command.arguments ? 'string' : undefined,
    )
  }
  const missing = Object.keys(command.arguments).filter((argument) => !seen.has(argument))
  for (const token of tokens) {
    if (token.kind !== 'positional') continue
    const argument = missing.shift()
    if (argument === undefined) throw new CommandError(`unexpected data '${token.value}'`)
    given[argument] = token.value
  }
  const needed = missing.find((argument) => !command.arguments[argument]?.optional)
  if (needed !== undefined) throw new CommandError(`command '${name}' requires <${needed}> option`)
  return given
}

/** `args` in pieces. Names of `alwaysValued` take a value whatever their row says. */
export function tokensOf(
  args: readonly string[],
  options: Readonly<Record<string, Option & { short?: string }>>,
  alwaysValued: readonly string[] = [],
) {
  const rows = Object.entries(options).map(([name, { value, short }]) => {
    const type = value !== undefined || alwaysValued.includes(name) ? ('string' as const) : ('boolean' as const)
    return [name, short === undefined ? { type } : { type, short }] as const
  })
  // Not strict: what is wrong is said in our own words.
  const how = { strict: false, tokens: true, allowPositionals: true } as const
  return parseArgs({ args: [...args], options: Object.fromEntries(rows), ...how })
}

/** @throws CommandError for a value where none belongs, or none where one does */
export function optionValue(
  { name, value }: { name: string; value?: string | undefined },
  wanted: string | undefined,
): string | true {
  if (wanted === undefined) {
    if (value !== undefined) throw new CommandError(`invalid '=' after option --${name}`)
    return true
  }
  if (value === undefined) throw new CommandError(`expected syntax: --${name} <${wanted}>`)
  return value
}

/** What a table has under a name that somebody typed, and never what every object has. */
export function ownOf<Row>(table: Readonly<Record<string, Row>>, name: string): Row | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** The flags of the options that were given, joined. */
export function flagsOf<Flags extends Readonly<Record<string, number>>>(
  given: { readonly [Name in keyof Flags]: boolean },
  flags: Flags,
): number {
  return Object.entries(flags).reduce((all, [name, flag]) => (given[name] ? all | flag : all), 0)
}

/** @throws CommandError for what is no whole number of 0 or more */
export function wholeNumber(text: string, option: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new CommandError(`Numeric value '${text}' for <${option}> option is malformed or out of range`)
  }
  return value
}
