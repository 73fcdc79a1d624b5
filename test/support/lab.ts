/** What tests with real guests need of the machine, and what they share: the tiny image, built once. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { missingPackages } from '../../bin/host-packages.js'

const BUILDER = join(import.meta.dirname, '../../images/tiny/build')

/** Why a test of the lab cannot run here; undefined when it can. */
export function labMissing(_what: string): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (process.env.STRATOLITH_NO_LAB !== undefined) return 'STRATOLITH_NO_LAB is set'
  const missing = missingPackages().map(([name]) => name)
  return missing.length === 0 ? undefined : `needs the packages ${missing.join(', ')}`
}

/** Path of the tiny image, kept between runs; several test files may ask at once. */
export async function tinyImage(): Promise<string> {
  const dir = process.env.STRATOLITH_TEST_CACHE ?? join(tmpdir(), 'stratolith-test-cache')
  await mkdir(dir, { recursive: true })
  const path = join(dir, 'tiny.qcow2')
  const lock = `${path}.lock`
  for (let waited = 0; !existsSync(path); waited += 200) {
    const mine = await open(lock, 'wx').catch(() => undefined)
    if (mine !== undefined) {
      try {
        await promisify(execFile)(BUILDER, [path, join(dir, 'packages')], { timeout: 240_000 })
      } finally {
        await mine.close()
        await rm(lock, { force: true })
      }
    } else if (waited > 300_000) {
      throw new Error(`another test has been building ${path} for five minutes; remove ${lock} if none is`)
    }
    if (!existsSync(path)) await sleep(200)
  }
  return path
}
