import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { person } from '../../../test/support/service.ts'

describe('the first image of a cloud', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('comes from a file, once, however often and by however many it is asked for', async () => {
    const path = join(test.service.context.stateDir, 'tiny.raw')
    await writeFile(path, 'a tiny image')
    const order = {
      name: 'tiny',
      path,
      diskFormat: 'raw',
      properties: { os_distro: 'debian' },
      ownerProjectId: person('admin').projectId!,
    }
    const ids = await Promise.all([1, 2, 3].map(() => test.images.importFile(order)))
    assert.equal(new Set([...ids, await test.images.importFile(order)]).size, 1)
    const { body } = await test.ask('demo', 'GET', '/v2/images?name=tiny')
    assert.equal(body.images.length, 1)
    const [image] = body.images
    assert.deepEqual([image.status, image.visibility, image.size, image.os_distro], ['active', 'public', 12, 'debian'])
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${ids[0]}/file`)).body, 'a tiny image')
  })

  it('is refused when the file is not what it is said to be', async () => {
    const path = join(test.service.context.stateDir, 'tiny.qcow2')
    await writeFile(path, 'not a qcow2')
    const asked = test.images.importFile({
      name: 'fake',
      path,
      diskFormat: 'qcow2',
      properties: {},
      ownerProjectId: person('admin').projectId!,
    })
    await assert.rejects(asked, /claims to be qcow2/)
    assert.deepEqual((await test.ask('admin', 'GET', '/v2/images?name=fake')).body.images, [])
  })
})
