import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

interface Rule {
  id: string
  direction: string
  ethertype: string
  protocol: string | null
  remote_group_id: string | null
}

describe('security groups', () => {
  let cloud: NetworkUnderTest
  before(async () => {
    cloud = await networkUnderTest()
    const { project } = await cloud.expect(200, 'demo', 'GET', '/quotas/project')
    const quota = { security_group: -1, security_group_rule: -1 }
    await cloud.expect(200, 'admin', 'PUT', `/quotas/${project.project_id}`, { quota })
  })
  after(() => cloud[Symbol.asyncDispose]())

  const make = async (wishes: object = {}) =>
    (await cloud.expect(201, 'demo', 'POST', '/security-groups', { security_group: wishes })).security_group
  const theDefault = async (who: 'demo' | 'alt' | 'admin' = 'demo') =>
    (await cloud.expect(200, who, 'GET', '/security-groups?name=default')).security_groups
  const short = ({ direction, ethertype, remote_group_id }: Rule) =>
    `${direction} ${ethertype} ${remote_group_id ?? 'anyone'}`

  it('begin with the default one, made when a project first looks, by however many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => theDefault('alt')))
    const ids = new Set(answers.flat().map((group: { id: string }) => group.id))
    assert.equal(ids.size, 1)
    const [group] = answers[0]
    assert.equal(group.description, 'Default security group')
    assert.deepEqual(group.security_group_rules.map(short).sort(), [
      'egress IPv4 anyone',
      'egress IPv6 anyone',
      `ingress IPv4 ${group.id}`,
      `ingress IPv6 ${group.id}`,
    ])
    assert.ok(
      group.security_group_rules.every((rule: { belongs_to_default_sg: boolean }) => rule.belongs_to_default_sg),
    )
  })

  it('begin with rules that let everything out', async () => {
    const group = await make({ name: 'web', description: 'of the web' })
    assert.deepEqual(group.security_group_rules.map(short).sort(), ['egress IPv4 anyone', 'egress IPv6 anyone'])
    const { id, created_at, updated_at, project_id, tenant_id, security_group_rules, ...rest } = group
    assert.deepEqual(rest, { name: 'web', description: 'of the web', stateful: true, tags: [], revision_number: 1 })
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', `/security-groups/${id}`)).security_group, group)
  })

  it('of others are not found', async () => {
    const { id } = await make()
    for (const [method, body] of [['GET'], ['PUT', { security_group: { name: 'x' } }], ['DELETE']] as const) {
      const answer = await cloud.ask('alt', method, `/security-groups/${id}`, body)
      assert.deepEqual([answer.status, answer.body.NeutronError.type], [404, 'SecurityGroupNotFound'])
    }
    await cloud.expect(200, 'admin', 'GET', `/security-groups/${id}`)
  })

  it('cannot be a second default, nor the default be renamed or removed by its users', async () => {
    for (const name of ['default', 'Default']) {
      const { status, body } = await cloud.ask('demo', 'POST', '/security-groups', { security_group: { name } })
      assert.deepEqual([status, body.NeutronError.type], [409, 'SecurityGroupDefaultAlreadyExists'])
    }
    const [{ id }] = await theDefault()
    const path = `/security-groups/${id}`
    const renamed = await cloud.ask('demo', 'PUT', path, { security_group: { name: 'x' } })
    assert.equal(renamed.body.NeutronError.type, 'SecurityGroupCannotUpdateDefault')
    assert.equal((await cloud.ask('demo', 'DELETE', path)).body.NeutronError.type, 'SecurityGroupCannotRemoveDefault')
    await cloud.expect(200, 'demo', 'PUT', path, { security_group: { description: 'ours' } })
    await cloud.expect(204, 'admin', 'DELETE', path)
    assert.notEqual((await theDefault())[0].id, id)
  })

  it('change their name and description, but are never stateless', async () => {
    const { id } = await make({ name: 'a' })
    const { security_group } = await cloud.expect(200, 'demo', 'PUT', `/security-groups/${id}`, {
      security_group: { name: 'b', description: 'c' },
    })
    assert.deepEqual([security_group.name, security_group.description, security_group.revision_number], ['b', 'c', 2])
    const refused = await cloud.ask('demo', 'PUT', `/security-groups/${id}`, { security_group: { stateful: false } })
    assert.equal(refused.status, 400)
  })

  it('stay while a port has them, and take the rules that speak of them along', async () => {
    const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    const group = await make()
    const other = await make()
    const rule = { security_group_id: other.id, direction: 'ingress', remote_group_id: group.id }
    const made = (await cloud.expect(201, 'demo', 'POST', '/security-group-rules', { security_group_rule: rule }))
      .security_group_rule
    const port = { network_id: network.id, security_groups: [group.id] }
    const { id } = (await cloud.expect(201, 'demo', 'POST', '/ports', { port })).port
    const refused = await cloud.ask('demo', 'DELETE', `/security-groups/${group.id}`)
    assert.deepEqual([refused.status, refused.body.NeutronError.type], [409, 'SecurityGroupInUse'])
    await cloud.expect(204, 'demo', 'DELETE', `/ports/${id}`)
    await cloud.expect(204, 'demo', 'DELETE', `/security-groups/${group.id}`)
    assert.equal((await cloud.ask('demo', 'GET', `/security-group-rules/${made.id}`)).status, 404)
  })
})

describe('security group rules', () => {
  let cloud: NetworkUnderTest
  let groupId: string
  before(async () => {
    cloud = await networkUnderTest()
    groupId = (await cloud.expect(201, 'demo', 'POST', '/security-groups', { security_group: {} })).security_group.id
  })
  after(() => cloud[Symbol.asyncDispose]())

  const tried = async (wishes: object, who: 'demo' | 'alt' | 'reader' = 'demo') => {
    const rule = { security_group_id: groupId, direction: 'ingress', ...wishes }
    const { status, body } = await cloud.ask(who, 'POST', '/security-group-rules', { security_group_rule: rule })
    return {
      status,
      type: body.NeutronError?.type,
      message: body.NeutronError?.message,
      rule: body.security_group_rule,
    }
  }

  it('are made as they are meant', async () => {
    const { rule } = await tried({
      protocol: 'TCP',
      port_range_min: '22',
      port_range_max: 22,
      remote_ip_prefix: '10.1.2.3/8',
    })
    const { id, created_at, updated_at, project_id, tenant_id, ...rest } = rule
    assert.deepEqual(rest, {
      security_group_id: groupId,
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 'tcp',
      port_range_min: 22,
      port_range_max: 22,
      remote_ip_prefix: '10.1.2.3/8',
      normalized_cidr: '10.0.0.0/8',
      remote_group_id: null,
      belongs_to_default_sg: false,
      description: '',
      tags: [],
      revision_number: 1,
    })
    const listed = await cloud.expect(200, 'demo', 'GET', `/security-group-rules?id=${id}`)
    assert.deepEqual(listed.security_group_rules, [rule])
  })

  it('take every protocol by name and number, and ports and ICMP types where they belong', async () => {
    const good: [object, object][] = [
      [{ protocol: 17, port_range_min: 53, port_range_max: 53 }, { protocol: '17' }],
      [
        { protocol: 'icmp', port_range_min: 8, port_range_max: 0 },
        { port_range_min: 8, port_range_max: 0 },
      ],
      [
        { protocol: 'icmp', port_range_min: 3 },
        { port_range_min: 3, port_range_max: null },
      ],
      [
        { protocol: 'icmp', ethertype: 'ipv6' },
        { protocol: 'ipv6-icmp', ethertype: 'IPv6' },
      ],
      [{ protocol: '1', ethertype: 'IPv6', direction: 'egress' }, { protocol: '58' }],
      [{ protocol: 'vrrp' }, { protocol: 'vrrp' }],
      [{ protocol: 'any' }, { protocol: null }],
      [
        { protocol: 'sctp', port_range_min: 1, port_range_max: 65535 },
        { port_range_min: null, port_range_max: null },
      ],
      [{ protocol: '254' }, { protocol: '254' }],
      [{ remote_ip_prefix: '10.9.0.1', protocol: 'gre' }, { remote_ip_prefix: '10.9.0.1/32' }],
      [
        { remote_ip_prefix: 'FD00::1/64', ethertype: 'IPv6' },
        { remote_ip_prefix: 'fd00::1/64', normalized_cidr: 'fd00::/64' },
      ],
      [{ remote_group_id: groupId }, { remote_group_id: groupId }],
    ]
    for (const [wishes, expected] of good) {
      const { rule, message } = await tried(wishes)
      assert.equal(message, undefined, JSON.stringify(wishes))
      for (const [name, value] of Object.entries(expected)) assert.equal(rule[name], value, JSON.stringify(wishes))
    }
  })

  it('are refused with the reason when they make no sense', async () => {
    const nobody = '11111111-1111-1111-1111-111111111111'
    const wrong: [object, number, string][] = [
      [{ direction: 'sideways' }, 400, 'HTTPBadRequest'],
      [{ direction: undefined }, 400, 'HTTPBadRequest'],
      [{ ethertype: 'ARP' }, 400, 'SecurityGroupRuleInvalidEtherType'],
      [{ ethertype: null }, 400, 'SecurityGroupRuleInvalidEtherType'],
      [{ protocol: 'tpc' }, 400, 'SecurityGroupRuleInvalidProtocol'],
      [{ protocol: '256' }, 400, 'SecurityGroupRuleInvalidProtocol'],
      [{ protocol: {} }, 400, 'SecurityGroupRuleInvalidProtocol'],
      [{ protocol: 'constructor' }, 400, 'SecurityGroupRuleInvalidProtocol'],
      [{ protocol: 'tcp', port_range_min: -16, port_range_max: 80 }, 400, 'SecurityGroupInvalidPortValue'],
      [{ protocol: 'tcp', port_range_min: 80, port_range_max: 65536 }, 400, 'SecurityGroupInvalidPortValue'],
      [{ protocol: 'tcp', port_range_min: 0, port_range_max: 80 }, 400, 'SecurityGroupInvalidPortValue'],
      [{ protocol: 'tcp', port_range_min: 80, port_range_max: 79 }, 400, 'SecurityGroupInvalidPortRange'],
      [{ protocol: 'tcp', port_range_max: 6 }, 400, 'SecurityGroupInvalidPortRange'],
      [{ port_range_min: 1, port_range_max: 2 }, 400, 'SecurityGroupProtocolRequiredWithPorts'],
      [{ protocol: 'gre', port_range_min: 1, port_range_max: 2 }, 400, 'SecurityGroupInvalidProtocolForPort'],
      [{ protocol: 'icmp', port_range_min: 1, port_range_max: 256 }, 400, 'SecurityGroupInvalidIcmpValue'],
      [{ protocol: 'icmp', port_range_max: 6 }, 400, 'SecurityGroupMissingIcmpType'],
      [{ protocol: 'ipv6-icmp' }, 400, 'SecurityGroupEthertypeConflictWithProtocol'],
      [{ remote_ip_prefix: '192.168.1./24' }, 400, 'InvalidCIDR'],
      [{ remote_ip_prefix: 'fd00::/64' }, 400, 'SecurityGroupRuleParameterConflict'],
      [{ remote_ip_prefix: '10.0.0.0/8', remote_group_id: groupId }, 400, 'SecurityGroupMultipleRemoteEntites'],
      [{ remote_group_id: nobody }, 404, 'SecurityGroupNotFound'],
      [{ remote_group_id: 'bad_id' }, 404, 'SecurityGroupNotFound'],
      [{ security_group_id: nobody }, 404, 'SecurityGroupNotFound'],
      [{ security_group_id: 'bad_id' }, 404, 'SecurityGroupNotFound'],
      [{ remote_address_group_id: nobody }, 400, 'HTTPBadRequest'],
    ]
    for (const [wishes, status, type] of wrong) {
      const answer = await tried(wishes)
      assert.deepEqual([answer.status, answer.type], [status, type], JSON.stringify(wishes))
    }
    assert.match(
      (await tried({ protocol: 'tcp', port_range_min: 80, port_range_max: 79 })).message,
      /port_range_min must be <= port_range_max/,
    )
  })

  it('are there once, however they are spelled', async () => {
    const { rule } = await tried({ protocol: 'tcp', port_range_min: 443, port_range_max: 443 })
    const again = await tried({
      protocol: '6',
      port_range_min: 443,
      port_range_max: 443,
      remote_ip_prefix: '0.0.0.0/0',
    })
    assert.deepEqual([again.status, again.type], [409, 'SecurityGroupRuleExists'])
    assert.match(again.message, new RegExp(rule.id))
    const twice = {
      security_group_id: groupId,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 99,
      port_range_max: 99,
    }
    const bulk = await cloud.ask('demo', 'POST', '/security-group-rules', { security_group_rules: [twice, twice] })
    assert.deepEqual([bulk.status, bulk.body.NeutronError.type], [409, 'DuplicateSecurityGroupRuleInPost'])
    const atOnce = await Promise.all(
      Array.from({ length: 6 }, () => tried({ protocol: 'udp', port_range_min: 7, port_range_max: 7 })),
    )
    assert.equal(atOnce.filter(({ status }) => status === 201).length, 1)
    assert.ok(atOnce.every(({ status }) => status === 201 || status === 409))
  })

  it('are made in bulk all or none, within one group', async () => {
    const rule = (port: number) => ({
      security_group_id: groupId,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: port,
      port_range_max: port,
    })
    const count = async () =>
      (await cloud.expect(200, 'demo', 'GET', `/security-group-rules?security_group_id=${groupId}`))
        .security_group_rules.length
    const before = await count()
    await cloud.expect(201, 'demo', 'POST', '/security-group-rules', { security_group_rules: [rule(1001), rule(1002)] })
    assert.equal(
      (await cloud.ask('demo', 'POST', '/security-group-rules', { security_group_rules: [rule(1003), rule(1002)] }))
        .status,
      409,
    )
    assert.equal(await count(), before + 2)
    const other = (await cloud.expect(201, 'demo', 'POST', '/security-groups', { security_group: {} })).security_group
      .id
    const mixed = { security_group_rules: [rule(1003), { ...rule(1003), security_group_id: other }] }
    assert.equal(
      (await cloud.ask('demo', 'POST', '/security-group-rules', mixed)).body.NeutronError.type,
      'SecurityGroupNotSingleGroupRules',
    )
  })

  it('belong to the group: others neither see nor add nor remove them, and nobody changes one', async () => {
    const { rule } = await tried({ protocol: 'ah' })
    assert.equal((await tried({ protocol: 'esp' }, 'alt')).type, 'SecurityGroupNotFound')
    assert.equal((await tried({ protocol: 'esp' }, 'reader')).status, 403)
    const path = `/security-group-rules/${rule.id}`
    assert.equal((await cloud.ask('alt', 'GET', path)).body.NeutronError.type, 'SecurityGroupRuleNotFound')
    assert.equal((await cloud.ask('reader', 'DELETE', path)).status, 403)
    const revision = async () =>
      (await cloud.expect(200, 'demo', 'GET', `/security-groups/${groupId}`)).security_group.revision_number
    const before = await revision()
    await cloud.expect(204, 'demo', 'DELETE', path)
    assert.equal(await revision(), before + 1)
    assert.equal((await cloud.ask('demo', 'DELETE', path)).status, 404)
  })
})
