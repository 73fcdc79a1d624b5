/** The `tiny` image: built once from the host's Debian packages; on the emulator a few honest bytes of the same name. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cloud } from '../cloud.ts'
import type { Config } from '../config.ts'
import { clearWaiting, ticked, waitingFor } from './terminal.ts'

const BUILDER = join(import.meta.dirname, '../../images/tiny/build')

/**
 * Makes the image where the cloud has none of that name.
 * @throws Error that says why there is none; AbortError when `signal` aborts
 */
export async function ensureTinyImage(
  cloud: Cloud,
  config: Config,
  ownerProjectId: string,
  signal: AbortSignal,
): Promise<void> {
  const since = Date.now()
  const path = join(config.state, config.emulator ? 'tiny.raw' : 'tiny.qcow2')
  if (!existsSync(path)) {
    if (config.emulator) await pretendImage(path)
    else await build(path, join(config.state, 'cache/packages'), signal)
    clearWaiting()
    ticked('tiny image', Date.now() - since)
  }
  await cloud.images.importFile({
    name: 'tiny',
    path,
    diskFormat: config.emulator ? 'raw' : 'qcow2',
    properties: { os_type: 'linux', os_distro: 'debian', hw_rng_model: 'virtio' },
    ownerProjectId,
  })
}

/** 64 KiB of nothing: the pretend hypervisor boots it. */
async function pretendImage(path: string): Promise<void> {
  const file = await open(path, 'w')
  await file.truncate(65536)
  await file.close()
}

async function build(path: string, cache: string, signal: AbortSignal): Promise<void> {
  await mkdir(cache, { recursive: true })
  waitingFor('tiny image: choosing packages')
  const child = spawn(BUILDER, [path, cache], { stdio: ['ignore', 'pipe', 'pipe'], signal })
  const errors: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    const stage = lines.at(-1)
    if (stage !== undefined) waitingFor(`tiny image: ${stage}`)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code === 0) return
  await rm(`${path}.new`, { force: true })
  throw new Error(
    `the tiny image could not be built: ${Buffer.concat(errors).toString().trim().split('\n').slice(-3).join('; ')}`,
  )
}
