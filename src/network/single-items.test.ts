/** Single rules and quotas, asked by their own paths. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../test/support/service.ts'
import { type NetworkUnderTest, networkUnderTest } from './testing/network-under-test.ts'

describe('by its own path', () => {
  let cloud: NetworkUnderTest
  before(async () => {
    cloud = await networkUnderTest()
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('a rule is shown as it was made, with the fields that are asked for, and to its project alone', async () => {
    const { security_group } = await cloud.expect(201, 'demo', 'POST', '/security-groups', { security_group: {} })
    const { security_group_rule: made } = await cloud.expect(201, 'demo', 'POST', '/security-group-rules', {
      security_group_rule: { security_group_id: security_group.id, direction: 'ingress', protocol: 'tcp' },
    })
    const path = `/security-group-rules/${made.id}`
    assert.deepEqual((await cloud.expect(200, 'demo', 'GET', path)).security_group_rule, made)
    assert.deepEqual((await cloud.expect(200, 'reader', 'GET', `${path}?fields=protocol`)).security_group_rule, {
      protocol: 'tcp',
    })
    assert.equal((await cloud.ask('alt', 'GET', path)).status, 404)
    assert.equal((await cloud.ask('demo', 'GET', '/security-group-rules/no-rule')).status, 404)
  })

  it('the project of the token is named, in both words', async () => {
    const id = person('demo').projectId
    assert.deepEqual(await cloud.expect(200, 'demo', 'GET', '/quotas/tenant'), { tenant: { tenant_id: id } })
    assert.deepEqual(await cloud.expect(200, 'demo', 'GET', '/quotas/project'), { project: { project_id: id } })
    assert.equal((await cloud.ask(undefined, 'GET', '/quotas/tenant')).status, 401)
  })

  it('the use of a quota is told with and without the ending that older clients write', async () => {
    const url = `/quotas/${person('demo').projectId}/details`
    const details = await cloud.expect(200, 'demo', 'GET', url)
    assert.deepEqual(await cloud.expect(200, 'demo', 'GET', `${url}.json`), details)
    assert.deepEqual(Object.keys(details.quota.network).sort(), ['limit', 'reserved', 'used'])
    assert.equal((await cloud.ask('alt', 'GET', `${url}.json`)).status, 403)
  })
})
