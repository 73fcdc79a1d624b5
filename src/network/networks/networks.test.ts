import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('networks', () => {
  let cloud: NetworkUnderTest
  before(async () => {
    cloud = await networkUnderTest()
  })
  after(() => cloud[Symbol.asyncDispose]())

  const make = async (who: 'demo' | 'admin' | 'alt', wishes: object = {}) =>
    (await cloud.expect(201, who, 'POST', '/networks', { network: wishes })).network

  it('are made with what was left out set to its default', async () => {
    const network = await make('demo', { name: 'blue' })
    const { id, project_id, created_at, updated_at, tenant_id, ...rest } = network
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.equal(project_id, tenant_id)
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(created_at, updated_at)
    assert.deepEqual(rest, {
      name: 'blue',
      description: '',
      status: 'ACTIVE',
      admin_state_up: true,
      shared: false,
      'router:external': false,
      subnets: [],
      mtu: 1450,
      port_security_enabled: true,
      dns_domain: '',
      availability_zone_hints: [],
      availability_zones: [],
      tags: [],
      revision_number: 1,
    })
  })

  it('show their provider attributes to administrators alone', async () => {
    const { id } = await make('demo')
    const seen = (await cloud.expect(200, 'admin', 'GET', `/networks/${id}`)).network
    assert.equal(seen['provider:network_type'], 'vxlan')
    assert.equal(seen['provider:physical_network'], null)
    assert.ok(seen['provider:segmentation_id'] >= 1001)
    const own = (await cloud.expect(200, 'demo', 'GET', `/networks/${id}`)).network
    assert.equal('provider:segmentation_id' in own, false)
  })

  it('each have a segment of their own, also beside one that an administrator chose', async () => {
    const [{ 'provider:segmentation_id': last }] = [await make('admin')]
    const chosen = await make('admin', { 'provider:network_type': 'vxlan', 'provider:segmentation_id': last + 1 })
    assert.equal(chosen['provider:segmentation_id'], last + 1)
    assert.equal((await make('admin'))['provider:segmentation_id'], last + 2)
    const taken = { network: { 'provider:network_type': 'vxlan', 'provider:segmentation_id': last } }
    const { body } = await cloud.ask('admin', 'POST', '/networks', taken)
    assert.equal(body.NeutronError.type, 'TunnelIdInUse')
  })

  it('of others are not found, unless they are shared or external', async () => {
    const own = await make('alt')
    const shared = await make('admin', { shared: true })
    const external = await make('admin', { 'router:external': true })
    const { body, status } = await cloud.ask('demo', 'GET', `/networks/${own.id}`)
    assert.equal(status, 404)
    assert.deepEqual(body, {
      NeutronError: { type: 'NetworkNotFound', message: `Network ${own.id} could not be found.`, detail: '' },
    })
    await cloud.expect(200, 'demo', 'GET', `/networks/${shared.id}`)
    await cloud.expect(200, 'demo', 'GET', `/networks/${external.id}`)
    const ids = (await cloud.expect(200, 'demo', 'GET', '/networks')).networks.map((each: { id: string }) => each.id)
    assert.equal(ids.includes(own.id), false)
    assert.ok(ids.includes(shared.id) && ids.includes(external.id))
    for (const method of ['PUT', 'DELETE']) {
      const change = await cloud.ask(
        'demo',
        method,
        `/networks/${shared.id}`,
        method === 'PUT' ? { network: {} } : undefined,
      )
      assert.equal(change.status, 403)
      assert.equal(change.body.NeutronError.type, 'PolicyNotAuthorized')
    }
  })

  it('may only be shared or external by the word of an administrator', async () => {
    for (const name of ['shared', 'router:external']) {
      assert.equal((await cloud.ask('demo', 'POST', '/networks', { network: { [name]: true } })).status, 403)
      await make('demo', { [name]: false })
    }
    const { id } = await make('demo')
    assert.equal((await cloud.ask('demo', 'PUT', `/networks/${id}`, { network: { shared: true } })).status, 403)
    assert.equal((await cloud.ask('reader', 'POST', '/networks', { network: {} })).status, 403)
  })

  it('are refused with the reason when the request is wrong', async () => {
    const bodies: [unknown, number, string][] = [
      [{ network: { colour: 'blue' } }, 400, 'HTTPBadRequest'],
      [{ network: { id: 'x' } }, 400, 'HTTPBadRequest'],
      [{ network: { name: 7 } }, 400, 'HTTPBadRequest'],
      [{ network: { name: 'a\u0000b' } }, 400, 'HTTPBadRequest'],
      [{ network: { description: 'a\u0000b' } }, 400, 'HTTPBadRequest'],
      [{ network: { name: 'x'.repeat(256) } }, 400, 'HTTPBadRequest'],
      [{ network: { admin_state_up: 'perhaps' } }, 400, 'InvalidInput'],
      [{ network: { mtu: 9000 } }, 400, 'InvalidInput'],
      [{ network: { mtu: 10 } }, 400, 'InvalidInput'],
      [{ network: { mtu: 1e99 } }, 400, 'HTTPBadRequest'],
      [{ network: { dns_domain: 'no-dot' } }, 400, 'HTTPBadRequest'],
      [{ network: { availability_zone_hints: ['mars'] } }, 404, 'AvailabilityZoneNotFound'],
      [{ network: { project_id: 'other' } }, 400, 'HTTPBadRequest'],
      [{ network: null }, 400, 'HTTPBadRequest'],
      [{ networks: [] }, 400, 'HTTPBadRequest'],
      [{ networks: [{}, { bogus: 1 }] }, 400, 'HTTPBadRequest'],
      [[], 400, 'HTTPBadRequest'],
      [{}, 400, 'HTTPBadRequest'],
    ]
    for (const [body, status, type] of bodies) {
      const answer = await cloud.ask('demo', 'POST', '/networks', body)
      assert.equal(answer.status, status, JSON.stringify(body))
      assert.equal(answer.body.NeutronError.type, type, JSON.stringify(body))
    }
    for (const type of ['vlan', 'flat', 'geneve']) {
      const refused = await cloud.ask('admin', 'POST', '/networks', { network: { 'provider:network_type': type } })
      assert.equal(refused.body.NeutronError.type, 'InvalidInput')
    }
    for (const id of ['nonsense', '%20', '00000000-0000-0000-0000-000000000000', `a'b`]) {
      assert.equal((await cloud.ask('demo', 'GET', `/networks/${id}`)).status, 404)
    }
  })

  it('are made in bulk all or none', async () => {
    const before = (await cloud.expect(200, 'demo', 'GET', '/networks')).networks.length
    const made = await cloud.expect(201, 'demo', 'POST', '/networks', {
      networks: [{ name: 'one' }, { network: { name: 'two' } }],
    })
    assert.deepEqual(
      made.networks.map((network: { name: string }) => network.name),
      ['one', 'two'],
    )
    const over = { networks: Array.from({ length: 101 }, () => ({ name: 'many' })) }
    const { status, body } = await cloud.ask('demo', 'POST', '/networks', over)
    assert.deepEqual([status, body.NeutronError.type], [409, 'OverQuota'])
    assert.equal((await cloud.expect(200, 'demo', 'GET', '/networks')).networks.length, before + 2)
  })

  it('change what is sent and count their revisions', async () => {
    const { id } = await make('demo', { name: 'old' })
    const changed = (await cloud.expect(200, 'demo', 'PUT', `/networks/${id}`, { network: { name: 'new', mtu: 1400 } }))
      .network
    assert.deepEqual([changed.name, changed.mtu, changed.revision_number], ['new', 1400, 2])
    await cloud.expect(200, 'demo', 'PUT', `/networks/${id}`, { network: {} })
    const { status, body } = await cloud.ask('demo', 'PUT', `/networks/${id}`, { network: { id } })
    assert.deepEqual([status, body.NeutronError.type], [400, 'HTTPBadRequest'])
  })

  it('change only in the revision that If-Match names', async () => {
    const { id } = await make('demo')
    const change = (revision: string) =>
      cloud.ask('demo', 'PUT', `/networks/${id}`, { network: { name: 'x' } }, { 'if-match': revision })
    assert.equal((await change('revision_number=7')).status, 412)
    assert.equal((await change('revision_number=one')).status, 400)
    assert.equal((await change('revision_number=1')).status, 200)
    const gone = (revision: string) =>
      cloud.ask('demo', 'DELETE', `/networks/${id}`, undefined, { 'if-match': revision })
    assert.equal((await gone('revision_number=1')).body.NeutronError.type, 'RevisionNumberConstraintFailed')
    assert.equal((await gone('revision_number=2')).status, 204)
  })

  it('go, with their subnets, once nobody has a port on them', async () => {
    const { id } = await make('demo')
    const subnet = { network_id: id, ip_version: 4, cidr: '10.0.0.0/24' }
    await cloud.expect(201, 'demo', 'POST', '/subnets', { subnet })
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: id } })
    const { status, body } = await cloud.ask('demo', 'DELETE', `/networks/${id}`)
    assert.deepEqual([status, body.NeutronError.type], [409, 'NetworkInUse'])
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${port.id}`)
    await cloud.expect(204, 'demo', 'DELETE', `/networks/${id}`)
    assert.equal((await cloud.expect(200, 'demo', 'GET', `/subnets?network_id=${id}`)).subnets.length, 0)
    assert.equal((await cloud.expect(200, 'admin', 'GET', `/ports?network_id=${id}`)).ports.length, 0)
  })

  it('stay shared while other projects use them', async () => {
    const { id } = await make('admin', { shared: true })
    await cloud.expect(201, 'admin', 'POST', '/subnets', {
      subnet: { network_id: id, ip_version: 4, cidr: '10.0.0.0/24' },
    })
    await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: id } })
    const { status, body } = await cloud.ask('admin', 'PUT', `/networks/${id}`, { network: { shared: false } })
    assert.deepEqual([status, body.NeutronError.type], [409, 'InvalidSharedSetting'])
  })
})
