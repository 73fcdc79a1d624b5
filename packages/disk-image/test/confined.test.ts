/** What qemu-img cannot do when it is confined; other programs in its place say what they see. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { confinedQemuImg } from '../src/confined.ts'

const run = promisify(execFile)
const missing = ['qemu-img', 'prlimit'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
const LIMITS = { cpuSeconds: 2, memoryBytes: 2 ** 28, largestFileBytes: 2 ** 20 }

describe('qemu-img, confined', { skip: missing.length > 0 ? `${missing.join(', ')} is not installed` : false }, () => {
  const inItsPlace = async (program: string, ...args: string[]) => {
    const { program: first, before } = (await confinedQemuImg(LIMITS))!
    return await run(first, [...before.slice(0, -1), program, ...args], { env: { LC_ALL: 'C' } })
  }

  it('has the limits that it was given', async () => {
    const { stdout } = await inItsPlace('/bin/cat', '/proc/self/limits')
    for (const [name, value] of [
      ['Max cpu time', 2],
      ['Max address space', 2 ** 28],
      ['Max file size', 2 ** 20],
      ['Max core file size', 0],
    ] as const) {
      assert.match(stdout, new RegExp(`^${name} +${value} +${value} `, 'm'))
    }
  })

  it('has no network but an idle loopback, where the kernel gives it one of its own', async (context) => {
    const alone = ['--net', '--user --net'].some(
      (options) => spawnSync('unshare', [...options.split(' '), '--', 'true']).status === 0,
    )
    if (!alone) return context.skip('no network namespaces')
    const { stdout } = await inItsPlace('/bin/cat', '/proc/net/dev')
    assert.deepEqual(
      [...stdout.matchAll(/^ *(\S+):/gm)].map(([, name]) => name),
      ['lo'],
    )
  })

  it('writes no larger file, and is killed when it computes too long', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'confined-'))
    try {
      const { program, before } = (await confinedQemuImg(LIMITS))!
      await run(program, [...before, 'create', '-q', '-f', 'raw', join(dir, 'small'), '1M'])
      await assert.rejects(run(program, [...before, 'create', '-q', '-f', 'raw', join(dir, 'large'), '2M']))
      await assert.rejects(inItsPlace('/bin/sh', '-c', 'while :; do :; done'), (error: { signal?: string }) =>
        /SIGKILL|SIGXCPU/.test(String(error.signal)),
      )
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})
