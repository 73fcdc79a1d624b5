/** Single things of identity, and every kind of inherited grant, asked by their own paths. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from './identity-under-test.ts'

describe('by its own path', () => {
  let test: IdentityUnderTest
  let demo: string
  before(async () => {
    test = await identityUnderTest()
    demo = await test.login('demo')
  })
  after(() => test[Symbol.asyncDispose]())
  const ask = (method: string, path: string, body?: unknown) => test.ask(test.admin, method, `/v3${path}`, body)
  const missing = 'f'.repeat(32)

  it('each of these is shown as it was made, to administrators', async () => {
    const service = await test.make('/v3/services', { service: { type: 'shown', name: 'shown' } })
    const endpoint = await test.make('/v3/endpoints', {
      endpoint: { service_id: service.id, interface: 'public', url: 'http://shown' },
    })
    const role = await test.make('/v3/roles', { role: { name: 'shown' } })
    for (const [path, key, made] of [
      ['/services', 'service', service],
      ['/endpoints', 'endpoint', endpoint],
      ['/roles', 'role', role],
    ] as const) {
      assert.deepEqual((await ask('GET', `${path}/${made.id}`)).body[key], made)
      assert.equal((await ask('GET', `${path}/${missing}`)).status, 404, path)
      assert.equal((await test.ask(demo, 'GET', `/v3${path}/${made.id}`)).status, 403, path)
    }
    const endpointPath = `/endpoints/${endpoint.id}`
    assert.equal((await test.ask(demo, 'DELETE', `/v3${endpointPath}`)).status, 403)
    assert.equal((await ask('DELETE', endpointPath)).status, 204)
    assert.equal((await ask('DELETE', endpointPath)).status, 404)
  })

  it('a registered limit is shown to anybody', async () => {
    const service = await test.make('/v3/services', { service: { type: 'limited' } })
    const limit = { service_id: service.id, resource_name: 'cores', default_limit: 10 }
    const [made] = (await ask('POST', '/registered_limits', { registered_limits: [limit] })).body.registered_limits
    const shown = await test.ask(demo, 'GET', `/v3/registered_limits/${made.id}`)
    assert.deepEqual(shown.body.registered_limit, made)
    assert.equal((await ask('GET', `/registered_limits/${missing}`)).status, 404)
  })

  it('a region changes what it says and where it hangs', async () => {
    for (const id of ['above', 'below']) await test.make('/v3/regions', { region: { id } })
    const change = (region: object) => ask('PATCH', '/regions/below', { region })
    const { status, body } = await change({ description: 'new', parent_region_id: 'above' })
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual([body.region.description, body.region.parent_region_id], ['new', 'above'])
    assert.equal((await change({ description: 5 })).status, 400)
    assert.equal((await ask('PATCH', '/regions/nowhere', { region: { description: 'new' } })).status, 404)
    assert.equal((await test.ask(demo, 'PATCH', '/v3/regions/below', { region: { description: 'mine' } })).status, 403)
  })

  it('a group is shown, and the roles that its members inherit in a domain', async () => {
    const group: Made = await test.make('/v3/groups', { group: { name: 'shown', description: 'd' } })
    const { status, body } = await ask('GET', `/groups/${group.id}`)
    assert.deepEqual([status, body.group], [200, group])
    assert.equal((await ask('GET', `/groups/${missing}`)).status, 404)
    const roles = `/OS-INHERIT/domains/default/groups/${group.id}/roles`
    assert.deepEqual((await ask('GET', `${roles}/inherited_to_projects`)).body.roles, [])
    await ask('PUT', `${roles}/${await test.roleId('reader')}/inherited_to_projects`)
    const inherited = (await ask('GET', `${roles}/inherited_to_projects`)).body.roles
    assert.deepEqual(
      inherited.map(({ name }: Made) => name),
      ['reader'],
    )
  })

  it('an inherited grant is given, checked and taken back, of every kind', async () => {
    const user: Made = await test.aUser()
    const group: Made = await test.make('/v3/groups', { group: { name: 'heirs' } })
    const role = await test.roleId('reader')
    for (const target of ['domains/default', `projects/${test.ids.demoProjectId}`]) {
      for (const actor of [`users/${user.id}`, `groups/${group.id}`]) {
        const path = `/OS-INHERIT/${target}/${actor}/roles/${role}/inherited_to_projects`
        const statuses: number[] = []
        for (const method of ['GET', 'PUT', 'PUT', 'GET', 'DELETE', 'GET', 'DELETE']) {
          statuses.push((await ask(method, path)).status)
        }
        assert.deepEqual(statuses, [404, 204, 204, 204, 204, 404, 404], path)
        assert.equal((await test.ask(demo, 'PUT', `/v3${path}`)).status, 403, path)
        assert.equal((await ask('PUT', path.replace(role, missing))).status, 404, path)
      }
    }
  })
})
