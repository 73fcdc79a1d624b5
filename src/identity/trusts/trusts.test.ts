import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('a trust', () => {
  let test: IdentityUnderTest
  let trustor: Made
  let trustorToken: string
  let trustee: Made
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  /** Two fresh people, the first a member of project demo. */
  async function people() {
    trustor = await test.aUser()
    trustee = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/users/${trustor.id}`, 'member')
    trustorToken = await test.login(trustor.name, { project: { id: test.ids.demoProjectId } })
  }
  const post = (fields: Record<string, unknown> = {}, by = trustorToken) =>
    test.ask(by, 'POST', '/v3/OS-TRUST/trusts', {
      trust: {
        trustor_user_id: trustor.id,
        trustee_user_id: trustee.id,
        impersonation: false,
        project_id: test.ids.demoProjectId,
        roles: [{ name: 'member' }],
        ...fields,
      },
    })
  const enter = (trust: Made, name = trustee.name) => test.tryLogin(name, { 'OS-TRUST:trust': { id: trust.id } })
  const tokenOf = (answer: { headers: Made }) => String(answer.headers['x-subject-token'])

  it('lends roles on a project to its trustee, who stays himself', async () => {
    await people()
    const made = await post()
    assert.equal(made.status, 201)
    const { trust } = made.body
    assert.deepEqual(
      trust.roles.map((role: Made) => role.name),
      ['member'],
    )
    assert.equal(trust.redelegation_count, 0)
    assert.equal(trust.deleted_at, null)
    const answer = await enter(trust)
    assert.equal(answer.status, 201)
    const { token } = answer.body
    assert.equal(token.user.id, trustee.id)
    assert.equal(token.project.id, test.ids.demoProjectId)
    assert.deepEqual(token['OS-TRUST:trust'], {
      id: trust.id,
      impersonation: false,
      trustor_user: { id: trustor.id },
      trustee_user: { id: trustee.id },
    })
    assert.deepEqual((await test.identity.authenticate(tokenOf(answer), 'req-1')).roles, ['member', 'reader'])
  })

  it('with impersonation makes its trustee act as the trustor', async () => {
    await people()
    const { trust } = (await post({ impersonation: true })).body
    const answer = await enter(trust)
    assert.equal(answer.body.token.user.id, trustor.id)
    assert.equal((await test.identity.authenticate(tokenOf(answer), 'req-1')).userId, trustor.id)
  })

  it('opens nothing for others', async () => {
    await people()
    const { trust } = (await post()).body
    const other = await test.aUser()
    assert.equal((await enter(trust, other.name)).status, 403)
    assert.equal((await enter({ id: 'f'.repeat(32) })).status, 401)
  })

  it('ends when it is removed, when its time is over, and when the trustor loses a role', async () => {
    await people()
    const removed = (await post()).body.trust
    const token = tokenOf(await enter(removed))
    const alive = async (text: string) => (await test.ask(text, 'GET', '/v3/auth/projects')).status === 200
    assert.equal(await alive(token), true)
    assert.equal((await test.ask(trustorToken, 'DELETE', `/v3/OS-TRUST/trusts/${removed.id}`)).status, 204)
    assert.equal(await alive(token), false)
    assert.equal((await test.ask(trustorToken, 'GET', `/v3/OS-TRUST/trusts/${removed.id}`)).status, 404)

    const short = (await post({ expires_at: new Date(Date.now() + 1_000).toISOString() })).body.trust
    const shortToken = tokenOf(await enter(short))
    assert.equal(await alive(shortToken), true)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    assert.equal(await alive(shortToken), false)
    assert.equal((await enter(short)).status, 401)

    const lent = (await post()).body.trust
    const lentToken = tokenOf(await enter(lent))
    const grant = `/v3/projects/${test.ids.demoProjectId}/users/${trustor.id}/roles/${await test.roleId('member')}`
    await test.ask(test.admin, 'DELETE', grant)
    assert.equal(await alive(lentToken), false)
    assert.equal((await enter(lent)).status, 403)
  })

  it('dies with a new password of either', async () => {
    for (const who of ['trustor', 'trustee'] as const) {
      await people()
      const { trust } = (await post()).body
      const token = tokenOf(await enter(trust))
      const id = who === 'trustor' ? trustor.id : trustee.id
      await test.ask(test.admin, 'PATCH', `/v3/users/${id}`, { user: { password: 'new' } })
      assert.equal((await test.ask(token, 'GET', '/v3/auth/projects')).status, 401, who)
    }
  })

  it('can be used as often as it says', async () => {
    await people()
    const { trust } = (await post({ remaining_uses: 2 })).body
    const first = await enter(trust)
    assert.equal((await test.ask(trustorToken, 'GET', `/v3/OS-TRUST/trusts/${trust.id}`)).body.trust.remaining_uses, 1)
    assert.equal((await enter(trust)).status, 201)
    assert.equal((await enter(trust)).status, 401)
    assert.equal((await test.ask(trustorToken, 'GET', `/v3/OS-TRUST/trusts/${trust.id}`)).status, 404)
    assert.equal((await test.ask(tokenOf(first), 'GET', '/v3/auth/projects')).status, 200, 'earlier tokens live on')
  })

  it('lends no more than the trustor has, and is made by him alone', async () => {
    await people()
    assert.equal((await post({ roles: [{ name: 'admin' }] })).status, 404)
    assert.equal((await post({ roles: [] })).status, 403)
    assert.equal((await post({ trustee_user_id: 'f'.repeat(32) })).status, 404)
    assert.equal((await post({}, test.admin)).status, 403)
    for (const fields of [
      { impersonation: 'yes' },
      { trustee_user_id: undefined },
      { expires_at: '2001-01-01T00:00:00Z' },
      { remaining_uses: 0 },
      { roles: [{}] },
    ]) {
      assert.equal((await post(fields)).status, 400, JSON.stringify(fields))
    }
  })

  it('is seen by the two and by administrators', async () => {
    await people()
    const { trust } = (await post()).body
    const trusteeToken = await test.login(trustee.name)
    const other = await test.login((await test.aUser()).name)
    const path = `/v3/OS-TRUST/trusts/${trust.id}`
    for (const [token, status] of [
      [trustorToken, 200],
      [trusteeToken, 200],
      [test.admin, 200],
      [other, 403],
    ] as const) {
      assert.equal((await test.ask(token, 'GET', path)).status, status)
      assert.equal((await test.ask(token, 'GET', `${path}/roles`)).status, status)
    }
    const role = trust.roles[0].id
    assert.equal((await test.ask(trusteeToken, 'GET', `${path}/roles/${role}`)).body.role.name, 'member')
    assert.equal((await test.ask(trusteeToken, 'HEAD', `${path}/roles/${role}`)).status, 200)
    assert.equal((await test.ask(trusteeToken, 'GET', `${path}/roles/unknown`)).status, 404)
    assert.equal((await test.ask(trusteeToken, 'DELETE', path)).status, 403)
    const listed = async (token: string, query: string) => await test.ask(token, 'GET', `/v3/OS-TRUST/trusts${query}`)
    const mine = await listed(trustorToken, `?trustor_user_id=${trustor.id}`)
    assert.equal(mine.body.trusts[0].id, trust.id)
    assert.equal('roles' in mine.body.trusts[0], false)
    assert.equal((await listed(trusteeToken, `?trustee_user_id=${trustee.id}`)).body.trusts.length, 1)
    assert.equal((await listed(trusteeToken, `?trustor_user_id=${trustor.id}`)).status, 403)
    assert.equal((await listed(trustorToken, '')).status, 403)
    assert.ok((await listed(test.admin, '')).body.trusts.length > 0)
  })

  it('is passed on as often as allowed, never with more, and goes with the one it is made of', async () => {
    await people()
    const first = (await post({ allow_redelegation: true, impersonation: true, redelegation_count: 2 })).body.trust
    const byTrust = tokenOf(await enter(first))
    const third = await test.aUser()
    const further = { trustee_user_id: third.id, impersonation: true }
    assert.equal((await post({ ...further, roles: [{ name: 'reader' }] }, byTrust)).status, 403, 'not lent by name')
    const second = (await post({ ...further, allow_redelegation: true }, byTrust)).body.trust
    assert.equal(second.redelegated_trust_id, first.id)
    assert.equal(second.redelegation_count, 1)
    const answer = await enter(second, third.name)
    assert.equal(answer.body.token.user.id, trustor.id)
    const last = (await post({ ...further, trustee_user_id: trustee.id }, tokenOf(answer))).body.trust
    assert.equal(last.redelegation_count, 0)
    const lastToken = tokenOf(await enter(last))
    assert.equal((await post(further, lastToken)).status, 403, 'no further')
    await test.ask(test.admin, 'DELETE', `/v3/OS-TRUST/trusts/${first.id}`)
    assert.equal((await test.ask(lastToken, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/OS-TRUST/trusts/${last.id}`)).status, 404)
  })

  it('is used up by nobody who may not use it, and by one of two who try the last use at once', async () => {
    await people()
    const { trust } = (await post({ remaining_uses: 1 })).body
    const other = await test.aUser()
    assert.equal((await enter(trust, other.name)).status, 403)
    const answers = await Promise.all([enter(trust), enter(trust)])
    const statuses = answers.map(({ status }) => status).sort()
    assert.equal(statuses[0], 201)
    assert.ok([401, 403].includes(statuses[1]!), String(statuses))
  })

  it('opens nothing while its trustor, its trustee or a domain of theirs is disabled', async () => {
    await people()
    const { trust } = (await post()).body
    const token = tokenOf(await enter(trust))
    const enable = (user: Made, enabled: boolean) =>
      test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: { enabled } })
    await enable(trustor, false)
    assert.equal((await enter(trust)).status, 403)
    assert.equal((await test.ask(token, 'GET', '/v3/auth/projects')).status, 401)
    await enable(trustor, true)
    assert.equal((await enter(trust)).status, 201)
    assert.equal((await test.ask(token, 'GET', '/v3/auth/projects')).status, 401, 'what was issued before stays dead')
    await enable(trustee, false)
    assert.equal((await enter(trust)).status, 401)

    await people()
    const domain = await test.make('/v3/domains', { domain: { name: 'of-trustee' } })
    const abroad = await test.aUser({ domain_id: domain.id })
    const foreign = (await post({ trustee_user_id: abroad.id })).body.trust
    const byId = (user: Made) =>
      test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: {
          identity: { methods: ['password'], password: { user: { id: user.id, password: user.name } } },
          scope: { 'OS-TRUST:trust': { id: foreign.id } },
        },
      })
    const foreignToken = tokenOf(await byId(abroad))
    await test.ask(test.admin, 'PATCH', `/v3/domains/${domain.id}`, { domain: { enabled: false } })
    assert.equal((await test.ask(foreignToken, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await byId(abroad)).status, 401)
  })

  it('that was passed on opens nothing while somebody in between is disabled', async () => {
    await people()
    const first = (await post({ allow_redelegation: true, impersonation: true })).body.trust
    const third = await test.aUser()
    const second = (await post({ trustee_user_id: third.id, impersonation: true }, tokenOf(await enter(first)))).body
      .trust
    const token = tokenOf(await enter(second, third.name))
    await test.ask(test.admin, 'PATCH', `/v3/users/${trustee.id}`, { user: { enabled: false } })
    assert.equal((await test.ask(token, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await enter(second, third.name)).status, 403)
  })

  it('is passed on with no more time, no number of uses, no other depth, and no impersonation of its own', async () => {
    await people()
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
    const first = (await post({ allow_redelegation: true, expires_at: inAnHour })).body.trust
    assert.equal(first.redelegation_count, 3, 'as deep as the cloud allows')
    const byTrust = tokenOf(await enter(first))
    const third = await test.aUser()
    const further = (fields: object) =>
      post({ trustor_user_id: trustee.id, trustee_user_id: third.id, ...fields }, byTrust)
    const later = new Date(Date.now() + 7_200_000).toISOString()
    assert.equal((await further({ expires_at: later })).status, 403)
    assert.equal((await further({ remaining_uses: 5 })).status, 403)
    assert.equal((await further({ impersonation: true })).status, 403)
    assert.equal((await further({ allow_redelegation: true, redelegation_count: 1 })).status, 403)
    assert.equal((await further({ allow_redelegation: true, remaining_uses: 5 })).status, 400)
    const made = (await further({ allow_redelegation: true, redelegation_count: 2 })).body.trust
    assert.equal(made.expires_at, first.expires_at, 'it ends with the one that it is made of')
    assert.equal(made.redelegation_count, 2)
    assert.equal((await post({ allow_redelegation: true, redelegation_count: 4 })).status, 403)
  })

  it('lends roles of a domain for what they imply, and asks for an id where a name means several', async () => {
    await people()
    const own = await test.make('/v3/roles', { role: { name: 'architect', domain_id: 'default' } })
    const manager = await test.roleId('manager')
    await test.ask(test.admin, 'PUT', `/v3/roles/${own.id}/implies/${manager}`)
    const grant = `/v3/projects/${test.ids.demoProjectId}/users/${trustor.id}/roles/${own.id}`
    assert.equal((await test.ask(test.admin, 'PUT', grant)).status, 204)
    const { trust } = (await post({ roles: [{ name: 'architect' }] })).body
    assert.equal(trust.roles[0].domain_id, 'default')
    const { token } = (await enter(trust)).body
    assert.deepEqual(
      token.roles.map((role: Made) => role.name),
      ['manager', 'member', 'reader'],
    )
    const another = await test.make('/v3/roles', { role: { name: 'member', domain_id: 'default' } })
    assert.equal((await post()).status, 400)
    assert.equal((await post({ roles: [{ id: await test.roleId('member') }] })).status, 201)
    assert.equal((await post({ roles: [{ id: await test.roleId('member'), name: 'member' }] })).status, 400)
    await test.ask(test.admin, 'DELETE', `/v3/roles/${another.id}`)
  })

  it('may be for no project, and then lends no role', async () => {
    await people()
    const { trust } = (await post({ project_id: null, roles: [] })).body
    assert.equal(trust.project_id, null)
    const { token } = (await enter(trust)).body
    assert.deepEqual([token.project, token.roles, token['OS-TRUST:trust'].id], [undefined, undefined, trust.id])
    assert.equal((await post({ project_id: null })).status, 404, 'nobody has a role nowhere')
    assert.equal((await post({ project_id: 'f'.repeat(32) })).status, 404)
  })

  it('is one with another that differs in nothing, and keeps what else it was given', async () => {
    await people()
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    const first = await post({ expires_at, purpose: 'backup', redelegated_trust_id: 'made-up' })
    assert.equal(first.body.trust.purpose, 'backup')
    assert.equal(first.body.trust.redelegated_trust_id, null)
    assert.equal((await post({ expires_at })).status, 409)
    assert.equal((await post({ expires_at, impersonation: true })).status, 201)
    assert.deepEqual([(await post()).status, (await post()).status], [201, 201], 'without an end there may be several')
  })

  it('goes with its project and with either of its people, and is never changed', async () => {
    await people()
    const project = await test.make('/v3/projects', { project: { name: `lent-${trustor.name}` } })
    await test.grant(`projects/${project.id}/users/${trustor.id}`, 'member')
    const token = await test.login(trustor.name, { project: { id: project.id } })
    const there = (await post({ project_id: project.id }, token)).body.trust
    const here = (await post()).body.trust
    const exists = async (trust: Made) =>
      (await test.ask(test.admin, 'GET', `/v3/OS-TRUST/trusts/${trust.id}`)).status === 200
    for (const method of ['PUT', 'PATCH']) {
      const answer = await test.ask(token, method, `/v3/OS-TRUST/trusts/${here.id}`, { trust: {} })
      assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD, DELETE'])
    }
    assert.deepEqual([await exists(there), await exists(here)], [true, true])
    await test.ask(test.admin, 'DELETE', `/v3/projects/${project.id}`)
    assert.deepEqual([await exists(there), await exists(here)], [false, true])
    await test.ask(test.admin, 'DELETE', `/v3/users/${trustee.id}`)
    assert.equal(await exists(here), false)
  })

  it('is no business of application credentials, however unrestricted', async () => {
    await people()
    const { trust } = (await post()).body
    const made = await test.ask(trustorToken, 'POST', `/v3/users/${trustor.id}/application_credentials`, {
      application_credential: { name: 'all', unrestricted: true },
    })
    const { id, secret } = made.body.application_credential
    const token = tokenOf(
      await test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } },
      }),
    )
    const one = `/v3/OS-TRUST/trusts/${trust.id}`
    for (const [method, path] of [
      ['GET', `/v3/OS-TRUST/trusts?trustor_user_id=${trustor.id}`],
      ['GET', one],
      ['GET', `${one}/roles`],
      ['GET', `${one}/roles/${trust.roles[0].id}`],
      ['DELETE', one],
    ] as const) {
      assert.equal((await test.ask(token, method, path)).status, 403, `${method} ${path}`)
    }
    assert.equal((await post({}, token)).status, 403)
  })

  it('gives tokens that make neither other tokens nor application credentials', async () => {
    await people()
    const { trust } = (await post({ impersonation: true })).body
    const token = tokenOf(await enter(trust))
    const exchange = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['token'], token: { id: token } } },
    })
    assert.equal(exchange.status, 403)
    const secret = await test.ask(token, 'POST', `/v3/users/${trustor.id}/application_credentials`, {
      application_credential: { name: 'backdoor' },
    })
    assert.equal(secret.status, 403)
  })
})
