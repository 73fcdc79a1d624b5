/** gophercloud's acceptance tests, as Debian packages them: a Go test binary a package of tests, built where it runs. */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Result } from './outcomes.ts'

export interface GoRun {
  readonly dir: string
  /** `openstack/identity/v3:TestUserCRUD`: a package below `acceptance/`, and a test in it. */
  readonly tests: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  onLine(line: string): void
  onResult(test: string, result: Result): void
}

const ACCEPTANCE = 'github.com/gophercloud/gophercloud/acceptance'
const SOURCES = '/usr/share/gocode'

interface Event {
  readonly Action: string
  readonly Test?: string
  readonly Output?: string
}

export async function goTests(run: GoRun): Promise<void> {
  const packages = Map.groupBy(run.tests, (test) => test.slice(0, test.indexOf(':')))
  for (const [name, tests] of packages) await goPackage(name, tests, run)
}

async function goPackage(name: string, tests: readonly string[], run: GoRun): Promise<void> {
  const own = join(run.dir, 'go')
  await mkdir(own, { recursive: true })
  const wanted = tests.map((test) => test.slice(test.indexOf(':') + 1))
  const child = spawn(
    'go',
    [
      'test',
      '-tags',
      'acceptance',
      '-json',
      '-timeout',
      '60m',
      '-run',
      `^(${wanted.join('|')})$`,
      `${ACCEPTANCE}/${name}`,
    ],
    {
      cwd: own,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...run.environment, GO111MODULE: 'off', GOPATH: `${own}:${SOURCES}`, GOCACHE: join(own, 'cache') },
    },
  )
  const said = new Map<string, string>()
  for await (const line of createInterface({ input: child.stdout })) {
    const event = parsed(line)
    const text = (event?.Output ?? line).replaceAll(COLOURS, '').trim()
    run.onLine(text)
    const test = event?.Test?.split('/')[0]
    if (event === undefined || test === undefined) continue
    if (event.Action === 'output' && tells(text, said.get(test))) said.set(test, text)
    if (event.Test !== test) continue
    const outcome = ({ pass: 'passed', fail: 'failed', skip: 'skipped' } as const)[event.Action]
    if (outcome !== undefined) run.onResult(`${name}:${test}`, { outcome, says: said.get(test) ?? '' })
  }
}

const COLOURS = /\x1b\[[\d;]*m/g
const FAILURE = /Failure in |Unable to |panic: /

/** Whether a line says more of a test's end than what it said before: cleaning up after a failure says the least. */
function tells(text: string, before = ''): boolean {
  return text !== '' && !/^(---|===) /.test(text) && (FAILURE.test(text) || !FAILURE.test(before))
}

/** Lines of the compiler are not events. */
function parsed(line: string): Event | undefined {
  return line.startsWith('{') ? (JSON.parse(line) as Event) : undefined
}
