import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { newHexId } from '../../ids.ts'
import { openReceipt, openToken, sealReceipt, sealToken, type SigningKey, type TokenFacts } from './token-string.ts'

const aKey = (id: number): SigningKey => ({ id, secret: createSecretKey(randomBytes(32)) })
const key = aKey(7)
const keyOf = (id: number) => (id === 7 ? key : undefined)

const aToken = (facts: Partial<TokenFacts> = {}): TokenFacts => ({
  userId: newHexId(),
  userGeneration: 3,
  scope: { kind: 'project', id: newHexId() },
  scopeGeneration: 1,
  methods: ['password', 'token'],
  auditId: randomBytes(16).toString('base64url'),
  issuedAt: new Date('2026-01-02T03:04:05.678Z'),
  expiresAt: new Date('2026-01-02T04:04:05.678Z'),
  ...facts,
})

describe('the text of a token', () => {
  it('gives back what was packed into it, for every scope', () => {
    for (const facts of [
      aToken(),
      aToken({ scope: { kind: 'domain', id: 'default' as never } }),
      aToken({ scope: { kind: 'system' }, scopeGeneration: 0 }),
      aToken({ scope: { kind: 'unscoped' }, scopeGeneration: 0, parentAuditId: randomBytes(16).toString('base64url') }),
      aToken({ applicationCredentialId: newHexId(), methods: ['application_credential'] }),
      aToken({ trustId: newHexId() }),
    ]) {
      assert.deepEqual(openToken(keyOf, sealToken(key, facts)), facts)
    }
  })

  it('is safe in URLs and headers and at most 255 characters long', () => {
    const longest = aToken({ parentAuditId: randomBytes(16).toString('base64url'), trustId: newHexId() })
    assert.match(sealToken(key, longest), /^[A-Za-z0-9_-]{1,255}$/)
  })

  it('is refused when one bit of it was changed', () => {
    const bytes = Buffer.from(sealToken(key, aToken()), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const forged = Buffer.from(bytes)
      forged[at]! ^= 1
      assert.equal(openToken(keyOf, forged.toString('base64url')), undefined, `byte ${at}`)
    }
  })

  it('is no receipt, and a receipt is no token', () => {
    const facts = aToken()
    assert.equal(openToken(keyOf, sealReceipt(key, facts)), undefined)
    assert.equal(openReceipt(keyOf, sealToken(key, facts)), undefined)
    assert.deepEqual(openReceipt(keyOf, sealReceipt(key, facts)), facts)
  })

  it('is refused when another key has signed it, or when it is not a token at all', () => {
    assert.equal(openToken(keyOf, sealToken(aKey(7), aToken())), undefined)
    assert.equal(openToken(keyOf, sealToken(aKey(8), aToken())), undefined)
    for (const text of ['', 'admin', 'gAAAAA'.repeat(30), 'ä'.repeat(100), 'A'.repeat(300)]) {
      assert.equal(openToken(keyOf, text), undefined)
    }
  })
})
