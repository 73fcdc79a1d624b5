/** What the tables of commands say to a person. */
import type { Command, Group, Option } from './command.ts'

/** What the examples call this program. */
const PROGRAM = 'npx @stratolith/libvirt'

export function generalHelp(
  groups: readonly Group[],
  options: Readonly<Record<string, Option & { short: string }>>,
): string {
  const rows = Object.entries(options).map(([name, { short, value, about }]) => {
    const option = `-${short} | --${name}${value === undefined ? '' : ` <${value}>`}`
    return `    ${option.padEnd(24)} ${about}\n`
  })
  return [
    `\n${PROGRAM} [options]... <command> [args...]\n`,
    '\n  options:\n',
    ...rows,
    '\n  commands:\n\n',
    groups.map(groupHelp).join('\n'),
    '\n  help <keyword> shows one group, help <command> or <command> --help one command.\n\n',
  ].join('')
}

export function groupHelp({ title, keyword, commands }: Group): string {
  const rows = commands.map(({ name, about }) => `    ${name.padEnd(30)} ${about}\n`)
  return ` ${title} (help keyword '${keyword}'):\n${rows.join('')}`
}

export function commandHelp(command: Command): string {
  const { name, about } = command
  const places = Object.entries(command.arguments).map(([argument, { optional }]) =>
    optional ? `[<${argument}>]` : `<${argument}>`,
  )
  const options = Object.entries(command.options).map(([option, { value }]) =>
    value === undefined ? `[--${option}]` : `[--${option} <${value}>]`,
  )
  const rows = [
    ...Object.entries(command.arguments).map(([argument, row]) => [`[--${argument}] <string>`, row.about] as const),
    ...Object.entries(command.options).map(([option, row]) => {
      return [`--${option}${row.value === undefined ? '' : ` <${row.value}>`}`, row.about] as const
    }),
  ]
  return [
    `  NAME\n    ${name} - ${about}\n`,
    `\n  SYNOPSIS\n    ${[name, ...places, ...options].join(' ')}\n`,
    rows.length === 0
      ? ''
      : `\n  OPTIONS\n${rows.map(([left, right]) => `    ${left.padEnd(24)} ${right}\n`).join('')}`,
    `\n  EXAMPLE\n    ${PROGRAM} ${command.example}\n\n`,
  ].join('')
}
