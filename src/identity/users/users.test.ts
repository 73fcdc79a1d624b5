import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('users', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())
  const patch = (id: string, user: unknown) => test.ask(test.admin, 'PATCH', `/v3/users/${id}`, { user })

  it('are shown with what they were made of, but never with a password', async () => {
    const made = await test.aUser({ name: 'carol', email: 'c@example.org', description: 'c', shoe_size: 40 })
    assert.equal(made.password, undefined)
    assert.equal(made.email, 'c@example.org')
    assert.equal(made.shoe_size, 40)
    assert.equal(made.domain_id, 'default')
    assert.equal(made.password_expires_at, null)
    assert.equal('default_project_id' in made, false)
    assert.deepEqual((await test.ask(test.admin, 'GET', `/v3/users/${made.id}`)).body.user, made)
    const changed = (await patch(made.id, { email: 'new@example.org', enabled: false })).body.user
    assert.equal(changed.email, 'new@example.org')
    assert.equal(changed.shoe_size, 40)
    assert.equal(changed.enabled, false)
  })

  it('refuse bodies that make no sense, and names that are taken', async () => {
    const post = (user: unknown) => test.ask(test.admin, 'POST', '/v3/users', { user })
    for (const user of [
      {},
      { name: '' },
      { name: 'x'.repeat(256) },
      { name: 'a', enabled: 'yes' },
      { name: 'a', password: 7 },
      { name: 'a', options: { unknown: 1 } },
      { name: 'a', default_project_id: 'default' },
      { name: 'a\0' },
    ]) {
      assert.equal((await post(user)).status, 400, JSON.stringify(user))
    }
    assert.equal((await post({ name: 'a', domain_id: 'f'.repeat(32) })).status, 404)
    assert.equal((await post({ name: 'demo' })).status, 409)
    assert.equal((await post({ name: 'a', federated: [{ idp_id: 'x', protocols: [] }] })).status, 501)
    assert.equal((await post({ name: 'a', password: 'x'.repeat(4097) })).status, 403)
  })

  it('without a password cannot log in with one, not even an empty one', async () => {
    await test.make('/v3/users', { user: { name: 'wordless' } })
    assert.equal((await test.tryLogin('wordless', undefined, '')).status, 401)
    const user = await test.aUser({ name: 'worded' })
    assert.equal((await test.tryLogin('worded')).status, 201)
    await patch(user.id, { password: null })
    assert.equal((await test.tryLogin('worded')).status, 401)
  })

  it('change their own password by knowing the old one', async () => {
    const user = await test.aUser({ name: 'dora' })
    const token = await test.login('dora')
    const change = (original_password: string, password: string, id = user.id) =>
      test.ask(undefined, 'POST', `/v3/users/${id}/password`, { user: { original_password, password } })
    assert.equal((await change('wrong', 'new')).status, 401)
    assert.equal((await change('dora', 'new', 'f'.repeat(32))).status, 401)
    assert.equal((await change('dora', 'new')).status, 204)
    assert.equal((await test.ask(token, 'GET', `/v3/users/${user.id}`)).status, 401, 'old tokens are dead')
    assert.equal((await test.tryLogin('dora')).status, 401)
    assert.equal((await test.tryLogin('dora', undefined, 'new')).status, 201)
    const malformed = await test.ask(undefined, 'POST', `/v3/users/${user.id}/password`, { user: { password: 'x' } })
    assert.equal(malformed.status, 400)
    await patch(user.id, { options: { lock_password: true } })
    assert.equal((await change('new', 'newer')).status, 400)
  })

  it('see themselves and are seen by administrators and readers of the system, not by each other', async () => {
    const [one, two] = [await test.aUser(), await test.aUser()]
    const token = await test.login(one.name)
    assert.equal((await test.ask(token, 'GET', `/v3/users/${one.id}`)).status, 200)
    assert.equal((await test.ask(token, 'GET', `/v3/users/${two.id}`)).status, 403)
    assert.equal((await test.ask(token, 'GET', '/v3/users/unknown')).status, 403, 'nobody can probe for ids')
    assert.equal((await test.ask(test.admin, 'GET', '/v3/users/unknown')).status, 404)
    assert.equal((await test.ask(token, 'GET', '/v3/users')).status, 403)
    assert.equal((await test.ask(token, 'PATCH', `/v3/users/${one.id}`, { user: { name: 'x' } })).status, 403)
    await test.grant(`system/users/${one.id}`, 'reader')
    const reader = await test.login(one.name, { system: { all: true } })
    assert.equal((await test.ask(reader, 'GET', `/v3/users/${two.id}`)).status, 200)
    assert.equal((await test.ask(reader, 'GET', '/v3/users')).status, 200)
    assert.equal((await test.ask(reader, 'DELETE', `/v3/users/${two.id}`)).status, 403)
  })

  it('are managed within a domain by its manager, and nowhere else', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'managed' } })
    const boss = await test.aUser()
    await test.grant(`domains/${domain.id}/users/${boss.id}`, 'manager')
    const token = await test.login(boss.name, { domain: { id: domain.id } })
    const post = (user: unknown) => test.ask(token, 'POST', '/v3/users', { user })
    const made = await post({ name: 'inside', domain_id: domain.id })
    assert.equal(made.status, 201)
    assert.equal((await post({ name: 'outside', domain_id: 'default' })).status, 403)
    const seen = (await test.ask(token, 'GET', '/v3/users')).body.users
    assert.deepEqual(
      seen.map((user: Made) => user.name),
      ['inside'],
    )
    const id = made.body.user.id
    assert.equal((await test.ask(token, 'PATCH', `/v3/users/${id}`, { user: { name: 'renamed' } })).status, 200)
    assert.equal((await test.ask(token, 'GET', `/v3/users/${test.ids.demoUserId}`)).status, 403)
    assert.equal((await test.ask(token, 'DELETE', `/v3/users/${test.ids.demoUserId}`)).status, 403)
    assert.equal((await test.ask(token, 'DELETE', `/v3/users/${id}`)).status, 204)
  })

  it('are found by name, domain and state', async () => {
    await test.aUser({ name: 'Finder-1' })
    await test.aUser({ name: 'Finder-2', enabled: false })
    const found = async (query: string) => {
      const answer = await test.ask(test.admin, 'GET', `/v3/users?${query}`)
      return answer.body.users.map((user: Made) => user.name).sort()
    }
    assert.deepEqual(await found('name=Finder-1'), ['Finder-1'])
    assert.deepEqual(await found('name=finder-1'), [])
    assert.deepEqual(await found('name__istartswith=finder'), ['Finder-1', 'Finder-2'])
    assert.deepEqual(await found('name__startswith=Finder&enabled=0'), ['Finder-2'])
    assert.deepEqual(await found('domain_id=elsewhere'), [])
    assert.deepEqual(await found('idp_id=somewhere'), [], 'nobody comes from elsewhere')
    assert.equal((await test.ask(test.admin, 'GET', '/v3/users?name=%00')).status, 400)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/users/%00')).status, 400)
  })
})

describe('groups', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('hold users, who have the roles of the group while they are in it', async () => {
    const group = await test.make('/v3/groups', { group: { name: 'crew', description: 'c' } })
    const user = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/groups/${group.id}`, 'member')
    const member = `/v3/groups/${group.id}/users/${user.id}`
    const toDemo = { project: { id: test.ids.demoProjectId } }
    assert.equal((await test.tryLogin(user.name, toDemo)).status, 401)
    assert.equal((await test.ask(test.admin, 'HEAD', member)).status, 404)
    assert.equal((await test.ask(test.admin, 'PUT', member)).status, 204)
    assert.equal((await test.ask(test.admin, 'PUT', member)).status, 204)
    assert.equal((await test.ask(test.admin, 'HEAD', member)).status, 204)
    const token = await test.login(user.name, toDemo)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/groups/${group.id}/users`)).body.users[0].id, user.id)
    const groups = (await test.ask(token, 'GET', `/v3/users/${user.id}/groups`)).body.groups
    assert.deepEqual([groups[0].name, groups[0].membership_expires_at], ['crew', null])
    const projects = (await test.ask(token, 'GET', `/v3/users/${user.id}/projects`)).body.projects
    assert.equal(projects[0].id, test.ids.demoProjectId)
    assert.equal((await test.ask(test.admin, 'DELETE', member)).status, 204)
    assert.equal((await test.ask(test.admin, 'DELETE', member)).status, 404)
    assert.equal((await test.ask(token, 'GET', '/v3/auth/projects')).status, 401)
  })

  it('can be renamed and removed, and are unknown afterwards', async () => {
    const group = await test.make('/v3/groups', { group: { name: 'first', note: 'kept' } })
    const renamed = await test.ask(test.admin, 'PATCH', `/v3/groups/${group.id}`, { group: { name: 'second' } })
    assert.equal(renamed.body.group.name, 'second')
    assert.equal(renamed.body.group.note, 'kept')
    assert.equal((await test.ask(test.admin, 'POST', '/v3/groups', { group: { name: 'second' } })).status, 409)
    assert.equal((await test.ask(test.admin, 'POST', '/v3/groups', { group: {} })).status, 400)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/groups?name=second')).body.groups.length, 1)
    const demo = await test.login('demo')
    assert.equal((await test.ask(demo, 'GET', '/v3/groups')).status, 403)
    assert.equal((await test.ask(demo, 'GET', `/v3/groups/${group.id}`)).status, 403)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/groups/${group.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/groups/${group.id}`)).status, 404)
    const gone = `/v3/groups/${group.id}/users/${test.ids.demoUserId}`
    assert.equal((await test.ask(test.admin, 'PUT', gone)).status, 404)
  })
})
