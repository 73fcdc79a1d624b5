/** A path that is there, asked by a method that it does not answer: what each service says, in its own words. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type TestCloud, testCloud } from '../support/cloud.ts'

describe('a method that a path does not answer', () => {
  let test: TestCloud
  let token: string
  before(async () => {
    test = await testCloud()
    token = await test.token('admin')
  })
  after(() => test[Symbol.asyncDispose]())

  for (const [service, path, allowed, messageOf] of [
    ['identity', '/identity/v3/users', ['GET', 'HEAD', 'POST'], (body) => body.error.message],
    ['image', '/image/v2/images', ['GET', 'POST'], (body) => body.message],
    ['network', '/network/v2.0/networks', ['GET', 'POST'], (body) => body.NeutronError.message],
    ['placement', '/placement/resource_providers', ['GET', 'POST'], (body) => body.errors[0].detail],
    // biome-ignore lint/suspicious/noExplicitAny: each service has a body of its own
  ] as [string, string, string[], (body: any) => string][]) {
    it(`is a 405 of ${service} that names those it answers`, async () => {
      const answer = await test.ask(token, 'DELETE', path, undefined, { accept: 'application/json' })
      assert.equal(answer.status, 405)
      assert.deepEqual(String(answer.headers.allow).split(', ').sort(), allowed)
      assert.match(messageOf(answer.body), /^The method DELETE is not allowed for this resource\./)
    })
  }

  it('is a 404 of compute and volume, which choose by path and method together', async () => {
    for (const path of ['/compute/v2.1/flavors', '/volume/v3/types']) {
      const answer = await test.ask(token, 'DELETE', path, undefined, { accept: 'application/json' })
      assert.equal(answer.status, 404, path)
      assert.equal(answer.headers.allow, undefined)
    }
  })
})
