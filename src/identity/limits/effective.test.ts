import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest } from '../identity-under-test.ts'
import { effectiveLimits } from './effective.ts'

describe('the limits that a service enforces', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('are the project’s own, or the registered default, of the region before those of none', async () => {
    const service = await test.make('/v3/services', { service: { type: 'limited', name: 'limited' } })
    const other = await test.make('/v3/services', { service: { type: 'other', name: 'other' } })
    const registered = await test.ask(test.admin, 'POST', '/v3/registered_limits', {
      registered_limits: [
        { resource_name: 'a', default_limit: 1 },
        { resource_name: 'b', default_limit: 2 },
        { resource_name: 'b', default_limit: 3, region_id: 'RegionOne' },
        { resource_name: 'c', default_limit: 4 },
      ]
        .map((each) => ({ service_id: service.id, ...each }))
        .concat({ service_id: other.id, resource_name: 'd', default_limit: 5 }),
    })
    assert.equal(registered.status, 201)
    const made = await test.ask(test.admin, 'POST', '/v3/limits', {
      limits: [{ service_id: service.id, resource_name: 'c', resource_limit: -1, project_id: test.ids.demoProjectId }],
    })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const of = async (projectId: string, region = 'RegionOne') =>
      Object.fromEntries(await effectiveLimits(test.service.context.db, { serviceType: 'limited', region, projectId }))
    assert.deepEqual(await of(test.ids.demoProjectId), { a: 1, b: 3, c: -1 })
    assert.deepEqual(await of(test.ids.adminProjectId), { a: 1, b: 3, c: 4 })
    assert.deepEqual(await of(test.ids.adminProjectId, 'RegionTwo'), { a: 1, b: 2, c: 4 })
  })
})
