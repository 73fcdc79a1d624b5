import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('the events that end tokens early', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const eventsSince = async (since: string): Promise<Made[]> => {
    const answer = await test.ask(test.admin, 'GET', `/v3/OS-REVOKE/events?since=${since}`)
    assert.equal(answer.status, 200)
    return answer.body.events
  }

  it('tell of tokens given back, users changed or gone, and projects and domains gone', async () => {
    const began = new Date().toISOString()
    const user = await test.aUser()
    const project = await test.make('/v3/projects', { project: { name: 'to go' } })
    const domain = await test.make('/v3/domains', { domain: { name: 'to go', enabled: false } })
    const token = await test.login(user.name)
    const [audit] = (await test.ask(token, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': token })).body
      .token.audit_ids
    assert.deepEqual(await eventsSince(began), [])
    await test.ask(token, 'DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': token })
    await test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: { description: 'changes no token' } })
    await test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: { enabled: false } })
    await test.ask(test.admin, 'DELETE', `/v3/projects/${project.id}`)
    await test.ask(test.admin, 'DELETE', `/v3/domains/${domain.id}`)
    await test.ask(test.admin, 'DELETE', `/v3/users/${user.id}`)
    const events = await eventsSince(began)
    const subjects = events.map(({ issued_before, revoked_at, ...subject }) => {
      assert.equal(issued_before, revoked_at)
      return subject
    })
    assert.deepEqual(subjects, [
      { audit_id: audit },
      { user_id: user.id },
      { project_id: project.id },
      { domain_id: domain.id },
      { user_id: user.id },
    ])
    assert.deepEqual(await eventsSince(new Date(Date.now() + 1000).toISOString()), [])
  })

  it('are for services and administrators, and their time must be one', async () => {
    const demo = await test.login('demo')
    assert.equal((await test.ask(demo, 'GET', '/v3/OS-REVOKE/events')).status, 403)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/OS-REVOKE/events?since=yesterday')).status, 400)
  })

  it('took the place of the list of revoked tokens, which is gone', async () => {
    const answer = await test.ask(test.admin, 'GET', '/v3/auth/tokens/OS-PKI/revoked')
    assert.deepEqual([answer.status, answer.body.error.title], [410, 'Gone'])
  })
})
