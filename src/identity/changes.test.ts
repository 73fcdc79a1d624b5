import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Fastify from 'fastify'
import { anotherPool } from '../../test/support/database.ts'
import type { Database } from '../database/database.ts'
import { openChanges } from './changes.ts'
import { type IdentityUnderTest, identityUnderTest, type Made } from './identity-under-test.ts'
import { type Identity, openIdentity } from './index.ts'

describe('a second control plane on the same database', () => {
  let test: IdentityUnderTest
  let db: Database
  let second: Identity
  const app = Fastify()
  before(async () => {
    test = await identityUnderTest()
    db = anotherPool(test.service.context.db)
    second = await openIdentity({ ...test.service.context, db })
    await app.register(second.plugin, { prefix: '/identity' })
    await app.ready()
  })
  after(async () => {
    await app.close()
    await second.close()
    await db.end()
    await test[Symbol.asyncDispose]()
  })

  /** A member of a project of his own, with a token that the second control plane has just taken. */
  const somebody = async () => {
    const user = await test.aUser()
    const project = await test.make('/v3/projects', { project: { name: `of ${user.name}` } })
    const grant = `projects/${project.id}/users/${user.id}`
    await test.grant(grant, 'member')
    const token = await test.login(user.name, { project: { id: project.id } })
    assert.deepEqual(await rolesThere(token), ['member', 'reader'])
    return { user, project, grant, token }
  }
  /** What the second control plane says of a token, now. */
  const rolesThere = (token: string) =>
    second.authenticate(token, 'req-1').then(
      (caller) => caller.roles,
      (error: { code: string }) => error.code,
    )
  const change = async (method: string, path: string, body?: unknown, token = test.admin): Promise<void> => {
    const answer = await test.ask(token, method, `/v3/${path}`, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  // Each with nothing in between: the very next request is the test.
  const ENDINGS: Record<string, (one: { user: Made; project: Made; grant: string; token: string }) => Promise<void>> = {
    'a role is taken away': async ({ grant }) => change('DELETE', `${grant}/roles/${await test.roleId('member')}`),
    'the user is disabled': ({ user }) => change('PATCH', `users/${user.id}`, { user: { enabled: false } }),
    'the user is removed': ({ user }) => change('DELETE', `users/${user.id}`),
    'the password is changed by its user': ({ user }) =>
      change('POST', `users/${user.id}/password`, { user: { password: 'another', original_password: user.name } }),
    'the password is set by an administrator': ({ user }) =>
      change('PATCH', `users/${user.id}`, { user: { password: 'another' } }),
    'the project is disabled': ({ project }) =>
      change('PATCH', `projects/${project.id}`, { project: { enabled: false } }),
    'the project is removed': ({ project }) => change('DELETE', `projects/${project.id}`),
    'the token is given back': async ({ token }) => {
      const answer = await test.ask(token, 'DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': token })
      assert.equal(answer.status, 204)
    },
  }
  for (const [what, end] of Object.entries(ENDINGS)) {
    it(`refuses a token with the next request after ${what} by the first`, async () => {
      const one = await somebody()
      await end(one)
      assert.equal(await rolesThere(one.token), 'identity.token.invalid')
    })
  }

  it('sees a role that the first has given with the next request', async () => {
    const one = await somebody()
    await test.grant(one.grant, 'manager')
    assert.deepEqual(await rolesThere(one.token), ['manager', 'member', 'reader'])
  })

  it('shows an endpoint that the first has added in the catalog of its next token', async () => {
    const one = await somebody()
    const login = async () => {
      const answer = await app.inject({
        method: 'POST',
        url: '/identity/v3/auth/tokens',
        payload: {
          auth: {
            identity: { methods: ['token'], token: { id: one.token } },
            scope: { project: { id: one.project.id } },
          },
        },
      })
      assert.equal(answer.statusCode, 201)
      return answer.json().token.catalog as Made[]
    }
    const before = await login()
    await test.make('/v3/services', { service: { type: 'new', name: 'new' } })
    assert.equal((await login()).length, before.length + 1)
  })

  it('refuses many requests at once that come right after the change', async () => {
    const one = await somebody()
    await change('PATCH', `users/${one.user.id}`, { user: { enabled: false } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => rolesThere(one.token)))
    assert.deepEqual(new Set(answers), new Set(['identity.token.invalid']))
  })
})

describe('the count of changes', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('is looked up once for all who ask in one turn, and anew for those who come later', async () => {
    const { db } = test.service.context
    let looks = 0
    const counting = ((strings: TemplateStringsArray, ...values: never[]) => {
      looks++
      return db(strings, ...values)
    }) as unknown as Database
    const changes = openChanges(counting)
    await Promise.all([changes.look(), changes.look(), changes.look()])
    assert.equal(looks, 1)
    const first = changes.look()
    // The look-up has begun when this comes, so it may have missed what came before this.
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([first, changes.look()])
    assert.equal(looks, 3)
  })

  it('is as it was after a change that failed', async () => {
    const changes = openChanges(test.service.context.db)
    const before = await changes.look()
    await assert.rejects(
      changes.commit(() => Promise.reject(new Error('no'))),
      /no/,
    )
    assert.equal(await changes.look(), before)
    await changes.commit(async () => undefined)
    assert.equal(await changes.look(), before + 1)
  })
})
