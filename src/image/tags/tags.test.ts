import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

describe('tags of an image', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest({ tagsPerImage: 3 })
  })
  after(() => test[Symbol.asyncDispose]())

  const put = (id: string, tag: string, who: 'demo' | 'alt' | 'reader' = 'demo') =>
    test.ask(who, 'PUT', `/v2/images/${id}/tags/${tag}`)
  const remove = (id: string, tag: string) => test.ask('demo', 'DELETE', `/v2/images/${id}/tags/${tag}`)
  const tags = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}`)).body.tags

  it('are put, also twice, and removed, once', async () => {
    const id = await test.anImage()
    assert.equal((await put(id, 'a')).status, 204)
    assert.equal((await put(id, 'a')).status, 204)
    assert.equal((await put(id, 'b%20c')).status, 204)
    assert.deepEqual(await tags(id), ['a', 'b c'])
    assert.equal((await remove(id, 'a')).status, 204)
    assert.equal((await remove(id, 'a')).status, 404)
    assert.deepEqual(await tags(id), ['b c'])
  })

  it('are as many and as long as may be', async () => {
    const id = await test.anImage()
    for (const tag of ['a', 'b', 'c']) await put(id, tag)
    assert.equal((await put(id, 'd')).status, 413)
    assert.equal((await put(id, 'a')).status, 204)
    assert.equal((await put(await test.anImage(), 'x'.repeat(255))).status, 204)
    assert.equal((await put(await test.anImage(), 'x'.repeat(256))).status, 400)
    assert.equal((await put(await test.anImage(), '%00')).status, 400)
  })

  it('are for members of the owning project', async () => {
    assert.equal((await put(await test.anImage('demo', { visibility: 'community' }), 'a', 'alt')).status, 403)
    assert.equal((await put(await test.anImage(), 'a', 'alt')).status, 404)
    assert.equal((await put(await test.anImage(), 'a', 'reader')).status, 403)
    assert.equal((await put('x', 'a')).status, 404)
  })
})
