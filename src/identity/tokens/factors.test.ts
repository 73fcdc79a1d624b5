import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { identityUnderTest } from '../identity-under-test.ts'
import { unmetRules } from './factors.ts'
import { totp } from './totp.ts'

const OFFERED = ['password', 'token', 'totp']
const rules = (...multi_factor_auth_rules: string[][]) => ({ multi_factor_auth_rules })

describe('rules for combining methods', () => {
  it('are met by any one of them', () => {
    const options = rules(['password', 'totp'], ['token'])
    assert.deepEqual(unmetRules(options, ['password', 'totp'], OFFERED), [])
    assert.deepEqual(unmetRules(options, ['token'], OFFERED), [])
    assert.deepEqual(unmetRules(options, ['password'], OFFERED), options.multi_factor_auth_rules)
  })

  it('lock nobody out by methods that are not offered, and count only while enabled', () => {
    assert.deepEqual(unmetRules(rules(['saml2']), ['password'], OFFERED), [])
    assert.deepEqual(unmetRules(rules(['password', 'saml2']), ['password'], OFFERED), [])
    assert.deepEqual(unmetRules({ ...rules(['totp']), multi_factor_auth_enabled: false }, ['password'], OFFERED), [])
    assert.deepEqual(unmetRules({}, ['password'], OFFERED), [])
  })
})

describe('a login by two methods', () => {
  // A passcode is good once, so each that is shown has a seed of its own.
  const SEEDS = [
    'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    'MFRGGZDFMZTWQ2LKMFRGGZDF',
    'ONSWG4TFORZWKY3SMV2HGZLD',
    'MJRGC3TFOJQWY3LPNZSXGZLO',
  ]

  it('can be made at once or in two steps with a receipt', async () => {
    await using test = await identityUnderTest()
    const user = await test.aUser({ options: rules(['password', 'totp']) })
    for (const blob of SEEDS) {
      await test.make('/v3/credentials', { credential: { user_id: user.id, type: 'totp', blob } })
    }
    const seeds = [...SEEDS]
    const passcode = () => totp(seeds.pop()!, Date.now())
    const half = await test.tryLogin(user.name)
    assert.equal(half.status, 401)
    assert.deepEqual(half.body.required_auth_methods, [['password', 'totp']])
    assert.deepEqual(half.body.receipt.methods, ['password'])
    assert.equal(half.body.receipt.user.id, user.id)
    const receipt = String(half.headers['openstack-auth-receipt'])

    const byPasscode = (code: string, given?: string) =>
      test.ask(
        undefined,
        'POST',
        '/v3/auth/tokens',
        { auth: { identity: { methods: ['totp'], totp: { user: { id: user.id, passcode: code } } } } },
        given === undefined ? {} : { 'openstack-auth-receipt': given },
      )
    const whole = await byPasscode(passcode(), receipt)
    assert.equal(whole.status, 201)
    assert.deepEqual(whole.body.token.methods, ['password', 'totp'])
    assert.equal((await byPasscode('000000', receipt)).status, 401)
    assert.equal((await byPasscode(passcode(), 'nonsense')).status, 401)
    assert.deepEqual((await byPasscode(passcode())).body.receipt.methods, ['totp'])
    assert.equal((await test.ask(receipt, 'GET', '/v3/auth/projects')).status, 401, 'a receipt is no token')

    const atOnce = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: {
        identity: {
          methods: ['password', 'totp'],
          password: { user: { id: user.id, password: user.name } },
          totp: { user: { id: user.id, passcode: passcode() } },
        },
      },
    })
    assert.equal(atOnce.status, 201)
    const token = String(atOnce.headers['x-subject-token'])
    const again = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['token'], token: { id: token } } },
    })
    assert.equal(again.status, 201, 'a token remembers by which methods it was obtained')
  })

  it('takes no receipt of somebody else, nor one from before a new password', async () => {
    await using test = await identityUnderTest()
    const [one, two] = [await test.aUser({ options: rules(['password', 'totp']) }), await test.aUser()]
    const receipt = String((await test.tryLogin(one.name)).headers['openstack-auth-receipt'])
    const enter = (name: string, password = name) =>
      test.ask(
        undefined,
        'POST',
        '/v3/auth/tokens',
        {
          auth: {
            identity: { methods: ['password'], password: { user: { name, domain: { id: 'default' }, password } } },
          },
        },
        { 'openstack-auth-receipt': receipt },
      )
    assert.equal((await enter(two.name)).status, 401)
    await test.ask(test.admin, 'PATCH', `/v3/users/${one.id}`, { user: { password: 'new' } })
    const after = await enter(one.name, 'new')
    assert.equal(after.status, 401)
    assert.equal(after.headers['openstack-auth-receipt'], undefined)
  })

  it('refuses seeds that nobody can compute with', async () => {
    await using test = await identityUnderTest()
    const credential = { user_id: test.ids.demoUserId, type: 'totp', blob: 'not base32!' }
    assert.equal((await test.ask(test.admin, 'POST', '/v3/credentials', { credential })).status, 400)
  })
})
