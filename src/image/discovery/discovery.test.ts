import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

describe('what the image service says of itself', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('its versions, to anybody, the newest first', async () => {
    const root = await test.ask(undefined, 'GET', '/')
    const versions = await test.ask(undefined, 'GET', '/versions')
    assert.deepEqual([root.status, versions.status], [300, 200])
    assert.deepEqual(root.body, versions.body)
    assert.deepEqual(root.body.versions[0], {
      id: 'v2.18',
      status: 'CURRENT',
      links: [{ rel: 'self', href: 'http://127.0.0.1:5000/image/v2/' }],
    })
    assert.equal(root.body.versions.at(-1).id, 'v2.0')
  })

  it('its schemas', async () => {
    const image = (await test.ask('reader', 'GET', '/v2/schemas/image')).body
    assert.equal(image.name, 'image')
    assert.deepEqual(image.additionalProperties, { type: 'string' })
    assert.equal(image.properties.id.type, 'string')
    assert.equal(image.properties.os_distro.is_base, false)
    const images = (await test.ask('reader', 'GET', '/v2/schemas/images')).body
    assert.deepEqual(images.properties.images.items, image)
    for (const name of ['member', 'members']) {
      assert.equal((await test.ask('reader', 'GET', `/v2/schemas/${name}`)).body.name, name)
    }
    assert.equal((await test.ask(undefined, 'GET', '/v2/schemas/image')).status, 401)
  })

  it('its store, in detail to admins', async () => {
    const stores = (await test.ask('reader', 'GET', '/v2/info/stores')).body.stores
    assert.deepEqual(
      stores.map((store: { id: string; default: string }) => [store.id, store.default]),
      [['file', 'true']],
    )
    assert.equal((await test.ask('demo', 'GET', '/v2/info/stores/detail')).status, 403)
    assert.equal((await test.ask('admin', 'GET', '/v2/info/stores/detail')).body.stores[0].type, 'file')
  })

  it('what a project uses of limits: nothing where they are not in use', async () => {
    await test.anActiveImage('alt', {}, 'x')
    assert.deepEqual((await test.ask('alt', 'GET', '/v2/info/usage')).body, { usage: {} })
    assert.equal((await test.ask(undefined, 'GET', '/v2/info/usage')).status, 401)
  })

  describe('when it says no', () => {
    const refusal = (accept: string | undefined) =>
      test.service.app.inject({
        method: 'GET',
        url: '/image/v2/images/no-<such>-image',
        headers: { 'x-auth-token': 'demo', ...(accept !== undefined && { accept }) },
      })

    for (const accept of ['application/json', 'application/*', 'text/html;q=0.5, application/json']) {
      it(`in JSON to ${accept}`, async () => {
        const answer = await refusal(accept)
        assert.equal(answer.statusCode, 404)
        assert.match(String(answer.headers['content-type']), /^application\/json/)
        assert.deepEqual(answer.json(), {
          message: 'No image found with ID no-<such>-image<br /><br />\n\n\n',
          code: '404 Not Found',
          title: 'Not Found',
        })
      })
    }
    for (const accept of [undefined, '*/*', 'text/html', 'application/json;q=0.5, */*', 'text/*']) {
      it(`in HTML to ${accept ?? 'who does not say'}`, async () => {
        const answer = await refusal(accept)
        assert.equal(answer.headers['content-type'], 'text/html; charset=UTF-8')
        assert.match(answer.body, /<h1>404 Not Found<\/h1>/)
        assert.match(answer.body, /no-&lt;such&gt;-image/)
      })
    }
    it('in plain text to others', async () => {
      const answer = await refusal('image/png')
      assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8')
      assert.match(answer.body, /^404 Not Found\n\nNo image found/)
    })

    it('it names what it does not offer', async () => {
      const cache = await test.ask('admin', 'GET', '/v2/cache')
      assert.equal(cache.status, 404)
      assert.match(cache.body.message, /Caching via API is not supported/)
      assert.equal((await test.ask('demo', 'GET', '/v2/cache')).status, 403)
      const id = await test.anImage()
      const locations = await test.ask('admin', 'GET', `/v2/images/${id}/locations`)
      assert.equal(locations.status, 403)
      assert.match(locations.body.message, /locations are invisible/)
    })

    it('it names the methods that a path does have', async () => {
      const answer = await test.ask('demo', 'PUT', '/v2/images')
      assert.equal(answer.status, 405)
      assert.deepEqual(String(answer.headers.allow).split(', ').sort(), ['GET', 'POST'])
      assert.equal((await test.ask('demo', 'GET', '/v2/nothing')).status, 404)
      assert.equal((await test.ask(undefined, 'GET', '/v2/nothing')).status, 401)
    })
  })
})
