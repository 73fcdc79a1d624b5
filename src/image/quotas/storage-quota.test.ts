import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { StoryId } from '../../ids.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

describe('the storage quota of a project', () => {
  let test: ImageServiceUnderTest
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'image-quota-'))
    test = await imageServiceUnderTest({ projectStorageBytes: 100, furtherStores: [{ id: 'fast', dir }] })
    await test.service.context.stories.launch()
  })
  after(async () => {
    await test[Symbol.asyncDispose]()
    await rm(dir, { recursive: true })
  })
  beforeEach(async () => {
    for (const { id } of (await test.ask('demo', 'GET', '/v2/images')).body.images) {
      await test.ask('demo', 'DELETE', `/v2/images/${id}`)
    }
  })

  const status = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}`)).body.status
  const taskOf = async (id: string, who: 'demo' | 'admin', body: object) => {
    assert.equal((await test.ask(who, 'POST', `/v2/images/${id}/import`, body)).status, 202)
    const tasks = async () => (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks
    await test.service.context.stories.ended((await tasks()).at(-1).id as StoryId)
    return (await tasks()).at(-1)
  }

  it('is shared by its images, and what goes makes room', async () => {
    const first = await test.anActiveImage('demo', {}, 'x'.repeat(60))
    const second = await test.anImage()
    assert.equal((await test.upload('demo', second, 'x'.repeat(50))).status, 413)
    assert.equal(await status(second), 'queued')
    await test.ask('demo', 'DELETE', `/v2/images/${first}`)
    assert.equal((await test.upload('demo', second, 'x'.repeat(50))).status, 204)
    assert.deepEqual((await test.ask('demo', 'GET', '/v2/info/usage')).body, { usage: {} })
  })

  it('counts each store that an image lies in', async () => {
    const id = await test.anActiveImage('demo', {}, 'x'.repeat(60))
    const copy = await taskOf(id, 'admin', { method: { name: 'copy-image' }, stores: ['fast'] })
    assert.equal(copy.status, 'failure')
    assert.match(copy.message, /exceeds the storage quota/)
    assert.equal(await status(id), 'active')
    await test.ask('demo', 'DELETE', `/v2/images/${id}`)

    const staged = await test.anImage()
    const bytes = { 'content-type': 'application/octet-stream' }
    assert.equal((await test.ask('demo', 'PUT', `/v2/images/${staged}/stage`, 'x'.repeat(60), bytes)).status, 204)
    const everywhere = await taskOf(staged, 'demo', { method: { name: 'glance-direct' }, all_stores: true })
    assert.match(everywhere.message, /exceeds the storage quota/)
    assert.equal(await status(staged), 'queued')

    const small = await test.anActiveImage('demo', {}, 'x'.repeat(50))
    const fits = await taskOf(small, 'admin', { method: { name: 'copy-image' }, stores: ['fast'] })
    assert.equal(fits.status, 'success')
    assert.equal((await test.upload('demo', staged, 'x')).status, 413)
  })
})
