import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findPasscode, totp } from './totp.ts'

/** `12345678901234567890`, the secret of RFC 6238's test vectors. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

describe('a time-based one-time password', () => {
  it('is what RFC 6238 says, in six digits', () => {
    for (const [seconds, passcode] of [
      [59, '287082'],
      [1_111_111_109, '081804'],
      [1_234_567_890, '005924'],
      [2_000_000_000, '279037'],
      [20_000_000_000, '353130'],
    ] as const) {
      assert.equal(totp(SECRET, seconds * 1000), passcode)
    }
  })

  it('is good in its own half minute, and in as many after it as are allowed', () => {
    const passcode = totp(SECRET, 119_000)
    const seeds = [
      { credentialId: 'another', secret: 'MFRGGZDFMZTWQ2LK' },
      { credentialId: 'mine', secret: SECRET },
    ]
    const found = (pastSteps: number) => (atMs: number) => findPasscode(seeds, passcode, { atMs, pastSteps })?.step
    const moments = [89_999, 90_000, 119_000, 149_999, 150_000]
    assert.deepEqual(moments.map(found(0)), [undefined, 3, 3, undefined, undefined])
    assert.deepEqual(moments.map(found(1)), [undefined, 3, 3, 3, undefined])
    assert.deepEqual(moments.map(found(2)), [undefined, 3, 3, 3, 3])
    assert.equal(findPasscode(seeds, passcode, { atMs: 90_000, pastSteps: 0 })?.credentialId, 'mine')
  })

  it('takes secrets in small letters and with padding', () => {
    assert.equal(totp('gezdgnbv====', 1_000), totp('GEZDGNBV', 1_000))
  })
})
