import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type HostName, newId, type ServerId } from '../../ids.ts'
import type { BindOrder, NicPlan, NicRequest } from '../index.ts'
import { type NetworkUnderTest, networkUnderTest, type RememberedHost } from '../testing/network-under-test.ts'

const demo = person('demo')

describe('ports of servers', () => {
  let cloud: NetworkUnderTest
  let host: RememberedHost
  let networkId: string
  let subnetId: string

  before(async () => {
    cloud = await networkUnderTest(['host-1', 'host-2'])
    host = cloud.hosts.get('host-1')!
    ;({ networkId, subnetId } = await aNetwork('demo'))
  })
  beforeEach(() => {
    host.before = async () => {}
  })
  after(() => cloud[Symbol.asyncDispose]())

  const aNetwork = async (who: 'demo' | 'admin' | 'alt', wishes: object = {}, cidr = '10.0.0.0/24') => {
    const { network } = await cloud.expect(201, who, 'POST', '/networks', { network: wishes })
    const { subnet } = await cloud.expect(201, who, 'POST', '/subnets', {
      subnet: {
        network_id: network.id,
        ip_version: 4,
        cidr,
        dns_nameservers: ['1.1.1.1'],
        // Addresses below .100 are drawn by nobody, so that a test can ask for one.
        ...(cidr.endsWith('.0/24') && {
          allocation_pools: [{ start: cidr.replace('.0/24', '.100'), end: cidr.replace('.0/24', '.250') }],
        }),
      },
    })
    return { networkId: network.id as string, subnetId: subnet.id as string }
  }
  const plan = (networks: 'auto' | 'none' | readonly NicRequest[], securityGroups: string[] = [], who = demo) =>
    cloud.network.plan(who, { networks, securityGroups })
  const orderFor = (nics: readonly NicPlan[], wishes: Partial<BindOrder> = {}): BindOrder => ({
    serverId: newId<ServerId>(),
    serverName: 'Web 1',
    hostname: 'web-1',
    projectId: demo.projectId!,
    userId: demo.userId,
    host: 'host-1' as HostName,
    availabilityZone: 'nova',
    nics,
    ...wishes,
  })
  const portsOf = async (serverId: string) =>
    (await cloud.expect(200, 'admin', 'GET', `/ports?device_id=${serverId}`)).ports

  it('are planned, bound, seen and let go without a trace', async () => {
    const nics = await plan([{ networkId, tag: 'front' }])
    const order = orderFor(nics)
    const [bound, ...more] = await cloud.network.bindPorts(order)
    assert.equal(more.length, 0)
    assert.equal(bound!.portId, nics[0]!.portId)
    assert.equal(bound!.tap, `tap${bound!.portId.slice(0, 11)}`)
    assert.deepEqual([bound!.status, bound!.made, bound!.tag, bound!.mtu], ['ACTIVE', true, 'front', 1450])
    assert.deepEqual(
      bound!.securityGroups.map(({ name }) => name),
      ['default'],
    )
    const [address] = bound!.fixedIps
    assert.deepEqual(address, {
      ipAddress: address!.ipAddress,
      subnetId,
      cidr: '10.0.0.0/24',
      ipVersion: 4,
      gatewayIp: '10.0.0.1',
      dnsNameservers: ['1.1.1.1'],
      hostRoutes: [],
      enableDhcp: true,
    })
    const [port] = await portsOf(order.serverId)
    assert.deepEqual(
      [port.status, port.device_owner, port['binding:host_id'], port['binding:vif_type'], port.dns_name],
      ['ACTIVE', 'compute:nova', 'host-1', 'bridge', 'web-1'],
    )
    const told = host.ports.get(bound!.portId)!
    assert.equal(told.hostname, 'web-1')
    assert.deepEqual(told.rules.filter(({ direction }) => direction === 'egress').length, 2)
    assert.equal(host.networks.get(networkId)!.dhcp!.addresses.length, 1)
    assert.deepEqual(await cloud.network.portsOf([order.serverId]), new Map([[order.serverId, [bound]]]))
    assert.equal(await cloud.network.serverOfPort(bound!.portId), order.serverId)

    await cloud.network.unbindPorts(order.serverId)
    assert.deepEqual([host.ports.size, host.networks.size], [0, 0])
    assert.equal((await portsOf(order.serverId)).length, 0)
    assert.equal((await cloud.network.portsOf([order.serverId])).size, 0)
    await cloud.network.unbindPorts(order.serverId)
  })

  it('bound twice are bound once, with the same addresses', async () => {
    const order = orderFor(await plan([{ networkId }]))
    const first = await cloud.network.bindPorts(order)
    const second = await cloud.network.bindPorts(order)
    assert.deepEqual(second, first)
    await cloud.network.unbindPorts(order.serverId)
  })

  it('whose host fails leave nothing once they are let go, and succeed when tried again', async () => {
    const order = orderFor(await plan([{ networkId }]))
    host.before = async (call) => {
      if (call.startsWith('ensurePort')) throw new Error('no tap today')
    }
    await assert.rejects(cloud.network.bindPorts(order), /no tap today/)
    assert.equal((await portsOf(order.serverId))[0].status, 'BUILD')
    host.before = async () => {}
    assert.equal((await cloud.network.bindPorts(order))[0]!.status, 'ACTIVE')
    host.before = async (call) => {
      if (call.startsWith('removePort')) throw new Error('tap sticks')
    }
    await assert.rejects(cloud.network.unbindPorts(order.serverId), /tap sticks/)
    assert.equal((await portsOf(order.serverId)).length, 1, 'the row stays as long as the tap does')
    host.before = async () => {}
    await cloud.network.unbindPorts(order.serverId)
    assert.deepEqual([host.ports.size, host.networks.size, (await portsOf(order.serverId)).length], [0, 0, 0])
  })

  it('that existed are taken, and freed again', async () => {
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', {
      port: { network_id: networkId, name: 'mine' },
    })
    const nics = await plan([{ portId: port.id }])
    assert.deepEqual(nics, [{ portId: port.id, networkId, made: false, securityGroupIds: [] }])
    const order = orderFor(nics)
    const [bound] = await cloud.network.bindPorts(order)
    assert.deepEqual([bound!.made, bound!.fixedIps[0]!.ipAddress], [false, port.fixed_ips[0].ip_address])
    await assert.rejects(plan([{ portId: port.id }]), { code: 'network.port.in-use' })
    await assert.rejects(cloud.network.bindPorts(orderFor(nics)), { code: 'network.port.in-use' })
    await cloud.network.unbindPort(order.serverId, bound!.portId)
    const [freed] = (await cloud.expect(200, 'admin', 'GET', `/ports?id=${port.id}`)).ports
    assert.deepEqual(
      [
        freed.device_id,
        freed.device_owner,
        freed.status,
        freed['binding:host_id'],
        freed['binding:vif_type'],
        freed.dns_name,
      ],
      ['', '', 'DOWN', '', 'unbound', ''],
    )
    assert.deepEqual(freed.fixed_ips, port.fixed_ips)
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${port.id}`)
  })

  it('that vanish between plan and boot are missed', async () => {
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: networkId } })
    const nics = await plan([{ portId: port.id }])
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${port.id}`)
    await assert.rejects(cloud.network.bindPorts(orderFor(nics)), { code: 'network.port.not-found' })
  })

  it('have the address that was asked for, or the reason why not', async () => {
    const order = orderFor(await plan([{ networkId, fixedIp: '10.0.0.42' }]))
    assert.equal((await cloud.network.bindPorts(order))[0]!.fixedIps[0]!.ipAddress, '10.0.0.42')
    await assert.rejects(plan([{ networkId, fixedIp: '10.0.0.42' }]), { code: 'network.address.in-use' })
    await assert.rejects(plan([{ networkId, fixedIp: '10.7.0.42' }]), { code: 'network.address.not-of-network' })
    await assert.rejects(plan([{ networkId, fixedIp: 'blue' }]), { code: 'network.address.not-of-network' })
    await cloud.network.unbindPorts(order.serverId)
    const shared = await aNetwork('admin', { shared: true }, '10.5.0.0/24')
    await assert.rejects(plan([{ networkId: shared.networkId, fixedIp: '10.5.0.9' }]), {
      code: 'policy.not-authorized',
    })
    await cloud.expect(204, 'admin', 'DELETE', `/networks/${shared.networkId}`)
  })

  it('come without a name of a network when there is one, and are refused when there are several', async () => {
    assert.deepEqual(
      (await plan('auto')).map((nic) => nic.networkId),
      [networkId],
    )
    assert.deepEqual(await plan('none'), [])
    assert.deepEqual(await plan('auto', [], person('alt')), [])
    const second = await aNetwork('demo', {}, '10.6.0.0/24')
    await assert.rejects(plan('auto'), { code: 'network.network.ambiguous' })
    await cloud.expect(204, 'demo', 'DELETE', `/networks/${second.networkId}`)
  })

  it('are not planned on what cannot be had', async () => {
    const foreign = await aNetwork('alt', {}, '10.7.0.0/24')
    const external = await aNetwork('admin', { 'router:external': true }, '10.8.0.0/24')
    const { network: empty } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    const { port: bare } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: empty.id } })
    const refused: [NicRequest, string][] = [
      [{ networkId: foreign.networkId }, 'network.network.not-found'],
      [{ networkId: 'nonsense' }, 'network.network.not-found'],
      [{ networkId: external.networkId }, 'network.network.external'],
      [{ networkId: empty.id }, 'network.network.no-subnet'],
      [{ portId: bare.id }, 'network.port.no-address'],
      [{ portId: 'nonsense' }, 'network.port.not-found'],
      [{}, 'network.request.malformed'],
    ]
    for (const [request, code] of refused) await assert.rejects(plan([request]), { code })
    await assert.rejects(plan([{ networkId }], ['nobody']), { code: 'network.security-group.not-found' })
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${bare.id}`)
    await cloud.expect(204, 'demo', 'DELETE', `/networks/${empty.id}`)
  })

  it('are refused when the quota is spent: in the plan, and in the boot if it was spent since', async () => {
    const quota = (port: number) =>
      cloud.expect(200, 'admin', 'PUT', `/quotas/${demo.projectId}`, { quota: { port, force: true } })
    const nics = await plan([{ networkId }])
    await quota(0)
    await assert.rejects(plan([{ networkId }]), { code: 'network.quota.exceeded' })
    const order = orderFor(nics)
    await assert.rejects(cloud.network.bindPorts(order), { code: 'network.quota.exceeded' })
    await cloud.network.unbindPorts(order.serverId)
    assert.equal((await portsOf(order.serverId)).length, 0)
    await quota(500)
  })

  it('of a full subnet are refused and leave nothing', async () => {
    const small = await aNetwork('demo', {}, '10.9.0.0/30')
    const order = orderFor(await plan([{ networkId: small.networkId }]))
    await assert.rejects(cloud.network.bindPorts(order), { code: 'network.address.none-left' })
    assert.equal((await portsOf(order.serverId)).length, 0)
    await cloud.expect(204, 'demo', 'DELETE', `/networks/${small.networkId}`)
  })

  it('move to another host', async () => {
    const order = orderFor(await plan([{ networkId }]))
    const [before] = await cloud.network.bindPorts(order)
    const [after] = await cloud.network.bindPorts({ ...order, host: 'host-2' as HostName })
    assert.deepEqual(after!.fixedIps, before!.fixedIps)
    const other = cloud.hosts.get('host-2')!
    assert.deepEqual([host.ports.size, host.networks.size, other.ports.size, other.networks.size], [0, 0, 1, 1])
    await cloud.network.unbindPorts(order.serverId)
    assert.equal(other.ports.size, 0)
  })

  it('deleted by their owner leave the host, and compute hears of it', async () => {
    const heard: unknown[] = []
    cloud.network.onPortRemoved(async (event) => {
      heard.push(event)
    })
    const order = orderFor(await plan([{ networkId }]))
    const { portId, macAddress } = (await cloud.network.bindPorts(order))[0]!
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${portId}`)
    assert.deepEqual(heard, [{ portId, serverId: order.serverId, macAddress }])
    assert.deepEqual([host.ports.size, host.networks.size], [0, 0])
    await cloud.network.unbindPorts(order.serverId)
  })

  it('of many servers at once are each bound and let go', async () => {
    const orders = await Promise.all(Array.from({ length: 30 }, async () => orderFor(await plan([{ networkId }]))))
    const bound = (await Promise.all(orders.map((order) => cloud.network.bindPorts(order)))).flat()
    assert.equal(new Set(bound.map(({ fixedIps }) => fixedIps[0]!.ipAddress)).size, 30)
    assert.equal(host.ports.size, 30)
    await Promise.all(orders.map(({ serverId }) => cloud.network.unbindPorts(serverId)))
    assert.deepEqual([host.ports.size, host.networks.size], [0, 0])
  })
})

describe('hosts', () => {
  let cloud: NetworkUnderTest
  let host: RememberedHost
  let networkId: string
  let subnetId: string

  before(async () => {
    cloud = await networkUnderTest(['host-1'])
    host = cloud.hosts.get('host-1')!
    const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    const { subnet } = await cloud.expect(201, 'demo', 'POST', '/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' },
    })
    networkId = network.id
    subnetId = subnet.id
  })
  after(() => cloud[Symbol.asyncDispose]())

  const boot = async (securityGroups: string[] = []) => {
    const nics = await cloud.network.plan(demo, { networks: [{ networkId }], securityGroups })
    const serverId = newId<ServerId>()
    const [port] = await cloud.network.bindPorts({
      serverId,
      serverName: 'x',
      hostname: 'x',
      projectId: demo.projectId!,
      userId: demo.userId,
      host: 'host-1' as HostName,
      availabilityZone: 'nova',
      nics,
    })
    return { serverId, port: port! }
  }
  const ingress = (portId: string) => host.ports.get(portId)!.rules.filter(({ direction }) => direction === 'ingress')
  const soon = async (isSo: () => boolean) => {
    for (let waited = 0; !isSo(); waited += 5) {
      if (waited > 2000) assert.fail('not within two seconds')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  it('enforce a new rule when its request is answered, and no longer one that was removed', async () => {
    const { security_group: group } = await cloud.expect(201, 'demo', 'POST', '/security-groups', {
      security_group: { name: 'web' },
    })
    const { serverId, port } = await boot([group.id])
    const rule = {
      security_group_id: group.id,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 80,
      port_range_max: 80,
    }
    const made = (await cloud.expect(201, 'demo', 'POST', '/security-group-rules', { security_group_rule: rule }))
      .security_group_rule
    assert.deepEqual(ingress(port.portId), [
      { direction: 'ingress', ipVersion: 4, protocol: 'tcp', portMin: 80, portMax: 80 },
    ])
    await cloud.expect(204, 'demo', 'DELETE', `/security-group-rules/${made.id}`)
    assert.deepEqual(ingress(port.portId), [])
    await cloud.network.unbindPorts(serverId)
  })

  it('let members of a remote group in as they come and go', async () => {
    const one = await boot()
    const two = await boot()
    const addressOf = (server: typeof one) => `${server.port.fixedIps[0]!.ipAddress}/32`
    const both = [addressOf(one), addressOf(two)].sort()
    const remotes = (server: typeof one) =>
      [...(ingress(server.port.portId).find(({ ipVersion }) => ipVersion === 4)!.remotes ?? [])].sort()
    await soon(() => remotes(one).length === 2)
    assert.deepEqual(remotes(one), both)
    assert.deepEqual(remotes(two), both)
    await cloud.network.unbindPorts(two.serverId)
    await soon(() => remotes(one).length === 1)
    assert.deepEqual(remotes(one), [addressOf(one)])
    await cloud.network.unbindPorts(one.serverId)
  })

  it('let a port in that existed before its server, once it is plugged', async () => {
    const one = await boot()
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: networkId } })
    const address = `${port.fixed_ips[0].ip_address}/32`
    const letIn = () => ingress(one.port.portId).some(({ remotes }) => remotes?.includes(address))
    const nics = await cloud.network.plan(demo, { networks: [{ portId: port.id }], securityGroups: [] })
    const serverId = newId<ServerId>()
    await cloud.network.bindPorts({
      serverId,
      serverName: 'y',
      hostname: 'y',
      projectId: demo.projectId!,
      userId: demo.userId,
      host: 'host-1' as HostName,
      availabilityZone: 'nova',
      nics,
    })
    await soon(letIn)
    await cloud.network.unbindPorts(serverId)
    await soon(() => !letIn())
    await cloud.network.unbindPorts(one.serverId)
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${port.id}`)
  })

  it('that keep an empty network fail nobody, and lose it when they are put in order', async () => {
    const { serverId } = await boot()
    host.before = async (call) => {
      if (call.startsWith('removeNetwork')) throw new Error('bridge sticks')
    }
    await cloud.network.unbindPorts(serverId)
    host.before = async () => {}
    await cloud.network.reconcile()
    assert.equal(host.networks.size, 0)
  })

  it('are told of one port again only when something about it changed', async () => {
    const one = await boot()
    await soon(() => ingress(one.port.portId).some(({ remotes }) => remotes?.length === 1))
    host.calls.length = 0
    await cloud.expect(200, 'demo', 'PUT', `/ports/${one.port.portId}`, { port: { name: 'renamed' } })
    assert.deepEqual(host.calls, [])
    await cloud.expect(200, 'demo', 'PUT', `/ports/${one.port.portId}`, { port: { admin_state_up: false } })
    assert.deepEqual(host.calls, [`ensurePort ${one.port.portId}`])
    assert.equal((await cloud.expect(200, 'demo', 'GET', `/ports/${one.port.portId}`)).port.status, 'DOWN')
    await cloud.network.unbindPorts(one.serverId)
  })

  it('hear of a group that a server gains or loses', async () => {
    const { security_group: group } = await cloud.expect(201, 'demo', 'POST', '/security-groups', {
      security_group: { name: 'extra' },
    })
    const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'gre' }
    await cloud.expect(201, 'demo', 'POST', '/security-group-rules', { security_group_rule: rule })
    const { serverId, port } = await boot()
    const hasGre = () => ingress(port.portId).some(({ protocol }) => protocol === 'gre')
    await cloud.network.changeSecurityGroup(demo, serverId, 'extra', 'add')
    assert.equal(hasGre(), true)
    await cloud.network.changeSecurityGroup(demo, serverId, group.id, 'remove')
    assert.equal(hasGre(), false)
    await assert.rejects(cloud.network.changeSecurityGroup(demo, serverId, 'extra', 'remove'), {
      code: 'network.security-group.not-found',
    })
    await assert.rejects(cloud.network.changeSecurityGroup(demo, serverId, 'nobody', 'add'), {
      code: 'network.security-group.not-found',
    })
    await cloud.network.unbindPorts(serverId)
  })

  it('hear of changed subnets and networks', async () => {
    const { serverId, port } = await boot()
    await cloud.expect(200, 'demo', 'PUT', `/subnets/${subnetId}`, { subnet: { dns_nameservers: ['9.9.9.9'] } })
    assert.deepEqual(host.networks.get(networkId)!.subnets[0]!.dnsNameservers, ['9.9.9.9'])
    await cloud.expect(200, 'demo', 'PUT', `/networks/${networkId}`, { network: { mtu: 1300 } })
    assert.equal(host.networks.get(networkId)!.mtu, 1300)
    await cloud.expect(200, 'demo', 'PUT', `/networks/${networkId}`, { network: { admin_state_up: false } })
    assert.equal(host.ports.get(port.portId)!.adminStateUp, false)
    await cloud.expect(200, 'demo', 'PUT', `/networks/${networkId}`, { network: { admin_state_up: true, mtu: 0 } })
    await cloud.network.unbindPorts(serverId)
  })

  it('are put in order as a whole: what is missing comes, what is left over goes', async () => {
    const { serverId, port } = await boot()
    const spec = host.ports.get(port.portId)!
    host.ports.clear()
    host.networks.clear()
    host.ports.set('stray', { ...spec, id: 'stray' as never })
    await cloud.network.reconcile()
    assert.deepEqual([...host.ports.keys()], [port.portId])
    assert.deepEqual([...host.networks.keys()], [networkId])
    await cloud.network.unbindPorts(serverId)
    await cloud.network.reconcile()
    assert.deepEqual([host.ports.size, host.networks.size], [0, 0])
  })

  it('that are being put in order lose no port that is plugged meanwhile', async () => {
    let letOn: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      letOn = resolve
    })
    host.before = async (call) => {
      if (call === 'reconcile') await held
    }
    const order = cloud.network.reconcile()
    const booting = boot()
    await new Promise((resolve) => setTimeout(resolve, 20))
    letOn()
    const [{ serverId, port }] = await Promise.all([booting, order])
    host.before = async () => {}
    assert.deepEqual([...host.ports.keys()], [port.portId])
    await cloud.network.unbindPorts(serverId)
  })

  it('that fail are tried again while the others go on', async () => {
    host.before = async (call) => {
      if (call === 'reconcile') throw new Error('host is away')
    }
    await cloud.network.reconcile()
    host.before = async () => {}
    await cloud.network.reconcile()
  })
})
