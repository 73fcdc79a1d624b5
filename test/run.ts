/**
 * Runs the tests: `test/run.ts [FILE…]`, all of them without arguments. One throw-away PostgreSQL serves the run; each
 * file is a process of its own. The last line is `N passed, N failed, N skipped`.
 *
 * A full run notes which routes the tests ask, and ends with the test that each has been asked; likewise the methods of
 * the libvirt client. With `STRATOLITH_TEST_ROUTES=DIR` any run notes the routes, in a folder that stays.
 */
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, rm, chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { ensureLibvirtd } from '../src/agent/libvirt/daemon.ts'
import { startEmbeddedPostgres } from '../src/database/embedded.ts'
import { labMissing } from './support/lab.ts'

const root = join(import.meta.dirname, '..')
const asked = process.argv.slice(2)
const files =
  asked.length > 0
    ? asked.flatMap((pattern) => globSync(pattern, { cwd: process.cwd() })).map((file) => join(process.cwd(), file))
    : globSync(['src/**/*.test.ts', 'packages/*/{src,test}/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
        .sort()
        .map((file) => join(root, file))
if (files.length === 0) {
  console.error(`no test file matches ${asked.join(' ')}`)
  process.exit(2)
}

if (labMissing('libvirt') === undefined && (await ensureLibvirtd()) === 'started') {
  console.log('libvirtd did not run; it was started, and stays')
}
const dir = await mkdtemp(join(tmpdir(), 'stratolith-pg-'))
await chmod(dir, 0o711)
const counts = { passed: 0, failed: 0, skipped: 0 }
const postgres = await startEmbeddedPostgres({ dir: join(dir, 'pg'), careless: true, maxConnections: 100 })
process.env.STRATOLITH_TEST_DATABASE = postgres.url
if (asked.length === 0) {
  process.env.STRATOLITH_TEST_ROUTES ??= join(dir, 'routes')
  process.env.LIBVIRT_TEST_CALLED ??= join(dir, 'libvirt-called')
  await mkdir(process.env.LIBVIRT_TEST_CALLED, { recursive: true })
}
const routes = process.env.STRATOLITH_TEST_ROUTES
if (routes !== undefined) await mkdir(routes, { recursive: true })
const execArgv = routes === undefined ? [] : ['--import', join(root, 'test/compatibility/record.ts')]
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
try {
  await runFiles(files)
  const last = ['test/compatibility/every-route.ts', 'packages/libvirt/test/every-method.ts']
  if (asked.length === 0 && !stopped.signal.aborted) await runFiles(last.map((file) => join(root, file)))
} finally {
  await postgres.stop()
  await rm(dir, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

async function runFiles(files: string[]): Promise<void> {
  const stream = run({ files, concurrency: 2, timeout: 600_000, signal: stopped.signal, execArgv })
  stream.on('test:pass', (test) => {
    if (test.details.type === 'suite') return
    if (test.skip !== undefined || test.todo !== undefined) counts.skipped++
    else counts.passed++
  })
  stream.on('test:fail', (test) => {
    if (test.details.type !== 'suite' && test.todo === undefined) counts.failed++
  })
  for await (const chunk of stream.compose(spec)) process.stdout.write(chunk)
}
