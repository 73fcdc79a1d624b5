import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('ports', () => {
  let cloud: NetworkUnderTest
  /** A network of demo with one IPv4 subnet. */
  let own: { networkId: string; subnetId: string }
  /** The same of the administrator's project, shared. */
  let shared: { networkId: string; subnetId: string }

  before(async () => {
    cloud = await networkUnderTest()
    own = await aNetwork('demo', {})
    shared = await aNetwork('admin', { shared: true })
  })
  after(() => cloud[Symbol.asyncDispose]())

  /** Addresses are drawn from .130 to .190, so that those which a test asks for by name are free. */
  const aNetwork = async (who: 'demo' | 'admin', wishes: object) => {
    const { network } = await cloud.expect(201, who, 'POST', '/networks', { network: wishes })
    const { subnet } = await cloud.expect(201, who, 'POST', '/subnets', {
      subnet: {
        network_id: network.id,
        ip_version: 4,
        cidr: '10.0.0.0/24',
        allocation_pools: [{ start: '10.0.0.130', end: '10.0.0.190' }],
      },
    })
    return { networkId: network.id, subnetId: subnet.id }
  }
  const make = async (wishes: object = {}, who: 'demo' | 'admin' = 'demo') =>
    (await cloud.expect(201, who, 'POST', '/ports', { port: { network_id: own.networkId, ...wishes } })).port
  const tried = async (who: 'demo' | 'admin' | 'alt' | 'reader', wishes: object) => {
    const { status, body } = await cloud.ask(who, 'POST', '/ports', { port: { network_id: own.networkId, ...wishes } })
    return [status, body.NeutronError?.type]
  }
  const change = async (id: string, wishes: object, who: 'demo' | 'admin' | 'manager' = 'demo') => {
    const { status, body } = await cloud.ask(who, 'PUT', `/ports/${id}`, { port: wishes })
    return { status, port: body.port, type: body.NeutronError?.type }
  }
  const defaultGroup = async () =>
    (await cloud.expect(200, 'demo', 'GET', '/security-groups?name=default')).security_groups[0].id

  it('are made with an address, a MAC address and the default security group', async () => {
    const port = await make({ name: 'one' })
    const { id, mac_address, fixed_ips, project_id, tenant_id, created_at, updated_at, dns_assignment, ...rest } = port
    assert.match(mac_address, /^fa:16:3e(:[0-9a-f]{2}){3}$/)
    assert.equal(fixed_ips[0].subnet_id, own.subnetId)
    const address = fixed_ips[0].ip_address
    assert.deepEqual(dns_assignment, [
      {
        hostname: `host-${address.replaceAll('.', '-')}`,
        ip_address: address,
        fqdn: `host-${address.replaceAll('.', '-')}.openstacklocal.`,
      },
    ])
    assert.deepEqual(rest, {
      name: 'one',
      network_id: own.networkId,
      admin_state_up: true,
      status: 'DOWN',
      device_id: '',
      device_owner: '',
      security_groups: [await defaultGroup()],
      port_security_enabled: true,
      allowed_address_pairs: [],
      extra_dhcp_opts: [],
      dns_name: '',
      ip_allocation: 'immediate',
      'binding:vnic_type': 'normal',
      description: '',
      tags: [],
      revision_number: 1,
    })
  })

  it('show their binding to administrators alone', async () => {
    const { id } = await make({ 'binding:host_id': 'host-1' }, 'admin')
    const seen = (await cloud.expect(200, 'admin', 'GET', `/ports/${id}`)).port
    assert.equal(seen['binding:host_id'], 'host-1')
    assert.equal(seen['binding:vif_type'], 'bridge')
    assert.deepEqual(seen['binding:vif_details'], { connectivity: 'l2', port_filter: true })
    assert.deepEqual(seen['binding:profile'], {})
    const owners = (await cloud.expect(200, 'demo', 'GET', `/ports/${id}`)).port
    assert.deepEqual(
      Object.keys(owners).filter((name) => name.startsWith('binding:')),
      ['binding:vnic_type'],
    )
    const elsewhere = await make({ 'binding:host_id': 'nowhere' }, 'admin')
    assert.equal(elsewhere['binding:vif_type'], 'binding_failed')
    assert.equal((await make({}, 'admin'))['binding:vif_type'], 'unbound')
  })

  it('take the addresses, the MAC address and the rest that are asked for', async () => {
    const port = await make({
      mac_address: 'FA-16-3E-00-00-0A',
      fixed_ips: [{ ip_address: '10.0.0.77' }, { subnet_id: own.subnetId }],
      allowed_address_pairs: [
        { ip_address: '10.9.0.0/16' },
        { ip_address: '10.0.0.5', mac_address: '00:11:22:33:44:55' },
      ],
      extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'pxe' }],
      dns_name: 'Web',
      device_id: 'thing',
      device_owner: 'baremetal:none',
      tags: ['a', 'b'],
      security_groups: [],
    })
    assert.equal(port.mac_address, 'fa:16:3e:00:00:0a')
    assert.equal(port.fixed_ips.length, 2)
    assert.equal(port.fixed_ips[0].ip_address, '10.0.0.77')
    assert.deepEqual(port.allowed_address_pairs, [
      { mac_address: 'fa:16:3e:00:00:0a', ip_address: '10.9.0.0/16' },
      { mac_address: '00:11:22:33:44:55', ip_address: '10.0.0.5' },
    ])
    assert.deepEqual(port.extra_dhcp_opts, [{ opt_name: 'bootfile-name', opt_value: 'pxe', ip_version: 4 }])
    assert.equal(port.dns_name, 'web')
    assert.equal(port.dns_assignment[0].fqdn, 'web.openstacklocal.')
    assert.deepEqual([port.tags, port.security_groups], [['a', 'b'], []])
    assert.deepEqual(await tried('demo', { mac_address: 'fa:16:3e:00:00:0a' }), [409, 'MacAddressInUse'])
    assert.deepEqual(await tried('demo', { fixed_ips: [{ ip_address: '10.0.0.77' }] }), [409, 'IpAddressInUse'])
  })

  it('are refused with the reason when the request is wrong', async () => {
    const wrong: [object, number, string][] = [
      [{ network_id: '11111111-1111-1111-1111-111111111111' }, 404, 'NetworkNotFound'],
      [{ network_id: null }, 400, 'HTTPBadRequest'],
      [{ mac_address: 'xx' }, 400, 'HTTPBadRequest'],
      [{ mac_address: '00:00:00:00:00:00' }, 400, 'HTTPBadRequest'],
      [{ fixed_ips: null }, 400, 'HTTPBadRequest'],
      [{ fixed_ips: [{ ip_address: '10.0.0' }] }, 400, 'HTTPBadRequest'],
      [{ fixed_ips: [{ ip_address: '10.0.0.5' }, { ip_address: '10.0.0.5' }] }, 400, 'HTTPBadRequest'],
      [{ fixed_ips: [{ ip_address: '10.1.0.5' }] }, 400, 'InvalidIpForNetwork'],
      [{ fixed_ips: [{ ip_address: '10.0.0.255' }] }, 400, 'InvalidIpForNetwork'],
      [{ fixed_ips: [{ subnet_id: own.subnetId, ip_address: '10.1.0.5' }] }, 400, 'InvalidIpForSubnet'],
      [{ fixed_ips: [{ subnet_id: shared.subnetId }] }, 400, 'InvalidInput'],
      [{ fixed_ips: [{}] }, 400, 'InvalidInput'],
      [{ fixed_ips: [{ colour: 'blue' }] }, 400, 'HTTPBadRequest'],
      [{ security_groups: ['11111111-1111-1111-1111-111111111111'] }, 404, 'SecurityGroupNotFound'],
      [{ security_groups: ['blue'] }, 400, 'HTTPBadRequest'],
      [
        { port_security_enabled: false, allowed_address_pairs: [{ ip_address: '10.0.0.5' }] },
        409,
        'AddressPairAndPortSecurityRequired',
      ],
      [{ port_security_enabled: false, security_groups: ['GROUP'] }, 400, 'PortSecurityAndIPRequiredForSecurityGroups'],
      [{ allowed_address_pairs: [{}] }, 400, 'AllowedAddressPairsMissingIP'],
      [{ allowed_address_pairs: [{ ip_address: '224.0.0.1' }] }, 400, 'HTTPBadRequest'],
      [
        { allowed_address_pairs: [{ ip_address: '10.0.0.5' }, { ip_address: '10.0.0.5' }] },
        400,
        'DuplicateAddressPairInRequest',
      ],
      [
        { allowed_address_pairs: Array.from({ length: 11 }, (_, n) => ({ ip_address: `10.0.0.${n}` })) },
        400,
        'AllowedAddressPairExhausted',
      ],
      [{ extra_dhcp_opts: [{ opt_name: 'x' }] }, 400, 'HTTPBadRequest'],
      [{ extra_dhcp_opts: [{ opt_name: 'x', opt_value: 'a\nb' }] }, 400, 'HTTPBadRequest'],
      [{ dns_name: '-web' }, 400, 'HTTPBadRequest'],
      [{ 'binding:vnic_type': 'direct' }, 400, 'HTTPBadRequest'],
      [{ device_id: 'x'.repeat(256) }, 400, 'HTTPBadRequest'],
      [{ device_id: 'a\u0000b' }, 400, 'HTTPBadRequest'],
      [{ qos_policy_id: null }, 400, 'HTTPBadRequest'],
      [{ status: 'ACTIVE' }, 400, 'HTTPBadRequest'],
    ]
    const group = await defaultGroup()
    for (const [wishes, status, type] of wrong) {
      const body = JSON.parse(JSON.stringify(wishes).replace('GROUP', group))
      assert.deepEqual(await tried('demo', body), [status, type], JSON.stringify(wishes))
    }
    assert.deepEqual(await tried('admin', { 'binding:profile': { x: 'a\u0000b' } }), [400, 'HTTPBadRequest'])
  })

  it('on a network of others may be made, but nothing be chosen that its owner decides', async () => {
    const on = { network_id: shared.networkId }
    assert.deepEqual(await tried('demo', on), [201, undefined])
    assert.deepEqual(await tried('demo', { ...on, fixed_ips: [{ subnet_id: shared.subnetId }] }), [201, undefined])
    for (const wishes of [
      { mac_address: 'fa:16:3e:aa:aa:aa' },
      { fixed_ips: [{ ip_address: '10.0.0.9' }] },
      { port_security_enabled: false },
      { allowed_address_pairs: [{ ip_address: '10.0.0.9' }] },
      { device_owner: 'network:dhcp' },
      { 'binding:host_id': 'host-1' },
    ]) {
      assert.deepEqual(await tried('demo', { ...on, ...wishes }), [403, 'PolicyNotAuthorized'], JSON.stringify(wishes))
    }
    assert.deepEqual(await tried('alt', { network_id: own.networkId }), [404, 'NetworkNotFound'])
  })

  it('of others are not found, except by the owner of the network', async () => {
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: shared.networkId } })
    assert.equal((await cloud.ask('alt', 'GET', `/ports/${port.id}`)).body.NeutronError.type, 'PortNotFound')
    assert.equal((await cloud.ask('alt', 'DELETE', `/ports/${port.id}`)).status, 404)
    assert.equal((await cloud.ask('alt', 'PUT', `/ports/${port.id}`, { port: { name: 'x' } })).status, 404)
    await cloud.expect(204, 'admin', 'DELETE', `/ports/${port.id}`)
    const theirs = await make({}, 'admin')
    await cloud.expect(200, 'demo', 'GET', `/ports/${theirs.id}`)
    assert.equal((await change(theirs.id, { name: 'x' })).status, 403)
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${theirs.id}`)
  })

  it('change their addresses, keeping those that are asked for again', async () => {
    const { id, fixed_ips } = await make()
    const first = fixed_ips[0].ip_address
    const two = await change(id, {
      fixed_ips: [{ subnet_id: own.subnetId, ip_address: first }, { ip_address: '10.0.0.200' }],
    })
    assert.deepEqual(
      two.port.fixed_ips.map((fixed: { ip_address: string }) => fixed.ip_address),
      [first, '10.0.0.200'],
    )
    const content = await change(id, { fixed_ips: [{ subnet_id: own.subnetId }] })
    assert.deepEqual(content.port.fixed_ips, [{ subnet_id: own.subnetId, ip_address: first }])
    const moved = await change(id, { fixed_ips: [{ ip_address: '10.0.0.201' }] })
    assert.deepEqual(moved.port.fixed_ips, [{ subnet_id: own.subnetId, ip_address: '10.0.0.201' }])
    const none = await change(id, { fixed_ips: [] })
    assert.deepEqual([none.port.fixed_ips, none.port.ip_allocation], [[], 'none'])
    assert.equal((await change(id, { fixed_ips: [{ ip_address: '10.0.0.1.1' }] })).status, 400)
    await make({ fixed_ips: [{ ip_address: '10.0.0.201' }] })
    const taken = await change(id, { fixed_ips: [{ ip_address: '10.0.0.201' }] })
    assert.deepEqual([taken.status, taken.type], [409, 'IpAddressInUse'])
  })

  it('change their groups, options, pairs and names', async () => {
    const { id } = await make({ extra_dhcp_opts: [{ opt_name: 'a', opt_value: '1' }] })
    const { security_group } = await cloud.expect(201, 'demo', 'POST', '/security-groups', {
      security_group: { name: 'web' },
    })
    const changed = await change(id, {
      name: 'two',
      device_owner: 'compute:nova',
      security_groups: [security_group.id],
      extra_dhcp_opts: [
        { opt_name: 'a', opt_value: null },
        { opt_name: 'b', opt_value: '2', ip_version: 6 },
      ],
      allowed_address_pairs: [{ ip_address: '10.0.0.9' }],
      dns_name: 'two',
      admin_state_up: false,
    })
    assert.equal(changed.status, 200)
    assert.deepEqual(changed.port.security_groups, [security_group.id])
    assert.deepEqual(changed.port.extra_dhcp_opts, [{ opt_name: 'b', opt_value: '2', ip_version: 6 }])
    assert.equal(changed.port.revision_number, 2)
    assert.equal((await change(id, { network_id: own.networkId })).status, 400)
    assert.equal((await change(id, { security_groups: null })).port.security_groups.length, 0)
  })

  it('without port security have neither groups nor address pairs', async () => {
    const { id } = await make({ allowed_address_pairs: [{ ip_address: '10.0.0.9' }] })
    assert.equal((await change(id, { port_security_enabled: false })).type, 'AddressPairAndPortSecurityRequired')
    assert.equal(
      (await change(id, { port_security_enabled: false, allowed_address_pairs: [] })).type,
      'PortSecurityPortHasSecurityGroup',
    )
    const bare = { port_security_enabled: false, allowed_address_pairs: [], security_groups: [] }
    assert.equal((await change(id, bare)).port.port_security_enabled, false)
    const insecure = await aNetwork('demo', { port_security_enabled: false })
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: insecure.networkId } })
    assert.deepEqual([port.port_security_enabled, port.security_groups], [false, []])
  })

  it('get another MAC address from those who may, drawn anew for null', async () => {
    const { id, mac_address } = await make()
    assert.equal((await change(id, { mac_address: 'fa:16:3e:bb:bb:bb' })).status, 403)
    assert.equal(
      (await change(id, { mac_address: 'fa:16:3e:bb:bb:bb' }, 'manager')).port.mac_address,
      'fa:16:3e:bb:bb:bb',
    )
    const drawn = await change(id, { mac_address: null }, 'admin')
    assert.notEqual(drawn.port.mac_address, mac_address)
    const other = await make()
    assert.equal((await change(other.id, { mac_address: drawn.port.mac_address }, 'admin')).type, 'MacAddressInUse')
  })

  it('are made in bulk all or none, with tags', async () => {
    const count = async () => (await cloud.expect(200, 'demo', 'GET', '/ports')).ports.length
    const before = await count()
    const network_id = own.networkId
    const made = await cloud.expect(201, 'demo', 'POST', '/ports', {
      ports: [
        { network_id, name: 'a', tags: ['x'] },
        { network_id, name: 'b' },
      ],
    })
    assert.deepEqual(
      made.ports.map(({ name, tags }: { name: string; tags: string[] }) => [name, tags]),
      [
        ['a', ['x']],
        ['b', []],
      ],
    )
    const clash = {
      ports: [
        { network_id },
        { network_id, fixed_ips: [{ ip_address: '10.0.0.201' }] },
        { network_id, mac_address: 'fa:16:3e:bb:bb:bb' },
      ],
    }
    assert.equal((await cloud.ask('demo', 'POST', '/ports', clash)).status, 409)
    assert.equal(await count(), before + 2)
  })

  it('of the DHCP server may be deleted, and another takes the place', async () => {
    const dhcp = async () =>
      (await cloud.expect(200, 'demo', 'GET', `/ports?network_id=${own.networkId}&device_owner=network:dhcp`)).ports
    const [old] = await dhcp()
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${old.id}`)
    const [next, ...more] = await dhcp()
    assert.notEqual(next.id, old.id)
    assert.equal(more.length, 0)
  })

  it('are found by address, part of one, subnet, group, MAC address and device', async () => {
    const port = await make({ fixed_ips: [{ ip_address: '10.0.0.123' }], device_id: 'dev%1' })
    const found = async (query: string) =>
      (await cloud.expect(200, 'demo', 'GET', `/ports?${query}`)).ports.map((each: { id: string }) => each.id)
    const params = (pairs: [string, string][]) => new URLSearchParams(pairs).toString()
    assert.deepEqual(await found(params([['fixed_ips', 'ip_address=10.0.0.123']])), [port.id])
    assert.deepEqual(await found(params([['fixed_ips', 'ip_address_substr=0.123']])), [port.id])
    assert.deepEqual(
      await found(
        params([
          ['fixed_ips', 'ip_address=10.0.0.123'],
          ['fixed_ips', `subnet_id=${shared.subnetId}`],
        ]),
      ),
      [],
    )
    assert.ok((await found(params([['fixed_ips', `subnet_id=${own.subnetId}`]]))).includes(port.id))
    assert.ok((await found(`security_groups=${await defaultGroup()}`)).includes(port.id))
    assert.deepEqual(await found(`mac_address=${port.mac_address.toUpperCase()}`), [port.id])
    assert.deepEqual(await found('device_id=dev%251'), [port.id])
    assert.deepEqual(await found('mac_address=nonsense'), [])
    assert.deepEqual(await found(params([['fixed_ips', 'ip_address=nonsense']])), [])
    for (const wrong of ['fixed_ips=nonsense', 'fixed_ips=colour=blue', 'colour=blue', 'admin_state_up=perhaps']) {
      assert.equal((await cloud.ask('demo', 'GET', `/ports?${wrong}`)).status, 400, wrong)
    }
  })
})
