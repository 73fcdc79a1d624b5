import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

let test: IdentityUnderTest
before(async () => {
  test = await identityUnderTest()
})
after(() => test[Symbol.asyncDispose]())
const ask = (method: string, path: string, body?: unknown, token = test.admin) =>
  test.ask(token, method, `/v3/OS-FEDERATION/${path}`, body)

describe('an identity provider', () => {
  const put = (id: string, fields: object = {}) =>
    ask('PUT', `identity_providers/${id}`, { identity_provider: { ...fields } })

  it('is kept with what was said of it, in a domain of its own where none was named', async () => {
    const made = await put('acme', { description: 'Acme', remote_ids: ['b', 'a'], authorization_ttl: 5 })
    assert.equal(made.status, 201)
    const { identity_provider: provider } = made.body
    const { body } = await test.ask(test.admin, 'GET', `/v3/domains/${provider.domain_id}`)
    assert.equal(body.domain.description, 'For people who come from the identity provider acme')
    const self = 'http://127.0.0.1:5000/identity/v3/OS-FEDERATION/identity_providers/acme'
    const shown = (await ask('GET', 'identity_providers/acme')).body.identity_provider
    assert.deepEqual(shown, {
      id: 'acme',
      domain_id: provider.domain_id,
      enabled: false,
      description: 'Acme',
      authorization_ttl: 5,
      remote_ids: ['a', 'b'],
      links: { self, protocols: `${self}/protocols` },
    })
    assert.equal((await ask('HEAD', 'identity_providers/acme')).status, 200)
    assert.deepEqual((await ask('GET', 'identity_providers/acme/protocols')).body.protocols, [])
    assert.equal((await put('acme')).status, 409)
  })

  it('is changed, found by its state, and removed', async () => {
    await put('first', { domain_id: 'default', enabled: true })
    await put('second', { remote_ids: ['of-second'] })
    const patch = (id: string, fields: object) =>
      ask('PATCH', `identity_providers/${id}`, { identity_provider: fields })
    const changed = await patch('first', { remote_ids: ['one'], description: 'd' })
    assert.deepEqual(
      [changed.body.identity_provider.remote_ids, changed.body.identity_provider.enabled],
      [['one'], true],
    )
    assert.equal((await patch('first', { remote_ids: ['of-second'] })).status, 409)
    assert.deepEqual((await ask('GET', 'identity_providers/first')).body.identity_provider.remote_ids, ['one'])
    const ids = async (query: string) =>
      (await ask('GET', `identity_providers?${query}`)).body.identity_providers.map((each: Made) => each.id)
    assert.deepEqual(await ids('enabled=true'), ['first'])
    assert.deepEqual(await ids('id=second'), ['second'])
    assert.equal((await ask('DELETE', 'identity_providers/first')).status, 204)
    assert.equal((await ask('DELETE', 'identity_providers/first')).status, 404)
    assert.equal((await patch('first', { enabled: true })).status, 404)
  })

  it('goes with its domain', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'of-provider', enabled: false } })
    await put('guest', { domain_id: domain.id })
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/domains/${domain.id}`)).status, 204)
    assert.equal((await ask('GET', 'identity_providers/guest')).status, 404)
  })

  it('is an administrator’s business, and must make sense', async () => {
    for (const fields of [
      { remote_ids: ['a', 'a'] },
      { remote_ids: ['x'.repeat(65)] },
      { authorization_ttl: -1 },
      { enabled: 'yes' },
      { unknown: 1 },
    ]) {
      assert.equal((await put('odd', fields)).status, 400, JSON.stringify(fields))
    }
    assert.equal((await put('x'.repeat(65))).status, 400)
    assert.equal((await put('odd', { domain_id: 'f'.repeat(32) })).status, 404)
    const demo = await test.login('demo')
    assert.equal((await ask('GET', 'identity_providers', undefined, demo)).status, 403)
    assert.equal((await ask('PUT', 'identity_providers/x', { identity_provider: {} }, demo)).status, 403)
  })
})

describe('a service provider', () => {
  const urls = { auth_url: 'https://there.example/auth', sp_url: 'https://there.example/sp' }
  const put = (id: string, fields: object = urls) => ask('PUT', `service_providers/${id}`, { service_provider: fields })

  it('is kept, changed and removed; while enabled it stands in every token', async () => {
    const providers = async () => (await test.tryLogin('demo', 'unscoped')).body.token.service_providers
    const made = await put('there')
    assert.equal(made.status, 201)
    assert.deepEqual(made.body.service_provider, {
      id: 'there',
      enabled: false,
      description: null,
      ...urls,
      relay_state_prefix: 'ss:mem:',
      links: { self: 'http://127.0.0.1:5000/identity/v3/OS-FEDERATION/service_providers/there' },
    })
    assert.equal((await put('there')).status, 409)
    assert.equal(await providers(), undefined)
    const change = (fields: object) => ask('PATCH', 'service_providers/there', { service_provider: fields })
    assert.equal((await change({ enabled: true, description: 'd' })).body.service_provider.description, 'd')
    assert.deepEqual(await providers(), [{ id: 'there', ...urls }])
    const scoped = (await test.tryLogin('demo')).body.token
    assert.ok(scoped.catalog.length > 0)
    assert.equal(scoped.service_providers[0].id, 'there')
    assert.equal((await ask('GET', 'service_providers?enabled=1')).body.service_providers.length, 1)
    assert.equal((await ask('GET', 'service_providers?enabled=0')).body.service_providers.length, 0)
    assert.equal((await ask('GET', 'service_providers/there')).body.service_provider.enabled, true)
    assert.equal((await ask('DELETE', 'service_providers/there')).status, 204)
    assert.equal(await providers(), undefined)
    assert.equal((await ask('DELETE', 'service_providers/there')).status, 404)
    assert.equal((await change({ enabled: true })).status, 404)
    assert.equal((await ask('GET', 'service_providers/there')).status, 404)
  })

  it('must have both its URLs', async () => {
    for (const fields of [{}, { auth_url: urls.auth_url }, { ...urls, sp_url: 'nowhere' }, { ...urls, unknown: 1 }]) {
      assert.equal((await put('odd', fields)).status, 400, JSON.stringify(fields))
    }
  })
})
