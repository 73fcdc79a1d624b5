/**
 * The bytes of an image, up and down over HTTP, against what the same machine does without us: `tee` into both hashes and
 * a file, and `cp`. Ours and theirs take turns, so that a ratio holds where the machine's speed drifts. The clients are
 * curl, in processes of their own: one written here would be what is measured.
 */
import { execFile, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { memoryMiB } from '../test/support/cloud-process.ts'
import { send } from '../test/support/http-load.ts'
import { print } from './print.ts'

const run = promisify(execFile)

const SIZE_MIB = 256
const ROUNDS = 7
const AT_ONCE = 16
const AT_ONCE_MIB = 64
/** Of the clock that /proc counts processor time by. */
const TICK_MS = 10

export interface ImageDataBench {
  readonly url: string
  readonly token: string
  readonly pid: number
  /** On the disk that the cloud's state is on. */
  readonly dir: string
}

export async function imageData(bench: ImageDataBench): Promise<void> {
  const source = join(bench.dir, 'source')
  const copy = join(bench.dir, 'copy')
  await writeRandom(source, SIZE_MIB)
  await speeds(bench, source, copy)
  await neighbours(bench, source, copy)
  await memory(bench, source)
  await rm(source)
}

async function speeds(bench: ImageDataBench, source: string, copy: string): Promise<void> {
  const { dir } = bench
  const took: Record<'tee' | 'beside' | 'up' | 'cp' | 'curl' | 'toFile' | 'toNull', number[]> = {
    tee: [],
    beside: [],
    up: [],
    cp: [],
    curl: [],
    toFile: [],
    toNull: [],
  }
  const spent = { up: 0, down: 0 }
  for (let round = 0; round <= ROUNDS; round++) {
    const tee = await shellMs(`tee >(md5sum >&2) >(sha512sum >&2) < '${source}' > '${copy}'`)
    await rm(copy)
    const beside = await shellMs(`cp '${source}' '${copy}' & md5sum '${source}' & sha512sum '${source}' & wait`)
    await rm(copy)
    const id = await anImage(bench)
    const idle = await processorMs(bench.pid)
    const up = await upload(bench, id, source)
    const uploaded = await processorMs(bench.pid)
    const kept = join(dir, 'image/images', id)
    const cp = await shellMs(`cp '${kept}' '${copy}'`)
    await rm(copy)
    const curl = await curlMs(['-o', copy], pathToFileURL(kept).href)
    await rm(copy)
    const toFile = await download(bench, id, copy)
    await rm(copy)
    const beforeDown = await processorMs(bench.pid)
    const toNull = await download(bench, id, '/dev/null')
    if (round > 0) {
      for (const [what, ms] of Object.entries({ tee, beside, up, cp, curl, toFile, toNull })) {
        took[what as keyof typeof took].push(ms)
      }
      spent.up += uploaded - idle
      spent.down += (await processorMs(bench.pid)) - beforeDown
    }
    await remove(bench, id)
  }
  const speed = (times: number[]) => SIZE_MIB / (median(times) / 1000)
  const ratio = (theirs: number[], ours: number[]) => median(theirs.map((ms, round) => ms / ours[round]!))
  print('image up, 256 MiB', speed(took.up), 'MiB/s', '>= 450')
  print('the same bytes through tee into md5sum, sha512sum and a file', speed(took.tee), 'MiB/s')
  print('image up, of what tee reaches', ratio(took.tee, took.up), 'times', '>= 0.9')
  print('the same bytes by cp, md5sum and sha512sum side by side', speed(took.beside), 'MiB/s')
  print('image up, of what cp, md5sum and sha512sum side by side reach', ratio(took.beside, took.up), 'times')
  print('our processor time for an image up', spent.up / ROUNDS / SIZE_MIB, 'ms/MiB')
  print('image down, thrown away, 256 MiB', speed(took.toNull), 'MiB/s', '>= 2500')
  print('cp of the same file', speed(took.cp), 'MiB/s')
  print('image down thrown away, of what cp reaches', ratio(took.cp, took.toNull), 'times', '>= 0.9')
  print('image down, to a file, 256 MiB', speed(took.toFile), 'MiB/s')
  print('the same client from the file itself to a file', speed(took.curl), 'MiB/s')
  print('image down to a file, of what the same client reaches alone', ratio(took.curl, took.toFile), 'times', '>= 0.9')
  print('our processor time for an image down', spent.down / ROUNDS / SIZE_MIB, 'ms/MiB')
}

/** How long another question waits, one after the other from one client, beside a transfer and beside what others do as much with. */
async function neighbours(bench: ImageDataBench, source: string, copy: string): Promise<void> {
  const { url, token } = bench
  const ask = async () => {
    const began = performance.now()
    const reply = await send(url, 'GET', '/image/v2/images?limit=1', { 'x-auth-token': token })
    if (reply.status !== 200) throw new Error(`not listed: ${reply.status}`)
    return performance.now() - began
  }
  const p99 = async (times: number, beside?: () => Promise<unknown>) => {
    let stopped = false
    const load = (async () => {
      while (beside !== undefined && !stopped) await beside()
    })()
    const took: number[] = []
    while (took.length < times) took.push(await ask())
    stopped = true
    await load
    return took.sort((a, b) => a - b)[Math.floor(times * 0.99)]!
  }
  const id = await anImage(bench)
  await upload(bench, id, source)
  await p99(500)
  const alone = await p99(1000)
  print('p99 of a list of images, alone', alone, 'ms')
  const tee = `tee >(md5sum >&2) >(sha512sum >&2) < '${source}' > '${copy}'`
  const besideTee = await p99(1000, () => shellMs(tee))
  print('p99 of a list of images, beside tee into md5sum, sha512sum and a file', besideTee, 'ms')
  const up = async () => {
    const other = await anImage(bench)
    await upload(bench, other, source)
    await remove(bench, other)
  }
  const besideUp = await p99(1000, up)
  print('p99 of a list of images, beside an image up', besideUp, 'ms')
  print('p99 of a list of images, beside an image up, of that alone', besideUp / alone, 'times', '<= 3')
  const besideDown = await p99(1000, () => download(bench, id, '/dev/null'))
  print('p99 of a list of images, beside an image down', besideDown, 'ms')
  print('p99 of a list of images, beside an image down, of that alone', besideDown / alone, 'times', '<= 3')
  await rm(copy)
  await remove(bench, id)
}

async function memory(bench: ImageDataBench, source: string): Promise<void> {
  const { dir } = bench
  const small = join(dir, 'small')
  await shellMs(`head -c ${AT_ONCE_MIB}M '${source}' > '${small}'`)
  const before = (await memoryMiB(bench.pid)).own
  const ids = await Promise.all(Array.from({ length: AT_ONCE }, () => anImage(bench)))
  const most = async (work: Promise<unknown>) => {
    let done = false
    const ended = work.finally(() => {
      done = true
    })
    let peak = 0
    while (!done) {
      peak = Math.max(peak, (await memoryMiB(bench.pid)).own)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await ended
    return peak
  }
  const began = performance.now()
  const up = await most(Promise.all(ids.map((id) => upload(bench, id, small))))
  const tookMs = performance.now() - began
  const down = await most(Promise.all(ids.map((id) => download(bench, id, '/dev/null', '8M'))))
  print('memory (PSS) that 16 images of 64 MiB up at once add', up - before, 'MiB')
  print('16 images of 64 MiB up at once, together', (AT_ONCE * AT_ONCE_MIB) / (tookMs / 1000), 'MiB/s')
  print('memory (PSS) that 16 images of 64 MiB down at once add', down - before, 'MiB')
  await Promise.all(ids.map((id) => remove(bench, id)))
  await rm(small)
}

async function anImage({ url, token }: ImageDataBench): Promise<string> {
  const body = { name: 'bench', disk_format: 'raw', container_format: 'bare' }
  const reply = await send(url, 'POST', '/image/v2/images', { 'x-auth-token': token }, body)
  if (reply.status !== 201) throw new Error(`no image: ${reply.status} ${reply.text}`)
  return JSON.parse(reply.text).id
}

async function remove({ url, token }: ImageDataBench, id: string): Promise<void> {
  const reply = await send(url, 'DELETE', `/image/v2/images/${id}`, { 'x-auth-token': token })
  if (reply.status !== 204) throw new Error(`not deleted: ${reply.status} ${reply.text}`)
}

async function upload(bench: ImageDataBench, id: string, path: string): Promise<number> {
  return await transfer(bench, id, ['-T', path, '-H', 'content-type: application/octet-stream', '-H', 'expect:'])
}

async function download(bench: ImageDataBench, id: string, path: string, limitRate?: string): Promise<number> {
  return await transfer(bench, id, ['-o', path, ...(limitRate === undefined ? [] : ['--limit-rate', limitRate])])
}

async function transfer({ url, token }: ImageDataBench, id: string, args: string[]): Promise<number> {
  return await curlMs(['-H', `x-auth-token: ${token}`, ...args], `${url}/image/v2/images/${id}/file`)
}

/** From the first byte of the question to the last of the answer, as curl counts them. */
async function curlMs(args: readonly string[], from: string): Promise<number> {
  const { stdout } = await run('curl', ['-sSf', '-w', '%{time_total}', ...args, from])
  return Number(stdout) * 1000
}

/** Until all of a command's processes have ended, for each holds its standard error. */
async function shellMs(command: string): Promise<number> {
  const began = performance.now()
  const shell = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] })
  shell.stdout.resume()
  shell.stderr.resume()
  const [code] = await once(shell, 'close')
  if (code !== 0) throw new Error(`${command}: ${code}`)
  return performance.now() - began
}

/** Processor time that all threads of a process have taken. */
async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

async function writeRandom(path: string, sizeMiB: number): Promise<void> {
  const file = createWriteStream(path, { mode: 0o600 })
  for (let each = 0; each < sizeMiB; each++) {
    if (!file.write(randomFillSync(Buffer.allocUnsafe(2 ** 20)))) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}
