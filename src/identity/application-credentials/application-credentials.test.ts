import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('an application credential', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  /** A member of project demo with a token. */
  async function aMember() {
    const user = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/users/${user.id}`, 'member')
    const token = await test.login(user.name, { project: { id: test.ids.demoProjectId } })
    const path = `/v3/users/${user.id}/application_credentials`
    const post = (fields: Record<string, unknown>, by = token) =>
      test.ask(by, 'POST', path, { application_credential: { name: 'app', ...fields } })
    return { user, token, path, post }
  }
  const enter = (credential: unknown, scope?: unknown) =>
    test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: {
        identity: { methods: ['application_credential'], application_credential: credential },
        ...(scope !== undefined && { scope }),
      },
    })
  const tokenOf = (answer: { headers: Made }) => String(answer.headers['x-subject-token'])

  it('tells its secret once, and lets its bearer in with the roles of its maker', async () => {
    const { user, token, path, post } = await aMember()
    const { status, body } = await post({ description: 'for CI' })
    const made = body.application_credential
    assert.equal(status, 201)
    assert.ok(made.secret.length >= 80)
    assert.equal(made.project_id, test.ids.demoProjectId)
    assert.equal(made.unrestricted, false)
    const { secret: _, ...shown } = made
    assert.deepEqual((await test.ask(token, 'GET', `${path}/${made.id}`)).body.application_credential, shown)
    assert.deepEqual((await test.ask(token, 'GET', path)).body.application_credentials, [shown])

    const answer = await enter({ id: made.id, secret: made.secret })
    assert.equal(answer.status, 201)
    assert.deepEqual(answer.body.token.methods, ['application_credential'])
    assert.deepEqual(answer.body.token.application_credential, { id: made.id, name: 'app', restricted: true })
    assert.equal(answer.body.token.project.id, test.ids.demoProjectId)
    assert.deepEqual(
      answer.body.token.roles.map((role: Made) => role.name),
      ['member', 'reader'],
    )
    const byName = await enter({
      name: 'app',
      secret: made.secret,
      user: { name: user.name, domain: { id: 'default' } },
    })
    assert.equal(byName.status, 201)
    assert.equal((await enter({ name: 'app', secret: made.secret, user: { id: user.id } })).status, 201)
  })

  it('opens nothing with a wrong secret, another scope, or when it has ended', async () => {
    const { post } = await aMember()
    const made = (await post({ expires_at: new Date(Date.now() + 1_000).toISOString() })).body.application_credential
    const right = { id: made.id, secret: made.secret }
    assert.equal((await enter({ ...right, secret: 'wrong' })).status, 401)
    assert.equal((await enter({ ...right, secret: undefined })).status, 401)
    assert.equal((await enter({ ...right, id: 'f'.repeat(32) })).status, 401)
    assert.equal((await enter({ name: 'app', secret: made.secret })).status, 400)
    assert.equal((await enter(right, { project: { id: test.ids.demoProjectId } })).status, 401)
    const answer = await enter(right)
    assert.equal(answer.status, 201)
    assert.ok(Date.parse(answer.body.token.expires_at) <= Date.parse(`${made.expires_at}Z`), 'the token ends with it')
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    assert.equal((await enter(right)).status, 401)
    assert.equal((await test.ask(tokenOf(answer), 'GET', '/v3/auth/projects')).status, 401)
  })

  it('can have a secret that its maker chose', async () => {
    const { post } = await aMember()
    const made = (await post({ secret: 'sesame' })).body.application_credential
    assert.equal(made.secret, 'sesame')
    assert.equal((await enter({ id: made.id, secret: 'sesame' })).status, 201)
    assert.equal((await enter({ id: made.id, secret: 'open' })).status, 401)
  })

  it('can have fewer roles than its maker, never more', async () => {
    const { post } = await aMember()
    const made = (await post({ roles: [{ name: 'reader' }] })).body.application_credential
    const answer = await enter({ id: made.id, secret: made.secret })
    assert.deepEqual(
      answer.body.token.roles.map((role: Made) => role.name),
      ['reader'],
    )
    assert.equal((await post({ name: 'more', roles: [{ name: 'admin' }] })).status, 400)
    assert.equal((await post({ name: 'none', roles: [{ id: 'f'.repeat(32) }] })).status, 404)
  })

  it('loses what its maker loses, and dies with it all', async () => {
    const { user, post } = await aMember()
    const made = (await post({})).body.application_credential
    const right = { id: made.id, secret: made.secret }
    const token = tokenOf(await enter(right))
    assert.deepEqual((await test.identity.authenticate(token, 'req-1')).roles, ['member', 'reader'])
    const grant = `/v3/projects/${test.ids.demoProjectId}/users/${user.id}/roles/${await test.roleId('member')}`
    await test.ask(test.admin, 'DELETE', grant)
    await assert.rejects(test.identity.authenticate(token, 'req-2'), { code: 'identity.token.invalid' })
    assert.equal((await enter(right)).status, 401)
  })

  it('goes when a role is removed that its maker was given on the project, and with no other', async () => {
    const { user, post } = await aMember()
    const elsewhere = await test.make('/v3/projects', { project: { name: `beside ${user.name}` } })
    const [near, far] = [
      await test.make('/v3/roles', { role: { name: `near ${user.id}` } }),
      await test.make('/v3/roles', { role: { name: `far ${user.id}` } }),
    ]
    await test.ask(test.admin, 'PUT', `/v3/projects/${test.ids.demoProjectId}/users/${user.id}/roles/${near.id}`)
    await test.ask(test.admin, 'PUT', `/v3/projects/${elsewhere.id}/users/${user.id}/roles/${far.id}`)
    const made = (await post({ roles: [{ name: 'member' }] })).body.application_credential
    const right = { id: made.id, secret: made.secret }
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/roles/${far.id}`)).status, 204)
    assert.equal((await enter(right)).status, 201)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/roles/${near.id}`)).status, 204)
    assert.equal((await enter(right)).status, 401)
  })

  it('that is removed takes its tokens with it', async () => {
    const { token, path, post } = await aMember()
    const made = (await post({})).body.application_credential
    const its = tokenOf(await enter({ id: made.id, secret: made.secret }))
    assert.equal((await test.ask(its, 'GET', '/v3/auth/projects')).status, 200)
    assert.equal((await test.ask(token, 'DELETE', `${path}/${made.id}`)).status, 204)
    assert.equal((await test.ask(token, 'DELETE', `${path}/${made.id}`)).status, 404)
    assert.equal((await test.ask(its, 'GET', '/v3/auth/projects')).status, 401)
  })

  it('makes no others unless it is unrestricted, and its token is not exchanged for another scope', async () => {
    const { post } = await aMember()
    const restricted = (await post({})).body.application_credential
    const free = (await post({ name: 'free', unrestricted: true })).body.application_credential
    const restrictedToken = tokenOf(await enter({ id: restricted.id, secret: restricted.secret }))
    const freeToken = tokenOf(await enter({ id: free.id, secret: free.secret }))
    assert.equal((await post({ name: 'child' }, restrictedToken)).status, 403)
    assert.equal((await post({ name: 'child' }, freeToken)).status, 201)
    const exchange = (scope?: unknown) =>
      test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: {
          identity: { methods: ['token'], token: { id: restrictedToken } },
          ...(scope !== undefined && { scope }),
        },
      })
    assert.equal((await exchange({ project: { id: test.ids.demoProjectId } })).status, 403)
    const again = await exchange()
    assert.equal(again.status, 201)
    assert.equal(again.body.token.application_credential.id, restricted.id, 'and stays within its bounds')
  })

  it('is for its user alone to make, see and remove; administrators may see and remove', async () => {
    const [one, two] = [await aMember(), await aMember()]
    const made = (await one.post({})).body.application_credential
    assert.equal((await one.post({}, two.token)).status, 403)
    assert.equal((await test.ask(two.token, 'GET', `${one.path}/${made.id}`)).status, 403)
    assert.equal((await test.ask(two.token, 'GET', `${two.path}/${made.id}`)).status, 403, 'not through the own path')
    assert.equal((await test.ask(two.token, 'DELETE', `${two.path}/${made.id}`)).status, 403)
    assert.equal((await test.ask(test.admin, 'GET', `${one.path}/${made.id}`)).status, 200)
    assert.equal((await test.ask(test.admin, 'DELETE', `${one.path}/${made.id}`)).status, 204)
    const unscoped = await test.login(one.user.name, 'unscoped')
    assert.equal((await one.post({ name: 'x' }, unscoped)).status, 403)
  })

  it('refuses bodies that make no sense', async () => {
    const { post } = await aMember()
    for (const fields of [
      { name: '' },
      { name: undefined },
      { unknown: 1 },
      { unrestricted: 'yes' },
      { expires_at: 'tomorrow' },
      { expires_at: '2020-01-01T00:00:00Z' },
      { roles: [{}] },
      { access_rules: [{ path: '/x' }] },
      { access_rules: [{ path: 'x', method: 'GET', service: 'compute' }] },
      { access_rules: [{ path: '/x', method: 'TRACE', service: 'compute' }] },
      { project_id: 'f'.repeat(32) },
    ]) {
      assert.equal((await post(fields)).status, 400, JSON.stringify(fields))
    }
    assert.equal((await post({})).status, 201)
    assert.equal((await post({})).status, 409)
  })

  it('with access rules makes those requests and no others', async () => {
    const { user, token, path, post } = await aMember()
    const rules = [{ service: 'identity', method: 'GET', path: '/v3/users/{user_id}' }]
    const made = (await post({ access_rules: rules })).body.application_credential
    const answer = await enter({ id: made.id, secret: made.secret })
    assert.equal(answer.body.token.application_credential.access_rules[0].path, '/v3/users/{user_id}')
    const its = tokenOf(answer)
    assert.equal((await test.ask(its, 'GET', `/v3/users/${user.id}`)).status, 200)
    assert.equal((await test.ask(its, 'GET', `/v3/users/${user.id}?x=1`)).status, 200)
    assert.equal((await test.ask(its, 'GET', `/v3/users/${user.id}/projects`)).status, 401)
    assert.equal((await test.ask(its, 'GET', '/v3/auth/projects')).status, 401)

    const validate = (headers: Record<string, string>) =>
      test.ask(test.admin, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': its, ...headers })
    assert.equal((await validate({})).status, 404, 'for a service that does not know of rules it is no token')
    assert.equal((await validate({ 'openstack-identity-access-rules': '0.9' })).status, 404)
    assert.equal((await validate({ 'openstack-identity-access-rules': 'all' })).status, 404)
    assert.equal((await validate({ 'openstack-identity-access-rules': '1.0' })).status, 200)

    const [rule] = (await test.ask(token, 'GET', `/v3/users/${user.id}/access_rules`)).body.access_rules
    assert.equal(rule.method, 'GET')
    assert.equal((await test.ask(token, 'GET', `/v3/users/${user.id}/access_rules/${rule.id}`)).status, 200)
    const remove = () => test.ask(token, 'DELETE', `/v3/users/${user.id}/access_rules/${rule.id}`)
    assert.equal((await remove()).status, 403, 'while it is in use')
    const again = (await post({ name: 'again', access_rules: [{ id: rule.id }] })).body.application_credential
    assert.equal(again.access_rules[0].id, rule.id)
    for (const { id } of [made, again]) await test.ask(token, 'DELETE', `${path}/${id}`)
    assert.equal((await remove()).status, 204)
    assert.equal((await remove()).status, 404)
  })

  it('with access rules is held to the path that is served, whatever is written behind it', async () => {
    const { user, post } = await aMember()
    const rules = [{ service: 'identity', method: 'GET', path: '/v3/users/*/projects' }]
    const its = tokenOf(await enter((await post({ access_rules: rules })).body.application_credential))
    await using server = await listening()
    for (const [behind, status] of [
      ['/projects', 200],
      ['#/projects', 401],
      ['?/projects', 401],
      [';/projects', 403],
      ['%2fprojects', 401],
    ] as const) {
      // No client sends a fragment of a URL by itself.
      const answer = await statusOf(server.port, `/identity/v3/users/${user.id}${behind}`, its)
      assert.equal(answer, status, behind)
    }
  })

  it('with more access rules than a request can be held against is refused', async () => {
    const { post } = await aMember()
    const rules = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ service: 'identity', method: 'GET', path: `/${index}` }))
    assert.equal((await post({ access_rules: rules(257) })).status, 400)
    assert.equal((await post({ access_rules: rules(256) })).status, 201)
  })

  async function listening() {
    const url = await test.service.app.listen({ host: '127.0.0.1', port: 0 })
    return {
      port: Number(new URL(url).port),
      // The service goes with the test.
      [Symbol.asyncDispose]: async () => void test.service.app.server.close(),
    }
  }

  function statusOf(port: number, path: string, token: string): Promise<number> {
    return new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, headers: { 'x-auth-token': token }, agent: false }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode!))
      })
        .on('error', reject)
        .end()
    })
  }

  it('shows its access rules in the order in which they were made, and so does the list of them, page by page', async () => {
    const { user, token, path, post } = await aMember()
    const methods = ['PUT', 'GET', 'DELETE', 'POST', 'PATCH', 'HEAD']
    const rules = methods.map((method) => ({ service: 'monitoring', method, path: '/v2.0/metrics' }))
    const made = (await post({ access_rules: rules })).body.application_credential
    const methodsOf = (all: Made[]) => all.map(({ method }) => method)
    assert.deepEqual(methodsOf(made.access_rules), methods)
    const shown = (await test.ask(token, 'GET', `${path}/${made.id}`)).body.application_credential.access_rules
    assert.deepEqual(methodsOf(shown), methods)
    const list = `/v3/users/${user.id}/access_rules`
    assert.deepEqual(methodsOf((await test.ask(token, 'GET', list)).body.access_rules), methods)
    const page = (await test.ask(token, 'GET', `${list}?limit=2&marker=${shown[1].id}`)).body
    assert.deepEqual(methodsOf(page.access_rules), ['DELETE', 'POST'])
    assert.match(page.links.next, new RegExp(`marker=${shown[3].id}`))
  })
})
