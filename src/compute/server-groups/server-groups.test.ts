import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { isDomainError } from '../../domain-error.ts'
import { newId } from '../../ids.ts'
import { type ResourcesUnderTest, resourcesUnderTest } from '../resources-under-test.ts'

describe('server groups', () => {
  let compute: ResourcesUnderTest
  before(async () => {
    compute = await resourcesUnderTest()
  })
  after(() => compute[Symbol.asyncDispose]())

  const make = (server_group: object, version = '2.64', who: 'demo' | 'alt' | 'reader' = 'demo') =>
    compute.at(version).ask(who, 'POST', '/os-server-groups', { server_group })
  const remove = (id: string) => compute.ask('admin', 'DELETE', `/os-server-groups/${id}`)

  it('have one policy and rules from 2.64 on, a list of policies before', async () => {
    const newer = await make({ name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: '3' } })
    assert.equal(newer.status, 200)
    const { id } = newer.body.server_group
    assert.deepEqual(newer.body.server_group, {
      id,
      name: 'g',
      policy: 'anti-affinity',
      rules: { max_server_per_host: 3 },
      members: [],
      project_id: person('demo').projectId,
      user_id: person('demo').userId,
    })
    const older = await compute.at('2.12').ask('demo', 'GET', `/os-server-groups/${id}`)
    assert.deepEqual(older.body.server_group, { id, name: 'g', policies: ['anti-affinity'], metadata: {}, members: [] })
    await remove(id)
  })

  it('know soft policies from 2.15 on', async () => {
    assert.equal((await make({ name: 'g', policies: ['soft-affinity'] }, '2.14')).status, 400)
    const made = await make({ name: 'g', policies: ['soft-affinity'] }, '2.15')
    assert.equal(made.status, 200)
    await remove(made.body.server_group.id)
  })

  it('are refused with the wrong shape', async () => {
    for (const [version, group] of [
      ['2.1', { name: 'g' }],
      ['2.1', { name: 'g', policies: [] }],
      ['2.1', { name: 'g', policies: ['affinity', 'anti-affinity'] }],
      ['2.1', { name: 'g', policies: ['legacy'] }],
      ['2.1', { name: '', policies: ['affinity'] }],
      ['2.63', { name: 'g', policy: 'affinity' }],
      ['2.64', { name: 'g', policies: ['affinity'] }],
      ['2.64', { name: 'g', policy: 'affinity', rules: { max_server_per_host: 2 } }],
      ['2.64', { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 0 } }],
      ['2.64', { name: 'g', policy: 'anti-affinity', rules: { colour: 2 } }],
    ] as const) {
      assert.equal((await make(group, version)).status, 400, JSON.stringify([version, group]))
    }
  })

  it('are a project’s own: readers see them, members change them', async () => {
    assert.equal((await make({ name: 'g', policy: 'affinity' }, '2.64', 'reader')).status, 403)
    const { id } = (await make({ name: 'g', policy: 'affinity' })).body.server_group
    const url = `/os-server-groups/${id}`
    assert.equal((await compute.ask('reader', 'GET', url)).status, 200)
    assert.equal((await compute.ask('alt', 'GET', url)).status, 403)
    assert.equal((await compute.ask('alt', 'DELETE', url)).status, 403)
    assert.equal((await compute.ask('alt', 'GET', '/os-server-groups')).body.server_groups.length, 0)
    assert.equal((await compute.ask('alt', 'GET', '/os-server-groups?all_projects=1')).body.server_groups.length, 0)
    assert.equal((await compute.ask('admin', 'GET', '/os-server-groups')).body.server_groups.length, 0)
    assert.equal((await compute.ask('admin', 'GET', '/os-server-groups?all_projects')).body.server_groups.length, 1)
    assert.equal((await compute.ask('demo', 'DELETE', url)).status, 204)
    assert.equal((await compute.ask('demo', 'GET', url)).status, 404)
    assert.equal((await compute.ask('demo', 'GET', '/os-server-groups/nowhere')).status, 404)
  })

  it('are listed a page at a time', async () => {
    const ids: string[] = []
    for (const name of ['a', 'b', 'c']) ids.push((await make({ name, policy: 'affinity' })).body.server_group.id)
    const { body } = await compute.ask('demo', 'GET', '/os-server-groups?limit=1&offset=1')
    assert.deepEqual(
      body.server_groups.map((group: { name: string }) => group.name),
      ['b'],
    )
    assert.equal((await compute.ask('demo', 'GET', '/os-server-groups?offset=-1')).status, 400)
    assert.equal((await compute.at('2.75').ask('demo', 'GET', '/os-server-groups?colour=red')).status, 400)
    for (const id of ids) await remove(id)
  })

  it('have as members the servers that were made with their hint, until those are deleted', async () => {
    const { id } = (await make({ name: 'g', policy: 'affinity' })).body.server_group
    const projectId = person('demo').projectId!
    const server = await compute.server({ projectId, hints: { group: id }, host: 'h1' })
    const other = await compute.server({ projectId, hints: { group: id }, host: 'h1' })
    await compute.server({ projectId, hints: { group: newId() } })
    const shown = await compute.ask('demo', 'GET', `/os-server-groups/${id}`)
    assert.deepEqual(shown.body.server_group.members, [server, other])
    assert.deepEqual(await compute.resources.serverGroups.scheduleGroup(id, other), {
      id,
      policy: 'affinity',
      membersByHost: { h1: 1 },
    })
    await compute.test.context.db`update compute.servers set deleted_at = now() where id = ${server}`
    assert.deepEqual((await compute.ask('demo', 'GET', `/os-server-groups/${id}`)).body.server_group.members, [other])
    const room = (count: number) =>
      compute.test.context.db.begin((tx) => compute.resources.serverGroups.roomForMembers(tx, id, count))
    await room(9)
    await assert.rejects(room(10), (error) => isDomainError(error, 'compute.server-group.full'))
    await remove(id)
  })

  it('are as many as the quota allows', async () => {
    await compute.resources.quotas.set(person('alt').projectId!, { server_groups: 2 }, { force: true })
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, at) => make({ name: `g${at}`, policy: 'affinity' }, '2.64', 'alt')),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 403, 403])
  })
})
