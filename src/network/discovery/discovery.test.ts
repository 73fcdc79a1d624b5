import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ERROR_CODES } from '../errors.ts'
import { networkFault } from '../faults.ts'
import { refusal } from '../errors.ts'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('discovery', () => {
  let cloud: NetworkUnderTest
  before(async () => {
    cloud = await networkUnderTest(['host-1', 'host-2'])
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('tells the version to anyone', async () => {
    for (const path of ['/network', '/network/']) {
      const { status, body } = await cloud.service.ask(undefined, 'GET', path)
      assert.equal(status, 200)
      const [version] = body.versions
      assert.deepEqual([version.id, version.status], ['v2.0', 'CURRENT'])
      assert.deepEqual(version.links, [{ rel: 'self', href: 'http://127.0.0.1:5000/network/v2.0/' }])
    }
  })

  it('asks for a token everywhere else, and answers an unknown path by 404', async () => {
    assert.equal((await cloud.ask(undefined, 'GET', '/')).status, 401)
    assert.equal((await cloud.ask(undefined, 'GET', '/networks')).status, 401)
    const unknown = await cloud.ask('demo', 'GET', '/routers')
    assert.deepEqual(unknown.body, {
      NeutronError: { type: 'HTTPNotFound', message: 'The resource could not be found.', detail: '' },
    })
    assert.equal((await cloud.ask('demo', 'GET', '')).status, 404)
  })

  it('lists the collections, each of which answers', async () => {
    const { resources } = await cloud.expect(200, 'admin', 'GET', '/')
    for (const { name, collection, links } of resources) {
      assert.match(links[0].href, new RegExp(`/network/v2.0/${collection}$`))
      assert.equal((await cloud.ask('admin', 'GET', `/${collection}`)).status, 200, name)
    }
  })

  it('lists extensions and shows each', async () => {
    const { extensions } = await cloud.expect(200, 'demo', 'GET', '/extensions')
    assert.ok(extensions.some(({ alias }: { alias: string }) => alias === 'security-group'))
    assert.equal(new Set(extensions.map(({ alias }: { alias: string }) => alias)).size, extensions.length)
    for (const extension of extensions) {
      assert.deepEqual((await cloud.expect(200, 'demo', 'GET', `/extensions/${extension.alias}`)).extension, extension)
    }
    const { status, body } = await cloud.ask('demo', 'GET', '/extensions/router')
    assert.deepEqual([status, body.NeutronError.type], [404, 'ExtensionsNotFound'])
  })

  it('lists two agents a host, the same at every start', async () => {
    const { agents } = await cloud.expect(200, 'admin', 'GET', '/agents')
    assert.equal(agents.length, 4)
    const dhcp = (await cloud.expect(200, 'admin', 'GET', '/agents?host=host-2&agent_type=DHCP%20agent&alive=true'))
      .agents
    assert.equal(dhcp.length, 1)
    assert.match(dhcp[0].heartbeat_timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    assert.deepEqual((await cloud.expect(200, 'admin', 'GET', `/agents/${dhcp[0].id}`)).agent.host, 'host-2')
    assert.equal((await cloud.ask('admin', 'GET', '/agents/x')).body.NeutronError.type, 'AgentNotFound')
    assert.equal((await cloud.ask('demo', 'GET', '/agents')).status, 403)
  })

  it('lists availability zones', async () => {
    const zone = { name: 'nova', resource: 'network', state: 'available' }
    assert.deepEqual(await cloud.expect(200, 'demo', 'GET', '/availability_zones'), { availability_zones: [zone] })
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', '/availability_zones?name=mars')).availability_zones, [])
  })

  it('counts addresses exactly, however many there are', async () => {
    const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: { name: 'counted' } })
    for (const subnet of [
      { ip_version: 4, cidr: '10.0.0.0/28' },
      { ip_version: 6, cidr: 'fd00::/64' },
    ]) {
      await cloud.expect(201, 'demo', 'POST', '/subnets', { subnet: { network_id: network.id, ...subnet } })
    }
    const answer = await cloud.service.app.inject({
      url: `/network/v2.0/network-ip-availabilities/${network.id}`,
      headers: { 'x-auth-token': 'admin' },
    })
    assert.match(answer.body, /"total_ips":18446744073709551614,"used_ips":1/)
    const found = answer.json().network_ip_availability
    assert.equal(found.used_ips, 2)
    assert.equal(found.subnet_ip_availability[0].total_ips, 13)
    const four = await cloud.expect(200, 'admin', 'GET', `/network-ip-availabilities?network_name=counted&ip_version=4`)
    assert.equal(four.network_ip_availabilities[0].subnet_ip_availability.length, 1)
    assert.equal((await cloud.ask('demo', 'GET', '/network-ip-availabilities')).status, 403)
  })
})

describe('faults', () => {
  it('have a type and a status for every error', () => {
    for (const code of ERROR_CODES) {
      const { status, body } = networkFault(
        (refusal as (code: string, ...facts: unknown[]) => never)(code, 'something', 'else', 'more'),
      )
      const { type, message } = (body as { NeutronError: { type: string; message: string } }).NeutronError
      assert.match(type, /^[A-Z][A-Za-z0-9]+$/)
      assert.ok(status >= 400 && status < 504 && message.length > 5, code)
    }
  })
})
