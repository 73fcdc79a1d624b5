import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('roles', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('can be made, changed and removed, unless they are immutable', async () => {
    const role = await test.make('/v3/roles', { role: { name: 'cook', description: 'cooks' } })
    assert.equal(role.domain_id, null)
    const patch = (id: string, body: unknown) => test.ask(test.admin, 'PATCH', `/v3/roles/${id}`, { role: body })
    assert.equal((await patch(role.id, { name: 'chef' })).body.role.name, 'chef')
    assert.equal((await patch(role.id, { domain_id: 'default' })).status, 400)
    assert.equal((await test.ask(test.admin, 'POST', '/v3/roles', { role: { name: 'chef' } })).status, 409)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/roles/${role.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/roles/${role.id}`)).status, 404)
    const reader = await test.roleId('reader')
    assert.equal((await patch(reader, { name: 'other' })).status, 403)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/roles/${reader}`)).status, 403)
  })

  it('imply others, and those again others', async () => {
    const [a, b] = [
      await test.make('/v3/roles', { role: { name: 'a' } }),
      await test.make('/v3/roles', { role: { name: 'b' } }),
    ]
    const implies = (prior: string, implied: string, method: string) =>
      test.ask(test.admin, method, `/v3/roles/${prior}/implies/${implied}`)
    assert.equal((await implies(a.id, b.id, 'HEAD')).status, 404)
    const made = await implies(a.id, b.id, 'PUT')
    assert.equal(made.status, 201)
    assert.equal(made.body.role_inference.prior_role.name, 'a')
    assert.equal(made.body.role_inference.implies.name, 'b')
    await implies(b.id, await test.roleId('reader'), 'PUT')
    assert.equal((await implies(a.id, b.id, 'HEAD')).status, 204)
    assert.equal((await implies(a.id, b.id, 'GET')).status, 200)
    assert.equal((await implies(b.id, await test.roleId('admin'), 'PUT')).status, 403, 'nothing implies admin')
    assert.equal((await implies(a.id, 'f'.repeat(32), 'PUT')).status, 404)
    const listed = (await test.ask(test.admin, 'GET', `/v3/roles/${a.id}/implies`)).body.role_inference.implies
    assert.deepEqual(
      listed.map((role: Made) => role.name),
      ['b'],
    )
    const all = (await test.ask(test.admin, 'GET', '/v3/role_inferences')).body.role_inferences
    assert.ok(all.some((each: Made) => each.prior_role.name === 'admin' && each.implies[0].name === 'manager'))
    const user = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/users/${user.id}`, 'a')
    const token = await test.login(user.name, { project: { id: test.ids.demoProjectId } })
    assert.deepEqual((await test.identity.authenticate(token, 'req-1')).roles, ['a', 'b', 'reader'])
    assert.equal((await implies(a.id, b.id, 'DELETE')).status, 204)
    assert.equal((await implies(a.id, b.id, 'DELETE')).status, 404)
    assert.deepEqual((await test.identity.authenticate(token, 'req-2')).roles, ['a'])
  })

  it('of a domain are given in that domain only, and count for what they imply', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'roles-own' } })
    const project = await test.make('/v3/projects', { project: { name: 'p', domain_id: domain.id } })
    const role = await test.make('/v3/roles', { role: { name: 'own', domain_id: domain.id } })
    const user = await test.aUser()
    const give = (projectId: string) =>
      test.ask(test.admin, 'PUT', `/v3/projects/${projectId}/users/${user.id}/roles/${role.id}`)
    assert.equal((await give(test.ids.demoProjectId)).status, 403)
    assert.equal((await test.ask(test.admin, 'PUT', `/v3/system/users/${user.id}/roles/${role.id}`)).status, 400)
    assert.equal((await give(project.id)).status, 204)
    assert.equal((await test.tryLogin(user.name, { project: { id: project.id } })).status, 401)
    await test.ask(test.admin, 'PUT', `/v3/roles/${role.id}/implies/${await test.roleId('member')}`)
    const token = await test.login(user.name, { project: { id: project.id } })
    assert.deepEqual((await test.identity.authenticate(token, 'req-1')).roles, ['member', 'reader'])
    const global = await test.roleId('reader')
    assert.equal((await test.ask(test.admin, 'PUT', `/v3/roles/${global}/implies/${role.id}`)).status, 403)
    const names = async (query: string) =>
      (await test.ask(test.admin, 'GET', `/v3/roles${query}`)).body.roles.map((each: Made) => each.name)
    assert.deepEqual(await names(`?domain_id=${domain.id}`), ['own'])
    assert.equal((await names('')).includes('own'), false)
  })
})

describe('grants', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('can be given, checked, listed and taken back, for users and groups, everywhere', async () => {
    const user = await test.aUser()
    const group = await test.make('/v3/groups', { group: { name: 'g' } })
    const role = await test.roleId('member')
    for (const target of [`projects/${test.ids.demoProjectId}`, 'domains/default', 'system']) {
      for (const actor of [`users/${user.id}`, `groups/${group.id}`]) {
        const grant = (method: string) => test.ask(test.admin, method, `/v3/${target}/${actor}/roles/${role}`)
        assert.equal((await grant('HEAD')).status, 404)
        assert.equal((await grant('PUT')).status, 204)
        assert.equal((await grant('PUT')).status, 204)
        assert.equal((await grant('HEAD')).status, 204)
        assert.equal((await grant('GET')).status, 204)
        const listed = await test.ask(test.admin, 'GET', `/v3/${target}/${actor}/roles`)
        assert.deepEqual(
          listed.body.roles.map((each: Made) => each.name),
          ['member'],
        )
        assert.equal((await grant('DELETE')).status, 204)
        assert.equal((await grant('DELETE')).status, 404)
      }
    }
  })

  it('name things that are there', async () => {
    const role = await test.roleId('member')
    const none = 'f'.repeat(32)
    const { demoProjectId: project, demoUserId: user } = test.ids
    for (const path of [
      `projects/${none}/users/${user}/roles/${role}`,
      `projects/${project}/users/${none}/roles/${role}`,
      `projects/${project}/groups/${none}/roles/${role}`,
      `projects/${project}/users/${user}/roles/${none}`,
      `domains/${project}/users/${user}/roles/${role}`,
      `system/users/${none}/roles/${role}`,
    ]) {
      assert.equal((await test.ask(test.admin, 'PUT', `/v3/${path}`)).status, 404, path)
    }
  })

  it('that are inherited count below their target and not on it', async () => {
    const parent = await test.make('/v3/projects', { project: { name: 'top' } })
    const child = await test.make('/v3/projects', { project: { name: 'mid', parent_id: parent.id } })
    const grandchild = await test.make('/v3/projects', { project: { name: 'low', parent_id: child.id } })
    const user = await test.aUser()
    const path = `/v3/OS-INHERIT/projects/${parent.id}/users/${user.id}/roles/${await test.roleId('member')}/inherited_to_projects`
    assert.equal((await test.ask(test.admin, 'PUT', path)).status, 204)
    assert.equal((await test.ask(test.admin, 'HEAD', path)).status, 204)
    const into = async (project: Made) => (await test.tryLogin(user.name, { project: { id: project.id } })).status
    assert.deepEqual([await into(parent), await into(child), await into(grandchild)], [401, 201, 201])
    const mine = (await test.ask(await test.login(user.name), 'GET', '/v3/auth/projects')).body.projects
    assert.deepEqual(mine.map((project: Made) => project.name).sort(), ['low', 'mid'])
    assert.equal((await test.ask(test.admin, 'DELETE', path)).status, 204)
    assert.deepEqual([await into(child), await into(grandchild)], [401, 401])
  })

  it('that are inherited from a domain count on all its projects', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'inheriting' } })
    const project = await test.make('/v3/projects', { project: { name: 'x', domain_id: domain.id } })
    const user = await test.aUser()
    const roles = `/v3/OS-INHERIT/domains/${domain.id}/users/${user.id}/roles`
    await test.ask(test.admin, 'PUT', `${roles}/${await test.roleId('reader')}/inherited_to_projects`)
    assert.equal((await test.ask(test.admin, 'GET', `${roles}/inherited_to_projects`)).body.roles[0].name, 'reader')
    assert.equal((await test.tryLogin(user.name, { project: { id: project.id } })).status, 201)
    assert.equal((await test.tryLogin(user.name, { domain: { id: domain.id } })).status, 401)
  })

  it("are made by a domain's manager within the domain, for roles up to his own", async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'granting' } })
    const project = await test.make('/v3/projects', { project: { name: 'p', domain_id: domain.id } })
    const user = await test.make('/v3/users', { user: { name: 'u', domain_id: domain.id } })
    const boss = await test.aUser()
    await test.grant(`domains/${domain.id}/users/${boss.id}`, 'manager')
    const token = await test.login(boss.name, { domain: { id: domain.id } })
    const give = async (role: string, projectId = project.id, userId = user.id) => {
      const path = `/v3/projects/${projectId}/users/${userId}/roles/${await test.roleId(role)}`
      return (await test.ask(token, 'PUT', path)).status
    }
    assert.equal(await give('member'), 204)
    assert.equal(await give('admin'), 403)
    assert.equal(await give('service'), 403)
    assert.equal(await give('member', test.ids.demoProjectId), 403)
    assert.equal(await give('member', project.id, test.ids.demoUserId), 403)
    const system = `/v3/system/users/${user.id}/roles/${await test.roleId('reader')}`
    assert.equal((await test.ask(token, 'PUT', system)).status, 403)
  })

  it('are not for ordinary members to see or make', async () => {
    const demo = await test.login('demo')
    const where = `/v3/projects/${test.ids.demoProjectId}/users/${test.ids.demoUserId}/roles`
    assert.equal((await test.ask(demo, 'GET', where)).status, 403)
    assert.equal((await test.ask(demo, 'PUT', `${where}/${await test.roleId('admin')}`)).status, 403)
    assert.equal((await test.ask(demo, 'GET', '/v3/role_assignments')).status, 403)
    assert.equal((await test.ask(demo, 'GET', '/v3/roles')).status, 403)
  })
})

describe('the list of role assignments', () => {
  let test: IdentityUnderTest
  let parent: Made
  let child: Made
  let group: Made
  let user: Made
  before(async () => {
    test = await identityUnderTest()
    parent = await test.make('/v3/projects', { project: { name: 'parent' } })
    child = await test.make('/v3/projects', { project: { name: 'child', parent_id: parent.id } })
    group = await test.make('/v3/groups', { group: { name: 'crew' } })
    user = await test.aUser({ name: 'erin' })
    await test.ask(test.admin, 'PUT', `/v3/groups/${group.id}/users/${user.id}`)
    await test.grant(`projects/${parent.id}/groups/${group.id}`, 'member')
    const inherited = `/v3/OS-INHERIT/projects/${parent.id}/users/${user.id}/roles`
    await test.ask(test.admin, 'PUT', `${inherited}/${await test.roleId('reader')}/inherited_to_projects`)
    await test.grant(`system/users/${user.id}`, 'reader')
  })
  after(() => test[Symbol.asyncDispose]())
  const list = async (query: string): Promise<Made[]> => {
    const answer = await test.ask(test.admin, 'GET', `/v3/role_assignments?include_names&${query}`)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body.role_assignments
  }
  const said = (rows: Made[]) =>
    rows
      .map(
        (row) =>
          `${row.user?.name ?? row.group.name}: ${row.role.name} on ${row.scope.project?.name ?? row.scope.domain?.name ?? 'system'}${row.scope['OS-INHERIT:inherited_to'] ? ' (inherited)' : ''}`,
      )
      .sort()

  it('shows what was given', async () => {
    assert.deepEqual(said(await list(`user.id=${user.id}`)), [
      'erin: reader on parent (inherited)',
      'erin: reader on system',
    ])
    assert.deepEqual(said(await list(`group.id=${group.id}`)), ['crew: member on parent'])
    assert.deepEqual(said(await list(`scope.project.id=${parent.id}`)), [
      'crew: member on parent',
      'erin: reader on parent (inherited)',
    ])
    assert.deepEqual(said(await list(`scope.project.id=${parent.id}&scope.OS-INHERIT:inherited_to=projects`)), [
      'erin: reader on parent (inherited)',
    ])
    assert.deepEqual(said(await list('scope.system=all')), ['admin: admin on system', 'erin: reader on system'])
    assert.deepEqual(said(await list(`role.id=${await test.roleId('member')}`)), [
      'crew: member on parent',
      'demo: member on demo',
    ])
    assert.deepEqual(said(await list('scope.domain.id=default')), ['admin: admin on Default'])
  })

  it('shows what takes effect: members for groups, projects below for inheritance, implied roles', async () => {
    assert.deepEqual(said(await list(`effective&user.id=${user.id}`)), [
      'erin: member on parent',
      'erin: reader on child (inherited)',
      'erin: reader on parent',
      'erin: reader on system',
    ])
    assert.deepEqual(said(await list(`effective&scope.project.id=${child.id}`)), ['erin: reader on child (inherited)'])
    assert.deepEqual(said(await list(`effective&include_subtree&scope.project.id=${parent.id}`)), [
      'erin: member on parent',
      'erin: reader on child (inherited)',
      'erin: reader on parent',
    ])
  })

  it('links each to the grant that it comes from', async () => {
    const base = 'http://127.0.0.1:5000/identity/v3'
    const rows = await list(`effective&user.id=${user.id}`)
    const implied = rows.find((row) => row.role.name === 'reader' && row.scope.project?.name === 'parent')
    assert.equal(
      implied.links.assignment,
      `${base}/projects/${parent.id}/groups/${group.id}/roles/${await test.roleId('member')}`,
    )
    assert.equal(implied.links.membership, `${base}/groups/${group.id}/users/${user.id}`)
    assert.match(implied.links.prior_role, /prior_role/)
    const inherited = rows.find((row) => row.scope.project?.name === 'child')
    assert.equal(
      inherited.links.assignment,
      `${base}/OS-INHERIT/projects/${parent.id}/users/${user.id}/roles/${await test.roleId('reader')}/inherited_to_projects`,
    )
  })

  it('shows ids alone unless names are wanted', async () => {
    const answer = await test.ask(test.admin, 'GET', `/v3/role_assignments?group.id=${group.id}`)
    assert.deepEqual(answer.body.role_assignments[0].group, { id: group.id })
    assert.deepEqual(answer.body.role_assignments[0].scope, { project: { id: parent.id } })
  })

  it('refuses filters that exclude each other', async () => {
    for (const query of [
      `user.id=${user.id}&group.id=${group.id}`,
      `scope.project.id=${parent.id}&scope.domain.id=default`,
      `scope.system=all&scope.domain.id=default`,
      `effective&group.id=${group.id}`,
      'effective&scope.domain.id=default&scope.OS-INHERIT:inherited_to=projects',
      'include_subtree',
    ]) {
      assert.equal((await test.ask(test.admin, 'GET', `/v3/role_assignments?${query}`)).status, 400, query)
    }
  })
})
