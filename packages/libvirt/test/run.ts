/** `npm test [-- FILE…]`: each file a process of its own. A full run ends with the table of what was called. */
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const asked = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'libvirt-called-'))
process.env.LIBVIRT_TEST_CALLED = folder
let failed = false
async function runFiles(files: string[]): Promise<void> {
  const stream = run({ files, concurrency: 2, timeout: 600_000 })
  stream.on('test:fail', (told) => {
    if (told.todo === undefined) failed = true
  })
  for await (const chunk of stream.compose(spec)) process.stdout.write(chunk)
}
try {
  const files =
    asked.length > 0
      ? asked
      : globSync('*.test.ts', { cwd: import.meta.dirname })
          .sort()
          .map((file) => join(import.meta.dirname, file))
  await runFiles(files)
  if (asked.length === 0) await runFiles([join(import.meta.dirname, 'every-method.ts')])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
