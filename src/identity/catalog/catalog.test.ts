import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'
import type { CatalogRow } from './store.ts'
import { catalogFor, unknownUrlWord } from './catalog.ts'

const aRow = (url: string | null): CatalogRow => ({
  serviceId: 's',
  serviceType: 'compute',
  serviceName: 'nova',
  endpointId: 'e',
  interface: 'public',
  regionId: 'RegionOne',
  url,
})

describe('a catalog', () => {
  it('fills in the project and the user, in both spellings', () => {
    const [entry] = catalogFor([aRow('http://h/$(project_id)s/%(tenant_id)s/$(user_id)s')], {
      userId: 'u',
      projectId: 'p',
    })
    assert.equal(entry!.endpoints[0]!.url, 'http://h/p/p/u')
  })

  it('leaves out endpoints that want a project where there is none, and keeps their service', () => {
    const rows = [aRow('http://h/$(project_id)s'), aRow('http://h')]
    const [entry] = catalogFor(rows, { userId: 'u', projectId: undefined })
    assert.deepEqual(
      entry!.endpoints.map((endpoint) => endpoint.url),
      ['http://h'],
    )
  })

  it('shows a service without endpoints with an empty list', () => {
    assert.deepEqual(catalogFor([aRow(null)], { userId: 'u', projectId: 'p' })[0]!.endpoints, [])
  })

  it('knows which words a URL may want', () => {
    assert.equal(unknownUrlWord('http://h:80/$(project_id)s?a=100%25'), undefined)
    assert.equal(unknownUrlWord('http://h/$(host)s'), 'host')
    assert.equal(unknownUrlWord('http://h/$(project_id)'), '(')
  })
})

describe('regions, services and endpoints', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())
  const catalog = async () => (await test.ask(test.admin, 'GET', '/v3/auth/catalog')).body.catalog as Made[]

  it('appear in the catalog at once, and disappear when disabled', async () => {
    const service = await test.make('/v3/services', { service: { type: 'dns', name: 'designate', description: 'd' } })
    assert.deepEqual((await catalog()).find((entry) => entry.type === 'dns').endpoints, [])
    const endpoint = await test.make('/v3/endpoints', {
      endpoint: {
        service_id: service.id,
        interface: 'public',
        url: 'http://dns/$(project_id)s',
        region_id: 'RegionOne',
      },
    })
    assert.equal(endpoint.url, 'http://dns/$(project_id)s')
    assert.equal(endpoint.region, 'RegionOne')
    const shown = (await catalog()).find((entry) => entry.type === 'dns').endpoints[0]
    assert.deepEqual(shown, {
      id: endpoint.id,
      interface: 'public',
      region_id: 'RegionOne',
      url: `http://dns/${test.ids.adminProjectId}`,
      region: 'RegionOne',
    })
    await test.ask(test.admin, 'PATCH', `/v3/endpoints/${endpoint.id}`, { endpoint: { enabled: false } })
    assert.deepEqual((await catalog()).find((entry) => entry.type === 'dns').endpoints, [])
    await test.ask(test.admin, 'PATCH', `/v3/services/${service.id}`, { service: { enabled: false } })
    assert.equal(
      (await catalog()).find((entry) => entry.type === 'dns'),
      undefined,
    )
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/services/${service.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/endpoints/${endpoint.id}`)).status, 404)
  })

  it('refuse bodies that make no sense', async () => {
    const service = await test.make('/v3/services', { service: { type: 'x' } })
    assert.equal('name' in service, false)
    const post = async (endpoint: unknown) => (await test.ask(test.admin, 'POST', '/v3/endpoints', { endpoint })).status
    const good = { service_id: service.id, interface: 'public', url: 'http://x' }
    assert.equal(await post({ ...good, interface: 'secret' }), 400)
    assert.equal(await post({ ...good, url: 'nowhere' }), 400)
    assert.equal(await post({ ...good, url: 'http://x/$(host)s' }), 400)
    assert.equal(await post({ ...good, enabled: 'true' }), 400)
    assert.equal(await post({ ...good, region_id: 'nowhere' }), 400)
    assert.equal(await post({ ...good, service_id: 'f'.repeat(32) }), 404)
    assert.equal(await post({ ...good, region: 'made-on-the-way' }), 201)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/regions/made-on-the-way')).status, 200)
    assert.equal((await test.ask(test.admin, 'POST', '/v3/services', { service: {} })).status, 400)
  })

  it('nest regions, never in a circle, and keep those in use', async () => {
    const top = await test.make('/v3/regions', { region: { id: 'top', description: 'the top' } })
    assert.equal(top.parent_region_id, null)
    await test.make('/v3/regions', { region: { id: 'low', parent_region_id: 'top' } })
    const patch = await test.ask(test.admin, 'PATCH', '/v3/regions/top', { region: { parent_region_id: 'low' } })
    assert.equal(patch.status, 400)
    assert.equal((await test.ask(test.admin, 'POST', '/v3/regions', { region: { id: 'top' } })).status, 409)
    assert.equal((await test.ask(test.admin, 'PUT', '/v3/regions/put', { region: {} })).status, 201)
    assert.equal((await test.ask(test.admin, 'PUT', '/v3/regions/put', { region: {} })).status, 409)
    const stray = await test.ask(test.admin, 'POST', '/v3/regions', { region: { parent_region_id: 'nowhere' } })
    assert.equal(stray.status, 404)
    const below = (await test.ask(test.admin, 'GET', '/v3/regions?parent_region_id=top')).body.regions
    assert.deepEqual(
      below.map((region: Made) => region.id),
      ['low'],
    )
    assert.equal((await test.ask(test.admin, 'DELETE', '/v3/regions/RegionOne')).status, 403)
    assert.equal((await test.ask(test.admin, 'DELETE', '/v3/regions/top')).status, 204)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/regions/low')).status, 404)
  })

  it('are read by all (regions) or by administrators (the rest), and written by administrators', async () => {
    const demo = await test.login('demo')
    assert.equal((await test.ask(demo, 'GET', '/v3/regions')).status, 200)
    assert.equal((await test.ask(demo, 'POST', '/v3/regions', { region: {} })).status, 403)
    assert.equal((await test.ask(demo, 'GET', '/v3/services')).status, 403)
    assert.equal((await test.ask(demo, 'GET', '/v3/endpoints')).status, 403)
    const ofDomain = await test.login('admin', { domain: { id: 'default' } })
    assert.equal((await test.ask(ofDomain, 'GET', '/v3/services')).status, 403, 'not in a domain scope')
  })
})
