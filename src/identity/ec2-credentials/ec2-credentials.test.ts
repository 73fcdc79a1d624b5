import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'
import { ec2Signature } from './signatures.ts'

describe('EC2 credentials', () => {
  let test: IdentityUnderTest
  let demo: string
  let service: string
  before(async () => {
    test = await identityUnderTest()
    demo = await test.login('demo', { project: { id: test.ids.demoProjectId } })
    const nova = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/users/${nova.id}`, 'service')
    service = await test.login(nova.name, { project: { id: test.ids.demoProjectId } })
  })
  after(() => test[Symbol.asyncDispose]())

  const mine = () => `/v3/users/${test.ids.demoUserId}/credentials/OS-EC2`
  const create = async (token = demo, body: object = { tenant_id: test.ids.demoProjectId }): Promise<Made> => {
    const answer = await test.ask(token, 'POST', mine(), body)
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.body.credential
  }
  const signed = (credential: Made, timestamp = new Date().toISOString().slice(0, 19)): Made => {
    const request = {
      host: 'here:8773',
      verb: 'GET',
      path: '/',
      params: { Action: 'DescribeInstances', SignatureVersion: '2', Timestamp: timestamp },
    }
    const signature = ec2Signature(credential.secret, { ...request, headers: {}, bodyHash: '' })!
    return { ...request, access: credential.access, signature }
  }
  const exchange = (credentials: unknown, token = service) => test.ask(token, 'POST', '/v3/ec2tokens', { credentials })

  it('are made, shown, listed and removed by their user, under their access key', async () => {
    const made = await create()
    assert.deepEqual([made.user_id, made.tenant_id, made.trust_id], [test.ids.demoUserId, test.ids.demoProjectId, null])
    assert.match(made.access, /^[0-9a-f]{32}$/)
    assert.match(made.links.self, new RegExp(`${mine()}/${made.access}$`))
    const path = `${mine()}/${made.access}`
    assert.deepEqual((await test.ask(demo, 'GET', path)).body, { credential: made })
    assert.deepEqual((await test.ask(demo, 'GET', mine())).body.credentials, [made])
    // The same secret, as a credential like any other.
    const plain = await test.ask(demo, 'GET', '/v3/credentials?type=ec2')
    assert.deepEqual(JSON.parse(plain.body.credentials[0].blob).access, made.access)
    assert.equal((await test.ask(demo, 'DELETE', path)).status, 204)
    assert.equal((await test.ask(test.admin, 'GET', path)).status, 404)
    assert.equal((await test.ask(test.admin, 'DELETE', path)).status, 404)
  })

  it('are nobody else’s business but an administrator’s', async () => {
    const made = await create()
    const other = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/users/${other.id}`, 'member')
    const token = await test.login(other.name, { project: { id: test.ids.demoProjectId } })
    const path = `${mine()}/${made.access}`
    for (const [method, url] of [
      ['GET', path],
      ['DELETE', path],
      ['GET', mine()],
    ] as const) {
      assert.equal((await test.ask(token, method, url)).status, 403)
    }
    assert.equal((await test.ask(token, 'POST', mine(), { tenant_id: test.ids.demoProjectId })).status, 403)
    assert.equal((await test.ask(test.admin, 'GET', path)).status, 200)
    assert.equal((await test.ask(test.admin, 'POST', mine(), { tenant_id: 'none' })).status, 404)
    assert.equal(
      (await test.ask(test.admin, 'POST', '/v3/users/none/credentials/OS-EC2', { tenant_id: 'x' })).status,
      404,
    )
    assert.equal((await test.ask(demo, 'POST', mine(), {})).status, 400)
  })

  it('open a token for the service that got a request signed with one', async () => {
    const answer = await exchange(signed(await create()))
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    const { token } = answer.body
    assert.deepEqual(token.methods, ['ec2credential'])
    assert.deepEqual([token.user.id, token.project.id], [test.ids.demoUserId, test.ids.demoProjectId])
    assert.ok(token.catalog.length > 0)
    const text = String(answer.headers['x-subject-token'])
    const caller = await test.identity.authenticate(text, 'req-1')
    assert.deepEqual(caller.roles, ['member', 'reader'])
    // It says who signed, to compute and its like; it is no key to identity.
    assert.equal((await test.ask(text, 'GET', '/v3/auth/projects')).status, 403)
  })

  it('are taken under each of the names that clients use', async () => {
    const credential = await create()
    for (const name of ['credentials', 'credential', 'ec2Credentials']) {
      assert.equal((await test.ask(service, 'POST', '/v3/ec2tokens', { [name]: signed(credential) })).status, 200, name)
    }
  })

  it('open nothing with a wrong, an old or no signature, or an unknown key', async () => {
    const credential = await create()
    const good = signed(credential)
    assert.equal((await exchange({ ...good, signature: good.signature.replace(/^./, '!') })).status, 401)
    assert.equal((await exchange({ ...good, signature: undefined })).status, 401)
    assert.equal((await exchange({ ...good, verb: 'POST' })).status, 401)
    assert.equal((await exchange({ ...good, access: 'f'.repeat(32) })).status, 404)
    assert.equal((await exchange({})).status, 401)
    assert.equal((await exchange(signed(credential, '2020-01-01T00:00:00'))).status, 401)
    assert.equal((await exchange(signed(credential, 'yesterday'))).status, 401)
    assert.equal((await test.ask(service, 'POST', '/v3/ec2tokens', { credentials: 'x' })).status, 400)
    assert.equal((await exchange(good, demo)).status, 403)
  })

  it('open nothing once their user has no role there, or is disabled', async () => {
    const user = await test.aUser()
    const project = await test.make('/v3/projects', { project: { name: 'left' } })
    const credential = (
      await test.ask(test.admin, 'POST', `/v3/users/${user.id}/credentials/OS-EC2`, { tenant_id: project.id })
    ).body.credential
    assert.equal((await exchange(signed(credential))).status, 401)
    await test.grant(`projects/${project.id}/users/${user.id}`, 'member')
    assert.equal((await exchange(signed(credential))).status, 200)
    await test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: { enabled: false } })
    assert.equal((await exchange(signed(credential))).status, 401)
  })

  it('made by a delegation open no more than it, and die with it', async () => {
    const body = { application_credential: { name: 'narrow', roles: [{ name: 'reader' }], unrestricted: true } }
    const made = await test.ask(demo, 'POST', `/v3/users/${test.ids.demoUserId}/application_credentials`, body)
    const { id, secret } = made.body.application_credential
    const login = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } },
    })
    const token = String(login.headers['x-subject-token'])
    assert.equal((await test.ask(token, 'POST', mine(), { tenant_id: test.ids.adminProjectId })).status, 403)
    // A reader alone makes none.
    assert.equal((await test.ask(token, 'POST', mine(), { tenant_id: test.ids.demoProjectId })).status, 403)

    const wide = await test.ask(demo, 'POST', `/v3/users/${test.ids.demoUserId}/application_credentials`, {
      application_credential: { name: 'wide', unrestricted: true },
    })
    const given = wide.body.application_credential
    const second = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: {
        identity: {
          methods: ['application_credential'],
          application_credential: { id: given.id, secret: given.secret },
        },
      },
    })
    const credential = await create(String(second.headers['x-subject-token']))
    assert.equal((await exchange(signed(credential))).status, 200)
    await test.ask(demo, 'DELETE', `/v3/users/${test.ids.demoUserId}/application_credentials/${given.id}`)
    assert.equal((await exchange(signed(credential))).status, 401)
  })

  it('by a trust stand for whom it says, and a blob that names another’s trust opens nothing', async () => {
    const trustee = await test.aUser()
    const member = await test.roleId('member')
    const trust = (
      await test.ask(demo, 'POST', '/v3/OS-TRUST/trusts', {
        trust: {
          trustor_user_id: test.ids.demoUserId,
          trustee_user_id: trustee.id,
          project_id: test.ids.demoProjectId,
          impersonation: true,
          roles: [{ id: member }],
        },
      })
    ).body.trust
    const login = await test.tryLogin(trustee.name, { 'OS-TRUST:trust': { id: trust.id } })
    const credential = await create(String(login.headers['x-subject-token']))
    assert.equal(credential.trust_id, trust.id)
    const answer = await exchange(signed(credential))
    assert.equal(answer.body.token.user.id, test.ids.demoUserId)
    assert.equal(answer.body.token['OS-TRUST:trust'].id, trust.id)

    const thief = await test.aUser()
    await test.grant(`projects/${test.ids.demoProjectId}/users/${thief.id}`, 'reader')
    const token = await test.login(thief.name, { project: { id: test.ids.demoProjectId } })
    const blob = { access: 'stolen', secret: 'secret', trust_id: trust.id }
    const made = await test.ask(token, 'POST', '/v3/credentials', {
      credential: { user_id: thief.id, project_id: test.ids.demoProjectId, type: 'ec2', blob: JSON.stringify(blob) },
    })
    assert.equal(made.status, 201)
    assert.equal((await exchange(signed(blob))).status, 401)
  })

  it('without a secret in their blob open nothing', async () => {
    const blob = { access: 'no-secret' }
    const made = await test.ask(demo, 'POST', '/v3/credentials', {
      credential: {
        user_id: test.ids.demoUserId,
        project_id: test.ids.demoProjectId,
        type: 'ec2',
        blob: JSON.stringify(blob),
      },
    })
    assert.equal(made.status, 201)
    assert.equal((await exchange(signed({ ...blob, secret: '' }))).status, 401)
  })

  it('serve S3 too, which learns who it is and gets no token', async () => {
    const credential = await create()
    const text = 'GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket/key'
    const body = {
      access: credential.access,
      token: Buffer.from(text).toString('base64url'),
      signature: createHmac('sha1', credential.secret).update(text).digest('base64'),
    }
    const answer = await test.ask(service, 'POST', '/v3/s3tokens', { credentials: body })
    assert.equal(answer.status, 200)
    assert.equal(answer.body.token.user.id, test.ids.demoUserId)
    assert.equal(answer.headers['x-subject-token'], undefined)
    const wrong = { credentials: { ...body, token: Buffer.from(`${text}x`).toString('base64url') } }
    assert.equal((await test.ask(service, 'POST', '/v3/s3tokens', wrong)).status, 401)
    assert.equal((await test.ask(demo, 'POST', '/v3/s3tokens', { credentials: body })).status, 403)
  })
})
