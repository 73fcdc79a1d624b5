/** What the settings of account security do, in conversations. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'
import { DEFAULT_SETTINGS } from '../settings.ts'
import type { UserSelector } from '../tokens/store.ts'
import { totp } from '../tokens/totp.ts'
import { openPasswordProof } from './proof.ts'

const SEED = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const DAY_MS = 86_400_000

const status = async (test: IdentityUnderTest, user: Made, password = user.name) =>
  (await test.tryLogin(user.name, undefined, password)).status
const patch = (test: IdentityUnderTest, user: Made, fields: object) =>
  test.ask(test.admin, 'PATCH', `/v3/users/${user.id}`, { user: fields })
const change = (test: IdentityUnderTest, user: Made, original_password: string, password: string) =>
  test.ask(undefined, 'POST', `/v3/users/${user.id}/password`, { user: { original_password, password } })
const days = (count: number) => new Date(Date.now() + count * DAY_MS)

describe('a login that fails', () => {
  it('costs one hash and says the same, whoever it is for', async () => {
    const settings = { ...DEFAULT_SETTINGS, lockoutFailures: 1 }
    await using test = await identityUnderTest({ lockoutFailures: 1 })
    const [wrong, locked, disabled, wordless, foreign] = await Promise.all([
      test.aUser(),
      test.aUser(),
      test.aUser({ enabled: false }),
      test.make('/v3/users', { user: { name: 'wordless' } }),
      test.make('/v3/domains', { domain: { name: 'closed' } }).then(async (domain) => {
        const user = await test.aUser({ domain_id: domain.id })
        await test.ask(test.admin, 'PATCH', `/v3/domains/${domain.id}`, { domain: { enabled: false } })
        return user
      }),
    ])
    await test.tryLogin(locked.name, undefined, 'wrong')
    let hashes = 0
    const proof = openPasswordProof({
      db: test.service.context.db,
      hashing: {
        matches: async (_password, hash) => {
          hashes++
          return hash !== undefined
        },
      },
      settings,
    })
    const answers: unknown[] = []
    for (const { password, ...selector } of [
      { id: 'f'.repeat(32), password: 'wrong' },
      { id: locked.id, password: locked.name },
      { id: disabled.id, password: disabled.name },
      { id: wordless.id, password: '' },
      { id: foreign.id, password: foreign.name },
      { name: 'nobody', domain: { name: 'nowhere' }, password: 'x' },
      { id: wrong.id, password: 'x'.repeat(5000) },
    ]) {
      hashes = 0
      await assert.rejects(proof.prove(selector as UserSelector, password), { code: 'identity.login.failed' })
      assert.equal(hashes, 1, JSON.stringify(selector))
      const user = { ...selector, password }
      const answer = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
        auth: { identity: { methods: ['password'], password: { user } } },
      })
      assert.equal(answer.status, 401)
      answers.push(answer.body)
    }
    answers.push((await test.tryLogin(wrong.name, undefined, 'wrong')).body)
    for (const body of answers) assert.deepEqual(body, answers[0])
  })

  it('too often in a row locks the user out, for a while or until he is enabled', async () => {
    await using test = await identityUnderTest({ lockoutFailures: 3, lockoutSeconds: 600 })
    const user = await test.aUser()
    const fail = async (times: number) => {
      for (let time = 0; time < times; time++) assert.equal(await status(test, user, 'wrong'), 401)
    }
    await fail(2)
    assert.equal(await status(test, user), 201, 'a success ends the row')
    await fail(2)
    assert.equal(await status(test, user), 201)
    await fail(3)
    assert.equal(await status(test, user), 401)
    assert.equal((await change(test, user, user.name, 'new')).status, 401, 'nor does a change of password let him in')
    await patch(test, user, { enabled: true })
    assert.equal(await status(test, user), 201)
    await fail(3)
    const { db } = test.service.context
    await db`update identity.users set last_failed_at = now() - interval '601 seconds' where id = ${user.id}`
    await fail(2)
    assert.equal(await status(test, user), 201, 'after a lockout the row begins anew')
    await fail(3)
    await patch(test, user, { password: 'another' })
    assert.equal(await status(test, user, 'another'), 201)
  })

  it('locks nobody out who is exempt, and counts guesses of passwords for a change too', async () => {
    await using test = await identityUnderTest({ lockoutFailures: 2, lockoutSeconds: 0 })
    const exempt = await test.aUser({ options: { ignore_lockout_failure_attempts: true } })
    for (let time = 0; time < 4; time++) await status(test, exempt, 'wrong')
    assert.equal(await status(test, exempt), 201)
    const user = await test.aUser()
    for (let time = 0; time < 2; time++) assert.equal((await change(test, user, 'wrong', 'new')).status, 401)
    assert.equal(await status(test, user), 401)
  })

  it('in many at once guesses no more than one after the other', async () => {
    await using test = await identityUnderTest({ lockoutFailures: 2, concurrentHashes: 1 })
    const user = await test.aUser()
    const guesses = ['a', 'b', 'c', 'd', 'e', 'f', user.name].map((guess) => status(test, user, guess))
    assert.deepEqual(new Set(await Promise.all(guesses)), new Set([401]))
  })
})

describe('a password', () => {
  it('is changed by one of several changes at once', async () => {
    await using test = await identityUnderTest()
    const user = await test.aUser()
    const wanted = ['a', 'b', 'c', 'd']
    const answers = await Promise.all(wanted.map((password) => change(test, user, user.name, password)))
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [204, 401, 401, 401])
    const changed = wanted[answers.findIndex((answer) => answer.status === 204)]!
    for (const password of wanted) {
      assert.equal(await status(test, user, password), password === changed ? 201 : 401, password)
    }
  })
})

describe('a one-time passcode', () => {
  const byPasscode = (test: IdentityUnderTest, user: Made, passcode: string) =>
    test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['totp'], totp: { user: { id: user.id, passcode } } } },
    })
  const withSeed = async (test: IdentityUnderTest, user: Made) => {
    await test.make('/v3/credentials', { credential: { user_id: user.id, type: 'totp', blob: SEED } })
    return user
  }

  it('is good for one login, even when two try it at once', async () => {
    await using test = await identityUnderTest()
    const user = await withSeed(test, await test.aUser())
    const now = Date.now()
    const both = await Promise.all([byPasscode(test, user, totp(SEED, now)), byPasscode(test, user, totp(SEED, now))])
    assert.deepEqual(both.map((answer) => answer.status).sort(), [201, 401])
    assert.equal((await byPasscode(test, user, totp(SEED, now))).status, 401)
    assert.equal((await byPasscode(test, user, totp(SEED, now - 30_000))).status, 201, 'the one before was not used')
  })

  it('may be as late as the setting says', async () => {
    await using test = await identityUnderTest({ totpPastWindows: 0 })
    const user = await withSeed(test, await test.aUser())
    assert.equal((await byPasscode(test, user, totp(SEED, Date.now() - 60_000))).status, 401)
    await using late = await identityUnderTest({ totpPastWindows: 3 })
    const other = await withSeed(late, await late.aUser())
    assert.equal((await byPasscode(late, other, totp(SEED, Date.now() - 60_000))).status, 201)
  })

  it('that is guessed locks the user out, and knowing the password does not begin a new row', async () => {
    await using test = await identityUnderTest({ lockoutFailures: 3 })
    const user = await withSeed(
      test,
      await test.aUser({ options: { multi_factor_auth_rules: [['password', 'totp']] } }),
    )
    for (let time = 0; time < 3; time++) {
      assert.ok((await test.tryLogin(user.name)).headers['openstack-auth-receipt'])
      assert.equal((await byPasscode(test, user, '000000')).status, 401)
    }
    const after = await test.tryLogin(user.name)
    assert.equal(after.status, 401)
    assert.equal(after.headers['openstack-auth-receipt'], undefined)
    assert.equal((await byPasscode(test, user, totp(SEED, Date.now()))).status, 401)
  })

  it('tells an unknown user and a disabled one apart from a wrong code for nobody', async () => {
    await using test = await identityUnderTest()
    const disabled = await withSeed(test, await test.aUser({ enabled: false }))
    const answers = [
      await byPasscode(test, { id: 'f'.repeat(32) }, '123456'),
      await byPasscode(test, disabled, totp(SEED, Date.now())),
      await byPasscode(test, await test.aUser(), '123456'),
    ]
    for (const answer of answers) assert.deepEqual([answer.status, answer.body], [401, answers[0]!.body])
  })
})

describe('a password with an end', () => {
  it('shows it, opens nothing after it, and can be changed by whoever knows it', async () => {
    await using test = await identityUnderTest({ passwordLifetimeDays: 30 })
    const user = await test.aUser()
    assert.match(user.password_expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$/)
    const left = Date.parse(`${user.password_expires_at}Z`) - Date.now()
    assert.ok(left > 29.9 * DAY_MS && left <= 30 * DAY_MS)
    const { token } = (await test.tryLogin(user.name)).body
    assert.equal(token.user.password_expires_at, user.password_expires_at)
    const exempt = await test.aUser({ options: { ignore_password_expiry: true } })
    assert.equal(exempt.password_expires_at, null)

    const { db } = test.service.context
    await db`update identity.passwords set expires_at = now() where user_id = ${user.id}`
    const ended = await test.tryLogin(user.name)
    assert.equal(ended.status, 401)
    assert.match(ended.body.error.message, new RegExp(`password of user ${user.id} has expired`))
    const wrong = await test.tryLogin(user.name, undefined, 'wrong')
    assert.doesNotMatch(wrong.body.error.message, /expired/, 'only those who know it learn that')
    await patch(test, user, { options: { ignore_password_expiry: true } })
    assert.equal(await status(test, user), 201)
    await patch(test, user, { options: { ignore_password_expiry: null } })
    assert.equal((await change(test, user, user.name, 'fresh')).status, 204)
    assert.equal(await status(test, user, 'fresh'), 201)
    assert.ok((await test.ask(test.admin, 'GET', `/v3/users/${user.id}`)).body.user.password_expires_at !== null)
  })

  it('finds its user in lists, by when it ends', async () => {
    await using test = await identityUnderTest({ passwordLifetimeDays: 30 })
    const user = await test.aUser()
    const group = await test.make('/v3/groups', { group: { name: 'g' } })
    await test.ask(test.admin, 'PUT', `/v3/groups/${group.id}/users/${user.id}`)
    const found = async (filter: string, where = '/v3/users') => {
      const answer = await test.ask(test.admin, 'GET', `${where}?password_expires_at=${filter}`)
      return answer.status === 200 ? answer.body.users.map((each: Made) => each.name) : answer.status
    }
    const end = `${user.password_expires_at.slice(0, 19)}Z`
    for (const [operator, time, names] of [
      ['lt', days(31).toISOString(), [user.name]],
      ['lt', end, []],
      ['lte', end, [user.name]],
      ['gt', days(29).toISOString(), [user.name]],
      ['gte', end, [user.name]],
      ['eq', end, [user.name]],
      ['neq', end, []],
    ] as const) {
      assert.deepEqual(await found(`${operator}:${time}`), names, operator)
      assert.deepEqual(await found(`${operator}:${time}`, `/v3/groups/${group.id}/users`), names, operator)
    }
    for (const wrong of ['', end, `before:${end}`, 'lt:', 'lt:soon', `constructor:${end}`]) {
      assert.equal(await found(encodeURIComponent(wrong)), 400, wrong)
    }
  })
})

describe('a new password', () => {
  it('matches the pattern, or the answer says what it should be', async () => {
    const passwordPattern = /(?=.*\d)(?=.*[a-z]).{7,}/
    await using test = await identityUnderTest({
      passwordPattern,
      passwordPatternMeaning: 'seven characters, one a digit',
    })
    const refused = await test.ask(test.admin, 'POST', '/v3/users', { user: { name: 'weak', password: 'weak' } })
    assert.equal(refused.status, 400)
    assert.equal(
      refused.body.error.message,
      'The password does not match the requirements: seven characters, one a digit.',
    )
    const shown = await test.ask(test.admin, 'GET', '/v3/domains/default/config/security_compliance')
    assert.deepEqual(shown.body.config.security_compliance, {
      password_regex: passwordPattern.source,
      password_regex_description: 'seven characters, one a digit',
    })
    const user = await test.make('/v3/users', { user: { name: 'strong', password: 'str0nger' } })
    assert.equal((await patch(test, user, { password: 'weak' })).status, 400)
    assert.equal((await change(test, user, 'str0nger', 'weak')).status, 400)
    assert.equal((await change(test, user, 'str0nger', 'strong3r')).status, 204)
  })

  it('is not one of the last, when the user chooses it himself', async () => {
    await using test = await identityUnderTest({ passwordHistory: 3 })
    const user = await test.aUser()
    assert.equal((await change(test, user, user.name, user.name)).status, 400)
    assert.equal((await change(test, user, user.name, 'second')).status, 204)
    assert.equal((await change(test, user, 'second', user.name)).status, 400)
    assert.equal((await change(test, user, 'second', 'third')).status, 204)
    assert.equal((await change(test, user, 'third', user.name)).status, 400)
    assert.equal((await change(test, user, 'third', 'fourth')).status, 204)
    assert.equal((await change(test, user, 'fourth', user.name)).status, 204, 'the fourth last may come again')
    assert.equal((await patch(test, user, { password: user.name })).status, 200, 'an administrator may do as he likes')
  })

  it('stays for a while once the user has chosen it himself', async () => {
    await using test = await identityUnderTest({ passwordMinimumAgeDays: 2 })
    const user = await test.aUser()
    assert.equal((await change(test, user, user.name, 'chosen')).status, 204, 'this one an administrator chose')
    const early = await change(test, user, 'chosen', 'again')
    assert.equal(early.status, 400)
    assert.match(early.body.error.message, /used for 2 day\(s\).*in 1 day\(s\)/)
    const { db } = test.service.context
    await db`update identity.passwords set created_at = now() - interval '49 hours' where user_id = ${user.id}`
    assert.equal((await change(test, user, 'chosen', 'again')).status, 204)
  })

  it('of an administrator must be changed before it opens anything, where that is set', async () => {
    await using test = await identityUnderTest({ passwordChangeUponFirstUse: true })
    const user = await test.aUser()
    assert.equal(await status(test, user), 401)
    assert.equal((await change(test, user, user.name, 'mine')).status, 204)
    assert.equal(await status(test, user, 'mine'), 201)
    await patch(test, user, { password: 'reset' })
    assert.equal(await status(test, user, 'reset'), 401)
    const service = await test.aUser({ options: { ignore_change_password_upon_first_use: true } })
    assert.equal(await status(test, service), 201)
  })

  it('cannot be chosen by a user whose password is locked', async () => {
    await using test = await identityUnderTest()
    const user = await test.aUser({ options: { lock_password: true } })
    assert.equal((await change(test, user, user.name, 'new')).status, 400)
    assert.equal((await change(test, user, 'wrong', 'new')).status, 401, 'only those who know it learn that')
    assert.equal((await patch(test, user, { password: 'new' })).status, 200)
    assert.equal((await change(test, user, 'new', 'x'.repeat(4097))).status, 403)
  })
})

describe('a user who does not come', () => {
  it('counts as disabled after so many days, until an administrator enables him', async () => {
    await using test = await identityUnderTest({ disableInactiveDays: 7 })
    const [user, exempt] = [await test.aUser(), await test.aUser({ options: { ignore_user_inactivity: true } })]
    const token = await test.login(user.name)
    const { db } = test.service.context
    const away = (count: number) =>
      db`update identity.users set last_active_on = (now() at time zone 'utc')::date - ${count}::int
          where id = any(${[user.id, exempt.id]})`
    const shown = async () => (await test.ask(test.admin, 'GET', `/v3/users/${user.id}`)).body.user.enabled
    await away(6)
    assert.equal(await status(test, user), 201)
    await away(7)
    assert.equal(await shown(), false)
    assert.equal(await status(test, user), 401)
    assert.equal(await status(test, exempt), 201)
    // Any change makes the memory of who may what read anew; the clock alone is seen within seconds.
    await test.aUser()
    assert.equal((await test.ask(token, 'GET', '/v3/auth/projects')).status, 401)
    await patch(test, user, { enabled: true })
    assert.equal(await shown(), true)
    assert.equal(await status(test, user), 201)
  })
})
