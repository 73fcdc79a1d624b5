import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('subnets', () => {
  let cloud: NetworkUnderTest
  before(async () => {
    cloud = await networkUnderTest()
    await cloud.expect(200, 'admin', 'PUT', `/quotas/${await projectOf('demo')}`, {
      quota: { network: -1, subnet: -1 },
    })
  })
  after(() => cloud[Symbol.asyncDispose]())

  const projectOf = async (who: 'demo') => (await cloud.expect(200, who, 'GET', '/quotas/project')).project.project_id
  const aNetwork = async (wishes: object = {}, who: 'demo' | 'admin' = 'demo') =>
    (await cloud.expect(201, who, 'POST', '/networks', { network: wishes })).network.id
  const make = async (wishes: object, networkId?: string) => {
    const network_id = networkId ?? (await aNetwork())
    return (await cloud.expect(201, 'demo', 'POST', '/subnets', { subnet: { network_id, ip_version: 4, ...wishes } }))
      .subnet
  }
  const refused = async (wishes: object, networkId?: string) => {
    const network_id = networkId ?? (await aNetwork())
    const { status, body } = await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id, ip_version: 4, ...wishes },
    })
    return [status, body.NeutronError?.type]
  }

  it('are made with the first address as gateway and the rest as pool', async () => {
    const subnet = await make({ cidr: '10.1.2.3/24' })
    const { id, network_id, project_id, tenant_id, created_at, updated_at, ...rest } = subnet
    assert.deepEqual(rest, {
      name: '',
      description: '',
      ip_version: 4,
      cidr: '10.1.2.0/24',
      subnetpool_id: null,
      gateway_ip: '10.1.2.1',
      allocation_pools: [{ start: '10.1.2.2', end: '10.1.2.254' }],
      dns_nameservers: [],
      host_routes: [],
      enable_dhcp: true,
      ipv6_address_mode: null,
      ipv6_ra_mode: null,
      'router:external': false,
      tags: [],
      revision_number: 1,
    })
    const network = (await cloud.expect(200, 'demo', 'GET', `/networks/${network_id}`)).network
    assert.deepEqual(network.subnets, [id])
  })

  it('leave the pools out around a gateway in the middle, and have none without', async () => {
    const middle = await make({ cidr: '10.0.0.0/29', gateway_ip: '10.0.0.3' })
    assert.deepEqual(middle.allocation_pools, [
      { start: '10.0.0.1', end: '10.0.0.2' },
      { start: '10.0.0.4', end: '10.0.0.6' },
    ])
    const none = await make({ cidr: '10.0.0.0/29', gateway_ip: null })
    assert.equal(none.gateway_ip, null)
    assert.deepEqual(none.allocation_pools, [{ start: '10.0.0.1', end: '10.0.0.6' }])
  })

  it('come in IPv6 with its modes', async () => {
    const six = await make({
      ip_version: 6,
      cidr: 'FD00:0:0::1/64',
      ipv6_ra_mode: 'slaac',
      ipv6_address_mode: 'slaac',
      dns_nameservers: ['2001:DB8::1'],
    })
    assert.equal(six.cidr, 'fd00::/64')
    assert.equal(six.gateway_ip, 'fd00::1')
    assert.deepEqual(six.dns_nameservers, ['2001:db8::1'])
    assert.deepEqual(six.allocation_pools, [{ start: 'fd00::2', end: 'fd00::ffff:ffff:ffff:ffff' }])
    const v6 = { ip_version: 6, cidr: 'fd00::/64' }
    assert.deepEqual(await refused({ ...v6, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'dhcpv6-stateful' }), [
      400,
      'InvalidInput',
    ])
    assert.deepEqual(await refused({ ...v6, ipv6_ra_mode: 'slaac', enable_dhcp: false }), [400, 'InvalidInput'])
    assert.deepEqual(await refused({ ...v6, cidr: 'fd00::/80', ipv6_address_mode: 'slaac' }), [400, 'InvalidInput'])
    assert.deepEqual(await refused({ cidr: '10.0.0.0/24', ipv6_ra_mode: 'slaac' }), [400, 'InvalidInput'])
    assert.deepEqual(await refused({ ...v6, ipv6_ra_mode: 'magic' }), [400, 'HTTPBadRequest'])
  })

  it('are refused with the reason when the request is wrong', async () => {
    const networkId = await aNetwork()
    const wrong: [object, number, string][] = [
      [{}, 400, 'BadRequest'],
      [{ cidr: 'ten' }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0' }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/33' }, 400, 'HTTPBadRequest'],
      [{ cidr: '0.0.0.0/0' }, 400, 'InvalidInput'],
      [{ cidr: 'fd00::/64' }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/24', ip_version: 5 }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', ip_version: null }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/31' }, 400, 'InvalidInput'],
      [{ cidr: '224.0.0.0/24' }, 400, 'InvalidInput'],
      [{ cidr: '127.0.0.0/24' }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/24', gateway_ip: '10.0.0.0' }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/24', gateway_ip: '10.0.0.255' }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/24', gateway_ip: 'fd00::1' }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/24', gateway_ip: '010.0.0.1' }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.2' }] }, 400, 'HTTPBadRequest'],
      [
        { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.0.2' }] },
        400,
        'InvalidAllocationPool',
      ],
      [
        { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.1.2' }] },
        400,
        'OutOfBoundsAllocationPool',
      ],
      [
        { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.1', end: '10.0.0.9' }] },
        409,
        'GatewayConflictWithAllocationPools',
      ],
      [
        {
          cidr: '10.0.0.0/24',
          allocation_pools: [
            { start: '10.0.0.2', end: '10.0.0.9' },
            { start: '10.0.0.9', end: '10.0.0.12' },
          ],
        },
        409,
        'OverlappingAllocationPools',
      ],
      [{ cidr: '10.0.0.0/24', dns_nameservers: ['fd00::1'] }, 400, 'InvalidInput'],
      [{ cidr: '10.0.0.0/24', dns_nameservers: ['1.1.1.1', '1.1.1.1'] }, 400, 'HTTPBadRequest'],
      [
        { cidr: '10.0.0.0/24', dns_nameservers: Array.from({ length: 6 }, (_, n) => `1.1.1.${n}`) },
        400,
        'DNSNameServersExhausted',
      ],
      [{ cidr: '10.0.0.0/24', host_routes: [{ destination: '10.9.0.0/16' }] }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', host_routes: [{ destination: '10.9.0.0/16', nexthop: 'x' }] }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', subnetpool_id: networkId }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', prefixlen: 24 }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', colour: 'blue' }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', network_id: 'blue' }, 400, 'HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', network_id: '11111111-1111-1111-1111-111111111111' }, 404, 'NetworkNotFound'],
    ]
    for (const [wishes, status, type] of wrong) {
      assert.deepEqual(await refused(wishes, networkId), [status, type], JSON.stringify(wishes))
    }
  })

  it('of one network do not overlap, even when asked for at once', async () => {
    const networkId = await aNetwork()
    const answers = await Promise.all(
      ['10.0.0.0/24', '10.0.0.128/25', '10.0.0.0/16', '10.0.0.64/26'].map((cidr) =>
        cloud.ask('demo', 'POST', '/subnets', {
          subnet: { network_id: networkId, ip_version: 4, cidr, enable_dhcp: false },
        }),
      ),
    )
    const made = answers.filter(({ status }) => status === 201)
    const types = answers.filter(({ status }) => status !== 201).map(({ body }) => body.NeutronError.type)
    assert.ok(made.length >= 1 && made.length <= 2, 'the two halves that do not overlap may both be made')
    assert.deepEqual([...new Set(types)], ['InvalidInput'])
    await make({ cidr: '10.1.0.0/24' }, networkId)
    await make({ cidr: '10.0.0.0/24' })
  })

  it('may be made on an own network only', async () => {
    const shared = await aNetwork({ shared: true }, 'admin')
    assert.deepEqual(await refused({ cidr: '10.0.0.0/24' }, shared), [403, 'PolicyNotAuthorized'])
    const foreign = await aNetwork({}, 'admin')
    assert.deepEqual(await refused({ cidr: '10.0.0.0/24' }, foreign), [404, 'NetworkNotFound'])
  })

  it('made by others on an own network are seen and changed', async () => {
    const networkId = await aNetwork()
    const subnet = { network_id: networkId, ip_version: 4, cidr: '10.0.0.0/24' }
    const { id } = (await cloud.expect(201, 'admin', 'POST', '/subnets', { subnet })).subnet
    await cloud.expect(200, 'demo', 'GET', `/subnets/${id}`)
    await cloud.expect(200, 'demo', 'PUT', `/subnets/${id}`, { subnet: { name: 'mine' } })
    assert.equal((await cloud.ask('alt', 'GET', `/subnets/${id}`)).body.NeutronError.type, 'SubnetNotFound')
  })

  it('change what may be changed', async () => {
    const subnet = await make({ cidr: '10.0.0.0/24' })
    const change = (wishes: object) => cloud.ask('demo', 'PUT', `/subnets/${subnet.id}`, { subnet: wishes })
    const pools = [{ start: '10.0.0.100', end: '10.0.0.200' }]
    const routes = [{ destination: '10.9.0.0/16', nexthop: '10.0.0.9' }]
    const wishes = {
      allocation_pools: pools,
      gateway_ip: '10.0.0.254',
      dns_nameservers: ['1.1.1.1'],
      host_routes: routes,
      enable_dhcp: false,
    }
    const { body } = await change({ name: 'x', ...wishes })
    const { allocation_pools, gateway_ip, dns_nameservers, host_routes, enable_dhcp } = body.subnet
    assert.deepEqual({ allocation_pools, gateway_ip, dns_nameservers, host_routes, enable_dhcp }, wishes)
    assert.equal(
      (await change({ gateway_ip: '10.0.0.150' })).body.NeutronError.type,
      'GatewayConflictWithAllocationPools',
    )
    assert.equal((await change({ cidr: '10.0.0.0/25' })).status, 400)
    assert.equal((await change({ gateway_ip: null })).body.subnet.gateway_ip, null)
  })

  it('with DHCP bring the port of the DHCP server, which has an address in each and goes with the last', async () => {
    const networkId = await aNetwork()
    const dhcp = async () =>
      (await cloud.expect(200, 'demo', 'GET', `/ports?network_id=${networkId}&device_owner=network:dhcp`)).ports
    const plain = await make({ cidr: '10.0.0.0/24', enable_dhcp: false }, networkId)
    assert.equal((await dhcp()).length, 0)
    const served = await make({ cidr: '10.0.1.0/24' }, networkId)
    const six = await make({ ip_version: 6, cidr: 'fd00::/64', ipv6_address_mode: 'slaac' }, networkId)
    const [port, ...more] = await dhcp()
    assert.equal(more.length, 0)
    assert.deepEqual(
      port.fixed_ips.map((fixed: { subnet_id: string }) => fixed.subnet_id),
      [served.id, six.id],
    )
    assert.equal(port.status, 'ACTIVE')
    assert.match(port.fixed_ips[1].ip_address, /^fd00::f816:3eff:/)
    await cloud.expect(204, 'demo', 'DELETE', `/subnets/${six.id}`)
    await cloud.expect(200, 'demo', 'PUT', `/subnets/${served.id}`, { subnet: { enable_dhcp: false } })
    assert.equal((await dhcp()).length, 0)
    await cloud.expect(200, 'demo', 'PUT', `/subnets/${plain.id}`, { subnet: { enable_dhcp: true } })
    assert.equal((await dhcp()).length, 1)
    await cloud.expect(204, 'demo', 'DELETE', `/subnets/${plain.id}`)
    assert.equal((await dhcp()).length, 0)
  })

  it('stay while ports have addresses of them', async () => {
    const subnet = await make({ cidr: '10.0.0.0/24' })
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: subnet.network_id } })
    const { status, body } = await cloud.ask('demo', 'DELETE', `/subnets/${subnet.id}`)
    assert.deepEqual([status, body.NeutronError.type], [409, 'SubnetInUse'])
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${port.id}`)
    await cloud.expect(204, 'demo', 'DELETE', `/subnets/${subnet.id}`)
  })

  it('that are automatic give their addresses to ports that are there, and take them along', async () => {
    const networkId = await aNetwork()
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: networkId } })
    assert.deepEqual(port.fixed_ips, [])
    const six = await make({ ip_version: 6, cidr: 'fd00:1::/64', ipv6_address_mode: 'dhcpv6-stateless' }, networkId)
    const after = (await cloud.expect(200, 'demo', 'GET', `/ports/${port.id}`)).port
    const [a, b, c, d, e, f] = port.mac_address.split(':')
    const expected = `fd00:1::${(Number.parseInt(a, 16) ^ 2).toString(16)}${b}:${c}ff:fe${d}:${Number.parseInt(e + f, 16).toString(16)}`
    assert.deepEqual(after.fixed_ips, [{ subnet_id: six.id, ip_address: expected }])
    await cloud.expect(204, 'demo', 'DELETE', `/subnets/${six.id}`)
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', `/ports/${port.id}`)).port.fixed_ips, [])
  })
})
