import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { routeList } from '../http/route-list.ts'
import { type PlacementUnderTest, placementUnderTest } from './placement-under-test.ts'
import { policies } from './policies.ts'
import { VERSIONS } from './versions.ts'

describe('placement', () => {
  let at: PlacementUnderTest
  before(async () => {
    at = await placementUnderTest()
  })
  after(() => at[Symbol.asyncDispose]())

  const raw = (method: string, url: string, headers: Record<string, string>, payload?: string) =>
    at.test.app.inject({
      method: method as 'GET',
      url: `/placement${url}`,
      headers: { 'x-auth-token': 'admin', ...headers },
      ...(payload !== undefined && { payload }),
    })

  it('tells everybody its versions', async () => {
    const { status, body } = await at.test.ask(undefined, 'GET', '/placement/')
    assert.equal(status, 200)
    assert.deepEqual(body, {
      versions: [
        {
          id: 'v1.0',
          status: 'CURRENT',
          min_version: '1.0',
          max_version: '1.39',
          links: [{ rel: 'self', href: '' }],
        },
      ],
    })
    assert.equal(Object.keys(VERSIONS).length, 40)
  })

  it('asks everybody else for a token, and the token’s owner for a role', async () => {
    const none = await at.test.ask(undefined, 'GET', '/placement/resource_providers')
    assert.equal(none.status, 401)
    assert.match(String(none.headers['www-authenticate']), /^Keystone uri=/)
    const demo = await at.test.ask('demo', 'GET', '/placement/resource_providers')
    assert.deepEqual([demo.status, demo.body.errors[0].title], [403, 'Forbidden'])
    assert.equal(
      (await at.test.ask('admin', 'POST', '/placement/reshaper', {}, { 'openstack-api-version': 'placement 1.30' }))
        .status,
      400,
    )
  })

  it('speaks the version that is asked for, and echoes it', async () => {
    for (const version of ['1.0', '1.39', 'latest']) {
      const answer = await at.ask('GET', '/resource_providers', undefined, version)
      assert.equal(answer.headers['openstack-api-version'], `placement ${version === 'latest' ? '1.39' : version}`)
      assert.equal(answer.headers.vary, 'OpenStack-API-Version')
    }
    const refused = await at.ask('GET', '/resource_providers', undefined, '1.40')
    const [error] = refused.body.errors
    assert.deepEqual([refused.status, error.min_version, error.max_version], [406, '1.0', '1.39'])
    assert.match(error.detail, /^Unacceptable version header: 1\.40/)
    assert.equal((await at.ask('GET', '/resource_providers', undefined, 'pony')).status, 400)
  })

  it('gives one error object, with a code from 1.23 on', async () => {
    const older = await at.ask('GET', '/resource_providers/nowhere', undefined, '1.22')
    const { request_id: id, ...rest } = older.body.errors[0]
    assert.match(id, /^req-/)
    assert.deepEqual(rest, { status: 404, title: 'Not Found', detail: 'No resource provider with uuid nowhere found' })
    const newer = await at.ask('GET', '/resource_providers/nowhere', undefined, '1.23')
    assert.equal(newer.body.errors[0].code, 'placement.undefined_code')
  })

  it('says how fresh an answer is from 1.15 on', async () => {
    const older = await at.ask('GET', '/traits', undefined, '1.14')
    assert.deepEqual([older.headers['last-modified'], older.headers['cache-control']], [undefined, undefined])
    const newer = await at.ask('GET', '/traits', undefined, '1.15')
    assert.equal(newer.headers['cache-control'], 'no-cache')
    assert.match(String(newer.headers['last-modified']), /^\w+, \d+ \w+ \d{4} [\d:]+ GMT$/)
  })

  it('takes JSON and nothing else', async () => {
    const url = '/resource_providers'
    const text = await raw('POST', url, { 'content-type': 'text/plain' }, 'name: x')
    assert.deepEqual([text.statusCode, /text\/plain is not supported/.test(text.body)], [415, true])
    assert.equal((await raw('POST', url, {}, '')).statusCode, 415)
    const nameless = await raw('PUT', '/resource_providers/x', { 'content-length': '3' }, 'abc')
    assert.equal(nameless.statusCode, 400)
    const broken = await raw('POST', url, { 'content-type': 'application/json' }, '{')
    assert.deepEqual([broken.statusCode, /Malformed JSON/.test(broken.body)], [400, true])
  })

  it('gives JSON and nothing else', async () => {
    assert.equal((await raw('GET', '/resource_providers', { accept: 'text/plain' })).statusCode, 406)
    assert.equal(
      (await raw('GET', '/resource_providers', { accept: 'text/html,application/xml;q=0.9' })).statusCode,
      406,
    )
    assert.equal((await raw('GET', '/resource_providers', { accept: 'text/html,*/*;q=0.8' })).statusCode, 200)
    assert.equal((await raw('GET', '/resource_providers', { accept: '*/*;q=0' })).statusCode, 406)
  })

  it('names the methods of a path that does not know the one that was used', async () => {
    const answer = await raw('DELETE', '/resource_providers', {})
    assert.deepEqual([answer.statusCode, answer.headers.allow], [405, 'GET, POST'])
    assert.match(answer.body, /The method DELETE is not allowed for this resource\./)
    assert.equal((await raw('PATCH', '/resource_providers/x/inventories/VCPU', {})).headers.allow, 'GET, PUT, DELETE')
    assert.equal((await raw('GET', '/nowhere', {})).statusCode, 404)
    assert.equal((await at.test.ask(undefined, 'DELETE', '/placement/resource_providers')).status, 401)
  })

  it('guards every route by a policy, and uses every policy', () => {
    const routes = routeList().filter(({ service }) => service === 'placement')
    assert.deepEqual(
      routes.filter(({ policy }) => policy === undefined),
      [],
    )
    const used = new Set(routes.map(({ policy }) => policy))
    assert.deepEqual(
      Object.keys(policies).filter((name) => !used.has(name)),
      [],
    )
  })
})
