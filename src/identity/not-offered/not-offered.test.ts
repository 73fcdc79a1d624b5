import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest } from '../identity-under-test.ts'

describe('logins by federation, and OAuth', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('list nothing, for those who may list it', async () => {
    const demo = await test.login('demo')
    for (const [path, name] of [
      ['/v3/OS-FEDERATION/mappings', 'mappings'],
      ['/v3/OS-OAUTH1/consumers', 'consumers'],
      [`/v3/users/${test.ids.demoUserId}/OS-OAUTH1/access_tokens`, 'access_tokens'],
    ] as const) {
      const answer = await test.ask(test.admin, 'GET', path)
      assert.deepEqual([answer.status, answer.body[name]], [200, []], path)
      assert.equal((await test.ask(demo, 'GET', path)).status, 403, path)
      assert.equal((await test.ask(undefined, 'GET', path)).status, 401, path)
    }
  })

  it('find nothing', async () => {
    const provider = '/v3/OS-FEDERATION/identity_providers/here'
    const token = `/v3/users/${test.ids.demoUserId}/OS-OAUTH1/access_tokens/7`
    for (const path of [
      `${provider}/protocols/saml2`,
      '/v3/OS-FEDERATION/mappings/rules',
      '/v3/OS-OAUTH1/consumers/7',
    ]) {
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        const answer = await test.ask(test.admin, method, path, method === 'PATCH' ? {} : undefined)
        assert.equal(answer.status, 404, `${method} ${path}`)
        assert.match(answer.body.error.message, /^There is no (protocol|mapping|consumer) /)
      }
    }
    for (const [method, path] of [
      ['GET', token],
      ['DELETE', token],
      ['GET', `${token}/roles`],
      ['GET', `${token}/roles/7`],
    ] as const) {
      assert.equal((await test.ask(test.admin, method, path)).status, 404, `${method} ${path}`)
    }
  })

  it('make nothing and let nobody in, and say that they are not offered', async () => {
    const provider = '/v3/OS-FEDERATION/identity_providers/here'
    for (const [method, path, open] of [
      ['PUT', `${provider}/protocols/saml2`],
      ['PUT', '/v3/OS-FEDERATION/mappings/rules'],
      ['POST', '/v3/OS-OAUTH1/consumers'],
      ['PUT', '/v3/OS-OAUTH1/authorize/7'],
      ['GET', `${provider}/protocols/saml2/auth`, 'open'],
      ['GET', '/v3/OS-FEDERATION/saml2/metadata', 'open'],
      ['GET', '/v3/auth/OS-FEDERATION/identity_providers/here/protocols/saml2/websso', 'open'],
      ['GET', '/v3/auth/OS-FEDERATION/websso/saml2', 'open'],
      ['POST', '/v3/auth/OS-FEDERATION/saml2', 'open'],
      ['POST', '/v3/auth/OS-FEDERATION/saml2/ecp', 'open'],
      ['POST', '/v3/OS-OAUTH1/request_token', 'open'],
      ['POST', '/v3/OS-OAUTH1/access_token', 'open'],
      ['POST', '/v3/OS-OAUTH2/token', 'open'],
    ] as const) {
      const body = method === 'GET' ? undefined : {}
      const answer = await test.ask(open === undefined ? test.admin : undefined, method, path, body)
      assert.equal(answer.status, 501, `${method} ${path}`)
      assert.match(answer.body.error.message, /^(Federation|OAuth 1.0a|OAuth 2.0) is not offered by this cloud\.$/)
      if (open === undefined) assert.equal((await test.ask(undefined, method, path, body)).status, 401)
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal(
      (await test.ask(undefined, 'POST', '/v3/OS-OAUTH2/token', 'grant_type=client_credentials', form)).status,
      501,
    )
  })

  it('have old paths for what a token could be exchanged for, and none for certificates any more', async () => {
    const demo = await test.login('demo')
    for (const what of ['projects', 'domains']) {
      const old = await test.ask(demo, 'GET', `/v3/OS-FEDERATION/${what}`)
      assert.equal(old.status, 200)
      assert.deepEqual(old.body[what], (await test.ask(demo, 'GET', `/v3/auth/${what}`)).body[what])
    }
    for (const path of ['ca', 'certificates']) {
      assert.equal((await test.ask(undefined, 'GET', `/v3/OS-SIMPLE-CERT/${path}`)).status, 410)
    }
  })
})
