import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import Fastify from 'fastify'
import { AUTHENTICATED } from './policy.ts'
import { asService } from './service.ts'
import { depthOf } from './json-body.ts'

describe('a body in JSON', () => {
  it('is as deep as arrays and objects lie in each other, outside of strings', () => {
    for (const [text, depth] of [
      ['', 0],
      ['"[{["', 0],
      ['[1, {"a": [2]}, []]', 3],
      ['{"[": "]", "\\"[[": {"\\\\": []}}', 3],
      ['[[]][[[]]]', 3],
      ['["unclosed [[[', 1],
      ['"\\\\"[', 1],
    ] as const) {
      assert.equal(depthOf(text), depth, text)
    }
  })

  it('is malformed when it is deeper than a stack can follow', async () => {
    await using app = Fastify()
    await app.register(async (service) => {
      asService(service, {
        name: 'compute',
        policies: { 'thing:make': AUTHENTICATED },
        identityUrl: 'http://127.0.0.1:5000/identity',
        fault: ({ code }) => ({ status: code === 'http.surprise' ? 500 : 400, body: { code } }),
        authenticate: async () => ({ userId: 'u', roles: [], isAdmin: false }) as never,
      })
      service.post('/thing', { config: { policy: 'thing:make' } }, async () => ({}))
    })
    const post = (payload: string) =>
      app.inject({
        method: 'POST',
        url: '/thing',
        payload,
        headers: { 'x-auth-token': 'u', 'content-type': 'application/json' },
      })
    assert.equal((await post(`${'['.repeat(128)}${']'.repeat(128)}`)).statusCode, 200)
    for (const deep of [129, 50_000]) {
      const { statusCode, body } = await post(`${'['.repeat(deep)}${']'.repeat(deep)}`)
      assert.deepEqual([statusCode, JSON.parse(body)], [400, { code: 'http.body.malformed' }])
    }
  })
})
