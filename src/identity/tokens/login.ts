/**
 * From what somebody presents to a token: who is it, what may they have a token for, issue it. Whoever fails learns only
 * that they failed. Source: keystone/auth/core.py, keystone/api/_shared/authentication.py, keystone/auth/plugins/
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { DomainError } from '../../domain-error.ts'
import type { DomainId, ProjectId, UserId } from '../../ids.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, loginFailed, methodUnsupported, passwordExpired } from '../errors.ts'
import { secretMatches } from '../application-credentials/secret.ts'
import { findForLogin } from '../application-credentials/store.ts'
import type { PasswordHashing } from '../passwords/hashing.ts'
import { hasEnded } from '../passwords/password-rules.ts'
import type { PasswordProof } from '../passwords/proof.ts'
import type { IdentitySettings } from '../settings.ts'
import { consumeUse, findTrust, type TrustWithLine } from '../trusts/store.ts'
import { scopeOf } from '../trusts/trusted-access.ts'
import type { AccessMemory } from './access.ts'
import { methodsOf, moreNeeded, unmetRules } from './factors.ts'
import type { KeyRing } from './key-ring.ts'
import type { AuthBody } from './schemas.ts'
import { type Scope, UNSCOPED } from './scope.ts'
import { type Access, findDomainId, findProjectId, findUserId, type UserSelector, usePasscode } from './store.ts'
import type { Method, TokenFacts } from './token-string.ts'
import { type IssueOrder, isOutdated, type Token, type Tokens } from './tokens.ts'
import { findPasscode, type Seed } from './totp.ts'

export type AuthRequest = Static<typeof AuthBody>['auth']
type Presented = AuthRequest['identity']
type AskedScope = Extract<NonNullable<AuthRequest['scope']>, object>

/** Whom the methods have proved, and what the proof brings with it. */
interface Proof {
  readonly userId: UserId
  readonly methods: readonly Method[]
  /** The user's when the proof began, for methods that are no good after what ends his tokens. */
  readonly userGeneration?: number
  readonly parent?: TokenFacts
  readonly applicationCredentialId?: string
  readonly trustId?: string
  /** The one scope that the proof is for. */
  readonly scope?: Scope
  /** When the proof itself ends. */
  readonly expiresAt?: Date
}

export interface Login {
  /**
   * @param receipt of an earlier login that met part of what the user's rules want
   * @throws DomainError invalid for a request that makes no sense; unauthenticated, `identity.login.failed`,
   * `identity.login.more-methods` and `identity.password.expired`; forbidden where a token may not be exchanged; unavailable, `identity.password.busy`
   */
  login(auth: AuthRequest, receipt?: string): Promise<Token>
}

const OFFERED = ['password', 'token', 'totp', 'application_credential'] as const
/** Methods that can be guessed: failures of them are counted. */
const COUNTED: readonly string[] = ['password', 'totp']

export function openLogin({
  db,
  changes,
  tokens,
  access,
  hashing,
  proof,
  settings,
  keys,
  totpSeedsOf,
}: {
  db: Database
  changes: Changes
  tokens: Tokens
  access: AccessMemory
  hashing: PasswordHashing
  proof: PasswordProof
  settings: IdentitySettings
  keys: KeyRing
  totpSeedsOf: (userId: string) => Promise<readonly Seed[]>
}): Login {
  const provers: Record<(typeof OFFERED)[number], (presented: Presented, auth: AuthRequest) => Promise<Proof>> = {
    async password({ password }) {
      const user = await proof.prove(userSelector(password!.user), password!.user.password ?? '')
      if (hasEnded(user.passwordEndsAt, user.options)) throw passwordExpired(user.id)
      return { userId: user.id, methods: ['password'], userGeneration: user.generation }
    },

    async token({ token }, auth) {
      const presented = await tokens.verify(token!.id)
      const { facts } = presented
      if (facts.trustId !== undefined) {
        throw forbidden('login.trust-token', 'A token that lives by a trust cannot be exchanged for another.')
      }
      const asked = typeof auth.scope === 'object' ? auth.scope : {}
      if (facts.scope.kind === 'system' && (asked.project !== undefined || asked.domain !== undefined)) {
        throw forbidden(
          'login.system-token',
          'A token for the system cannot be exchanged for one of a project or domain.',
        )
      }
      if (facts.applicationCredentialId !== undefined && auth.scope !== undefined) {
        throw forbidden('login.application-credential-token', 'An application credential has one scope only.')
      }
      if (!settings.allowRescopeScopedToken && facts.scope.kind !== 'unscoped') {
        throw forbidden('login.scoped-token', 'A scoped token cannot be exchanged for another.')
      }
      return {
        userId: facts.userId,
        methods: [...facts.methods, 'token'],
        parent: facts,
        userGeneration: facts.userGeneration,
        ...(facts.applicationCredentialId !== undefined && {
          applicationCredentialId: facts.applicationCredentialId,
          scope: facts.scope,
        }),
      }
    },

    async totp({ totp }) {
      const user = await proof.find(userSelector(totp!.user))
      const seeds = await totpSeedsOf(user?.id ?? '')
      const good = findPasscode(seeds, totp!.user.passcode ?? '', {
        atMs: Date.now(),
        pastSteps: settings.totpPastWindows,
      })
      if (user !== undefined && good !== undefined && (await usePasscode(db, good))) {
        return { userId: user.id, methods: ['totp'], userGeneration: user.generation }
      }
      await proof.failed(user)
      throw loginFailed('wrong passcode, or one that was used before')
    },

    async application_credential({ application_credential: given }, auth) {
      if (auth.scope !== undefined) throw loginFailed('an application credential has its own scope')
      const credential = await findForLogin(db, await credentialSelector(given!))
      if (credential === undefined) throw loginFailed('no such application credential')
      if (!(await secretMatches(given!.secret ?? '', credential.secretHash, hashing))) throw loginFailed('wrong secret')
      if (credential.expiresAt !== null && credential.expiresAt <= new Date()) throw loginFailed('it has expired')
      return {
        userId: credential.userId,
        methods: ['application_credential'],
        applicationCredentialId: credential.id,
        scope: { kind: 'project', id: credential.projectId },
        ...(credential.expiresAt !== null && { expiresAt: credential.expiresAt }),
      }
    },
  }

  return {
    async login(auth, receipt) {
      await changes.look()
      const methods = [...new Set(auth.identity.methods)]
      for (const method of methods) {
        if (!(method in auth.identity)) {
          throw invalid(
            'login.method-without-data',
            `The method ${method.slice(0, 64)} is named, but nothing is given for it.`,
          )
        }
      }
      const known = methods.filter((method) => (OFFERED as readonly string[]).includes(method))
      if (known.length < methods.length) throw methodUnsupported(OFFERED)
      const wanted = checkScope(auth.scope)

      let whole: Proof | undefined
      for (const method of known) {
        const next = await provers[method as (typeof OFFERED)[number]](auth.identity, auth)
        if (whole !== undefined && whole.userId !== next.userId) throw loginFailed('the methods name different users')
        if (
          next.userGeneration !== undefined &&
          next.userGeneration !== (whole?.userGeneration ?? next.userGeneration)
        ) {
          throw loginFailed('the user changed between two methods')
        }
        whole = { ...whole, ...next, methods: [...new Set([...(whole?.methods ?? []), ...next.methods])] }
      }
      if (whole === undefined) throw loginFailed('no method')
      whole = await withAllFactors(whole, receipt)
      if (known.some((method) => COUNTED.includes(method))) await proof.succeeded(whole.userId)
      const trust = typeof wanted === 'object' ? wanted['OS-TRUST:trust'] : undefined
      if (trust !== undefined) return await issueByTrust(whole, trust.id)
      return await tokens.issue(await orderFor(whole, wanted))
    },
  }

  /** @throws DomainError unauthenticated, `identity.login.more-methods` when the user's rules want more */
  async function withAllFactors(proof: Proof, receipt: string | undefined): Promise<Proof> {
    const user = await access.of(proof.userId, UNSCOPED)
    if (user?.userEnabled !== true) throw loginFailed('the user is gone or disabled')
    if (isOutdated(proof, user)) throw loginFailed('the user changed during the login')
    const before =
      receipt === undefined ? [] : methodsOf(keys, receipt, { userId: user.userId, generation: user.userGeneration })
    const methods = [...new Set([...before, ...proof.methods])]
    const unmet = unmetRules(user.userOptions, methods, OFFERED)
    if (unmet.length > 0) throw moreNeeded(keys, user, methods, unmet, settings.receiptLifetimeSeconds)
    return { ...proof, methods }
  }

  /** @throws DomainError forbidden for somebody else's trust, and one that lends nothing any more */
  async function issueByTrust(proof: Proof, trustId: string): Promise<Token> {
    const trust = await findTrust(db, trustId, settings.disableInactiveDays)
    if (trust === undefined || trust.remainingUses === 0) throw loginFailed('no such trust, or none that is left')
    if (trust.trusteeUserId !== proof.userId) throw forbidden('login.not-trustee', 'The trust is for somebody else.')
    const refusal = whyNotByTrust(trust, await access.of(proof.userId, scopeOf(trust), { trustId }))
    if (refusal !== undefined) throw refusal
    const expiresAt = trust.expiresAt === null ? {} : { expiresAt: trust.expiresAt }
    const token = await tokens.issue({ ...proof, scope: scopeOf(trust), trustId, ...expiresAt })
    // Last, so that a login that fails uses nothing up; a token that nobody was told about opens nothing.
    if (!(await consumeUse(db, trustId)))
      throw forbidden('trust.used-up', 'The trust has been used as often as it may.')
    return token
  }

  async function orderFor(proof: Proof, wanted: AskedScope | 'unscoped' | undefined): Promise<IssueOrder> {
    if (proof.scope !== undefined) return { ...proof, scope: proof.scope }
    const scope = wanted === undefined ? await defaultScope(proof.userId) : await resolve(wanted)
    return { ...proof, scope }
  }

  async function credentialSelector(given: NonNullable<Presented['application_credential']>) {
    if (given.id !== undefined) return { id: given.id }
    if (given.name === undefined || given.user === undefined) {
      throw invalid('login.application-credential', 'The application credential needs an id, or a name and its user.')
    }
    const selector = userSelector(given.user)
    const userId = 'id' in selector ? selector.id : await findUserId(db, selector)
    if (userId === undefined) throw loginFailed('no such user')
    return { name: given.name, userId }
  }

  /** The user's default project where he has a role on it; otherwise the token is for nothing yet. */
  async function defaultScope(userId: UserId): Promise<Scope> {
    const user = await access.of(userId, UNSCOPED)
    if (user?.defaultProjectId == null) return UNSCOPED
    const scope: Scope = { kind: 'project', id: user.defaultProjectId }
    const there = await access.of(userId, scope)
    return there?.scopeEnabled === true && there.roles.length > 0 ? scope : UNSCOPED
  }

  /** @throws DomainError unauthenticated when the scope names nothing; access to it is for `issue` to judge */
  async function resolve(wanted: AskedScope | 'unscoped'): Promise<Scope> {
    if (wanted === 'unscoped' || wanted.unscoped !== undefined) return UNSCOPED
    if (wanted.system !== undefined) return { kind: 'system' }
    if (wanted.domain !== undefined) {
      const { id, name } = wanted.domain
      const found = name !== undefined ? await findDomainId(db, name) : (id as DomainId)
      if (found === undefined) throw loginFailed('no such domain')
      return { kind: 'domain', id: found }
    }
    const { id, name, domain } = wanted.project!
    const found = name !== undefined ? await findProjectId(db, name, idOrName(domain, 'project')) : (id as ProjectId)
    if (found === undefined) throw loginFailed('no such project')
    return { kind: 'project', id: found }
  }
}

/** What the trustee is told of a trust that no longer lends what it says; the rest is for `issue` to judge. */
function whyNotByTrust(trust: TrustWithLine, now: Access | undefined): DomainError | undefined {
  if (!trust.lineEnabled) return forbidden('trust.line-disabled', 'Somebody on whom the trust depends is disabled.')
  if (trust.projectId === null || now?.scopeEnabled !== true || now.roles.length > 0) return undefined
  return forbidden('trust.role-lost', 'The trustor no longer has a role that the trust lends.')
}

/** @throws DomainError invalid for a scope that is not exactly one, or is not named enough */
function checkScope(asked: AuthRequest['scope']): AskedScope | 'unscoped' | undefined {
  if (asked === undefined || asked === 'unscoped') return asked
  const kinds = ['project', 'domain', 'unscoped', 'system', 'OS-TRUST:trust'] as const
  if (kinds.filter((kind) => asked[kind] !== undefined).length !== 1) {
    throw invalid('login.scope', `The scope must be exactly one of ${kinds.join(', ')}.`)
  }
  if (asked.domain !== undefined) idOrName(asked.domain, 'scope')
  if (asked.project !== undefined && asked.project.id === undefined && asked.project.name === undefined) {
    throw invalid('login.scope', 'The project of the scope needs an id or a name.')
  }
  if (asked.project?.name !== undefined) idOrName(asked.project.domain, 'project')
  return asked
}

function userSelector(user: NonNullable<NonNullable<Presented['application_credential']>['user']>): UserSelector {
  if (user.name !== undefined) return { name: user.name, domain: idOrName(user.domain, 'user') }
  if (user.id !== undefined) return { id: user.id }
  throw invalid('login.user', 'The user needs an id, or a name and a domain.')
}

function idOrName(
  domain: { id?: string; name?: string } | undefined,
  of: string,
): { readonly id: string } | { readonly name: string } {
  if (domain?.name !== undefined) return { name: domain.name }
  if (domain?.id !== undefined) return { id: domain.id }
  throw invalid('login.domain', `The domain of the ${of} needs an id or a name.`)
}
