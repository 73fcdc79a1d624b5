import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { serviceUnderTest, type ServiceUnderTest } from '../../../test/support/service.ts'
import { imageMigrations, type Images, openImages } from '../index.ts'

describe('images', () => {
  let test: ServiceUnderTest
  let images: Images

  before(async () => {
    test = await serviceUnderTest([imageMigrations])
    images = await openImages(test.context)
    await test.mount('/image', images.plugin)
  })
  after(async () => {
    await images.close()
    await test[Symbol.asyncDispose]()
  })

  it('a raw image is created, filled, shown and read back', async () => {
    const made = await test.ask('demo', 'POST', '/image/v2/images', {
      name: 'one',
      disk_format: 'raw',
      container_format: 'bare',
      hw_disk_bus: 'scsi',
      tags: ['a'],
    })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const { id } = made.body
    const bytes = Buffer.from('hello image')
    const up = await test.app.inject({
      method: 'PUT',
      url: `/image/v2/images/${id}/file`,
      headers: { 'x-auth-token': 'demo', 'content-type': 'application/octet-stream' },
      payload: bytes,
    })
    assert.equal(up.statusCode, 204, up.body)
    const shown = await test.ask('demo', 'GET', `/image/v2/images/${id}`)
    assert.equal(shown.body.status, 'active')
    assert.equal(shown.body.checksum, createHash('md5').update(bytes).digest('hex'))
    const down = await test.app.inject({
      method: 'GET',
      url: `/image/v2/images/${id}/file`,
      headers: { 'x-auth-token': 'demo' },
    })
    assert.equal(down.body, 'hello image')
    const list = await test.ask(
      'demo',
      'GET',
      '/image/v2/images?limit=1&hw_disk_bus=scsi&tag=a&sort=name:asc,size:desc',
    )
    assert.equal(list.body.images.length, 1, JSON.stringify(list.body))
    const next = await test.ask('demo', 'GET', `/image${list.body.next}`)
    assert.equal(next.status, 200, JSON.stringify(next.body))
    assert.equal(next.body.images.length, 0)
  })
})
