/**
 * `npm run conformance -- SUITE… [SERVICE…]`: runs public tests of real clients against a fresh emulator, prints what
 * passed, failed and was skipped by service, and names what went otherwise than `expected.tsv` says; where anything did,
 * the status is 1. The tests themselves come from the distribution's packages; the lists beside this file name which of
 * them apply. `--help` has the options.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installCommand, isDebianFamily } from '../../bin/host-packages.js'
import {
  learnt,
  type Listed,
  type Outcome,
  readExpected,
  readList,
  type Result,
  resultOf,
  surprises,
  writeExpected,
} from './outcomes.ts'
import { type Suite, SUITES } from './suites.ts'
import { openTestbed } from './testbed.ts'

const SERVICES = ['identity', 'image', 'placement', 'compute', 'network', 'volume', 'scenario', 'mixed']
const USAGE = `usage: npm run conformance -- SUITE… [SERVICE…] [options]

suites:    ${SUITES.map(({ name }) => name).join(' ')}, or all
services:  ${SERVICES.join(' ')}; all of them where none is named

  --match REGEXP     only tests whose names match
  --concurrency N    tests at once
  --keep FILE        write each test's outcome to FILE, and what the suite printed to FILE.log
  --learn            write what fails into expected.tsv, to be explained there, and take out what passes
  --verbose          show what the suite prints`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: 'string' },
    match: { type: 'string' },
    concurrency: { type: 'string' },
    learn: { type: 'boolean' },
    verbose: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
const unknown = positionals.filter(
  (each) => each !== 'all' && !SERVICES.includes(each) && !SUITES.some(({ name }) => name === each),
)
const suites = SUITES.filter(({ name }) => positionals.includes(name) || positionals.includes('all'))
if (values.help === true || unknown.length > 0 || suites.length === 0) {
  console.error(`${unknown.map((each) => `${each} is neither a suite nor a service\n`).join('')}${USAGE}`)
  process.exit(2)
}
const services = positionals.filter((each) => SERVICES.includes(each))
const match = new RegExp(values.match ?? '')
const wanted = new Map(
  suites.map((suite) => [
    suite,
    readList(suite.name).filter(
      ({ test, service }) => (services.length === 0 || services.includes(service)) && match.test(test),
    ),
  ]),
)
if ([...wanted.values()].every((tests) => tests.length === 0)) {
  console.error('no test matches')
  process.exit(2)
}
havePackages([...wanted].filter(([, tests]) => tests.length > 0).map(([suite]) => suite))

const kept: string[] = []
const printed: string[] = []
for (const [suite, tests] of wanted) {
  if (tests.length === 0) continue
  console.log(`${suite.title}:`)
  report(suite, tests, await results(suite, tests))
}
if (values.keep !== undefined) {
  await writeFile(values.keep, `${kept.join('\n')}\n`)
  await writeFile(`${values.keep}.log`, `${printed.join('\n')}\n`)
}

/** Runs `tests`, each against a cloud that has what it wants. */
async function results(suite: Suite, tests: readonly Listed[]): Promise<Map<string, Result>> {
  const results = new Map<string, Result>()
  const clouds = Map.groupBy(tests, ({ test }) => suite.wantsSecondStore?.(test) ?? false)
  for (const [hasSecondStore, these] of clouds) {
    const dir = await mkdtemp(join(tmpdir(), 'stratolith-conformance-'))
    await chmod(dir, 0o711)
    try {
      await using bed = await openTestbed(dir, { hasSecondStore })
      await suite.run(bed, {
        tests: these.map(({ test }) => test),
        concurrency: values.concurrency === undefined ? suite.concurrency : Number(values.concurrency),
        onLine: hear,
        onResult(test, result) {
          results.set(test, result)
          if (process.stderr.isTTY) process.stderr.write(`\r${results.size} of ${tests.length}`)
        },
      })
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  return results
}

function hear(line: string): void {
  if (values.verbose === true) console.log(line)
  if (values.keep !== undefined) printed.push(line)
}

function report(suite: Suite, tests: readonly Listed[], results: ReadonlyMap<string, Result>): void {
  const counts = new Map<string, Record<Outcome, number>>()
  for (const each of tests) {
    const { outcome, says } = resultOf(each, results)
    const count = counts.get(each.service) ?? { passed: 0, failed: 0, skipped: 0 }
    count[outcome]++
    counts.set(each.service, count)
    kept.push([outcome, suite.name, each.service, each.test, says].join('\t'))
  }
  for (const [service, { passed, failed, skipped }] of counts)
    console.log(`  ${service}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  const expected = readExpected()
  const unforeseen = surprises(
    tests,
    results,
    expected.filter((each) => each.suite === suite.name),
  )
  if (values.learn === true) writeExpected(learnt(suite.name, tests, results, expected))
  else if (unforeseen.length > 0) process.exitCode = 1
  for (const { test, result, instead } of unforeseen)
    console.log(`  ${test}\n    ${result.outcome}, not ${instead}${result.says === '' ? '' : `: ${result.says}`}`)
}

/** Installs what `suites` need where that can be done, or names it and ends. */
function havePackages(suites: readonly Suite[]): void {
  const needed = new Map(suites.flatMap(({ packages }) => packages.map((each) => [each[0], each] as const)))
  const missing = [...needed.values()].filter(([, proof]) => !existsSync(proof))
  if (missing.length === 0) return
  for (const [name, , purpose] of missing) console.error(`missing: ${name} (${purpose})`)
  const command = installCommand(missing.map(([name]) => name))
  if (process.getuid?.() === 0 && isDebianFamily()) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    if (spawnSync('sh', ['-c', command], { stdio: 'inherit', env }).status === 0) return
  }
  console.error(`On Debian and its family: ${command}`)
  process.exit(2)
}
