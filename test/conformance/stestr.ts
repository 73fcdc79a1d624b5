/** Tests of Python suites, run by stestr: https://docs.openstack.org/stestr. Each result is told as it comes. */
import { execFile, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Result } from './outcomes.ts'

export interface StestrRun {
  /** A folder with a `.stestr.conf`. */
  readonly workspace: string
  /** Names without their tags. */
  readonly tests: readonly string[]
  /** Whether the suite's ids have tags behind the name, in brackets, which differ between releases. */
  readonly tagged?: boolean
  readonly environment: NodeJS.ProcessEnv
  readonly concurrency: number
  /** Hears every line, and every result. */
  onLine(line: string): void
  onResult(test: string, result: Result): void
}

export async function stestr(run: StestrRun): Promise<void> {
  const list = join(run.workspace, 'list')
  await writeFile(list, `${(run.tagged === true ? await fullIds(run) : run.tests).join('\n')}\n`)
  // One process after the other needs no list of its own, so a module that cannot be imported stops nothing.
  const processes = run.concurrency === 1 ? ['--serial'] : ['--concurrency', String(run.concurrency)]
  const child = spawn('stestr', ['run', '--load-list', list, ...processes], {
    cwd: run.workspace,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: run.environment,
  })
  const told = tellResults(run.onResult)
  for await (const line of createInterface({ input: child.stdout })) {
    told.line(line)
    run.onLine(line)
  }
  told.end()
}

/** Ids as the runner wants them. */
async function fullIds({ workspace, tests, environment }: StestrRun): Promise<string[]> {
  const names = new Set(tests)
  const { stdout } = await promisify(execFile)('stestr', ['list'], {
    cwd: workspace,
    env: environment,
    maxBuffer: 64 << 20,
  })
  return stdout.split('\n').filter((id) => names.has(id.replace(/\[.*$/, '')))
}

const WORDS = { ok: 'passed', FAILED: 'failed', SKIPPED: 'skipped' } as const

/** Reads what the runner prints: a line a test, and below a failed one what it said. */
export function tellResults(onResult: StestrRun['onResult']): { line(line: string): void; end(): void } {
  let failed: { test: string; traceback: boolean; says: string } | undefined
  const end = () => {
    if (failed !== undefined) onResult(failed.test, { outcome: 'failed', says: failed.says })
    failed = undefined
  }
  return {
    line(line) {
      const found =
        /^\{\d+\} (?:setUpClass \(([^)]+)\)|([^\s[]+))(?:\[[^\]]*\])?(?: \[[\d.]+s\])? \.\.\. (ok|FAILED|SKIPPED)(?:: (.*))?/.exec(
          line,
        )
      if (found !== null) {
        end()
        const test = (found[1] ?? found[2])!
        const word = found[3] as keyof typeof WORDS
        if (word === 'FAILED') failed = { test, traceback: false, says: '' }
        else onResult(test, { outcome: WORDS[word], says: found[4] ?? '' })
      } else if (/^(=|-){6,}$|^Totals$/.test(line)) {
        end()
      } else if (failed !== undefined) {
        const heading = /^Captured (.*):$/.exec(line)
        if (heading !== null) failed.traceback = heading[1] === 'traceback'
        else if (failed.traceback && !/^\s*~*$/.test(line)) failed.says = line.trim()
      }
    },
    end,
  }
}
