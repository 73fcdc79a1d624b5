/** Requests that meet: each is answered, and what must be true of their things is true afterwards. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from './identity-under-test.ts'

const ROUNDS = 12

describe('requests at the same time', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const name = () => `n-${randomBytes(6).toString('hex')}`
  const ask = (method: string, path: string, body?: unknown) => test.ask(test.admin, method, `/v3/${path}`, body)
  const project = (fields: object = {}): Promise<Made> =>
    test.make('/v3/projects', { project: { name: name(), ...fields } })

  /** Begins all at once. @returns their statuses; none is a failure of ours */
  async function atOnce(...requests: readonly [method: string, path: string, body?: unknown][]): Promise<number[]> {
    const answers = await Promise.all(requests.map((request) => ask(...request)))
    for (const [index, { status, body }] of answers.entries()) {
      assert.ok(status < 500, `${status} to ${requests[index]!.slice(0, 2).join(' ')}: ${JSON.stringify(body)}`)
    }
    return answers.map(({ status }) => status)
  }

  it('leave no enabled project below a disabled one', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const parent = await project()
      const child = await project({ parent_id: parent.id, enabled: false })
      await atOnce(
        ['PATCH', `projects/${parent.id}`, { project: { enabled: false } }],
        ['PATCH', `projects/${child.id}`, { project: { enabled: true } }],
        ['POST', 'projects', { project: { name: name(), parent_id: parent.id } }],
      )
      const { enabled } = (await ask('GET', `projects/${parent.id}`)).body.project
      const below = (await ask('GET', `projects?parent_id=${parent.id}&enabled=true`)).body.projects
      assert.ok(enabled || below.length === 0, `disabled, with ${below.length} enabled below`)
    }
  })

  it('set the tags of one of them', async () => {
    const { id } = await project()
    for (let round = 0; round < ROUNDS; round++) {
      const sets = [1, 2, 3].map((each) => [`${round}-${each}-a`, `${round}-${each}-b`])
      await atOnce(...sets.map((tags) => ['PUT', `projects/${id}/tags`, { tags }] as [string, string, unknown]))
      const { tags } = (await ask('GET', `projects/${id}/tags`)).body
      assert.ok(
        sets.some((set) => JSON.stringify(set) === JSON.stringify(tags)),
        JSON.stringify(tags),
      )
    }
  })

  it('hang no regions in a circle', async () => {
    const regions: Made[] = []
    for (let count = 0; count < 3; count++) regions.push(await test.make('/v3/regions', { region: { id: name() } }))
    const [a, b, c] = regions.map(({ id }) => id)
    for (let round = 0; round < ROUNDS; round++) {
      for (const id of [a, b, c]) await ask('PATCH', `regions/${id}`, { region: { parent_region_id: null } })
      const statuses = await atOnce(
        ['PATCH', `regions/${a}`, { region: { parent_region_id: b } }],
        ['PATCH', `regions/${b}`, { region: { parent_region_id: c } }],
        ['PATCH', `regions/${c}`, { region: { parent_region_id: a } }],
      )
      assert.deepEqual(statuses.toSorted(), [200, 200, 400])
    }
  })

  it('find what one of them removes there or gone', async () => {
    const service = await test.make('/v3/services', { service: { type: 'compute', name: name() } })
    for (let round = 0; round < ROUNDS; round++) {
      const resource_name = name()
      const [user, group, role, region, own, registered] = await Promise.all([
        test.aUser(),
        test.make('/v3/groups', { group: { name: name() } }),
        test.make('/v3/roles', { role: { name: name() } }),
        test.make('/v3/regions', { region: { id: name() } }),
        project(),
        test.make('/v3/registered_limits', {
          registered_limits: [{ service_id: service.id, resource_name, default_limit: 1 }],
        }),
      ])
      const limit = { service_id: service.id, resource_name, resource_limit: 1, project_id: own.id }
      await atOnce(
        ['DELETE', `roles/${role.id}`],
        ['PUT', `roles/${role.id}/implies/${await test.roleId('reader')}`],
        ['PUT', `projects/${own.id}/users/${user.id}/roles/${role.id}`],
        ['PUT', `groups/${group.id}/users/${user.id}`],
        ['DELETE', `groups/${group.id}`],
        ['DELETE', `users/${user.id}`],
      )
      await atOnce(
        ['DELETE', `regions/${region.id}`],
        ['POST', 'regions', { region: { parent_region_id: region.id } }],
        [
          'POST',
          'endpoints',
          { endpoint: { service_id: service.id, interface: 'public', url: 'http://x', region_id: region.id } },
        ],
        ['DELETE', `registered_limits/${registered[0].id}`],
        ['POST', 'limits', { limits: [limit] }],
        ['PUT', `projects/${own.id}/tags`, { tags: ['a'] }],
        ['DELETE', `projects/${own.id}`],
      )
    }
  })
})
