import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('the configuration of a domain', () => {
  let test: IdentityUnderTest
  let domain: Made
  const CONFIG = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://here', user_tree_dn: 'ou=Users' } }
  const ask = (method: string, path: string, config?: unknown) =>
    test.ask(test.admin, method, `/v3/domains/${path}`, config === undefined ? undefined : { config })
  before(async () => {
    test = await identityUnderTest()
    domain = await test.make('/v3/domains', { domain: { name: 'configured' } })
  })
  after(() => test[Symbol.asyncDispose]())

  it('is made with 201, replaced with 200, and shown whole, by group and by option', async () => {
    const path = `${domain.id}/config`
    assert.equal((await ask('GET', path)).status, 404)
    const made = await ask('PUT', path, { identity: { list_limit: 5 } })
    assert.deepEqual([made.status, made.body], [201, { config: { identity: { list_limit: 5 } } }])
    const replaced = await ask('PUT', path, CONFIG)
    assert.deepEqual([replaced.status, replaced.body], [200, { config: CONFIG }])
    assert.deepEqual((await ask('GET', path)).body, { config: CONFIG })
    assert.deepEqual((await ask('GET', `${path}/ldap`)).body, { config: { ldap: CONFIG.ldap } })
    assert.deepEqual((await ask('GET', `${path}/ldap/url`)).body, { config: { url: 'ldap://here' } })
    assert.equal((await ask('HEAD', `${path}/ldap/url`)).status, 200)
    assert.equal((await ask('GET', `${path}/ldap/suffix`)).status, 404)
  })

  it('keeps null as a value like any other', async () => {
    const path = `${domain.id}/config`
    const made = await ask('PUT', path, { identity: { list_limit: null, driver: 'ldap' } })
    assert.deepEqual(made.body.config, { identity: { list_limit: null, driver: 'ldap' } })
    const changed = await ask('PATCH', `${path}/identity/driver`, { driver: null })
    assert.deepEqual(changed.body.config, { identity: { list_limit: null, driver: null } })
    assert.deepEqual((await ask('GET', `${path}/identity/driver`)).body, { config: { driver: null } })
  })

  it('is changed by merging, a group or an option of it only where that is set already', async () => {
    const path = `${domain.id}/config`
    await ask('PUT', path, CONFIG)
    const merged = await ask('PATCH', path, { ldap: { suffix: 'dc=org' } })
    assert.deepEqual(merged.body.config.ldap, { ...CONFIG.ldap, suffix: 'dc=org' })
    const group = await ask('PATCH', `${path}/identity`, { identity: { driver: 'sql', list_limit: 3 } })
    assert.deepEqual(group.body.config.identity, { driver: 'sql', list_limit: 3 })
    const option = await ask('PATCH', `${path}/identity/driver`, { driver: 'ldap' })
    assert.deepEqual(option.body.config.identity, { driver: 'ldap', list_limit: 3 })
    assert.equal((await ask('PATCH', `${path}/ldap/page_size`, { page_size: 10 })).status, 404)
    assert.equal((await ask('PATCH', `${path}/identity`, { ldap: { url: 'x' } })).status, 403)
    assert.equal((await ask('PATCH', `${path}/identity/driver`, { driver: 'x', list_limit: 1 })).status, 403)
  })

  it('is removed by option, by group and whole; what is not there is a 404', async () => {
    const path = `${domain.id}/config`
    await ask('PUT', path, CONFIG)
    assert.equal((await ask('DELETE', `${path}/ldap/url`)).status, 204)
    assert.equal((await ask('DELETE', `${path}/ldap/url`)).status, 404)
    assert.equal((await ask('DELETE', `${path}/ldap`)).status, 204)
    assert.deepEqual((await ask('GET', path)).body, { config: { identity: CONFIG.identity } })
    assert.equal((await ask('DELETE', path)).status, 204)
    assert.equal((await ask('GET', path)).status, 404)
    assert.equal((await ask('DELETE', path)).status, 204)
  })

  it('keeps a sensitive option to itself', async () => {
    const path = `${domain.id}/config`
    const made = await ask('PUT', path, { ldap: { password: 'secret' } })
    assert.deepEqual([made.status, made.body], [201, { config: {} }])
    assert.equal((await ask('GET', path)).status, 404)
    assert.equal((await ask('GET', `${path}/ldap/password`)).status, 404)
    assert.deepEqual((await ask('PATCH', `${path}/ldap/password`, { password: 'new' })).body, { config: {} })
    assert.equal((await ask('PUT', path, CONFIG)).status, 200)
    assert.equal((await ask('DELETE', path)).status, 204)
    assert.equal((await ask('GET', 'config/ldap/password/default')).status, 403)
  })

  it('knows groups and options of identity drivers only', async () => {
    const path = `${domain.id}/config`
    for (const config of [{}, { token: { expiration: 1 } }, { ldap: {} }, { ldap: 7 }, { ldap: { nothing: 1 } }]) {
      assert.equal((await ask('PUT', path, config)).status, 403, JSON.stringify(config))
    }
    assert.equal((await ask('GET', `${path}/token`)).status, 403)
    assert.equal((await ask('GET', `${path}/ldap/nothing`)).status, 403)
    assert.equal((await ask('GET', `${path}/__proto__`)).status, 403)
    assert.equal((await ask('PUT', 'nowhere/config', CONFIG)).status, 404)
    const malformed = await test.ask(test.admin, 'PUT', `/v3/domains/${path}`, { config: [] })
    assert.equal(malformed.status, 400)
  })

  it('has defaults, whole, by group and by option', async () => {
    const all = await ask('GET', 'config/default')
    assert.deepEqual(Object.keys(all.body.config), ['identity', 'ldap'])
    assert.equal(all.body.config.ldap.password, undefined)
    assert.deepEqual((await ask('GET', 'config/identity/default')).body, {
      config: { identity: { driver: 'sql', list_limit: null } },
    })
    assert.deepEqual((await ask('GET', 'config/ldap/page_size/default')).body, { config: { page_size: 0 } })
    assert.equal((await ask('GET', 'config/token/default')).status, 403)
  })

  it('tells everybody the rules for passwords, for the default domain', async () => {
    const demo = await test.login('demo')
    const get = (path: string) => test.ask(demo, 'GET', `/v3/domains/${path}`)
    const rules = await get('default/config/security_compliance')
    assert.deepEqual(Object.keys(rules.body.config.security_compliance), [
      'password_regex',
      'password_regex_description',
    ])
    assert.equal((await get('default/config/security_compliance/password_regex')).status, 200)
    assert.equal((await get('default/config/security_compliance/lockout_duration')).status, 403)
    assert.equal((await get(`${domain.id}/config/security_compliance`)).status, 403)
    assert.equal((await get('default/config')).status, 403)
  })
})
