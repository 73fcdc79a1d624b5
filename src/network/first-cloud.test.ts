import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { person } from '../../test/support/service.ts'
import { networkUnderTest } from './testing/network-under-test.ts'

describe('the first networks', () => {
  it('are made once, and what people changed stays', async () => {
    await using cloud = await networkUnderTest()
    const order = {
      publicCidr: () => '192.168.200.0/24',
      privateCidr: '10.20.0.0/24',
      adminProjectId: person('admin').projectId!,
      demoProjectId: person('demo').projectId!,
    }
    const made = await cloud.network.bootstrap(order)
    const { network } = await cloud.expect(200, 'demo', 'GET', `/networks/${made.publicId}`)
    assert.deepEqual([network.name, network.shared, network['router:external']], ['public', true, true])
    const [subnet] = (await cloud.expect(200, 'demo', 'GET', `/subnets?network_id=${made.publicId}`)).subnets
    assert.deepEqual(
      [subnet.gateway_ip, subnet.allocation_pools, subnet.enable_dhcp],
      ['192.168.200.1', [{ start: '192.168.200.10', end: '192.168.200.254' }], true],
    )
    const own = await cloud.expect(200, 'demo', 'GET', `/networks/${made.privateId}`)
    assert.deepEqual(
      [own.network.name, own.network.shared, own.network.project_id],
      ['private', false, order.demoProjectId],
    )
    assert.equal((await cloud.ask('alt', 'GET', `/networks/${made.privateId}`)).status, 404)
    await cloud.expect(200, 'demo', 'PUT', `/subnets/${own.network.subnets[0]}`, {
      subnet: { dns_nameservers: ['9.9.9.9'] },
    })
    assert.deepEqual(await cloud.network.bootstrap(order), made)
    const kept = (await cloud.expect(200, 'demo', 'GET', `/subnets/${own.network.subnets[0]}`)).subnet
    assert.deepEqual(kept.dns_nameservers, ['9.9.9.9'])
    assert.equal((await cloud.expect(200, 'admin', 'GET', '/networks')).networks.length, 2)
  })
})
