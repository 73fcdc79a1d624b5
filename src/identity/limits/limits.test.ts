import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('unified limits', () => {
  let test: IdentityUnderTest
  let service: Made
  before(async () => {
    test = await identityUnderTest()
    service = await test.make('/v3/services', { service: { type: 'limited', name: 'limited' } })
  })
  after(() => test[Symbol.asyncDispose]())
  const register = (...limits: Record<string, unknown>[]) =>
    test.ask(test.admin, 'POST', '/v3/registered_limits', {
      registered_limits: limits.map((limit) => ({ service_id: service.id, default_limit: 10, ...limit })),
    })
  const limit = (...limits: Record<string, unknown>[]) =>
    test.ask(test.admin, 'POST', '/v3/limits', {
      limits: limits.map((each) => ({
        service_id: service.id,
        resource_limit: 5,
        project_id: test.ids.demoProjectId,
        ...each,
      })),
    })

  it('are registered together or not at all', async () => {
    const made = await register(
      { resource_name: 'cores', region_id: 'RegionOne' },
      { resource_name: 'ram', description: 'd' },
    )
    assert.equal(made.status, 201)
    assert.deepEqual(
      made.body.registered_limits.map((each: Made) => [each.resource_name, each.region_id, each.default_limit]),
      [
        ['cores', 'RegionOne', 10],
        ['ram', null, 10],
      ],
    )
    assert.equal((await register({ resource_name: 'disk' }, { resource_name: 'ram' })).status, 409)
    const listed = (await test.ask(test.admin, 'GET', '/v3/registered_limits?resource_name=disk')).body
    assert.deepEqual(listed.registered_limits, [])
    assert.equal((await register({ resource_name: 'x', region_id: 'nowhere' })).status, 400)
    assert.equal((await register({ resource_name: 'x', service_id: 'f'.repeat(32) })).status, 400)
    assert.equal((await register({ resource_name: 'x', default_limit: -2 })).status, 400)
    assert.equal((await register({ resource_name: 'x', extra: 1 })).status, 400)
    assert.equal((await register()).status, 400)
  })

  it('differ for a project or a domain from what is registered, which then stays', async () => {
    const registered = (await register({ resource_name: 'volumes' })).body.registered_limits[0]
    const made = (await limit({ resource_name: 'volumes' })).body.limits[0]
    assert.equal(made.project_id, test.ids.demoProjectId)
    assert.equal(made.domain_id, null)
    assert.equal((await limit({ resource_name: 'volumes' })).status, 409)
    assert.equal((await limit({ resource_name: 'unregistered' })).status, 403)
    assert.equal((await limit({ resource_name: 'volumes', domain_id: 'default' })).status, 400, 'one or the other')
    assert.equal((await limit({ resource_name: 'volumes', project_id: 'f'.repeat(32) })).status, 400)
    const ofDomain = (await limit({ resource_name: 'volumes', project_id: undefined, domain_id: 'default' })).body
      .limits[0]
    assert.equal(ofDomain.domain_id, 'default')

    const path = `/v3/registered_limits/${registered.id}`
    assert.equal((await test.ask(test.admin, 'DELETE', path)).status, 403)
    const rename = await test.ask(test.admin, 'PATCH', path, { registered_limit: { resource_name: 'other' } })
    assert.equal(rename.status, 403)
    const raise = await test.ask(test.admin, 'PATCH', path, { registered_limit: { default_limit: 20 } })
    assert.equal(raise.body.registered_limit.default_limit, 20)
    const patch = await test.ask(test.admin, 'PATCH', `/v3/limits/${made.id}`, { limit: { resource_limit: 0 } })
    assert.equal(patch.body.limit.resource_limit, 0)
    for (const { id } of [made, ofDomain]) {
      assert.equal((await test.ask(test.admin, 'DELETE', `/v3/limits/${id}`)).status, 204)
      assert.equal((await test.ask(test.admin, 'GET', `/v3/limits/${id}`)).status, 404)
    }
    assert.equal((await test.ask(test.admin, 'DELETE', path)).status, 204)
  })

  it('are seen by those whom they limit', async () => {
    await register({ resource_name: 'seen' })
    const mine = (await limit({ resource_name: 'seen' })).body.limits[0]
    const theirs = (await limit({ resource_name: 'seen', project_id: test.ids.adminProjectId })).body.limits[0]
    const demo = await test.login('demo')
    const listed = (await test.ask(demo, 'GET', '/v3/limits')).body.limits
    assert.deepEqual(
      listed.map((each: Made) => each.id),
      [mine.id],
    )
    assert.equal((await test.ask(demo, 'GET', `/v3/limits/${mine.id}`)).status, 200)
    assert.equal((await test.ask(demo, 'GET', `/v3/limits/${theirs.id}`)).status, 403)
    assert.equal((await test.ask(test.systemAdmin, 'GET', '/v3/limits')).body.limits.length, 2)
    assert.equal((await test.ask(demo, 'GET', '/v3/limits/model')).body.model.name, 'flat')
  })

  it('stay when their service goes, until they are removed', async () => {
    const gone = await test.make('/v3/services', { service: { type: 'gone' } })
    const registered = (await register({ resource_name: 'x', service_id: gone.id })).body.registered_limits[0]
    const made = (await limit({ resource_name: 'x', service_id: gone.id })).body.limits[0]
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/services/${gone.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/limits/${made.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/registered_limits/${registered.id}`)).status, 204)
  })
})
