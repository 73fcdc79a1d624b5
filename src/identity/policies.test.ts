import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ListedRoute, routeList } from '../http/route-list.ts'
import { type IdentityUnderTest, identityUnderTest } from './identity-under-test.ts'
import { identityPolicies } from './policies.ts'

// Who may do what, route by route and persona by persona: test/personas/.
describe('the policy of identity', () => {
  let test: IdentityUnderTest
  let routes: readonly ListedRoute[]
  before(async () => {
    test = await identityUnderTest()
    routes = routeList().filter((route) => route.service === 'identity')
  })
  after(() => test[Symbol.asyncDispose]())

  it('names a policy for every route, and every GET has a HEAD', () => {
    for (const route of routes) {
      assert.ok(route.policy !== undefined && route.policy in identityPolicies, `${route.method} ${route.path}`)
    }
    const heads = new Set(routes.filter((route) => route.method === 'HEAD').map((route) => route.path))
    for (const route of routes) if (route.method === 'GET') assert.ok(heads.has(route.path), route.path)
    const keys = routes.map((route) => `${route.method} ${route.path}`)
    assert.equal(new Set(keys).size, keys.length, 'no route is listed twice')
  })
})
