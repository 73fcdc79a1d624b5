/**
 * The rules of trusts: who may lend what to whom, and how often it may be passed on.
 * Source: keystone/api/trusts.py, keystone/trust/core.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { newHexId, type ProjectId, type UserId } from '../../ids.ts'
import { extraOf } from '../attributes.ts'
import { type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, notFound } from '../errors.ts'
import { futureTime } from '../moment.ts'
import { findProject } from '../projects/store.ts'
import { findRole, listRolesByName, type Role } from '../roles/store.ts'
import type { IdentitySettings } from '../settings.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import { findUser } from '../users/store.ts'
import { TRUST_ATTRIBUTES, type TrustBody } from './schemas.ts'
import * as store from './store.ts'
import type { Trust } from './store.ts'

type Body = Static<typeof TrustBody>['trust']

export interface Trusts {
  create(caller: IdentityCaller, body: Body): Promise<Trust>
  show(caller: IdentityCaller, id: string): Promise<Trust>
  list(
    caller: IdentityCaller,
    by: { trustorUserId?: string | undefined; trusteeUserId?: string | undefined },
  ): Promise<readonly Trust[]>
  delete(caller: IdentityCaller, id: string): Promise<void>
  roles(caller: IdentityCaller, id: string, policy: IdentityPolicy): Promise<readonly Role[]>
  /** For views: no policy is asked. */
  rolesOf(trust: Trust): Promise<readonly Role[]>
}

export function openTrusts({
  db,
  changes,
  settings,
}: {
  db: Database
  changes: Changes
  settings: IdentitySettings
}): Trusts {
  const permitted = async (policy: IdentityPolicy, caller: IdentityCaller, id: string): Promise<Trust> => {
    const found = await store.findTrust(db, id)
    // Existence comes first here, as upstream has it: the ids cannot be guessed.
    if (found === undefined || found.remainingUses === 0) throw notFound('trust', id)
    mayDo(policy, caller, { trustorUserId: found.trustorUserId, trusteeUserId: found.trusteeUserId })
    refuseApplicationCredential(caller)
    return found
  }

  return {
    async create(caller, body) {
      mayDo('identity:create_trust', caller, { trustorUserId: body.trustor_user_id })
      refuseApplicationCredential(caller)
      if (body.project_id != null && (body.roles ?? []).length === 0) {
        throw forbidden('trust.no-roles', 'A trust for a project lends at least one role.')
      }
      if ((await findUser(db, body.trustee_user_id)) === undefined) throw notFound('user', body.trustee_user_id)
      const parent = caller.token.trustId === undefined ? undefined : await store.findTrust(db, caller.token.trustId)
      const wanted: Trust = {
        id: newHexId(),
        trustorUserId: caller.userId,
        trusteeUserId: body.trustee_user_id as UserId,
        projectId: (body.project_id ?? null) as ProjectId | null,
        impersonation: body.impersonation,
        expiresAt: body.expires_at == null ? null : futureTime(body.expires_at),
        remainingUses: body.remaining_uses ?? null,
        redelegationCount: redelegationCount(body),
        redelegatedTrustId: parent?.id ?? null,
        roleIds: await idsOf(body.roles ?? []),
        extra: extraOf(body, TRUST_ATTRIBUTES),
      }
      await checkLent(parent?.rootTrustorUserId ?? caller.userId, wanted)
      const trust = parent === undefined ? wanted : await passedOn(parent, wanted, body)
      await changes.commit((tx) => store.insertTrust(tx, trust))
      return trust
    },

    show: (caller, id) => permitted('identity:get_trust', caller, id),

    async list(caller, { trustorUserId, trusteeUserId }) {
      if (trustorUserId !== undefined) mayDo('identity:list_trusts_for_trustor', caller, { trustorUserId })
      else if (trusteeUserId !== undefined) mayDo('identity:list_trusts_for_trustee', caller, { trusteeUserId })
      else mayDo('identity:list_trusts', caller, {})
      refuseApplicationCredential(caller)
      return await store.listTrusts(db, { trustorUserId, trusteeUserId })
    },

    async delete(caller, id) {
      await permitted('identity:delete_trust', caller, id)
      await changes.commit((tx) => store.deleteTrust(tx, id))
    },

    async roles(caller, id, policy) {
      await permitted(policy, caller, id)
      return await store.listTrustRoles(db, id)
    },

    rolesOf: (trust) => store.listTrustRoles(db, trust.id),
  }

  /** How often the trust may be passed on: never, unless that is asked for. */
  function redelegationCount(body: Body): number {
    const most = settings.maxRedelegationCount
    if (body.allow_redelegation !== true || body.redelegation_count === 0) return 0
    if ((body.redelegation_count ?? 0) > most) {
      throw forbidden('trust.redelegation-too-deep', `A trust is passed on at most ${most} times.`)
    }
    if (body.remaining_uses != null) {
      throw invalid('trust.redelegation-with-uses', 'A trust with a number of uses cannot be passed on.')
    }
    return body.redelegation_count ?? most
  }

  /** The trustor at the beginning of the line has every role. @throws DomainError not-found */
  async function checkLent(rootTrustorId: UserId, trust: Trust): Promise<void> {
    if (trust.projectId !== null && (await findProject(db, trust.projectId))?.isDomain !== false) {
      throw notFound('project', trust.projectId)
    }
    const held = trust.projectId === null ? [] : await store.listHeldRoleIds(db, rootTrustorId, trust.projectId)
    const missing = trust.roleIds.find((id) => !held.includes(id))
    if (missing !== undefined) throw notFound('role', missing)
  }

  /** The trust as what is left of its parent allows. @throws DomainError forbidden where it asks for more */
  async function passedOn(parent: Trust, wanted: Trust, body: Body): Promise<Trust> {
    const left = parent.redelegationCount - 1
    if (body.allow_redelegation === true && body.redelegation_count != null && body.redelegation_count !== left) {
      throw forbidden('trust.redelegation-count', 'Leave out redelegation_count when passing a trust on.')
    }
    const trust: Trust = {
      ...wanted,
      expiresAt: wanted.expiresAt ?? parent.expiresAt,
      redelegationCount: wanted.redelegationCount === 0 ? 0 : left,
    }
    for (const above of await store.listLine(db, parent.id)) {
      const refusal = whyNotUnder(above, trust)
      if (refusal !== undefined) throw forbidden('trust.redelegation-refused', refusal)
    }
    return trust
  }

  async function idsOf(named: NonNullable<Body['roles']>): Promise<readonly string[]> {
    const ids = await Promise.all(
      named.map(async (role) => {
        const found = role.id !== undefined ? await findRole(db, role.id) : await onlyRole(role.name!)
        if (found === undefined) throw notFound('role', role.id ?? role.name!)
        return found.id
      }),
    )
    return [...new Set(ids)]
  }

  /** @throws DomainError invalid where a domain has a role of the same name: which one is meant? */
  async function onlyRole(name: string): Promise<Role | undefined> {
    const [found, another] = await listRolesByName(db, name)
    if (another === undefined) return found
    throw invalid('trust.role-ambiguous', `There are several roles of the name ${name}. Give the id.`)
  }
}

/** Why `trust` lends more than `above`, out of which it would be made; undefined when it does not. */
function whyNotUnder(above: Trust, trust: Trust): string | undefined {
  if (above.redelegationCount < 1) return 'The trust may not be passed on.'
  if (above.projectId !== trust.projectId) return 'A trust is passed on for its own project.'
  if (trust.remainingUses !== null) return 'A number of uses cannot be set when a trust is passed on.'
  if (above.expiresAt !== null && (trust.expiresAt === null || trust.expiresAt > above.expiresAt)) {
    return 'The trust would outlive the one that it is made of.'
  }
  if (trust.roleIds.some((id) => !above.roleIds.includes(id)))
    return 'A role is asked for that the trust does not lend.'
  if (trust.impersonation && !above.impersonation) return 'The trust does not allow impersonation.'
  return undefined
}

/** A program's secret must not reach into who lends what to whom. */
function refuseApplicationCredential(caller: IdentityCaller): void {
  if (caller.token.applicationCredentialId === undefined) return
  throw forbidden('trust.by-application-credential', 'A token of an application credential manages no trusts.')
}
