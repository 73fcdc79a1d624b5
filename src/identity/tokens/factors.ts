/**
 * Which methods a user must combine: rules like `[["password", "totp"]]`, one of which has to be met. Whoever meets part
 * of one gets a receipt for it and comes back with the rest. Source: keystone/auth/core.py, `UserMFARulesValidator`;
 * keystone/receipt/
 */
import { randomBytes } from 'node:crypto'
import type { DomainError } from '../../domain-error.ts'
import type { UserId } from '../../ids.ts'
import { moreMethodsNeeded, tokenInvalid } from '../errors.ts'
import type { KeyRing } from './key-ring.ts'
import { UNSCOPED } from './scope.ts'
import type { Access } from './store.ts'
import { type Method, openReceipt, sealReceipt } from './token-string.ts'
import { microseconds } from './view.ts'

/**
 * The rules of a user that `methods` do not meet; empty when one is met or there are none. Methods that are not offered
 * here do not count, nor do rules of nothing else: nobody is locked out by a slip of the pen.
 */
export function unmetRules(
  options: Readonly<Record<string, unknown>>,
  methods: readonly string[],
  offered: readonly string[],
): readonly (readonly string[])[] {
  if (options.multi_factor_auth_enabled === false) return []
  const rules = ((options.multi_factor_auth_rules ?? []) as string[][])
    .map((rule) => rule.filter((method) => offered.includes(method)))
    .filter((rule) => rule.length > 0)
  return rules.some((rule) => rule.every((method) => methods.includes(method))) ? [] : rules
}

/** The refusal that carries a receipt for what was shown so far. */
export function moreNeeded(
  keys: KeyRing,
  user: Access,
  methods: readonly Method[],
  rules: readonly (readonly string[])[],
  lifetimeSeconds: number,
): DomainError {
  const issuedAt = new Date()
  const expiresAt = new Date(issuedAt.getTime() + lifetimeSeconds * 1000)
  const receipt = sealReceipt(keys.newest, {
    userId: user.userId,
    userGeneration: user.userGeneration,
    scope: UNSCOPED,
    scopeGeneration: 0,
    methods,
    auditId: randomBytes(16).toString('base64url'),
    issuedAt,
    expiresAt,
  })
  const body = {
    receipt: {
      methods,
      user: {
        domain: { id: user.userDomainId, name: user.userDomainName },
        id: user.userId,
        name: user.userName,
      },
      expires_at: `${microseconds(expiresAt)}Z`,
      issued_at: `${microseconds(issuedAt)}Z`,
    },
    required_auth_methods: rules,
  }
  return moreMethodsNeeded(receipt, body)
}

/**
 * The methods that a receipt stands for.
 * @throws DomainError unauthenticated, `identity.token.invalid` for one that is over, or another user's
 */
export function methodsOf(
  keys: KeyRing,
  text: string,
  user: { userId: UserId; generation: number },
): readonly Method[] {
  const facts = openReceipt(keys.byId, text)
  if (facts === undefined || facts.expiresAt <= new Date()) throw tokenInvalid()
  if (facts.userId !== user.userId || facts.userGeneration !== user.generation) throw tokenInvalid()
  return facts.methods
}
