/** The content of a volume, both ways, and the memory that it takes. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, StorageVolume } from '../src/index.ts'
import { compare, type Spent, spend } from './pairs.ts'
import type { Peer } from './peer.ts'
import { print } from './print.ts'

const MIB = 1 << 20
const BYTES = 512 * MIB
const LARGE_BYTES = 2048 * MIB
const ROUNDS = 5
const NAME = 'bench.raw'
/** 8 MiB may wait for a reader, and V8 lets some 64 MiB of read buffers lie about before it collects them. */
const BOUNDED = '<= 96'

export async function volumes(connection: Connection, folder: string, peer: Peer | undefined): Promise<void> {
  const pool = await connection.storagePools.createXml(
    `<pool type='dir'><name>bench</name><target><path>${folder}</path></target></pool>`,
  )
  try {
    const volume = await pool.createVolumeXml(
      `<volume><name>${NAME}</name><capacity>${LARGE_BYTES}</capacity><target><format type='raw'/></target></volume>`,
    )
    const up = await speeds(
      () => spend(() => upload(volume, BYTES)),
      peer && (() => peer.order('upload', 'bench', NAME, BYTES)),
    )
    tell('upload', up)
    const down = await speeds(
      () => spend(() => download(volume, BYTES)),
      peer && (() => peer.order('download', 'bench', NAME, BYTES)),
    )
    tell('download', down)
    print('memory, growth while 2 GiB are uploaded', await growthMiB(() => upload(volume, LARGE_BYTES)), 'MiB', BOUNDED)
    print(
      'memory, growth while 2 GiB are downloaded',
      await growthMiB(() => download(volume, LARGE_BYTES)),
      'MiB',
      BOUNDED,
    )
    print('memory, growth while a reader rests', await growthMiB(() => downloadSlowly(volume)), 'MiB', BOUNDED)
    await volume.delete()
  } finally {
    await pool.destroy()
  }
}

interface Speeds {
  ours: number
  ratio: number | undefined
  theirs: number | undefined
  cpuRatio: number | undefined
}

async function speeds(ours: () => Promise<Spent>, theirs: (() => Promise<Spent>) | undefined): Promise<Speeds> {
  const megabytes = BYTES / 1e6
  const { ours: own, theirs: other, wallRatio, cpuRatio } = await compare(ROUNDS, ours, theirs ?? ours)
  if (theirs === undefined)
    return { ours: megabytes / own.wallS, ratio: undefined, theirs: undefined, cpuRatio: undefined }
  return { ours: megabytes / own.wallS, theirs: megabytes / other.wallS, ratio: 1 / wallRatio, cpuRatio }
}

function tell(what: string, { ours, theirs, ratio, cpuRatio }: Speeds): void {
  print(`${what}, ours`, ours, 'MB/s', '>= 400')
  if (theirs !== undefined) print(`${what}, C`, theirs, 'MB/s')
  if (ratio !== undefined) print(`${what}, ours to C`, ratio, 'ratio')
  if (cpuRatio !== undefined) print(`${what}, CPU time, ours to C`, cpuRatio, 'ratio')
}

const piece = Buffer.alloc(MIB, 'x')

async function upload(volume: StorageVolume, bytes: number): Promise<void> {
  const stream = await volume.upload({ lengthBytes: bytes })
  const failed = new Promise<never>((_, reject) => stream.once('error', reject))
  const ended = new Promise<void>((resolve) => stream.once('finish', resolve))
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!stream.write(piece)) await Promise.race([failed, new Promise((resolve) => stream.once('drain', resolve))])
  }
  stream.end()
  await Promise.race([failed, ended])
}

async function download(volume: StorageVolume, bytes: number): Promise<void> {
  let received = 0
  for await (const chunk of await volume.download({ lengthBytes: bytes })) received += (chunk as Buffer).length
  if (received !== bytes) throw new Error(`${received} bytes came instead of ${bytes}`)
}

/** Half a second of rest after each 256 MiB, in which the daemon could send gigabytes. */
async function downloadSlowly(volume: StorageVolume): Promise<void> {
  let received = 0
  let rests = 0
  for await (const chunk of await volume.download({ lengthBytes: LARGE_BYTES })) {
    received += (chunk as Buffer).length
    if (received > (rests + 1) * 256 * MIB) {
      rests++
      await sleep(500)
    }
  }
}

/** The most that this process held at once during the work, above what it held before. */
async function growthMiB(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 5)
  try {
    await work()
  } finally {
    clearInterval(watch)
  }
  return (most - before) / MIB
}
