/** Every token says what was put into it, and no text that differs from one in a single bit is a token. */
import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { openReceipt, openToken, sealToken, type TokenFacts } from '../../src/identity/tokens/token-string.ts'

const key = { id: 7, secret: createSecretKey(randomBytes(32)) }
const keyOf = (id: number) => (id === key.id ? key : undefined)

const PLAIN = { noNullPrototype: true } as const
const hexId = fc.stringMatching(/^[0-9a-f]{32}$/)
const anyId = fc.oneof(hexId, fc.constant('default'), fc.stringMatching(/^[a-z-]{1,20}$/))
const auditId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
const moment = fc.integer({ min: 0, max: 2 ** 47 }).map((time) => new Date(time))
const generation = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const scope = fc.oneof(
  fc.record({ kind: fc.constantFrom('unscoped', 'system') }, PLAIN),
  fc.record({ kind: fc.constantFrom('project', 'domain'), id: anyId }, PLAIN),
)
const facts = fc
  .record(
    {
      userId: anyId,
      userGeneration: generation,
      scope,
      scopeGeneration: generation,
      methods: fc.subarray(['password', 'token', 'application_credential', 'totp', 'external', 'ec2credential']),
      auditId,
      parentAuditId: auditId,
      issuedAt: moment,
      expiresAt: moment,
    },
    {
      ...PLAIN,
      requiredKeys: [
        'userId',
        'userGeneration',
        'scope',
        'scopeGeneration',
        'methods',
        'auditId',
        'issuedAt',
        'expiresAt',
      ],
    },
  )
  .chain((known) =>
    // A token lives by one delegation at most.
    fc.oneof(
      fc.constant(known),
      hexId.map((applicationCredentialId) => ({ ...known, applicationCredentialId })),
      hexId.map((trustId) => ({ ...known, trustId })),
    ),
  )
  // What is for nothing in particular has no generation.
  .map((known) =>
    'id' in known.scope ? known : { ...known, scopeGeneration: 0 },
  ) as unknown as fc.Arbitrary<TokenFacts>

describe('the text of a token', () => {
  it('says what was put into it, in at most 255 letters', () => {
    fc.assert(
      fc.property(facts, (known) => {
        const text = sealToken(key, known)
        assert.ok(text.length <= 255)
        assert.deepEqual(openToken(keyOf, text), known)
        assert.equal(openReceipt(keyOf, text), undefined)
      }),
      { numRuns: 300 },
    )
  })

  it('is none when a bit of it differs, or a part is missing', () => {
    fc.assert(
      fc.property(facts, fc.nat(), fc.nat(7), (known, at, bit) => {
        const bytes = Buffer.from(sealToken(key, known), 'base64url')
        bytes[at % bytes.length]! ^= 1 << bit
        assert.equal(openToken(keyOf, bytes.toString('base64url')), undefined)
        assert.equal(openToken(keyOf, bytes.subarray(0, at % bytes.length).toString('base64url')), undefined)
      }),
      { numRuns: 300 },
    )
  })

  it('is none of any other text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => openToken(keyOf, text) === undefined),
    )
  })
})
