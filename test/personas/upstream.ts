/** Upstream's policies as data: name, scopes that a token may have, check string. Taken from the code by a machine. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, readCheck, type Rules } from './check-string.ts'

export interface UpstreamPolicy {
  /** Empty where a token of any scope may ask. */
  readonly scopes: readonly string[]
  readonly text: string
  readonly check: Check
}

export interface Upstream {
  readonly rules: Rules
  readonly policies: ReadonlyMap<string, UpstreamPolicy>
}

export function readUpstream(service: string): Upstream {
  const lines = readFileSync(join(import.meta.dirname, 'upstream', `${service}.tsv`), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .slice(1)
    .map((line) => line.split('\t') as [string, string, string])
  const rules: Record<string, string> = Object.fromEntries(lines.map(([name, , text]) => [name, text]))
  const policies = new Map(
    lines.map(([name, scopes, text]) => [
      name,
      { scopes: scopes === '' ? [] : scopes.split(','), text, check: readCheck(text, rules) },
    ]),
  )
  return { rules, policies }
}
