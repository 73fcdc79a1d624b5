import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('the policy for an endpoint', () => {
  let test: IdentityUnderTest
  let service: Made
  let endpoint: Made
  const ask = (method: string, path: string) => test.ask(test.admin, method, `/v3${path}`)
  const aPolicy = () => test.make('/v3/policies', { policy: { type: 'text/plain', blob: 'anything' } })
  const at = (policy: Made, place: string) => `/policies/${policy.id}/OS-ENDPOINT-POLICY/${place}`
  const policyOf = async () => {
    const answer = await ask('GET', `/endpoints/${endpoint.id}/OS-ENDPOINT-POLICY/policy`)
    return answer.status === 200 ? answer.body.policy.id : answer.status
  }
  const endpointsOf = async (policy: Made) =>
    (await ask('GET', at(policy, 'endpoints'))).body.endpoints.map((each: Made) => each.id)

  before(async () => {
    test = await identityUnderTest()
    await test.make('/v3/regions', { region: { id: 'north' } })
    await test.make('/v3/regions', { region: { id: 'north-1', parent_region_id: 'north' } })
    service = await test.make('/v3/services', { service: { type: 'mapped', name: 'mapped' } })
    endpoint = await test.make('/v3/endpoints', {
      endpoint: { service_id: service.id, region_id: 'north-1', interface: 'public', url: 'http://here' },
    })
  })
  after(() => test[Symbol.asyncDispose]())

  it('is the endpoint’s own, or its region’s and service’s, or its service’s', async () => {
    const [ofService, ofRegion, own] = [await aPolicy(), await aPolicy(), await aPolicy()]
    const regional = `services/${service.id}/regions/north`
    assert.equal(await policyOf(), 404)
    assert.equal((await ask('PUT', at(ofService, `services/${service.id}`))).status, 204)
    assert.equal(await policyOf(), ofService.id)
    assert.equal((await ask('PUT', at(ofRegion, regional))).status, 204)
    assert.equal(await policyOf(), ofRegion.id)
    assert.equal((await ask('PUT', at(own, `endpoints/${endpoint.id}`))).status, 204)
    assert.equal(await policyOf(), own.id)
    for (const policy of [ofService, ofRegion, own]) assert.deepEqual(await endpointsOf(policy), [endpoint.id])

    for (const [policy, place] of [
      [own, `endpoints/${endpoint.id}`],
      [ofRegion, regional],
      [ofService, `services/${service.id}`],
    ] as const) {
      assert.equal((await ask('GET', at(policy, place))).status, 204)
      assert.equal((await ask('HEAD', at(policy, place))).status, 204)
      assert.equal((await ask('DELETE', at(policy, place))).status, 204)
      assert.equal((await ask('GET', at(policy, place))).status, 404)
      assert.equal((await ask('DELETE', at(policy, place))).status, 204)
    }
    assert.equal(await policyOf(), 404)
  })

  it('gives way to another for the same place, and goes with the policy', async () => {
    const [first, second] = [await aPolicy(), await aPolicy()]
    const place = `endpoints/${endpoint.id}`
    await ask('PUT', at(first, place))
    assert.equal((await ask('PUT', at(second, place))).status, 204)
    assert.equal((await ask('GET', at(first, place))).status, 404)
    assert.equal(await policyOf(), second.id)
    assert.equal((await ask('DELETE', `/policies/${second.id}`)).status, 204)
    assert.equal(await policyOf(), 404)
  })

  it('is for things that there are', async () => {
    const policy = await aPolicy()
    for (const place of ['endpoints/none', 'services/none', `services/${service.id}/regions/none`]) {
      assert.equal((await ask('PUT', at(policy, place))).status, 404, place)
      assert.equal((await ask('DELETE', at(policy, place))).status, 404, place)
    }
    assert.equal((await ask('PUT', at({ id: 'none' }, `endpoints/${endpoint.id}`))).status, 404)
    assert.equal((await ask('GET', at({ id: 'none' }, 'endpoints'))).status, 404)
    assert.equal((await ask('GET', '/endpoints/none/OS-ENDPOINT-POLICY/policy')).status, 404)
  })
})
