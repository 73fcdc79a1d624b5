import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest } from '../identity-under-test.ts'

describe('stored policies', () => {
  let test: IdentityUnderTest
  const ask = (method: string, path: string, body?: unknown) => test.ask(test.admin, method, `/v3${path}`, body)
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('are made, shown, listed by type, changed and removed, whatever else they carry', async () => {
    const made = await test.make('/v3/policies', {
      policy: { type: 'application/json', blob: '{"a": "b"}', note: 'kept' },
    })
    assert.deepEqual([made.type, made.blob, made.note], ['application/json', '{"a": "b"}', 'kept'])
    assert.match(made.links.self, new RegExp(`/v3/policies/${made.id}$`))
    assert.deepEqual((await ask('GET', `/policies/${made.id}`)).body, { policy: made })
    await test.make('/v3/policies', { policy: { type: 'text/plain', blob: '' } })
    const listed = await ask('GET', '/policies?type=application/json')
    assert.deepEqual(listed.body.policies, [made])
    const changed = await ask('PATCH', `/policies/${made.id}`, { policy: { type: 'text/xml' } })
    assert.deepEqual(changed.body.policy, { ...made, type: 'text/xml' })
    assert.equal((await ask('DELETE', `/policies/${made.id}`)).status, 204)
    assert.equal((await ask('GET', `/policies/${made.id}`)).status, 404)
    assert.equal((await ask('PATCH', `/policies/${made.id}`, { policy: { type: 'x' } })).status, 404)
    assert.equal((await ask('DELETE', `/policies/${made.id}`)).status, 404)
  })

  it('need a type and a blob, both text', async () => {
    for (const policy of [{}, { type: 'x' }, { blob: 'x' }, { type: 1, blob: 'x' }, { type: 'x', blob: {} }]) {
      assert.equal((await ask('POST', '/policies', { policy })).status, 400, JSON.stringify(policy))
    }
    const made = await test.make('/v3/policies', { policy: { type: 'x', blob: 'y' } })
    assert.equal((await ask('PATCH', `/policies/${made.id}`, { policy: {} })).status, 400)
    assert.equal((await ask('PATCH', `/policies/${made.id}`, { policy: { id: 'other', blob: 'z' } })).status, 400)
  })
})
