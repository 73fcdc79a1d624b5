import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('the version documents', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('are there without a token: a choice at the root, the version at /v3', async () => {
    const root = await test.ask(undefined, 'GET', '/')
    assert.equal(root.status, 300)
    assert.equal(root.headers.location, 'http://127.0.0.1:5000/identity/v3/')
    const [version] = root.body.versions.values
    assert.equal(version.id, 'v3.14')
    assert.equal(version.status, 'stable')
    assert.deepEqual(version.links, [{ rel: 'self', href: 'http://127.0.0.1:5000/identity/v3/' }])
    for (const path of ['/v3', '/v3/']) {
      const answer = await test.ask(undefined, 'GET', path)
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.body, { version })
    }
  })

  it('and all other paths may end in a slash', async () => {
    const answer = await test.ask(test.admin, 'GET', '/v3/users/?name=demo')
    assert.equal(answer.body.users[0].name, 'demo')
    assert.equal((await test.ask(test.admin, 'HEAD', '/v3/OS-TRUST/trusts/')).status, 200)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/users/${test.ids.demoUserId}/`)).status, 200)
    assert.equal((await test.ask(undefined, 'GET', '/v3/users/')).status, 401)
    for (const path of ['/v2.0', '/v3/nowhere'])
      assert.equal((await test.ask(undefined, 'GET', path)).status, 404, path)
    const password = `/v3/users/${test.ids.demoUserId}/password`
    const wrong = await test.ask(undefined, 'GET', password)
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'POST'])
  })

  it('have every relation of the real service in their JSON-home, and no other', async () => {
    const { body } = await test.ask(undefined, 'GET', '/v3', undefined, { accept: 'application/json-home' })
    const base = 'https://docs.openstack.org/api/openstack-identity/3/'
    const lines = Object.entries(body.resources as Record<string, Made>).map(([relation, resource]) => {
      const variables = Object.entries(resource['href-vars'] ?? {}).map(([name, at]) => `${name}=${at}`)
      const cells = [
        relation,
        resource.href ?? resource['href-template'],
        resource.hints?.status ?? '',
        variables.sort().join(' '),
      ]
      return cells.join('\t').replaceAll(base, '').trimEnd()
    })
    const expected = readFileSync(new URL('./relations.tsv', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
    assert.deepEqual(lines.sort(), expected.sort())
  })

  it('are a JSON-home for those who ask for one', async () => {
    const home = await test.ask(undefined, 'GET', '/v3', undefined, { accept: 'application/json-home' })
    assert.match(String(home.headers['content-type']), /^application\/json-home(;|$)/)
    const rel = (name: string) => home.body.resources[`https://docs.openstack.org/api/openstack-identity/3/rel/${name}`]
    assert.deepEqual(rel('users'), { href: '/users' })
    assert.deepEqual(rel('auth_tokens'), { href: '/auth/tokens' })
    assert.deepEqual(rel('user'), {
      'href-template': '/users/{user_id}',
      'href-vars': { user_id: 'https://docs.openstack.org/api/openstack-identity/3/param/user_id' },
    })
    for (const name of [
      'projects',
      'project',
      'project_tags',
      'auth_catalog',
      'auth_system',
      'project_user_role',
      'project_user_roles',
      'domain_group_role',
      'system_user_role',
      'group_user',
      'user_change_password',
      'role_assignments',
      'role_inferences',
      'implied_role',
      'implied_roles',
      'regions',
      'endpoint',
    ]) {
      assert.ok(rel(name), name)
    }
    const inherited = 'ext/OS-INHERIT/1.0/rel/domain_user_roles_inherited_to_projects'
    assert.ok(home.body.resources[`https://docs.openstack.org/api/openstack-identity/3/${inherited}`])
    const root = await test.ask(undefined, 'GET', '/', undefined, { accept: 'application/json-home' })
    assert.equal(root.status, 200)
    const users = root.body.resources['https://docs.openstack.org/api/openstack-identity/3/rel/users']
    assert.deepEqual(users, { href: '/v3/users' })
    const plain = await test.ask(undefined, 'GET', '/v3', undefined, {
      accept: 'application/json, application/json-home;q=0.5',
    })
    assert.ok(plain.body.version)
  })
})
