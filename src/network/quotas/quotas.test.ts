import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('quotas', () => {
  let cloud: NetworkUnderTest
  const demo = person('demo').projectId!
  before(async () => {
    cloud = await networkUnderTest()
  })
  after(() => cloud[Symbol.asyncDispose]())

  const set = (quota: object, project: string = demo) => cloud.ask('admin', 'PUT', `/quotas/${project}`, { quota })
  const used = async (resource: string) =>
    (await cloud.expect(200, 'demo', 'GET', `/quotas/${demo}/details`)).quota[resource].used

  it('are upstream defaults until an administrator sets others', async () => {
    const defaults = { network: 100, subnet: 100, port: 500, security_group: 10, security_group_rule: 100 }
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', `/quotas/${demo}`)).quota, defaults)
    const changed = await set({ network: '7', port: -1 })
    assert.deepEqual(changed.body.quota, { ...defaults, network: 7, port: -1 })
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', `/quotas/${demo}/default`)).quota, defaults)
    const listed = (await cloud.expect(200, 'admin', 'GET', '/quotas')).quotas
    assert.deepEqual(
      listed.map((quota: { project_id: string; network: number }) => [quota.project_id, quota.network]),
      [[demo, 7]],
    )
    await cloud.expect(204, 'admin', 'DELETE', `/quotas/${demo}`)
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', `/quotas/${demo}`)).quota, defaults)
  })

  it('of others are for administrators, and only they change any', async () => {
    const other = person('alt').projectId!
    assert.equal((await cloud.ask('demo', 'GET', `/quotas/${other}`)).status, 403)
    assert.equal((await cloud.ask('demo', 'PUT', `/quotas/${demo}`, { quota: { network: 1000 } })).status, 403)
    assert.equal((await cloud.ask('demo', 'DELETE', `/quotas/${demo}`)).status, 403)
    assert.equal((await cloud.ask('demo', 'GET', '/quotas')).status, 403)
  })

  it('are refused when they are none, or below what is in use', async () => {
    assert.equal((await set({ network: -2 })).status, 400)
    assert.equal((await set({ network: 'many' })).status, 400)
    assert.equal((await set({ network: 2 ** 40 })).status, 400)
    assert.equal((await set({ colour: 1 })).status, 400)
    assert.equal((await cloud.ask('admin', 'PUT', `/quotas/${demo}`, {})).status, 400)
    await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    assert.equal((await set({ network: 0 })).status, 400)
    assert.equal((await set({ network: 0, force: true })).status, 200)
    assert.equal((await cloud.ask('demo', 'POST', '/networks', { network: {} })).status, 409)
    await cloud.expect(204, 'admin', 'DELETE', `/quotas/${demo}`)
  })

  it('hold when many ask at once', async () => {
    await set({ network: (await used('network')) + 3 })
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => cloud.ask('demo', 'POST', '/networks', { network: {} })),
    )
    assert.equal(answers.filter(({ status }) => status === 201).length, 3)
    const refused = answers.filter(({ status }) => status !== 201)
    assert.ok(refused.every(({ status, body }) => status === 409 && body.NeutronError.type === 'OverQuota'))
    await cloud.expect(204, 'admin', 'DELETE', `/quotas/${demo}`)
  })

  it('count what is made and what goes, with all that goes along', async () => {
    const before = [await used('network'), await used('subnet'), await used('port')]
    const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    const subnet = { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' }
    await cloud.expect(201, 'demo', 'POST', '/subnets', { subnet })
    assert.deepEqual(
      [await used('network'), await used('subnet'), await used('port')],
      before.map((count) => count + 1),
    )
    await cloud.expect(204, 'demo', 'DELETE', `/networks/${network.id}`)
    assert.deepEqual([await used('network'), await used('subnet'), await used('port')], before)
    const rules = await used('security_group_rule')
    const { security_group } = await cloud.expect(201, 'demo', 'POST', '/security-groups', { security_group: {} })
    await cloud.expect(204, 'demo', 'DELETE', `/security-groups/${security_group.id}`)
    assert.equal(await used('security_group_rule'), rules === 0 ? 4 : rules)
  })

  it('never stand in the way of the default security group and of DHCP', async () => {
    const alt = person('alt').projectId!
    await set({ security_group: 0, port: 0 }, alt)
    const { security_groups } = await cloud.expect(200, 'alt', 'GET', '/security-groups')
    assert.equal(security_groups.length, 1)
    const { network } = await cloud.expect(201, 'alt', 'POST', '/networks', { network: {} })
    const subnet = { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' }
    await cloud.expect(201, 'alt', 'POST', '/subnets', { subnet })
    assert.equal(
      (await cloud.ask('alt', 'POST', '/ports', { port: { network_id: network.id } })).body.NeutronError.type,
      'OverQuota',
    )
  })
})
