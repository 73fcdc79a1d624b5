/**
 * `kill -9` of the control plane before, in and after every step of an import from the web and of a copy. Whatever the
 * moment, the next start finishes what was begun: the image is whole, in its stores, and nothing is left over.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { adminToken } from '../support/clean-slate.ts'
import { type CloudProcess, freePort, startCloud } from '../support/cloud-process.ts'
import { send } from '../support/http-load.ts'

/** As import-image.ts and copy-image.ts name them. */
const IMPORT_STEPS = [
  'report importing',
  'fetch the bytes',
  'inspect the bytes',
  'keep the bytes in fast',
  'keep the bytes',
  'report active',
]
const COPY_STEPS = ['report copying', 'copy the bytes to fast', 'report copied']
const BYTES = Buffer.alloc(5 * 2 ** 20, 'bytes from afar ')

describe('a control plane that is killed during an import', () => {
  let state: string
  let port: number
  let cloud: CloudProcess
  let flags: string[]
  let server: Server
  let web: string
  /** What the server does when it is asked; half of the bytes, then nothing, when a test wants to kill meanwhile. */
  let onAsked: (() => void) | undefined

  before(async () => {
    server = createServer((_request, response) => {
      response.setHeader('content-length', BYTES.length)
      if (onAsked === undefined) return response.end(BYTES)
      response.write(BYTES.subarray(0, BYTES.length / 2), onAsked)
      onAsked = undefined
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    web = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image`
    state = await mkdtemp(join(tmpdir(), 'st-crash-'))
    await chmod(state, 0o711)
    port = await freePort()
    flags = ['--emulator', '--clouds-yaml', 'none', '--image-stores', `fast=${join(state, 'fast')}`]
    flags.push('--image-import-networks', '127.0.0.0/8', '--image-import-ports', 'all')
    cloud = await startCloud(state, port, flags)
    await cloud.stop()
  })
  after(async () => {
    await cloud.stop()
    server.closeAllConnections()
    server.close()
    await rm(state, { recursive: true, force: true })
  })

  const ask = async (method: string, path: string, body?: unknown) => {
    const token = await adminToken(state, cloud.url)
    const reply = await send(cloud.url, method, `/image${path}`, { 'x-auth-token': token }, body)
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`)
    return reply.text === '' ? undefined : JSON.parse(reply.text)
  }
  const anImage = async () => {
    const { id } = await ask('POST', '/v2/images', { name: 'x', disk_format: 'raw', container_format: 'bare' })
    return id as string
  }
  const beginImport = (id: string, stores: string[]) =>
    ask('POST', `/v2/images/${id}/import`, { method: { name: 'web-download', uri: web }, stores })
  const untilTasksEnded = async (id: string) => {
    const deadline = Date.now() + 30_000
    for (;;) {
      const { tasks } = await ask('GET', `/v2/images/${id}/tasks`)
      if (tasks.every(({ status }: { status: string }) => status === 'success' || status === 'failure')) return tasks
      assert.ok(Date.now() < deadline, JSON.stringify(tasks))
      await sleep(50)
    }
  }
  const isWhole = async (id: string) => {
    const image = await ask('GET', `/v2/images/${id}`)
    const checksum = createHash('md5').update(BYTES).digest('hex')
    const { status, checksum: found, os_glance_import_task } = image
    assert.deepEqual([status, found, os_glance_import_task], ['active', checksum, undefined])
    assert.deepEqual(image.stores.split(',').sort(), ['fast', 'file'])
    for (const folder of ['image/incoming', 'fast/incoming']) assert.deepEqual(await readdir(join(state, folder)), [])
    for (const folder of ['image/images', 'fast']) assert.ok((await readdir(join(state, folder))).includes(id))
  }
  const killed = () => Promise.race([cloud.ended, sleep(20_000).then(() => assert.fail('it was not killed'))])

  for (const moment of ['before', 'after']) {
    for (const step of IMPORT_STEPS) {
      it(`finishes the import when it was killed ${moment} "${step}"`, async () => {
        cloud = await startCloud(state, port, [...flags, '--crash-at', `${moment}:${step}`])
        const id = await anImage()
        await beginImport(id, ['fast', 'file'])
        await killed()
        cloud = await startCloud(state, port, flags)
        await untilTasksEnded(id)
        await isWhole(id)
        await cloud.stop()
      })
    }
    for (const step of COPY_STEPS) {
      it(`finishes the copy when it was killed ${moment} "${step}"`, async () => {
        cloud = await startCloud(state, port, [...flags, '--crash-at', `${moment}:${step}`])
        const id = await anImage()
        await beginImport(id, ['file'])
        await untilTasksEnded(id)
        await ask('POST', `/v2/images/${id}/import`, { method: { name: 'copy-image' }, stores: ['fast'] })
        await killed()
        cloud = await startCloud(state, port, flags)
        await untilTasksEnded(id)
        await isWhole(id)
        await cloud.stop()
      })
    }
  }

  it('fetches anew when it was killed in the middle of fetching', async () => {
    cloud = await startCloud(state, port, flags)
    const id = await anImage()
    const half = new Promise<void>((resolve) => {
      onAsked = resolve
    })
    await beginImport(id, ['file', 'fast'])
    await half
    await cloud.kill()
    cloud = await startCloud(state, port, flags)
    await untilTasksEnded(id)
    await isWhole(id)
    await cloud.stop()
  })
})
