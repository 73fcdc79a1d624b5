/** Images in several stores: brought there by uploads, imports and copies, read from any, taken out of one. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { stockTests } from '../../durable/stock-tests.ts'
import { type ImageId, newId, type StoryId } from '../../ids.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { openByteStore } from '../data/byte-store.ts'
import { tendBytes } from '../data/gardener.ts'
import { openStores } from './stores.ts'

const BYTES = 'some bytes'
let test: ImageServiceUnderTest
let dir: string
let latest: string

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'image-stores-'))
  test = await imageServiceUnderTest({
    furtherStores: [
      { id: 'fast', dir: join(dir, 'fast'), description: 'Fast ones' },
      { id: 'slow', dir: join(dir, 'slow') },
    ],
  })
  await test.service.context.stories.launch()
})
after(async () => {
  await test[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

const pathIn = (store: string, id: string) =>
  store === 'file' ? join(test.service.context.stateDir, 'image/images', id) : join(dir, store, id)
/** Where files of the image lie. */
const lies = (id: string) => ['file', 'fast', 'slow'].filter((store) => existsSync(pathIn(store, id)))
const unfinished = async () => [
  ...(await readdir(join(dir, 'fast/incoming'))),
  ...(await readdir(join(dir, 'slow/incoming'))),
]
const show = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body
const bytesOf = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}/file`)).body
const begin = (who: 'demo' | 'admin', id: string, name: string, more: object = {}, headers = {}) =>
  test.ask(who, 'POST', `/v2/images/${id}/import`, { method: { name }, ...more }, headers)
const stage = async (id: string) =>
  assert.equal(
    (await test.ask('demo', 'PUT', `/v2/images/${id}/stage`, BYTES, { 'content-type': 'application/octet-stream' }))
      .status,
    204,
  )
const taskOf = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks.at(-1)
const ended = async (id: string) => {
  await test.service.context.stories.ended((await taskOf(id)).id as StoryId)
  return await taskOf(id)
}
const leave = (store: string, id: string, who: 'demo' | 'admin' = 'admin') =>
  test.ask(who, 'DELETE', `/v2/stores/${store}/${id}`)
/** Makes a store refuse bytes: its folder for what comes in is a file. */
const breakStore = async (store: string) => {
  await rm(join(dir, store, 'incoming'), { recursive: true })
  await writeFile(join(dir, store, 'incoming'), '')
}
const repairStore = async (store: string) => {
  await rm(join(dir, store, 'incoming'), { recursive: true })
  await mkdir(join(dir, store, 'incoming'))
}

describe('stores', () => {
  it('are told of, the default first; in detail to admins', async () => {
    const { stores } = (await test.ask('reader', 'GET', '/v2/info/stores')).body
    assert.deepEqual(stores, [
      { id: 'file', description: 'Files of the control plane', default: 'true' },
      { id: 'fast', description: 'Fast ones' },
      { id: 'slow', description: 'Further files of the control plane' },
    ])
    const detail = (await test.ask('admin', 'GET', '/v2/info/stores/detail')).body.stores
    assert.deepEqual(
      detail.map((store: { type: string; properties: { data_dir: string } }) => [
        store.type,
        store.properties.data_dir,
      ]),
      [
        ['file', join(test.service.context.stateDir, 'image')],
        ['file', join(dir, 'fast')],
        ['file', join(dir, 'slow')],
      ],
    )
    const made = await test.ask('demo', 'POST', '/v2/images', { name: 'x' })
    assert.equal(made.headers['openstack-image-store-ids'], 'file,fast,slow')
  })

  it('take an upload by name, and the default where none is given', async () => {
    const id = await test.anImage()
    const up = await test.upload('demo', id, BYTES, { 'x-image-meta-store': 'fast' })
    assert.equal(up.status, 204)
    assert.equal((await show(id)).stores, 'fast')
    assert.deepEqual([lies(id), await unfinished(), await bytesOf(id)], [['fast'], [], BYTES])
    assert.deepEqual(lies(await test.anActiveImage()), ['file'])
    const unknown = await test.upload('demo', await test.anImage(), BYTES, { 'x-image-meta-store': 'ceph' })
    assert.equal(unknown.status, 400)
  })

  it('may be preferred by whoever reads', async () => {
    const id = await test.anActiveImage()
    await begin('admin', id, 'copy-image', { stores: ['fast'] })
    await ended(id)
    await writeFile(pathIn('fast', id), 'from fast!')
    const from = async (query: string) => (await test.ask('demo', 'GET', `/v2/images/${id}/file?${query}`)).body
    assert.equal(await from('prefer=slow,fast'), 'from fast!')
    assert.equal(await from('prefer=file,fast'), BYTES)
    assert.equal(await from('prefer=slow'), BYTES)
    assert.equal(await from('prefer='), BYTES)
    const unknown = await test.ask('demo', 'GET', `/v2/images/${id}/file?prefer=ceph`)
    assert.equal(unknown.status, 400)
  })

  it('give an image to hosts, whichever has it', async () => {
    const id = (await test.anImage()) as ImageId
    await test.upload('demo', id, BYTES, { 'x-image-meta-store': 'slow' })
    const chunks = await (await test.images.source.open(id)).toArray()
    assert.equal(Buffer.concat(chunks).toString(), BYTES)
  })

  it('lose an image that is deleted, all of them', async () => {
    const id = await test.anImage()
    await stage(id)
    await begin('demo', id, 'glance-direct', { all_stores: true })
    await ended(id)
    assert.deepEqual(lies(id), ['file', 'fast', 'slow'])
    assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
    assert.deepEqual(lies(id), [])
  })

  it('keep holes as holes', async () => {
    const id = await test.anImage()
    const bytes = Buffer.concat([Buffer.alloc(4 * 2 ** 20), Buffer.from('end')])
    await test.upload('demo', id, bytes, { 'x-image-meta-store': 'fast' })
    const { size, blocks } = await stat(pathIn('fast', id))
    assert.equal(size, bytes.length)
    assert.ok(blocks * 512 < 2 ** 20)
  })
})

describe('an import', () => {
  it('brings an image to all stores, or to those that are named', async () => {
    const everywhere = await test.anImage()
    await stage(everywhere)
    assert.equal((await begin('demo', everywhere, 'glance-direct', { all_stores: true })).status, 202)
    assert.equal((await ended(everywhere)).status, 'success')
    const image = await show(everywhere)
    assert.deepEqual(image.stores.split(',').sort(), ['fast', 'file', 'slow'])
    assert.deepEqual([image.os_glance_importing_to_stores, image.os_glance_failed_import], ['', ''])
    assert.equal((await taskOf(everywhere)).message, 'Imported to store fast, slow, file')

    const named = await test.anImage()
    await stage(named)
    await begin('demo', named, 'glance-direct', { stores: ['slow', 'fast', 'slow'] })
    await ended(named)
    assert.deepEqual([lies(named), await unfinished(), await bytesOf(named)], [['fast', 'slow'], [], BYTES])

    const byHeader = await test.anImage()
    await stage(byHeader)
    await begin('demo', byHeader, 'glance-direct', {}, { 'x-image-meta-store': 'slow' })
    await ended(byHeader)
    assert.deepEqual(lies(byHeader), ['slow'])
  })

  it('that must reach all stores and does not leaves the image queued, and names the store', async () => {
    const id = await test.anImage()
    await stage(id)
    await breakStore('slow')
    try {
      await begin('demo', id, 'glance-direct', { stores: ['fast', 'slow', 'file'] })
      assert.equal((await ended(id)).status, 'failure')
    } finally {
      await repairStore('slow')
    }
    const image = await show(id)
    assert.deepEqual([image.status, image.os_glance_failed_import, lies(id)], ['queued', 'slow', []])
    await stage(id)
    await begin('demo', id, 'glance-direct', { stores: ['slow'] })
    assert.equal((await ended(id)).status, 'success')
    assert.equal((await show(id)).os_glance_failed_import, '')
  })

  it('that may miss a store is active in the others', async () => {
    const id = await test.anImage()
    await stage(id)
    await breakStore('fast')
    try {
      await begin('demo', id, 'glance-direct', { all_stores: true, all_stores_must_succeed: false })
      assert.equal((await ended(id)).status, 'success')
    } finally {
      await repairStore('fast')
    }
    const image = await show(id)
    assert.deepEqual([image.status, image.os_glance_failed_import], ['active', 'fast'])
    assert.deepEqual(lies(id), ['file', 'slow'])
  })

  it('that reaches no store at all leaves the image queued', async () => {
    const id = await test.anImage()
    await stage(id)
    await breakStore('fast')
    try {
      await begin('demo', id, 'glance-direct', { stores: ['fast'], all_stores_must_succeed: false })
      const task = await ended(id)
      assert.deepEqual([task.status, task.message], ['failure', 'None of the uploads finished!'])
    } finally {
      await repairStore('fast')
    }
    assert.equal((await show(id)).status, 'queued')
  })

  it('is refused where stores are named twice over, or not at all', async () => {
    const id = await test.anImage()
    await stage(id)
    const header = { 'x-image-meta-store': 'fast' }
    assert.equal((await begin('demo', id, 'glance-direct', { stores: ['fast'] }, header)).status, 400)
    assert.equal((await begin('demo', id, 'glance-direct', { all_stores: true }, header)).status, 400)
    assert.equal((await begin('demo', id, 'glance-direct', { stores: [] })).status, 400)
    assert.equal((await begin('demo', id, 'glance-direct', { stores: [5] })).status, 400)
    assert.equal((await begin('demo', id, 'glance-direct', { stores: ['ceph'] })).status, 409)
    assert.equal((await begin('demo', id, 'glance-direct', {}, { 'x-image-meta-store': 'ceph' })).status, 409)
  })
})

describe('a copy', () => {
  it('brings an active image to further stores, while it stays what it is', async () => {
    const id = await test.anActiveImage()
    assert.equal((await begin('admin', id, 'copy-image', { stores: ['fast'] })).status, 202)
    assert.equal((await ended(id)).status, 'success')
    const image = await show(id)
    assert.deepEqual([image.status, image.stores, image.os_glance_import_task], ['active', 'fast,file', undefined])
    assert.deepEqual([lies(id), await unfinished()], [['file', 'fast'], []])

    assert.equal((await begin('admin', id, 'copy-image', { all_stores: true })).status, 202)
    await ended(id)
    assert.deepEqual((await show(id)).stores, 'fast,file,slow')
  })

  it('to the default store comes from one that has it', async () => {
    const id = await test.anImage()
    await test.upload('demo', id, BYTES, { 'x-image-meta-store': 'slow' })
    await begin('admin', id, 'copy-image', { stores: ['file'] })
    assert.equal((await ended(id)).status, 'success')
    assert.deepEqual([lies(id), (await show(id)).stores], [['file', 'slow'], 'file,slow'])
  })

  it('to where it is already is refused by name, and nothing where all have it', async () => {
    const id = await test.anActiveImage()
    const again = await begin('admin', id, 'copy-image', { stores: ['fast', 'file'] })
    assert.equal(again.status, 400)
    assert.match(again.body.message, /already present at store 'file'/)
    await begin('admin', id, 'copy-image', { all_stores: true })
    await ended(id)
    const tasks = (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks.length
    assert.equal((await begin('admin', id, 'copy-image', { all_stores: true })).status, 202)
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks.length, tasks)
  })

  it('is for admins, of images that are active', async () => {
    assert.equal((await begin('demo', await test.anActiveImage(), 'copy-image', { stores: ['fast'] })).status, 403)
    assert.equal((await begin('admin', await test.anImage(), 'copy-image', { stores: ['fast'] })).status, 409)
  })

  it('that fails leaves the image where it was, and names the store', async () => {
    const id = await test.anActiveImage()
    await breakStore('slow')
    try {
      await begin('admin', id, 'copy-image', { stores: ['fast', 'slow'] })
      assert.equal((await ended(id)).status, 'failure')
    } finally {
      await repairStore('slow')
    }
    const image = await show(id)
    assert.deepEqual([image.status, image.stores, image.os_glance_failed_import], ['active', 'file', 'slow'])
    assert.deepEqual([lies(id), await bytesOf(id)], [['file'], BYTES])
  })
})

describe('taking an image out of a store', () => {
  it('leaves it in the others, from which it is read', async () => {
    const id = await test.anActiveImage()
    await begin('admin', id, 'copy-image', { stores: ['fast'] })
    await ended(id)
    assert.equal((await leave('file', id)).status, 204)
    assert.deepEqual([lies(id), (await show(id)).stores, await bytesOf(id)], [['fast'], 'fast', BYTES])
    const last = await leave('fast', id)
    assert.equal(last.status, 403)
    assert.match(last.body.message, /only store containing it/)
  })

  it('is for admins, of active images, from a store that is there and has it', async () => {
    const id = await test.anActiveImage()
    await begin('admin', id, 'copy-image', { stores: ['fast'] })
    await ended(id)
    assert.equal((await leave('file', id, 'demo')).status, 403)
    assert.equal((await leave('ceph', id)).status, 409)
    const elsewhere = await leave('slow', id)
    assert.equal(elsewhere.status, 404)
    assert.match(elsewhere.body.message, /not stored in store slow/)
    assert.equal((await leave('file', await test.anImage())).status, 409)
    assert.equal((await leave('file', randomUUID())).status, 404)
    assert.deepEqual(lies(id), ['file', 'fast'])
  })
})

describe('after a crash', () => {
  const tend = async () => {
    const dataDir = join(test.service.context.stateDir, 'image')
    const bytes = await openByteStore(dataDir)
    const further = ['fast', 'slow'].map((id) => ({ id, dir: join(dir, id) }))
    await tendBytes({
      db: test.service.context.db,
      stores: await openStores(bytes, dataDir, further),
      log: pino({ level: 'silent' }),
    })
    await bytes.close()
  }

  it('what lies in a store without being of it goes, and the rest stays', async () => {
    const id = await test.anActiveImage()
    await begin('admin', id, 'copy-image', { stores: ['fast'] })
    await ended(id)
    await writeFile(pathIn('slow', id), 'left over')
    const unknown = newId<ImageId>()
    await writeFile(pathIn('fast', unknown), 'left over')
    await tend()
    assert.deepEqual([lies(id), lies(unknown)], [['file', 'fast'], []])
    await test.service.context.db`update image.images set stores = '{fast}' where id = ${id}`
    await tend()
    assert.deepEqual(lies(id), ['fast'])
  })

  it('a copy that nobody makes any more goes, and one that is under way stays', async () => {
    const id = await test.anActiveImage()
    const [dead, alive] = [randomUUID(), randomUUID()]
    await test.service.context.db`update image.images set import_task = ${alive} where id = ${id}`
    const longAgo = new Date(Date.now() - 3_600_000)
    for (const task of [dead, alive]) {
      const path = join(dir, 'fast/incoming', `${id}.${task}`)
      await writeFile(path, 'half')
      await chmod(path, 0o600)
      await utimes(path, longAgo, longAgo)
    }
    await tend()
    assert.deepEqual(await unfinished(), [`${id}.${alive}`])
    await test.service.context.db`update image.images set import_task = null where id = ${id}`
    await tend()
    assert.deepEqual(await unfinished(), [])
  })
})

stockTests('image.import-image to several stores', {
  steps: [
    'report importing',
    'inspect the bytes',
    'keep the bytes in slow',
    'keep the bytes in fast',
    'keep the bytes',
    'report active',
  ],
  async tell() {
    latest = await test.anImage()
    await stage(latest)
    await begin('demo', latest, 'glance-direct', { stores: ['file', 'slow', 'fast'] })
    const { id } = await taskOf(latest)
    await test.service.context.stories.ended(id)
    return id
  },
  done: {
    imageIsEverywhere: async () => assert.deepEqual(lies(latest), ['file', 'fast', 'slow']),
    imageSaysSo: async () => assert.equal((await show(latest)).stores, 'fast,file,slow'),
    taskSucceeded: async () => assert.equal((await taskOf(latest)).status, 'success'),
    nothingIsUnfinished: async () => assert.deepEqual(await unfinished(), []),
  },
  cleanSlate: {
    imageIsQueued: async () => assert.equal((await show(latest)).status, 'queued'),
    noBytesRemain: async () => assert.deepEqual([lies(latest), await unfinished()], [[], []]),
    taskFailed: async () => assert.equal((await taskOf(latest)).status, 'failure'),
    imageCanBeFilled: async () => assert.equal((await test.upload('demo', latest, 'again')).status, 204),
  },
})

stockTests('image.copy-image', {
  steps: ['report copying', 'copy the bytes to slow', 'copy the bytes to fast', 'report copied'],
  async tell() {
    latest = await test.anActiveImage()
    await begin('admin', latest, 'copy-image', { stores: ['slow', 'fast'] })
    const { id } = await taskOf(latest)
    await test.service.context.stories.ended(id)
    return id
  },
  done: {
    imageIsEverywhere: async () => assert.deepEqual(lies(latest), ['file', 'fast', 'slow']),
    imageSaysSo: async () => assert.equal((await show(latest)).stores, 'fast,file,slow'),
    taskSucceeded: async () => assert.equal((await taskOf(latest)).status, 'success'),
  },
  cleanSlate: {
    imageIsWhereItWas: async () => {
      const { status, stores, os_glance_import_task } = await show(latest)
      assert.deepEqual([status, stores, os_glance_import_task, lies(latest)], ['active', 'file', undefined, ['file']])
    },
    nothingIsUnfinished: async () => assert.deepEqual(await unfinished(), []),
    taskFailed: async () => assert.equal((await taskOf(latest)).status, 'failure'),
    imageCanBeRead: async () => assert.equal(await bytesOf(latest), BYTES),
  },
})
