/** Versions of the Image API in the path: any that there is will do, and another is told which there are. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type TestCloud, testCloud } from '../support/cloud.ts'

describe('the version in a path of images', () => {
  let test: TestCloud
  let token: string
  before(async () => {
    test = await testCloud()
    token = await test.token('admin')
  })
  after(() => test[Symbol.asyncDispose]())

  it('may be any that there is', async () => {
    for (const version of ['v2', 'v2.0', 'v2.18']) {
      const { status, body } = await test.ask(token, 'GET', `/image/${version}/images?limit=1`)
      assert.deepEqual([status, body.first], [200, '/v2/images?limit=1'], version)
    }
  })

  it('is answered with those that there are where it is another', async () => {
    for (const path of ['/image/v1/images', '/image/v2.19/images', '/image/nothing']) {
      const { status, body } = await test.ask(undefined, 'GET', path)
      assert.deepEqual([status, body.versions[0].id], [300, 'v2.18'], path)
    }
    assert.equal((await test.ask(undefined, 'GET', '/image/versions/')).status, 200)
  })
})
