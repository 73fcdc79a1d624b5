/** What is written by hand: upstream's operations, and what is different here. Both are in docs/compatibility. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Named } from './route-key.ts'

export const DOCUMENTS = join(import.meta.dirname, '../../docs/compatibility')

export const SERVICES = ['identity', 'image', 'placement', 'compute', 'network', 'volume'] as const

/** One line of `operations/<service>.tsv`. */
export interface Operation extends Named {
  /** The section of the API reference. */
  readonly group: string
  /** A word in parentheses that tells apart a variant of the call: such a line has no action. */
  readonly variant?: string
  /** First and last microversion; `gone` when upstream has only a refusal left. Absent where nothing is negotiated. */
  readonly min?: string
  readonly max?: string
  /** Ordinary users or operators ask for it. */
  readonly core: boolean
  readonly success: readonly number[]
}

/** One line of `differences.tsv`. */
export interface Difference extends Named {
  readonly variant?: string
  /** Set when the operation is refused by name with another status than 410 or 501; `text` says how. */
  readonly refusedWith?: number
  readonly text: string
}

export function readOperations(service: string): Operation[] {
  return rows(`operations/${service}.tsv`).map(({ group, method, path, action, min, max, success, core }) => ({
    service,
    group: group!,
    method: method!,
    path: path!,
    ...actionOrVariant(action!),
    ...(min !== '' && { min: min! }),
    ...(max !== '' && { max: max! }),
    core: core === 'yes',
    success: success === '' ? [] : success!.split(',').map(Number),
  }))
}

export function readDifferences(): Difference[] {
  return rows('differences.tsv').map(({ service, method, path, action, refused, difference }) => ({
    service: service!,
    method: method!,
    path: path!,
    ...actionOrVariant(action!),
    ...(refused !== '' && { refusedWith: Number(refused) }),
    text: difference!,
  }))
}

function actionOrVariant(text: string): { action?: string; variant?: string } {
  if (text === '') return {}
  return text.startsWith('(') ? { variant: text } : { action: text }
}

/** Rows of a table with tabs, by the names in its first line. */
function rows(path: string): Record<string, string>[] {
  const [head, ...lines] = readFileSync(join(DOCUMENTS, path), 'utf8').trimEnd().split('\n')
  const names = head!.split('\t')
  return lines.map((line) => {
    const cells = line.split('\t')
    if (cells.length !== names.length) throw new Error(`${path}: ${cells.length} cells for ${names.length}: ${line}`)
    return Object.fromEntries(names.map((name, index) => [name, cells[index]!]))
  })
}
