/** What ends a token, told by the very next request that it makes; and what stays dead when it is taken back. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('a token is refused with the next request after', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const change = async (method: string, path: string, body?: unknown, token = test.admin) => {
    const answer = await test.ask(token, method, `/v3/${path}`, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const textOf = (answer: { status: number; headers: Made; body: unknown }) => {
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return String(answer.headers['x-subject-token'])
  }
  const enter = async (user: Made, scope: unknown) =>
    textOf(
      await test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: { identity: { methods: ['password'], password: { user: { id: user.id, password: user.name } } }, scope },
      }),
    )
  const alive = async (token: string) => (await test.ask(token, 'GET', '/v3/auth/projects')).status

  /** A domain with a project, a user and a group in it, and a role of its own making. */
  async function place() {
    const domain = await test.make('/v3/domains', { domain: { name: `domain-${Math.random()}` } })
    const project = await test.make('/v3/projects', { project: { name: 'p', domain_id: domain.id } })
    const user = await test.aUser({ domain_id: domain.id })
    const group = await test.make('/v3/groups', { group: { name: 'g', domain_id: domain.id } })
    await change('PUT', `groups/${group.id}/users/${user.id}`)
    const role = await test.make('/v3/roles', { role: { name: `role-${Math.random()}` } })
    return { domain, project, user, group, role }
  }
  type Place = Awaited<ReturnType<typeof place>>
  const onProject = async (at: Place) => {
    await test.grant(`projects/${at.project.id}/users/${at.user.id}`, 'member')
    return await enter(at.user, { project: { id: at.project.id } })
  }
  /** The role of the place, given where the path says, with a token for its project. */
  const byGrant = (path: (at: Place) => string) => async (at: Place) => {
    await change('PUT', path(at))
    return await enter(at.user, { project: { id: at.project.id } })
  }
  const ofGroup = (at: Place) => `projects/${at.project.id}/groups/${at.group.id}/roles/${at.role.id}`
  const inherited = (at: Place) =>
    `OS-INHERIT/domains/${at.domain.id}/users/${at.user.id}/roles/${at.role.id}/inherited_to_projects`
  const onDomain = (at: Place) => `domains/${at.domain.id}/users/${at.user.id}/roles/${at.role.id}`
  const onSystem = (at: Place) => `system/users/${at.user.id}/roles/${at.role.id}`
  const disable = (kind: 'user' | 'project' | 'domain') => (at: Place) =>
    change('PATCH', `${kind}s/${at[kind].id}`, { [kind]: { enabled: false } })

  const ENDINGS: Record<string, [begin: (at: Place) => Promise<string>, end: (at: Place) => Promise<unknown>]> = {
    'the group loses its role': [byGrant(ofGroup), (at) => change('DELETE', ofGroup(at))],
    'the user leaves the group': [
      byGrant(ofGroup),
      (at) => change('DELETE', `groups/${at.group.id}/users/${at.user.id}`),
    ],
    'the group is removed': [byGrant(ofGroup), (at) => change('DELETE', `groups/${at.group.id}`)],
    'the inherited role is taken away': [byGrant(inherited), (at) => change('DELETE', inherited(at))],
    'the role itself is removed': [byGrant(inherited), (at) => change('DELETE', `roles/${at.role.id}`)],
    'the role on the domain is taken away': [
      async (at) => {
        await change('PUT', onDomain(at))
        return await enter(at.user, { domain: { id: at.domain.id } })
      },
      (at) => change('DELETE', onDomain(at)),
    ],
    'the role on the system is taken away': [
      async (at) => {
        await change('PUT', onSystem(at))
        return await enter(at.user, { system: { all: true } })
      },
      (at) => change('DELETE', onSystem(at)),
    ],
    'the role on the project is taken away': [
      onProject,
      async (at) =>
        change('DELETE', `projects/${at.project.id}/users/${at.user.id}/roles/${await test.roleId('member')}`),
    ],
    'the user is disabled': [onProject, disable('user')],
    'the user is removed': [onProject, (at) => change('DELETE', `users/${at.user.id}`)],
    'the password is changed': [
      onProject,
      (at) =>
        change('POST', `users/${at.user.id}/password`, { user: { original_password: at.user.name, password: 'new' } }),
    ],
    'the password is reset': [onProject, (at) => change('PATCH', `users/${at.user.id}`, { user: { password: 'new' } })],
    'the project is disabled': [onProject, disable('project')],
    'the project is removed': [onProject, (at) => change('DELETE', `projects/${at.project.id}`)],
    'the domain is disabled': [onProject, disable('domain')],
    'the domain is disabled, for a token without a scope': [(at) => enter(at.user, 'unscoped'), disable('domain')],
    'the domain is disabled by the project that acts as it': [
      onProject,
      (at) => change('PATCH', `projects/${at.domain.id}`, { project: { enabled: false } }),
    ],
    'the application credential is removed': [
      async (at) => {
        const token = await onProject(at)
        const path = `users/${at.user.id}/application_credentials`
        const { application_credential: made } = await change(
          'POST',
          path,
          { application_credential: { name: 'a' } },
          token,
        )
        const { id, secret } = made
        return textOf(
          await test.ask(undefined, 'POST', '/v3/auth/tokens', {
            auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } },
          }),
        )
      },
      async (at) => {
        const path = `users/${at.user.id}/application_credentials`
        const [made] = (await change('GET', path)).application_credentials
        await change('DELETE', `${path}/${made.id}`)
      },
    ],
    'the trust is removed': [
      async (at) => {
        const token = await onProject(at)
        const trustee = await test.aUser({ domain_id: at.domain.id })
        const trust = {
          trustor_user_id: at.user.id,
          trustee_user_id: trustee.id,
          project_id: at.project.id,
          impersonation: true,
          roles: [{ name: 'member' }],
        }
        const made = (await change('POST', 'OS-TRUST/trusts', { trust }, token)).trust
        return await enter(trustee, { 'OS-TRUST:trust': { id: made.id } })
      },
      async (at) => {
        const [made] = (await change('GET', `OS-TRUST/trusts?trustor_user_id=${at.user.id}`)).trusts
        await change('DELETE', `OS-TRUST/trusts/${made.id}`)
      },
    ],
  }

  for (const [what, [begin, end]] of Object.entries(ENDINGS)) {
    it(what, async () => {
      const at = await place()
      const token = await begin(at)
      assert.equal(await alive(token), 200)
      await end(at)
      assert.equal(await alive(token), 401)
    })
  }

  it('any of user, project and domain was disabled, though it is enabled again', async () => {
    for (const kind of ['user', 'project', 'domain'] as const) {
      const at = await place()
      const token = await onProject(at)
      await disable(kind)(at)
      await change('PATCH', `${kind}s/${at[kind].id}`, { [kind]: { enabled: true } })
      assert.equal(await alive(token), 401, kind)
      assert.equal(await alive(await enter(at.user, { project: { id: at.project.id } })), 200, kind)
    }
  })
})

describe('a login that is under way', () => {
  it('comes to nothing when what ends tokens happens meanwhile', async () => {
    await using test = await identityUnderTest({
      argon2: { memoryKiB: 19_456, passes: 12, lanes: 1 },
      concurrentHashes: 1,
    })
    const user = await test.aUser()
    const change = (enabled: boolean) => test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: { enabled } })
    // It waits for its turn behind these: that is the meanwhile.
    const before = Array.from({ length: 24 }, () => test.tryLogin('nobody'))
    let isOver = false
    const login = test.tryLogin(user.name).finally(() => {
      isOver = true
    })
    // The user is read in the first moments.
    await setTimeout(150)
    assert.equal((await change(false)).status, 200)
    assert.equal((await change(true)).status, 200)
    assert.equal(isOver, false, 'the login was too fast for this test')
    assert.equal((await login).status, 401)
    await Promise.all(before)
    assert.equal((await test.tryLogin(user.name)).status, 201)
  })
})
