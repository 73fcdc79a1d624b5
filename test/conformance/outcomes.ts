/** What becomes of a test, and what is known of it beforehand: the lists of the suites, and `expected.tsv`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Outcome = 'passed' | 'failed' | 'skipped'

export interface Result {
  readonly outcome: Outcome
  /** The last line of what a failed test said, or why one was skipped. */
  readonly says: string
}

/** A line of a suite's list: `service` is `mixed` where a test asks several. */
export interface Listed {
  readonly test: string
  readonly service: string
}

/** A test that does not pass: `reason` is empty until somebody has explained it. */
export interface Expected extends Listed {
  readonly suite: string
  /** `varies` for one whose outcome is chance, on a cloud that does nothing wrong: its reason says which chance. */
  readonly outcome: 'failed' | 'skipped' | 'varies'
  readonly reason: string
}

const EXPECTED = join(import.meta.dirname, 'expected.tsv')
const COLUMNS = ['suite', 'service', 'test', 'outcome', 'reason'] as const

export function readList(suite: string): Listed[] {
  return rows(join(import.meta.dirname, `${suite}.tsv`)).map(([test, service]) => ({ test: test!, service: service! }))
}

export function readExpected(): Expected[] {
  return rows(EXPECTED).map(([suite, service, test, outcome, reason]) => ({
    suite: suite!,
    service: service!,
    test: test!,
    outcome: outcome as Expected['outcome'],
    reason: reason ?? '',
  }))
}

export function writeExpected(expected: readonly Expected[]): void {
  const lines = expected.map((each) => COLUMNS.map((column) => each[column]).join('\t')).sort()
  writeFileSync(EXPECTED, `${[COLUMNS.join('\t'), ...lines].join('\n')}\n`)
}

/** What became of `listed`: a class whose preparation failed or was skipped stands for all its tests. */
export function resultOf({ test }: Listed, results: ReadonlyMap<string, Result>): Result {
  const known = results.get(test) ?? results.get(test.slice(0, test.lastIndexOf('.')))
  return known ?? { outcome: 'failed', says: 'the suite does not have it' }
}

export interface Surprise extends Listed {
  readonly result: Result
  /** What was expected instead. */
  readonly instead: Expected['outcome'] | 'passed'
}

/** Where a run went otherwise than `expected` says, better or worse. */
export function surprises(
  listed: readonly Listed[],
  results: ReadonlyMap<string, Result>,
  expected: readonly Expected[],
): Surprise[] {
  const known = new Map(expected.map(({ test, outcome }) => [test, outcome]))
  return listed
    .map((each) => ({ ...each, result: resultOf(each, results), instead: known.get(each.test) ?? ('passed' as const) }))
    .filter(({ result, instead }) => instead !== 'varies' && result.outcome !== instead)
}

/** `expected` after a run of `listed`: tests that pass leave it, new failures join it unexplained. */
export function learnt(
  suite: string,
  listed: readonly Listed[],
  results: ReadonlyMap<string, Result>,
  expected: readonly Expected[],
): Expected[] {
  const run = new Set(listed.map(({ test }) => test))
  const before = new Map(expected.filter((each) => each.suite === suite).map((each) => [each.test, each]))
  const now = listed.flatMap((each): Expected[] => {
    const { outcome, says } = resultOf(each, results)
    const known = before.get(each.test)
    if (known?.outcome === 'varies') return [known]
    if (outcome === 'passed') return []
    // A suite says itself why it skips; a failure is for people to explain.
    const reason = known?.outcome === outcome ? known.reason : outcome === 'skipped' ? says : ''
    return [{ suite, service: each.service, test: each.test, outcome, reason }]
  })
  return [...expected.filter((each) => each.suite !== suite || !run.has(each.test)), ...now]
}

function rows(file: string): string[][] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
}
