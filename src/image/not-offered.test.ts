/** What the image service refuses by name, and the rest of what it says of itself. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../test/support/images.ts'

describe('the image service', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('has no cache to manage, for admins to know', async () => {
    const id = await test.anActiveImage()
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['PUT', `/${id}`],
      ['DELETE', `/${id}`],
      ['POST', '/clean'],
      ['POST', '/prune'],
    ] as const) {
      const { status, body } = await test.ask('admin', method, `/v2/cache${path}`)
      assert.equal(status, 404, `${method} ${path}`)
      assert.match(body.message, /Caching via API is not supported/)
      assert.equal((await test.ask('demo', method, `/v2/cache${path}`)).status, 403, `${method} ${path}`)
    }
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).body, 'some bytes')
  })

  it('keeps to itself where bytes lie, and takes no other place for them', async () => {
    const id = await test.anImage()
    for (const [method, body] of [['GET'], ['POST', { url: 'file:///etc/passwd' }]] as const) {
      const answer = await test.ask('admin', method, `/v2/images/${id}/locations`, body)
      assert.equal(answer.status, 403, method)
      assert.match(answer.body.message, /locations are invisible/)
    }
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}`)).body.status, 'queued')
  })

  it('makes no task by hand but those of the older kind', async () => {
    for (const type of ['api_image_import', 'location_import', 'other']) {
      const { status, body } = await test.ask('admin', 'POST', '/v2/tasks', { type, input: {} })
      assert.equal(status, 400)
      assert.match(body.message, /'import' alone are made by hand/)
    }
    assert.deepEqual((await test.ask('admin', 'GET', '/v2/tasks')).body.tasks, [])
    assert.equal((await test.ask('demo', 'POST', '/v2/tasks', {})).status, 403)
  })

  it('lets nobody remove a task', async () => {
    const answer = await test.ask('admin', 'DELETE', '/v2/tasks/11111111-1111-1111-1111-111111111111')
    assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET'])
    assert.match(answer.body.message, /not removed by hand/)
    assert.equal((await test.ask('demo', 'DELETE', '/v2/tasks/1')).status, 403)
  })

  it('takes no image out of the one store, and leaves its bytes', async () => {
    const id = await test.anActiveImage()
    const { status, body } = await test.ask('admin', 'DELETE', `/v2/stores/file/${id}`)
    assert.equal(status, 403)
    assert.match(body.message, /only store containing it/)
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).body, 'some bytes')
    const queued = await test.ask('admin', 'DELETE', `/v2/stores/file/${await test.anImage()}`)
    assert.equal(queued.status, 409)
  })

  it('says how images are imported, and publishes the schemas of tasks', async () => {
    const { 'import-methods': methods } = (await test.ask('reader', 'GET', '/v2/info/import')).body
    assert.deepEqual(methods.value, ['glance-direct', 'web-download', 'copy-image'])
    const task = (await test.ask('reader', 'GET', '/v2/schemas/task')).body
    assert.equal(task.name, 'task')
    const tasks = (await test.ask('reader', 'GET', '/v2/schemas/tasks')).body
    assert.equal(tasks.name, 'tasks')
    assert.equal((await test.ask(undefined, 'GET', '/v2/info/import')).status, 401)
  })

  it('shows and removes tags of a namespace, one or all, for admins', async () => {
    const namespace = { namespace: 'OS::Tagged', visibility: 'public', tags: ['a', 'b', 'c'].map((name) => ({ name })) }
    assert.equal((await test.ask('admin', 'POST', '/v2/metadefs/namespaces', namespace)).status, 201)
    const base = '/v2/metadefs/namespaces/OS::Tagged/tags'
    const names = async () => (await test.ask('demo', 'GET', base)).body.tags.map((tag: { name: string }) => tag.name)
    assert.equal((await test.ask('demo', 'GET', `${base}/a`)).body.name, 'a')
    assert.equal((await test.ask('demo', 'DELETE', `${base}/a`)).status, 403)
    assert.equal((await test.ask('admin', 'DELETE', `${base}/a`)).status, 204)
    assert.equal((await test.ask('admin', 'DELETE', `${base}/a`)).status, 404)
    assert.equal((await test.ask('admin', 'GET', `${base}/a`)).status, 404)
    assert.deepEqual(await names(), ['b', 'c'])
    assert.equal((await test.ask('demo', 'DELETE', base)).status, 403)
    assert.equal((await test.ask('admin', 'DELETE', base)).status, 204)
    assert.deepEqual(await names(), [])
  })
})
