import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest } from '../identity-under-test.ts'

describe('a login by password', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('gives a token for a project, with roles, implied roles and the catalog', async () => {
    const answer = await test.tryLogin('demo', { project: { name: 'demo', domain: { name: 'Default' } } })
    assert.equal(answer.status, 201)
    assert.match(String(answer.headers['x-subject-token']), /^[A-Za-z0-9_-]{100,255}$/)
    assert.equal(answer.headers.vary, 'X-Auth-Token')
    const { token } = answer.body
    assert.deepEqual(token.methods, ['password'])
    assert.deepEqual(token.project, {
      domain: { id: 'default', name: 'Default' },
      id: test.ids.demoProjectId,
      name: 'demo',
    })
    assert.deepEqual(
      token.roles.map((role: { name: string }) => role.name),
      ['member', 'reader'],
    )
    assert.equal(token.user.name, 'demo')
    assert.equal(token.is_domain, false)
    assert.match(token.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    assert.equal(Date.parse(token.expires_at) - Date.parse(token.issued_at), 3_600_000)
    assert.deepEqual(
      token.catalog.map((entry: { type: string }) => entry.type),
      ['identity', 'compute', 'volumev3'],
    )
    assert.equal(token.catalog[2].endpoints[0].interface, 'public')
    assert.equal(token.catalog[2].endpoints[0].region, 'RegionOne')
    assert.equal(token.catalog[2].endpoints[0].url, `http://127.0.0.1:5000/volume/v3/${test.ids.demoProjectId}`)
  })

  it('without a scope is for the default project', async () => {
    const answer = await test.tryLogin('demo')
    assert.equal(answer.body.token.project.id, test.ids.demoProjectId)
  })

  it('that wants no scope gets none, and neither roles nor catalog', async () => {
    for (const scope of ['unscoped', { unscoped: {} }]) {
      const { token } = (await test.tryLogin('demo', scope)).body
      assert.equal(token.project, undefined)
      assert.equal(token.roles, undefined)
      assert.equal(token.catalog, undefined)
    }
  })

  it('can be for a domain, without the endpoints that want a project', async () => {
    const { token } = (await test.tryLogin('admin', { domain: { id: 'default' } })).body
    assert.deepEqual(token.domain, { id: 'default', name: 'Default' })
    assert.deepEqual(
      token.catalog.map((entry: { endpoints: unknown[] }) => entry.endpoints.length),
      [3, 3, 0],
    )
  })

  it('finds a domain by its name in another case, unless one is called just so', async () => {
    const asked = (domain: string) =>
      test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: 'demo', domain: { name: domain }, password: 'demo' } },
          },
          scope: { project: { name: 'demo', domain: { name: domain } } },
        },
      })
    const { token } = (await asked('default')).body
    assert.deepEqual(token.project.domain, { id: 'default', name: 'Default' })
    assert.equal((await test.tryLogin('admin', { domain: { name: 'DEFAULT' } })).status, 201)
    await test.make('/v3/domains', { domain: { name: 'default' } })
    assert.equal((await asked('default')).status, 401)
    assert.equal((await asked('Default')).status, 201)
  })

  it('can be for the system', async () => {
    const { token } = (await test.tryLogin('admin', { system: { all: true } })).body
    assert.deepEqual(token.system, { all: true })
    assert.ok(token.roles.some((role: { name: string }) => role.name === 'admin'))
  })

  it('tells a wrong password, an unknown user, an unknown project and a foreign one apart for nobody', async () => {
    const answers = [
      await test.tryLogin('demo', undefined, 'wrong'),
      await test.tryLogin('nobody'),
      await test.tryLogin('demo', { project: { id: 'f'.repeat(32) } }),
      await test.tryLogin('demo', { project: { name: 'nowhere', domain: { id: 'default' } } }),
      await test.tryLogin('demo', { project: { id: test.ids.adminProjectId } }),
      await test.tryLogin('demo', { domain: { id: 'default' } }),
      await test.tryLogin('demo', { system: { all: true } }),
    ]
    for (const answer of answers) {
      assert.equal(answer.status, 401)
      assert.deepEqual(answer.body, answers[0]!.body)
      assert.equal(answer.headers['www-authenticate'], 'Keystone uri="http://127.0.0.1:5000/identity"')
    }
    assert.equal(answers[0]!.body.error.title, 'Unauthorized')
  })

  it('that makes no sense is a 400, and never a 500', async () => {
    const password = { user: { name: 'demo', domain: { id: 'default' }, password: 'demo' } }
    const identity = { methods: ['password'], password }
    for (const body of [
      undefined,
      {},
      { auth: {} },
      { auth: { identity: {} } },
      { auth: { identity: { methods: [] } } },
      { auth: { identity: { methods: ['password'] } } },
      { auth: { identity: { methods: 'password', password } } },
      { auth: { identity: { methods: ['password'], password: { user: { password: 'demo' } } } } },
      { auth: { identity: { methods: ['password'], password: { user: { name: 'demo', password: 'demo' } } } } },
      { auth: { identity: { methods: ['password'], password: { user: { id: 7, password: 'demo' } } } } },
      { auth: { identity, scope: { project: { id: 'x' }, domain: { id: 'y' } } } },
      { auth: { identity, scope: { project: {} } } },
      { auth: { identity, scope: { project: { name: 'demo' } } } },
      { auth: { identity, scope: {} } },
      { auth: { identity, scope: 'everything' } },
      { auth: { identity: { methods: ['password'], password: { user: { id: 'a\0b', password: 'demo' } } } } },
      { auth: { identity: { methods: ['password'], password: { user: { id: 'a\ud800', password: 'demo' } } } } },
    ]) {
      const answer = await test.ask(undefined, 'POST', '/v3/auth/tokens', body)
      assert.equal(answer.status, 400, JSON.stringify(body))
      assert.equal(answer.body.error.code, 400)
    }
  })

  it('by a method that is not offered is a 401 that names those that are', async () => {
    for (const method of ['saml2', 'oauth1']) {
      const answer = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: { identity: { methods: [method], [method]: {} } },
      })
      assert.equal(answer.status, 401, method)
      assert.ok(answer.body.error.identity.methods.includes('password'))
    }
  })
})

describe('a token', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())
  const validate = (token: string, subject: string, path = '/v3/auth/tokens', method = 'GET') =>
    test.ask(token, method, path, undefined, { 'x-subject-token': subject })

  it('is validated by its bearer and by an administrator, and by nobody else', async () => {
    const demo = await test.login('demo')
    const other = await test.aUser()
    const otherToken = await test.login(other.name)
    const own = await validate(demo, demo)
    assert.equal(own.status, 200)
    assert.equal(own.body.token.user.id, test.ids.demoUserId)
    assert.equal(own.headers['x-subject-token'], demo)
    assert.equal((await validate(test.admin, demo)).status, 200)
    assert.equal((await validate(otherToken, demo)).status, 403)
    const head = await validate(demo, demo, '/v3/auth/tokens', 'HEAD')
    assert.equal(head.status, 200)
    assert.equal(head.body, '')
  })

  it('is shown without the catalog when that is not wanted', async () => {
    assert.equal((await validate(test.admin, test.admin, '/v3/auth/tokens?nocatalog')).body.token.catalog, undefined)
    assert.equal((await validate(test.admin, test.admin)).body.token.catalog.length, 3)
  })

  it('that is unknown is a 404 as a subject and a 401 as a bearer', async () => {
    assert.equal((await validate(test.admin, 'nonsense')).status, 404)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/auth/tokens')).status, 404)
    assert.equal((await validate('nonsense', test.admin)).status, 401)
    assert.equal((await test.ask(undefined, 'GET', '/v3/users')).status, 401)
  })

  it('is dead once it is given back, and others of the same user are not', async () => {
    const [first, second] = [await test.login('demo'), await test.login('demo')]
    const gone = await validate(first, first, '/v3/auth/tokens', 'DELETE')
    assert.equal(gone.status, 204)
    assert.equal((await validate(test.admin, first)).status, 404)
    assert.equal((await test.ask(first, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await validate(second, second)).status, 200)
  })

  it('is exchanged for one of another scope, which ends when the first does and remembers it', async () => {
    const exchange = (id: string, scope: unknown) =>
      test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: { identity: { methods: ['token'], token: { id } }, scope },
      })
    const unscoped = await test.tryLogin('demo', 'unscoped')
    const text = String(unscoped.headers['x-subject-token'])
    const scoped = await exchange(text, { project: { id: test.ids.demoProjectId } })
    assert.equal(scoped.status, 201)
    assert.deepEqual(scoped.body.token.methods, ['password', 'token'])
    assert.equal(scoped.body.token.expires_at, unscoped.body.token.expires_at)
    assert.equal(scoped.body.token.audit_ids[1], unscoped.body.token.audit_ids[0])
    // And back to none, though the user has a default project.
    const back = await exchange(String(scoped.headers['x-subject-token']), 'unscoped')
    assert.deepEqual([back.status, back.body.token.project, back.body.token.roles], [201, undefined, undefined])
    assert.equal((await exchange(text, { project: { id: test.ids.adminProjectId } })).status, 401)
    assert.equal((await exchange('nonsense', undefined)).status, 401)
    assert.equal((await exchange(test.systemAdmin, { project: { id: test.ids.adminProjectId } })).status, 403)
  })

  it('sees a role that is taken away or given at once, though it was remembered', async () => {
    const user = await test.aUser()
    const where = `projects/${test.ids.demoProjectId}/users/${user.id}`
    await test.grant(where, 'reader')
    await test.grant(where, 'member')
    const token = await test.login(user.name, { project: { id: test.ids.demoProjectId } })
    const roles = async () => (await test.identity.authenticate(token, 'req-1')).roles
    assert.deepEqual(await roles(), ['member', 'reader'])
    assert.equal(
      (await test.ask(test.admin, 'DELETE', `/v3/${where}/roles/${await test.roleId('member')}`)).status,
      204,
    )
    assert.deepEqual(await roles(), ['reader'])
    await test.grant(where, 'manager')
    assert.deepEqual(await roles(), ['manager', 'member', 'reader'])
    for (const role of ['manager', 'reader']) {
      await test.ask(test.admin, 'DELETE', `/v3/${where}/roles/${await test.roleId(role)}`)
    }
    await assert.rejects(roles(), { code: 'identity.token.invalid' })
  })

  it('dies with a new password, with its user disabled, and stays dead when he is enabled again', async () => {
    for (const change of [{ password: 'another' }, { enabled: false }]) {
      const user = await test.aUser()
      const token = await test.login(user.name)
      assert.equal((await test.ask(token, 'GET', `/v3/users/${user.id}`)).status, 200)
      assert.equal((await test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: change })).status, 200)
      assert.equal((await test.ask(token, 'GET', `/v3/users/${user.id}`)).status, 401)
      await test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: { enabled: true } })
      assert.equal((await test.ask(token, 'GET', `/v3/users/${user.id}`)).status, 401)
    }
  })

  it('dies with its project disabled, and with its user removed', async () => {
    const project = await test.make('/v3/projects', { project: { name: 'short-lived' } })
    const user = await test.aUser()
    await test.grant(`projects/${project.id}/users/${user.id}`, 'member')
    const scoped = await test.login(user.name, { project: { id: project.id } })
    const unscoped = await test.login(user.name, 'unscoped')
    await test.ask(test.admin, 'PATCH', `/v3/projects/${project.id}`, { project: { enabled: false } })
    assert.equal((await test.ask(scoped, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await test.tryLogin(user.name, { project: { id: project.id } })).status, 401)
    assert.equal((await test.ask(unscoped, 'GET', '/v3/auth/projects')).status, 200)
    await test.ask(test.admin, 'DELETE', `/v3/users/${user.id}`)
    assert.equal((await test.ask(unscoped, 'GET', '/v3/auth/projects')).status, 401)
  })

  it('tells its bearer what it could be exchanged for', async () => {
    const demo = await test.login('demo', 'unscoped')
    const projects = (await test.ask(demo, 'GET', '/v3/auth/projects')).body.projects
    assert.deepEqual(
      projects.map((project: { name: string }) => project.name),
      ['demo'],
    )
    assert.deepEqual((await test.ask(demo, 'GET', '/v3/auth/domains')).body.domains, [])
    assert.deepEqual((await test.ask(demo, 'GET', '/v3/auth/system')).body.system, [])
    assert.equal((await test.ask(demo, 'GET', '/v3/auth/catalog')).status, 403)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/auth/domains')).body.domains[0].id, 'default')
    assert.deepEqual((await test.ask(test.admin, 'GET', '/v3/auth/system')).body.system, [{ all: true }])
    assert.equal((await test.ask(test.admin, 'GET', '/v3/auth/catalog')).body.catalog.length, 3)
  })
})

describe('a token that has ended', () => {
  it('is refused, and shown only to those who say that they know', async () => {
    await using test = await identityUnderTest({ tokenLifetimeSeconds: 1, allowExpiredWindowSeconds: 2 })
    const fresh = () => test.login('admin', { system: { all: true } })
    const ended = await fresh()
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const bearer = await fresh()
    const validate = (path: string) => test.ask(bearer, 'GET', path, undefined, { 'x-subject-token': ended })
    assert.equal((await test.ask(ended, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await validate('/v3/auth/tokens')).status, 404)
    assert.equal((await validate('/v3/auth/tokens?allow_expired=1')).status, 200)
  })

  it('is still good for a service that goes on with what its bearer began, for a while', async () => {
    await using test = await identityUnderTest({ tokenLifetimeSeconds: 1, allowExpiredWindowSeconds: 2 })
    const [service, other] = [await test.aUser(), await test.aUser()]
    const role = (await test.ask(test.admin, 'POST', '/v3/roles', { role: { name: 'service' } })).body.role?.id
    const demo = `projects/${test.ids.demoProjectId}/users`
    await test.ask(test.admin, 'PUT', `/v3/${demo}/${service.id}/roles/${role ?? (await test.roleId('service'))}`)
    await test.grant(`${demo}/${other.id}`, 'member')
    const scope = { project: { id: test.ids.demoProjectId } }
    const ended = await test.login('demo', scope)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const serviceToken = await test.login(service.name, scope)
    const asks = (by?: string) => test.identity.authenticate(ended, 'req-1', by)
    const refused = { code: 'identity.token.invalid' }
    assert.equal((await asks(serviceToken)).userName, 'demo')
    await assert.rejects(asks(), refused)
    await assert.rejects(asks(await test.login(other.name, scope)), refused, 'who is no service')
    await assert.rejects(asks('nonsense'), refused)
    await assert.rejects(test.identity.authenticate(serviceToken, 'req-1', ended), refused)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await assert.rejects(asks(await test.login(service.name, scope)), refused, 'the window is over')
  })
})
