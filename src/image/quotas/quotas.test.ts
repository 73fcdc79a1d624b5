import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { StoryId } from '../../ids.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

const MiB = 2 ** 20
const ONE = Buffer.alloc(MiB, 'x')

describe('unified limits of images', () => {
  let test: ImageServiceUnderTest
  const limits = new Map<string, number>()
  const images: string[] = []

  before(async () => {
    test = await imageServiceUnderTest({ unifiedLimits: true }, limits)
    await test.service.context.stories.launch()
  })
  after(() => test[Symbol.asyncDispose]())
  beforeEach(async () => {
    for (const id of images.splice(0)) await test.ask('admin', 'DELETE', `/v2/images/${id}`)
    limits.clear()
    for (const name of ['image_size_total', 'image_stage_total', 'image_count_total', 'image_count_uploading']) {
      limits.set(name, 10)
    }
  })

  const create = () => test.ask('demo', 'POST', '/v2/images', { disk_format: 'raw', container_format: 'bare' })
  const anImage = async () => {
    const id = await test.anImage()
    images.push(id)
    return id
  }
  const stage = async (id: string, bytes: Buffer | string = ONE) =>
    (await test.ask('demo', 'PUT', `/v2/images/${id}/stage`, bytes, { 'content-type': 'application/octet-stream' }))
      .status
  const upload = async (id: string, bytes: Buffer | string = ONE) => (await test.upload('demo', id, bytes)).status
  const begin = async (id: string) =>
    (await test.ask('demo', 'POST', `/v2/images/${id}/import`, { method: { name: 'glance-direct' } })).status
  const imported = async (id: string) => {
    assert.equal(await begin(id), 202)
    const { tasks } = (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body
    await test.service.context.stories.ended(tasks.at(-1).id as StoryId)
    return (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks.at(-1)
  }
  const usage = async () => (await test.ask('demo', 'GET', '/v2/info/usage')).body.usage

  it('are told beside what is used, in whole MiB', async () => {
    await test.upload('demo', await anImage(), Buffer.alloc(2.5 * MiB, 'x'))
    await stage(await anImage())
    assert.deepEqual(await usage(), {
      image_size_total: { usage: 2, limit: 10 },
      image_stage_total: { usage: 1, limit: 10 },
      image_count_total: { usage: 2, limit: 10 },
      image_count_uploading: { usage: 1, limit: 10 },
    })
    limits.delete('image_size_total')
    limits.set('image_stage_total', -1)
    assert.deepEqual((await usage()).image_size_total, { usage: 2, limit: 0 })
    assert.deepEqual((await usage()).image_stage_total, { usage: 1, limit: -1 })
  })

  it('bound the number of images, and what goes makes room', async () => {
    limits.set('image_count_total', 1)
    const first = await anImage()
    const second = await create()
    assert.equal(second.status, 413)
    assert.match(second.body.message, /image_count_total is over limit of 1 due to current usage 1 and delta 1/)
    await test.ask('demo', 'DELETE', `/v2/images/${first}`)
    await anImage()
    await test.ask('admin', 'DELETE', `/v2/images/${await test.anImage('alt')}`)
  })

  it('hold against many who ask at once', async () => {
    limits.set('image_count_total', 3)
    const answers = await Promise.all(Array.from({ length: 8 }, create))
    for (const { status, body } of answers) if (status === 201) images.push(body.id)
    assert.equal(images.length, 3)
  })

  it('are zero where none is registered, and none at -1', async () => {
    limits.delete('image_count_total')
    assert.equal((await create()).status, 413)
    limits.set('image_count_total', -1)
    await anImage()
  })

  it('bound what is stored, by what is announced', async () => {
    limits.set('image_size_total', 1)
    assert.equal(await upload(await anImage()), 204)
    const next = await anImage()
    assert.equal(await upload(next), 413)
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${next}`)).body.status, 'queued')
    assert.equal(await upload(next, 'less than a MiB'), 204)
  })

  it('bound what is staged, and leave uploads alone', async () => {
    limits.set('image_stage_total', 1)
    const staged = await anImage()
    assert.equal(await stage(staged), 204)
    const next = await anImage()
    assert.equal(await stage(next), 413)
    assert.equal(await upload(await anImage()), 204)
    assert.equal((await imported(staged)).status, 'success')
    assert.equal(await stage(next), 204)
  })

  it('bound how many come in at once', async () => {
    limits.set('image_count_uploading', 1)
    const staged = await anImage()
    assert.equal(await stage(staged), 204)
    const next = await anImage()
    assert.equal(await stage(next), 413)
    assert.equal(await upload(next), 413)
    assert.equal((await imported(staged)).status, 'success')
    assert.equal(await upload(next), 204)
  })

  it('refuse an import to who has too much already, and fail one that would be too much', async () => {
    await upload(await anImage())
    const staged = await anImage()
    await stage(staged)
    limits.set('image_size_total', 0)
    assert.equal(await begin(staged), 413)
    limits.set('image_size_total', 1)
    const task = await imported(staged)
    assert.equal(task.status, 'failure')
    assert.match(task.message, /image_size_total is over limit of 1 due to current usage 1 and delta 1/)
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${staged}`)).body.status, 'queued')
  })
})
