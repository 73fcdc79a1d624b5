/**
 * Tokens: issuing, verifying, giving back. The text is signed and holds what never changes; who may do what is looked up
 * anew after each change of identity's data, and otherwise remembered. Source: keystone/token/provider.py,
 * keystone/models/token_model.py
 */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { DomainId, ProjectId, UserId } from '../../ids.ts'
import type { Changes } from '../changes.ts'
import { loginFailed, tokenInvalid } from '../errors.ts'
import type { IdentitySettings } from '../settings.ts'
import { type AccessMemory, type Delegation, MAX_AGE_MS } from './access.ts'
import type { KeyRing } from './key-ring.ts'
import type { Scope } from './scope.ts'
import { deleteEvents } from './revocation-events.ts'
import { type Access, deleteRevocations, insertRevocation, isRevoked, type RoleName } from './store.ts'
import { type Method, openToken, sealToken, type TokenFacts } from './token-string.ts'

/** A good token with what it stands for at this moment. */
export interface Token {
  readonly text: string
  readonly facts: TokenFacts
  readonly access: Access
  readonly caller: Omit<IdentityCaller, 'requestId'>
  /** The answer to `GET /v3/auth/tokens` as JSON, kept by view.ts once it was asked for. */
  json?: string
}

/** Inside identity a caller also knows the token. */
export interface IdentityCaller extends Caller {
  readonly token: TokenFacts
  readonly tokenRoles: readonly RoleName[]
  /** Whether it acts by an application credential that manages no others. */
  readonly restricted: boolean
}

export interface IssueOrder {
  readonly userId: UserId
  readonly scope: Scope
  readonly methods: readonly Method[]
  /** The user's when it was proved who he is. */
  readonly userGeneration?: number | undefined
  /** The token that this one is obtained with: it gives the end and the chain. */
  readonly parent?: TokenFacts | undefined
  readonly applicationCredentialId?: string | undefined
  readonly trustId?: string | undefined
  /** The end of what the token lives by; of this, the parent's and the ordinary lifetime the soonest counts. */
  readonly expiresAt?: Date | undefined
}

export interface Tokens {
  /** @throws DomainError unauthenticated, `identity.login.failed`: no role there, or something is disabled */
  issue(order: IssueOrder): Promise<Token>
  /**
   * @param graceSeconds how long ago the token may have ended
   * @throws DomainError unauthenticated, `identity.token.invalid`
   */
  verify(text: string, graceSeconds?: number): Promise<Token>
  revoke(token: Token): Promise<void>
  close(): void
}

/** Verified tokens remembered at one time. */
const MAX_REMEMBERED = 4096
const PRUNE_EVERY_MS = 600_000

interface Remembered {
  readonly facts: TokenFacts
  /** The count of changes and the time at which `token` was true. */
  count: number
  checkedAt: number
  token: Token
}

export function openTokens({
  db,
  changes,
  access,
  keys,
  settings,
  log,
}: {
  db: Database
  changes: Changes
  access: AccessMemory
  keys: KeyRing
  settings: IdentitySettings
  log: { error(fields: object, message: string): void }
}): Tokens {
  const remembered = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED })
  const pruner = setInterval(() => {
    const before = new Date(Date.now() - settings.allowExpiredWindowSeconds * 1000)
    // Tokens that an event ended have ended by themselves after their lifetime and the grace.
    const eventsBefore = new Date(before.getTime() - settings.tokenLifetimeSeconds * 1000)
    Promise.all([deleteRevocations(db, before), deleteEvents(db, eventsBefore)]).catch((error) =>
      log.error({ err: error }, 'pruning of revocations failed'),
    )
  }, PRUNE_EVERY_MS)
  pruner.unref()

  const remember = (token: Token, count: number) =>
    remembered.set(token.text, { facts: token.facts, token, count, checkedAt: Date.now() })

  return {
    async issue(order) {
      const { userId, scope } = order
      const count = changes.count
      const now = await access.of(userId, scope, order)
      const refusal = whyNot(now, scope, order)
      if (now === undefined || refusal !== undefined) throw loginFailed(refusal ?? 'no such user')
      if (order.trustId === undefined && isOutdated(order, now)) throw loginFailed('the user changed during the login')
      const issuedAt = new Date()
      const lifetimeEnd = new Date(issuedAt.getTime() + settings.tokenLifetimeSeconds * 1000)
      const ends = [order.parent?.expiresAt, order.expiresAt, lifetimeEnd].filter((end) => end !== undefined)
      const facts: TokenFacts = {
        userId,
        userGeneration: now.userGeneration,
        scope,
        scopeGeneration: now.scopeGeneration ?? 0,
        methods: order.methods,
        auditId: randomBytes(16).toString('base64url'),
        issuedAt,
        expiresAt: new Date(Math.min(...ends.map(Number))),
        ...(order.parent !== undefined && { parentAuditId: order.parent.parentAuditId ?? order.parent.auditId }),
        ...(order.applicationCredentialId !== undefined && { applicationCredentialId: order.applicationCredentialId }),
        ...(order.trustId !== undefined && { trustId: order.trustId }),
      }
      const token = tokenOf(sealToken(keys.newest, facts), facts, now)
      remember(token, count)
      return token
    },

    async verify(text, graceSeconds = 0) {
      const known = remembered.get(text)
      const facts = known?.facts ?? openToken(keys.byId, text)
      if (facts === undefined) throw tokenInvalid()
      if (facts.expiresAt.getTime() + graceSeconds * 1000 <= Date.now()) throw tokenInvalid()
      const count = await changes.look()
      if (known !== undefined && known.count === count && Date.now() - known.checkedAt < MAX_AGE_MS) return known.token
      const [now, revoked] = await Promise.all([
        access.of(facts.userId, facts.scope, facts),
        isRevoked(db, facts.auditId),
      ])
      const refusal = revoked ? 'revoked' : (whyNot(now, facts.scope, facts) ?? outlived(now, facts))
      if (now === undefined || refusal !== undefined) throw tokenInvalid(new Error(refusal ?? 'no such user'))
      // The same access as before means that the answer kept with the token is still right.
      const token = known !== undefined && known.token.access === now ? known.token : tokenOf(text, facts, now)
      remember(token, count)
      return token
    },

    async revoke(token) {
      await changes.commit((tx) => insertRevocation(tx, token.facts.auditId, token.facts.expiresAt))
      remembered.delete(token.text)
    },

    close: () => clearInterval(pruner),
  }
}

/**
 * Whether the user was disabled or got another password after it was proved who he is: hashing takes its time, and waits
 * for its turn besides.
 */
export function isOutdated(proved: { readonly userGeneration?: number | undefined }, now: Access): boolean {
  return proved.userGeneration !== undefined && proved.userGeneration < now.userGeneration
}

/** Why nobody may act with this access; undefined when one may. */
function whyNot(access: Access | undefined, scope: Scope, by: Delegation): string | undefined {
  if (access === undefined) return 'the user is gone'
  if (by.applicationCredentialId !== undefined && access.applicationCredential === null) {
    return 'the application credential is gone'
  }
  if (!access.userEnabled) return 'the user or his domain is disabled'
  if (scope.kind === 'unscoped') return undefined
  if (scope.kind !== 'system' && access.scopeEnabled !== true) return `the ${scope.kind} is gone or disabled`
  if (by.trustId !== undefined && access.roles.length === 0) return 'the trustor has lost a role that he lent'
  if (access.roles.length === 0) return `the user has no role on this ${scope.kind}`
  return undefined
}

/** Whether the token is of a time before the user or the project was disabled or the password changed. */
function outlived(access: Access | undefined, facts: TokenFacts): string | undefined {
  if (access?.userGeneration !== facts.userGeneration) return 'issued before the user changed'
  if ((access.scopeGeneration ?? 0) !== facts.scopeGeneration) return 'issued before the project changed'
  return undefined
}

function tokenOf(text: string, facts: TokenFacts, access: Access): Token {
  const roles = access.roles.map((role) => role.name)
  const caller = {
    userId: access.userId,
    userName: access.userName,
    userDomainId: access.userDomainId,
    ...(facts.scope.kind === 'project' && {
      projectId: access.scopeId as ProjectId,
      projectName: access.scopeName!,
      projectDomainId: access.scopeDomainId!,
    }),
    ...(facts.scope.kind === 'domain' && { domainId: access.scopeId as DomainId }),
    ...(facts.scope.kind === 'system' && { system: 'all' as const }),
    roles,
    isAdmin: roles.includes('admin'),
    ...(access.applicationCredential?.accessRules != null && { accessRules: access.applicationCredential.accessRules }),
    token: facts,
    tokenRoles: access.roles,
    restricted: access.applicationCredential?.unrestricted === false,
  }
  return { text, facts, access, caller }
}
