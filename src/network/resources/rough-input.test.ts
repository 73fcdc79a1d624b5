import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { networkAttributes } from '../networks/schemas.ts'
import { portAttributes } from '../ports/schemas.ts'
import { securityGroupRuleAttributes } from '../security-group-rules/schemas.ts'
import { securityGroupAttributes } from '../security-groups/schemas.ts'
import { subnetAttributes } from '../subnets/schemas.ts'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'
import type { AttributeTable } from './attributes.ts'

const ROUGH: readonly unknown[] = [
  null,
  '',
  ' ',
  'x',
  '0',
  'a\u0000b',
  '\ud800',
  "'; drop schema network; --",
  'é'.repeat(300),
  'x'.repeat(100_000),
  '11111111-1111-1111-1111-111111111111',
  '11111111111111111111111111111111',
  '10.0.0.0/24',
  'fd00::/64',
  '255.255.255.255',
  '::ffff:10.0.0.1',
  0,
  -1,
  1.5,
  1e300,
  2 ** 31,
  2 ** 53,
  true,
  false,
  [],
  [null],
  [[]],
  [{}],
  ['x', 'x'],
  [1, 2],
  [{ start: 1, end: 2 }],
  [{ ip_address: 'x' }],
  [{ subnet_id: 'x' }],
  [{ opt_name: 'a\u0000', opt_value: '\ud800' }],
  {},
  { x: { y: ['\u0000'] } },
  { toString: 1, constructor: 2 },
]

/** With each attribute in turn set to every rough value; all else as it should be. */
describe('rough input', () => {
  let cloud: NetworkUnderTest
  const resources: { path: string; singular: string; table: AttributeTable; good: object; id: string }[] = []

  before(async () => {
    cloud = await networkUnderTest()
    const { network } = await cloud.expect(201, 'admin', 'POST', '/networks', { network: {} })
    const ofNetwork = { network_id: network.id }
    const { subnet } = await cloud.expect(201, 'admin', 'POST', '/subnets', {
      subnet: { ...ofNetwork, ip_version: 4, cidr: '10.0.0.0/16' },
    })
    const { port } = await cloud.expect(201, 'admin', 'POST', '/ports', { port: ofNetwork })
    const { security_group: group } = await cloud.expect(201, 'admin', 'POST', '/security-groups', {
      security_group: {},
    })
    const [rule] = group.security_group_rules
    const add = (path: string, singular: string, table: AttributeTable, good: object, id: string) =>
      resources.push({ path, singular, table, good, id })
    add('/networks', 'network', networkAttributes, {}, network.id)
    add('/subnets', 'subnet', subnetAttributes, { ...ofNetwork, ip_version: 4, cidr: '10.9.0.0/24' }, subnet.id)
    add('/ports', 'port', portAttributes, ofNetwork, port.id)
    add('/security-groups', 'security_group', securityGroupAttributes, {}, group.id)
    const ofGroup = { security_group_id: group.id, direction: 'ingress' }
    add('/security-group-rules', 'security_group_rule', securityGroupRuleAttributes, ofGroup, rule.id)
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('in a body is refused or taken, and never a surprise', async () => {
    for (const { path, singular, table, good, id } of resources) {
      for (const name of Object.keys(table)) {
        for (const value of ROUGH) {
          const sent = { [singular]: { ...good, [name]: value } }
          const made = await cloud.ask('admin', 'POST', path, sent)
          assert.ok(made.status < 500, `POST ${path} ${name}=${JSON.stringify(value)?.slice(0, 60)}: ${made.status}`)
          if (made.status === 201) await cloud.ask('admin', 'DELETE', `${path}/${made.body[singular].id}`)
          const changed = await cloud.ask('admin', 'PUT', `${path}/${id}`, { [singular]: { [name]: value } })
          assert.ok(
            changed.status < 500,
            `PUT ${path} ${name}=${JSON.stringify(value)?.slice(0, 60)}: ${changed.status}`,
          )
        }
      }
    }
  })

  it('instead of a body is refused', async () => {
    for (const { path, singular, id } of resources) {
      for (const value of ROUGH) {
        for (const body of [value, { [singular]: value }, { [`${singular}s`]: value }]) {
          if (typeof body !== 'object' || body === null) continue
          assert.ok((await cloud.ask('admin', 'PUT', `${path}/${id}`, body)).status < 500)
          assert.ok((await cloud.ask('admin', 'POST', path, body)).status < 500)
        }
      }
    }
  })

  it('of any depth is refused', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    for (const { path, singular, table } of resources) {
      for (const name of Object.keys(table)) {
        const answer = await cloud.service.app.inject({
          method: 'POST',
          url: `/network/v2.0${path}`,
          headers: { 'x-auth-token': 'admin', 'content-type': 'application/json' },
          payload: `{"${singular}":{"${name}":${name === 'binding:profile' ? `{"x":${deep}}` : deep}}}`,
        })
        assert.equal(answer.statusCode, 400, `POST ${path} ${name}: ${answer.body.slice(0, 200)}`)
      }
    }
  })

  it('in a query is refused or finds nothing', async () => {
    const texts = ROUGH.filter((value) => typeof value === 'string' && value.length < 1000) as string[]
    for (const { path, table } of resources) {
      for (const name of [...Object.keys(table), 'limit', 'marker', 'sort_key', 'fields', 'page_reverse']) {
        for (const text of [...texts, '1', 'true', '4', 'ip_address=x', 'ip_address_substr=%', 'subnet_id=']) {
          const query = new URLSearchParams([[name, text.toWellFormed()]])
          const { status } = await cloud.ask('admin', 'GET', `${path}?${query}`)
          assert.ok(status < 500, `GET ${path}?${query}: ${status}`)
        }
      }
    }
  })
})
