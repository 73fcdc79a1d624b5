import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('credentials', () => {
  let test: IdentityUnderTest
  let user: Made
  let token: string
  before(async () => {
    test = await identityUnderTest()
    user = await test.aUser()
    token = await test.login(user.name)
  })
  after(() => test[Symbol.asyncDispose]())
  const post = (by: string, credential: unknown) => test.ask(by, 'POST', '/v3/credentials', { credential })
  const a = (fields: Record<string, unknown> = {}) => ({ user_id: user.id, type: 'cert', blob: 'secret', ...fields })

  it('are kept, shown, changed and removed by their user', async () => {
    const made = (await post(token, a({ note: 'n' }))).body.credential
    assert.equal(made.blob, 'secret')
    assert.equal(made.project_id, null)
    assert.equal(made.note, 'n')
    const path = `/v3/credentials/${made.id}`
    assert.deepEqual((await test.ask(token, 'GET', path)).body.credential, made)
    const changed = await test.ask(token, 'PATCH', path, { credential: { blob: 'new', type: 'key' } })
    assert.equal(changed.body.credential.blob, 'new')
    assert.equal((await test.ask(token, 'GET', path)).body.credential.blob, 'new')
    assert.equal((await test.ask(token, 'DELETE', path)).status, 204)
    assert.equal((await test.ask(token, 'GET', path)).status, 403, 'gone, which only administrators are told')
    assert.equal((await test.ask(test.admin, 'GET', path)).status, 404)
  })

  it('are not readable in the database', async () => {
    await post(token, a({ blob: 'a very secret blob' }))
    const rows = await test.service.context.db<{ blob: Uint8Array }[]>`select blob from identity.credentials`
    for (const { blob } of rows) assert.equal(Buffer.from(blob).includes('secret'), false)
  })

  it('of others are seen by administrators only, and never handed to others', async () => {
    const made = (await post(token, a())).body.credential
    const other = await test.aUser()
    const otherToken = await test.login(other.name)
    assert.equal((await test.ask(otherToken, 'GET', `/v3/credentials/${made.id}`)).status, 403)
    assert.deepEqual((await test.ask(otherToken, 'GET', '/v3/credentials')).body.credentials, [])
    assert.equal((await post(otherToken, a())).status, 403)
    const give = await test.ask(token, 'PATCH', `/v3/credentials/${made.id}`, { credential: { user_id: other.id } })
    assert.equal(give.status, 403)
    const seen = (await test.ask(test.admin, 'GET', `/v3/credentials?user_id=${user.id}&type=cert`)).body.credentials
    assert.ok(seen.some((each: Made) => each.id === made.id))
  })

  it('for EC2 have the id that follows from their access key, and a project', async () => {
    const project_id = test.ids.demoProjectId
    const blob = JSON.stringify({ access: 'abc', secret: 'def' })
    const made = (await post(token, a({ type: 'ec2', blob, project_id }))).body.credential
    assert.equal(made.id, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    assert.equal((await post(token, a({ type: 'ec2', blob, project_id }))).status, 409)
    assert.equal((await post(token, a({ type: 'ec2', blob }))).status, 400)
    const deep = `{"access": "deep", "x": ${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    assert.equal((await post(token, a({ type: 'ec2', blob: deep, project_id }))).status, 400)
    assert.equal((await post(token, a({ type: 'ec2', blob: 'no JSON', project_id }))).status, 400)
    assert.equal((await post(token, a({ type: 'ec2', blob: '{"secret": "x"}', project_id }))).status, 400)
    const changed = JSON.stringify({ access: 'abc', secret: 'x', trust_id: 't' })
    const patch = await test.ask(token, 'PATCH', `/v3/credentials/${made.id}`, { credential: { blob: changed } })
    assert.equal(patch.status, 400)
  })

  it('become ones for EC2 only with a project and a blob that can be read', async () => {
    const project_id = test.ids.demoProjectId
    const made = (await post(token, a())).body.credential
    const change = (credential: unknown) => test.ask(token, 'PATCH', `/v3/credentials/${made.id}`, { credential })
    const blob = JSON.stringify({ access: 'later', secret: 's' })
    assert.equal((await change({ type: 'ec2', project_id })).status, 400, 'the blob is no JSON')
    assert.equal((await change({ type: 'EC2', blob: 'null', project_id })).status, 400)
    assert.equal((await change({ type: 'ec2', blob })).status, 400, 'there is no project')
    const list = () => test.ask(token, 'GET', `/v3/users/${user.id}/credentials/OS-EC2`)
    const before = (await list()).body.credentials.length
    assert.equal((await change({ type: 'ec2', blob, project_id })).status, 200)
    assert.equal((await list()).body.credentials.length, before + 1)
  })

  it('for EC2 keep what they were made with, also by way of another type', async () => {
    const delegated = { access: 'lent', secret: 's', app_cred_id: 'narrow' }
    const project_id = test.ids.demoProjectId
    const made = (await post(token, a({ type: 'ec2', blob: JSON.stringify(delegated), project_id }))).body.credential
    const change = (credential: unknown) => test.ask(token, 'PATCH', `/v3/credentials/${made.id}`, { credential })
    assert.equal((await change({ type: 'cert' })).status, 200)
    assert.equal((await change({ blob: JSON.stringify({ access: 'lent', secret: 's' }) })).status, 400)
    const { status, body } = await change({ type: 'ec2', blob: JSON.stringify({ ...delegated, secret: 'new' }) })
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(body.credential.blob), { ...delegated, secret: 'new' })
  })

  it('that let their user in are out of reach for what he delegates', async () => {
    const seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
    const project_id = test.ids.demoProjectId
    const me = test.ids.demoUserId
    const demo = await test.login('demo', { project: { id: project_id } })
    const program = await test.ask(demo, 'POST', `/v3/users/${me}/application_credentials`, {
      application_credential: { name: 'program', unrestricted: true, roles: [{ name: 'reader' }] },
    })
    const { id, secret } = program.body.application_credential
    const entered = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } },
    })
    const its = String(entered.headers['x-subject-token'])
    const mine = (fields: Record<string, unknown>) => a({ user_id: me, project_id, ...fields })

    assert.equal((await post(its, mine({ type: 'totp', blob: seed }))).status, 403)
    const other = (await post(its, mine({ blob: seed }))).body.credential
    const change = (of: string, credential: unknown) => test.ask(its, 'PATCH', `/v3/credentials/${of}`, { credential })
    assert.equal((await change(other.id, { type: 'totp' })).status, 403)

    const own = (await post(demo, mine({ type: 'totp', blob: seed }))).body.credential
    assert.equal((await change(own.id, { blob: seed.toLowerCase() })).status, 403)
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await test.ask(its, method, `/v3/credentials/${own.id}`)).status, 403, method)
    }
    const listed = (await test.ask(its, 'GET', '/v3/credentials')).body.credentials
    assert.deepEqual(
      listed.map((each: Made) => each.id),
      [other.id],
    )
    assert.equal((await test.ask(demo, 'GET', `/v3/credentials/${own.id}`)).status, 200)

    const ec2 = (blob: object) => post(its, mine({ type: 'ec2', blob: JSON.stringify({ secret: 's', ...blob }) }))
    assert.equal((await ec2({ access: 'x', trust_id: 'another' })).status, 400)
    assert.equal(JSON.parse((await ec2({ access: 'x' })).body.credential.blob).app_cred_id, id)
  })

  it('refuse bodies that make no sense', async () => {
    for (const credential of [{}, a({ blob: 7 }), a({ blob: { access: 'x' } }), a({ type: '' }), a({ blob: 'a\0' })]) {
      assert.equal((await post(token, credential)).status, 400, JSON.stringify(credential))
    }
    assert.equal((await post(test.admin, a({ user_id: 'f'.repeat(32) }))).status, 400)
    assert.equal((await post(test.admin, a({ project_id: 'f'.repeat(32) }))).status, 400)
  })
})
