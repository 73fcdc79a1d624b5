import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('addresses', () => {
  let cloud: NetworkUnderTest
  before(async () => {
    cloud = await networkUnderTest()
  })
  after(() => cloud[Symbol.asyncDispose]())

  const aSubnet = async (wishes: object) => {
    const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    const subnet = { network_id: network.id, ip_version: 4, enable_dhcp: false, ...wishes }
    return (await cloud.expect(201, 'demo', 'POST', '/subnets', { subnet })).subnet
  }
  const aPort = (networkId: string, wishes: object = {}) =>
    cloud.ask('demo', 'POST', '/ports', { port: { network_id: networkId, ...wishes } })
  const taken = async (networkId: string): Promise<string[]> =>
    (await cloud.expect(200, 'demo', 'GET', `/ports?network_id=${networkId}`)).ports.flatMap(
      (port: { fixed_ips: { ip_address: string }[] }) => port.fixed_ips.map(({ ip_address }) => ip_address),
    )

  it('of a full subnet: exactly the free ones are given to fifty ports at once', async () => {
    const { network_id } = await aSubnet({ cidr: '10.0.0.0/27' })
    const answers = await Promise.all(Array.from({ length: 50 }, () => aPort(network_id)))
    const made = answers.filter(({ status }) => status === 201)
    assert.equal(made.length, 29) // 32 without network, broadcast and gateway
    const types = answers
      .filter(({ status }) => status !== 201)
      .map(({ status, body }) => `${status} ${body.NeutronError.type}`)
    assert.deepEqual([...new Set(types)], ['409 IpAddressGenerationFailure'])
    const addresses = await taken(network_id)
    assert.equal(new Set(addresses).size, 29)
    assert.equal(addresses.includes('10.0.0.1'), false)
  })

  it('are given to two projects at once without meeting', async () => {
    const { network } = await cloud.expect(201, 'admin', 'POST', '/networks', { network: { shared: true } })
    const subnet = { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/27', enable_dhcp: false }
    await cloud.expect(201, 'admin', 'POST', '/subnets', { subnet })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        cloud.ask(index % 2 === 0 ? 'demo' : 'alt', 'POST', '/ports', { port: { network_id: network.id } }),
      ),
    )
    assert.equal(answers.filter(({ status }) => status === 201).length, 29)
    assert.equal(answers.filter(({ status }) => status === 409).length, 11)
  })

  it('of a subnet that is full leave no port behind', async () => {
    const { network_id } = await aSubnet({ cidr: '10.0.0.0/30' })
    assert.equal((await aPort(network_id)).status, 201)
    assert.equal((await aPort(network_id)).status, 409)
    assert.equal((await taken(network_id)).length, 1)
    const bulk = { ports: [{ network_id }, { network_id }] }
    assert.equal((await cloud.ask('demo', 'POST', '/ports', bulk)).status, 409)
    assert.equal((await cloud.expect(200, 'demo', 'GET', `/ports?network_id=${network_id}`)).ports.length, 1)
  })

  it('come back when their port goes', async () => {
    const { network_id } = await aSubnet({ cidr: '10.0.0.0/30' })
    const { body } = await aPort(network_id)
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${body.port.id}`)
    assert.equal((await aPort(network_id)).body.port.fixed_ips[0].ip_address, body.port.fixed_ips[0].ip_address)
  })

  it('come from the pools alone, unless they are asked for', async () => {
    const pools = [
      { start: '10.0.0.20', end: '10.0.0.21' },
      { start: '10.0.0.40', end: '10.0.0.40' },
    ]
    const { id, network_id } = await aSubnet({ cidr: '10.0.0.0/24', allocation_pools: pools })
    const asked = await aPort(network_id, { fixed_ips: [{ ip_address: '10.0.0.99' }] })
    assert.deepEqual(asked.body.port.fixed_ips, [{ subnet_id: id, ip_address: '10.0.0.99' }])
    for (let made = 0; made < 3; made++) assert.equal((await aPort(network_id)).status, 201)
    assert.deepEqual((await taken(network_id)).sort(), ['10.0.0.20', '10.0.0.21', '10.0.0.40', '10.0.0.99'])
    assert.equal((await aPort(network_id)).status, 409)
  })

  it('of an IPv6 subnet as large as they come are found at once', async () => {
    const { network_id } = await aSubnet({ cidr: 'fd00::/48', ip_version: 6 })
    const { body, status } = await aPort(network_id)
    assert.equal(status, 201)
    assert.match(body.port.fixed_ips[0].ip_address, /^fd00:/)
  })

  it('at the very end of the address space do not overflow', async () => {
    const { network_id } = await aSubnet({ cidr: '255.255.255.252/30', gateway_ip: null })
    assert.equal((await aPort(network_id)).status, 201)
    assert.equal((await aPort(network_id)).status, 201)
    assert.equal((await aPort(network_id)).status, 409)
  })

  it('come one of each family, and one of another subnet when the first is full', async () => {
    const first = await aSubnet({ cidr: '10.0.0.0/30' })
    const { network_id } = first
    const more = async (wishes: object) =>
      (
        await cloud.expect(201, 'demo', 'POST', '/subnets', {
          subnet: { network_id, ip_version: 4, enable_dhcp: false, ...wishes },
        })
      ).subnet
    const second = await more({ cidr: '10.0.1.0/24' })
    const stateful = await more({ ip_version: 6, cidr: 'fd00::/64' })
    const slaac = await more({ ip_version: 6, cidr: 'fd01::/64', enable_dhcp: true, ipv6_address_mode: 'slaac' })
    const subnetsOf = async () =>
      (await aPort(network_id)).body.port.fixed_ips.map((fixed: { subnet_id: string }) => fixed.subnet_id)
    assert.deepEqual(await subnetsOf(), [first.id, stateful.id, slaac.id])
    assert.deepEqual(await subnetsOf(), [second.id, stateful.id, slaac.id])
  })
})
