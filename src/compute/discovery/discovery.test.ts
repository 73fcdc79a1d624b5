import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { microversionHeaders, type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('the compute API before a token', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud({ hosts: 1 })
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('lists its versions, with the bounds of the microversions', async () => {
    for (const path of ['/compute', '/compute/']) {
      const { status, body } = await cloud.test.ask(undefined, 'GET', path)
      assert.equal(status, 200)
      assert.deepEqual(
        body.versions.map((each: { id: string; min_version: string; version: string }) => [
          each.id,
          each.min_version,
          each.version,
        ]),
        [
          ['v2.0', '', ''],
          ['v2.1', '2.1', '2.104'],
        ],
      )
    }
  })

  it('describes v2.1 with and without a slash', async () => {
    for (const path of ['/compute/v2.1', '/compute/v2.1/']) {
      const { status, body } = await cloud.test.ask(undefined, 'GET', path)
      assert.equal(status, 200)
      assert.equal(body.version.status, 'CURRENT')
      assert.deepEqual(body.version.links[0], { rel: 'self', href: 'http://127.0.0.1:5000/compute/v2.1/' })
    }
  })

  it('asks for a token everywhere else, and for an unknown path as well', async () => {
    assert.equal((await cloud.ask(undefined, 'GET', '/servers')).status, 401)
    assert.equal((await cloud.ask(undefined, 'GET', '/nothing')).status, 401)
    const lost = await cloud.ask('demo', 'GET', '/nothing')
    assert.equal(lost.status, 404)
    assert.equal(lost.body.itemNotFound.code, 404)
  })

  it('echoes the microversion, and refuses one out of bounds with them', async () => {
    const answer = await cloud.ask('demo', 'GET', '/servers', undefined, '2.42')
    assert.equal(answer.headers['openstack-api-version'], 'compute 2.42')
    assert.equal(answer.headers['x-openstack-nova-api-version'], '2.42')
    const old = await cloud.test.ask('demo', 'GET', '/compute/v2.1/servers', undefined, {
      'x-openstack-nova-api-version': '2.9',
    })
    assert.equal(old.headers['x-openstack-nova-api-version'], '2.9')
    const refused = await cloud.ask('demo', 'GET', '/servers', undefined, '2.105')
    assert.equal(refused.status, 406)
    assert.match(refused.body.computeFault.message, /Minimum is 2\.1 and maximum is 2\.104/)
    const broken = await cloud.test.ask('demo', 'GET', '/compute/v2.1/servers', undefined, microversionHeaders('two'))
    assert.equal(broken.status, 400)
  })
})
