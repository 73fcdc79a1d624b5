/**
 * `npm run conformance -- tempest [identity|image|compute|network|volume]…`: runs public tests of real clients against a
 * fresh emulator and prints what passed, failed and was skipped, by service. `--keep FILE` writes each test's outcome.
 * The tests themselves come from the distribution's packages; the lists beside this file name which of them apply.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs, promisify } from 'node:util'
import { freePort, startCloud } from '../support/cloud-process.ts'
import { tempestConfig } from './tempest-config.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: 'string' },
    match: { type: 'string' },
    concurrency: { type: 'string', default: '2' },
    verbose: { type: 'boolean' },
  },
})
const [suite, ...asked] = positionals
if (suite !== 'tempest') {
  console.error(
    'usage: npm run conformance -- tempest [identity|image|compute|network|volume]… [--match REGEXP] [--keep FILE] [--verbose]',
  )
  process.exit(2)
}
if (!existsSync('/usr/bin/tempest')) {
  console.error('Tempest is missing: apt-get install -y --no-install-recommends tempest python3-tempest python3-stestr')
  process.exit(2)
}

type Outcome = 'passed' | 'failed' | 'skipped'

const rows = (await readFile(join(import.meta.dirname, 'tempest.tsv'), 'utf8'))
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t') as [string, string])
const services = asked.length > 0 ? asked : [...new Set(rows.map(([, service]) => service))]
const wanted = rows.filter(
  ([test, service]) =>
    services.includes(service) && (values.match === undefined || new RegExp(values.match).test(test)),
)
if (wanted.length === 0) {
  console.error('no test matches')
  process.exit(2)
}

const state = await mkdtemp(join(tmpdir(), 'stratolith-conformance-'))
await chmod(state, 0o711)
const emulator = await startCloud(state, await freePort(), [
  '--emulator',
  '--clouds-yaml',
  'none',
  '--simulated-hosts',
  '2',
])
try {
  const workspace = join(state, 'tempest')
  await run('tempest', ['init', '--workspace-path', join(state, 'workspaces.yaml'), workspace], state)
  const { admin } = JSON.parse(await readFile(join(state, 'passwords.json'), 'utf8')) as { admin: string }
  await mkdir(join(workspace, 'etc'), { recursive: true })
  await writeFile(
    join(workspace, 'etc/tempest.conf'),
    await tempestConfig({ url: emulator.url, password: admin, lockDir: join(state, 'locks') }),
  )
  await writeFile(join(state, 'list'), `${(await fullIds(workspace)).join('\n')}\n`)
  const outcomes = await tempest(workspace, join(state, 'list'))
  report(outcomes)
} finally {
  await emulator.stop()
  if (values.keep === undefined) await rm(state, { recursive: true, force: true })
}

/** Ids as the runner wants them: with their tags behind, in brackets, which differ between releases. */
async function fullIds(workspace: string): Promise<string[]> {
  const names = new Set(wanted.map(([test]) => test))
  const listed = await run('stestr', ['list'], workspace)
  return listed.split('\n').filter((id) => names.has(id.replace(/\[.*$/, '')))
}

async function tempest(workspace: string, list: string): Promise<Map<string, Outcome>> {
  const child = spawn('tempest', ['run', '--load-list', list, '--concurrency', values.concurrency], {
    cwd: workspace,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment(),
  })
  const outcomes = new Map<string, Outcome>()
  const words: Record<string, Outcome> = { ok: 'passed', FAILED: 'failed', SKIPPED: 'skipped' }
  for await (const line of createInterface({ input: child.stdout })) {
    const found =
      /^\{\d+\} (?:setUpClass \()?([\w.]+)\)?(?:\[[^\]]*\])?(?: \[[\d.]+s\])? \.\.\. (ok|FAILED|SKIPPED)/.exec(line)
    if (found !== null) {
      outcomes.set(found[1]!, words[found[2]!]!)
      if (process.stderr.isTTY) process.stderr.write(`\r${outcomes.size} of ${wanted.length}`)
    }
    if (values.verbose === true) console.log(line)
  }
  if (values.keep !== undefined) {
    await run('sh', ['-c', 'exec stestr last > "$0" 2>&1 || true', `${values.keep}.log`], workspace).catch(
      () => undefined,
    )
  }
  return outcomes
}

/** A class whose preparation failed or was skipped stands for all its tests. */
function report(outcomes: Map<string, Outcome>): void {
  const counts = new Map<string, Record<Outcome, number>>()
  const lines: string[] = []
  for (const [test, service] of wanted) {
    const outcome = outcomes.get(test) ?? outcomes.get(test.slice(0, test.lastIndexOf('.'))) ?? 'failed'
    const count = counts.get(service) ?? { passed: 0, failed: 0, skipped: 0 }
    count[outcome]++
    counts.set(service, count)
    lines.push(`${outcome}\t${service}\t${test}`)
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  for (const [service, { passed, failed, skipped }] of counts)
    console.log(`${service}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  if (values.keep !== undefined) void writeFile(values.keep, `${lines.join('\n')}\n`)
}

/** The distribution's Python, whatever other one comes first: Tempest is a package of the distribution. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', PYTHONWARNINGS: 'ignore' }
}

/** Runs a program to its end and answers what it printed. */
async function run(program: string, args: string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: environment(), maxBuffer: 64 << 20 })
  return stdout
}
