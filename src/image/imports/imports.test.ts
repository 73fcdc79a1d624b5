import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { stockTests } from '../../durable/stock-tests.ts'
import type { StoryId } from '../../ids.ts'

const BYTES = 'staged bytes'
let test: ImageServiceUnderTest
let latest: string

before(async () => {
  test = await imageServiceUnderTest()
  await test.service.context.stories.launch()
})
after(() => test[Symbol.asyncDispose]())

const stage = (id: string, bytes: Buffer | string = BYTES, who: 'demo' | 'alt' | 'reader' = 'demo') =>
  test.ask(who, 'PUT', `/v2/images/${id}/stage`, bytes, { 'content-type': 'application/octet-stream' })
const begin = (id: string, body: unknown = { method: { name: 'glance-direct' } }, headers = {}) =>
  test.ask('demo', 'POST', `/v2/images/${id}/import`, body, headers)
const show = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body
const tasksOf = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks
const kept = (id: string) => existsSync(join(test.service.context.stateDir, 'image/images', id))
const incoming = async (id: string) => {
  const names = await readdir(join(test.service.context.stateDir, 'image/incoming'))
  return names.filter((name) => name.startsWith(id))
}
const ended = async (id: string) => {
  const [task] = await tasksOf(id)
  await test.service.context.stories.ended(task.id as StoryId)
  return (await tasksOf(id))[0]
}

describe('an import of staged bytes', () => {
  it('makes them the image’s, and a task tells of it', async () => {
    const id = await test.anImage()
    assert.equal((await stage(id)).status, 204)
    const staged = await show(id)
    assert.deepEqual([staged.status, staged.size, staged.checksum], ['uploading', BYTES.length, null])
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).status, 204)

    const answer = await begin(id)
    assert.equal(answer.status, 202)
    assert.equal(answer.body, '')
    const task = await ended(id)
    assert.deepEqual([task.type, task.status, task.image_id], ['api_image_import', 'success', id])
    const image = await show(id)
    assert.deepEqual([image.status, image.size, image.virtual_size], ['active', BYTES.length, BYTES.length])
    assert.equal(image.checksum, createHash('md5').update(BYTES).digest('hex'))
    assert.equal(image.os_hash_value, createHash('sha512').update(BYTES).digest('hex'))
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).body, BYTES)
    assert.deepEqual(await incoming(id), [])

    const shown = await test.ask('admin', 'GET', `/v2/tasks/${task.id}`)
    assert.equal(shown.body.message, 'Imported to store file')
    assert.deepEqual(shown.body.input.import_req, { method: { name: 'glance-direct' } })
    assert.equal((await test.ask('demo', 'GET', `/v2/tasks/${task.id}`)).status, 403)
  })

  it('of what the image is not fails, says why, and leaves the image to be filled anew', async () => {
    const id = await test.anImage('demo', { disk_format: 'qcow2' })
    await stage(id, 'no qcow2')
    await begin(id)
    const task = await ended(id)
    assert.equal(task.status, 'failure')
    assert.match(task.message, /claims to be qcow2, but it is not/)
    const image = await show(id)
    assert.deepEqual([image.status, image.size, image.os_glance_failed_import], ['queued', null, 'file'])
    assert.deepEqual([kept(id), await incoming(id)], [false, []])
    assert.equal((await stage(id)).status, 204)
  })

  it('may be given up by deleting the image', async () => {
    const id = await test.anImage()
    await stage(id)
    assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
    assert.deepEqual(await incoming(id), [])
  })

  it('needs bytes that were staged, formats, and an image that is not active', async () => {
    const id = await test.anImage('demo', { container_format: null })
    assert.equal((await begin(id)).status, 409)
    await stage(id)
    const answer = await begin(id)
    assert.equal(answer.status, 409)
    assert.match(answer.body.message, /'container_format' needs to be set before import/)
    assert.equal((await stage(id)).status, 409)
    assert.equal((await begin(await test.anActiveImage())).status, 409)
    await test.ask('demo', 'DELETE', `/v2/images/${id}`)
  })

  it('is for members of the owning project', async () => {
    const id = await test.anImage('demo', { visibility: 'community' })
    assert.equal((await stage(id, BYTES, 'alt')).status, 403)
    assert.equal((await stage(id, BYTES, 'reader')).status, 403)
    assert.equal((await stage(await test.anImage(), BYTES, 'alt')).status, 404)
    assert.equal((await begin('no-such-image')).status, 404)
  })

  const bad: [string, unknown, number, RegExp][] = [
    ['no body', null, 400, /Body expected/],
    ['no method', {}, 400, /'method' field/],
    ['no name', { method: {} }, 400, /'name' field/],
    ['a name of another type', { method: { name: 5 } }, 400, /'name' field/],
    [
      'a method that is not offered',
      { method: { name: 'glance-download' } },
      400,
      /Unknown import method name 'glance-download'/,
    ],
    ['a store that is none', { method: { name: 'glance-direct' }, stores: ['x'] }, 409, /no store x/],
    ['stores of another type', { method: { name: 'glance-direct' }, stores: 'file' }, 400, /list/],
    [
      'stores and all of them',
      { method: { name: 'glance-direct' }, stores: ['file'], all_stores: true },
      400,
      /All_stores/,
    ],
    ['all stores of another type', { method: { name: 'glance-direct' }, all_stores: 'yes' }, 400, /boolean/],
  ]
  for (const [what, body, status, message] of bad) {
    it(`is refused with ${what}`, async () => {
      const id = await test.anImage()
      const answer = body === null ? await test.ask('demo', 'POST', `/v2/images/${id}/import`) : await begin(id, body)
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.match(answer.body.message, message)
    })
  }

  it('may name the one store', async () => {
    const id = await test.anImage()
    await stage(id)
    assert.equal((await begin(id, { method: { name: 'glance-direct' }, stores: ['file'] })).status, 202)
    assert.equal((await ended(id)).status, 'success')
    const answer = await test.ask('admin', 'DELETE', `/v2/stores/file/${id}`)
    assert.equal(answer.status, 403)
    assert.match(answer.body.message, /only store containing it/)
    assert.equal((await test.ask('admin', 'DELETE', `/v2/stores/ceph/${id}`)).status, 409)
    assert.equal((await test.ask('demo', 'DELETE', `/v2/stores/file/${id}`)).status, 403)
  })
})

describe('tasks', () => {
  it('are listed for admins, in pages, by status', async () => {
    for (let count = 0; count < 3; count++) {
      const id = await test.anImage()
      await stage(id)
      await begin(id)
      await ended(id)
    }
    const list = (query: string) => test.ask('admin', 'GET', `/v2/tasks?${query}`)
    const first = await list('limit=2&status=success')
    assert.equal(first.body.tasks.length, 2)
    assert.equal('input' in first.body.tasks[0], false)
    assert.equal(first.body.first, '/v2/tasks?limit=2&status=success')
    const second = await test.ask('admin', 'GET', first.body.next)
    assert.equal(second.status, 200)
    assert.notEqual(second.body.tasks[0].id, first.body.tasks[0].id)
    assert.deepEqual((await list('status=pending')).body.tasks, [])
    for (const query of ['status=x', 'type=x', 'limit=x', 'marker=x', 'sort_dir=x', 'sort_key=owner']) {
      assert.equal((await list(query)).status, 400, query)
    }
    assert.equal((await test.ask('demo', 'GET', '/v2/tasks')).status, 403)
  })

  it('go by themselves', async () => {
    assert.equal((await test.ask('admin', 'DELETE', '/v2/tasks/00000000-0000-0000-0000-000000000000')).status, 405)
    assert.equal((await test.ask('admin', 'GET', '/v2/tasks/00000000-0000-0000-0000-000000000000')).status, 404)
  })
})

stockTests('image.import-image', {
  steps: ['report importing', 'inspect the bytes', 'keep the bytes', 'report active'],
  async tell() {
    latest = await test.anImage()
    await stage(latest)
    await begin(latest)
    const [task] = await tasksOf(latest)
    await test.service.context.stories.ended(task.id)
    return task.id
  },
  done: {
    imageIsActive: async () => assert.equal((await show(latest)).status, 'active'),
    bytesAreThere: async () => assert.equal((await test.ask('demo', 'GET', `/v2/images/${latest}/file`)).body, BYTES),
    taskSucceeded: async () => assert.equal((await tasksOf(latest))[0].status, 'success'),
    nothingIsIncoming: async () => assert.deepEqual(await incoming(latest), []),
  },
  cleanSlate: {
    imageIsQueued: async () => {
      const { status, size, checksum } = await show(latest)
      assert.deepEqual([status, size, checksum], ['queued', null, null])
    },
    taskFailed: async () => assert.equal((await tasksOf(latest))[0].status, 'failure'),
    noBytesRemain: async () => assert.deepEqual([kept(latest), await incoming(latest)], [false, []]),
    imageCanBeFilled: async () => assert.equal((await test.upload('demo', latest, 'again')).status, 204),
  },
})
