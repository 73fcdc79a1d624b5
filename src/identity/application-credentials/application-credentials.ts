/**
 * The rules of application credentials: made by their user alone, for the project and with at most the roles of his
 * token. Source: keystone/application_credential/core.py, keystone/api/users.py
 */
import type { Static } from 'typebox'
import type { Database, Transaction } from '../../database/database.ts'
import { newHexId } from '../../ids.ts'
import { mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, invalid, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { futureTime } from '../moment.ts'
import type { PasswordHashing } from '../passwords/hashing.ts'
import { findImplied, findRole, findRoleByName, type Role } from '../roles/store.ts'
import type { IdentityCaller } from '../tokens/tokens.ts'
import type { ApplicationCredentialBody } from './schemas.ts'
import { newSecret } from './secret.ts'
import * as store from './store.ts'
import type { ApplicationCredential, StoredRule } from './store.ts'

type Body = Static<typeof ApplicationCredentialBody>['application_credential']

export interface ApplicationCredentials {
  /** The secret is told here and never again. */
  create(caller: IdentityCaller, userId: string, body: Body): Promise<{ made: ApplicationCredential; secret: string }>
  show(caller: IdentityCaller, userId: string, id: string): Promise<ApplicationCredential>
  list(caller: IdentityCaller, userId: string, list: ListQuery): Promise<readonly ApplicationCredential[]>
  delete(caller: IdentityCaller, userId: string, id: string): Promise<void>
  showRule(caller: IdentityCaller, userId: string, id: string): Promise<StoredRule>
  listRules(caller: IdentityCaller, userId: string, list: ListQuery): Promise<readonly StoredRule[]>
  /** @throws DomainError forbidden while an application credential has the rule */
  deleteRule(caller: IdentityCaller, userId: string, id: string): Promise<void>
}

export function openApplicationCredentials({
  db,
  changes,
  hashing,
}: {
  db: Database
  changes: Changes
  hashing: PasswordHashing
}): ApplicationCredentials {
  return {
    async create(caller, userId, body) {
      mayDo('identity:create_application_credential', caller, { pathUserId: userId })
      refuseDelegated(caller)
      refuseRestricted(caller)
      const { projectId } = caller
      if (projectId === undefined) {
        throw forbidden('application-credential.no-project', 'An application credential needs a token with a project.')
      }
      if (body.project_id !== undefined && body.project_id !== projectId) {
        throw invalid('application-credential.other-project', 'The project is not the one of the token.')
      }
      const expiresAt = body.expires_at == null ? null : futureTime(body.expires_at)
      const roles = await rolesFor(caller, body.roles)
      const chosen = body.secret || undefined
      const { secret, hash } = chosen === undefined ? newSecret() : { secret: chosen, hash: await hashing.hash(chosen) }
      const made = await changes.commit(async (tx) => {
        const credential: ApplicationCredential = {
          id: newHexId(),
          userId: caller.userId,
          projectId,
          name: body.name.trim(),
          description: body.description ?? null,
          expiresAt,
          unrestricted: body.unrestricted ?? false,
          roles: roles.map((role) => ({ id: role.id, name: role.name, domain_id: role.domainId })),
          rules: await rulesFor(tx, userId, body.access_rules ?? []),
        }
        await store.insertApplicationCredential(tx, credential, hash)
        return credential
      })
      return { made, secret }
    },

    async show(caller, userId, id) {
      const found = await store.findApplicationCredential(db, id)
      // The owner counts, not the user that the path names: one cannot see another's by naming oneself.
      mayDo('identity:get_application_credential', caller, { pathUserId: found?.userId ?? userId })
      refuseDelegated(caller)
      if (found === undefined) throw notFound('application credential', id)
      return found
    },

    async list(caller, userId, list) {
      mayDo('identity:list_application_credentials', caller, { pathUserId: userId })
      refuseDelegated(caller)
      if (list.marker !== undefined && (await store.findApplicationCredential(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listApplicationCredentials(db, userId, list)
    },

    async delete(caller, userId, id) {
      const found = await store.findApplicationCredential(db, id)
      mayDo('identity:delete_application_credential', caller, { pathUserId: found?.userId ?? userId })
      refuseDelegated(caller)
      refuseRestricted(caller)
      const was = await changes.commit((tx) => store.deleteApplicationCredential(tx, id))
      if (!was) throw notFound('application credential', id)
    },

    async showRule(caller, userId, id) {
      mayDo('identity:get_access_rule', caller, { pathUserId: userId })
      refuseDelegated(caller)
      const found = await store.findAccessRule(db, userId, id)
      if (found === undefined) throw notFound('access rule', id)
      return found
    },

    async listRules(caller, userId, list) {
      mayDo('identity:list_access_rules', caller, { pathUserId: userId })
      refuseDelegated(caller)
      return await store.listAccessRules(db, userId, list)
    },

    async deleteRule(caller, userId, id) {
      mayDo('identity:delete_access_rule', caller, { pathUserId: userId })
      refuseDelegated(caller)
      await changes.commit(async (tx) => {
        if ((await store.findAccessRule(tx, userId, id)) === undefined) throw notFound('access rule', id)
        if (await store.deleteAccessRule(tx, id)) return
        throw forbidden('access-rule.in-use', `An application credential has the access rule ${id}.`)
      })
    },
  }

  /** Those that are named, with all that they imply; without names, all of the token. */
  async function rolesFor(caller: IdentityCaller, named: Body['roles']): Promise<readonly Role[]> {
    const mine = caller.tokenRoles.map((role) => role.id as string)
    const ids = named === undefined || named.length === 0 ? mine : await findImplied(db, await idsOf(named))
    if (ids.some((id) => !mine.includes(id))) {
      throw invalid('application-credential.role-missing', 'A role is asked for that the token has not.')
    }
    const roles = await Promise.all(ids.map((id) => findRole(db, id)))
    return roles.filter((role) => role !== undefined)
  }

  async function idsOf(named: NonNullable<Body['roles']>): Promise<readonly string[]> {
    return await Promise.all(
      named.map(async (role) => {
        const found = role.id !== undefined ? await findRole(db, role.id) : await findRoleByName(db, role.name!)
        if (found === undefined) throw notFound('role', role.id ?? role.name!)
        return found.id
      }),
    )
  }
}

async function rulesFor(
  tx: Transaction,
  userId: string,
  given: NonNullable<Body['access_rules']>,
): Promise<readonly StoredRule[]> {
  const rules: StoredRule[] = []
  for (const { id, service, method, path } of given) {
    if (id !== undefined) {
      const found = await store.findAccessRule(tx, userId, id)
      if (found === undefined) throw notFound('access rule', id)
      rules.push(found)
      continue
    }
    if (service === undefined || method === undefined || path === undefined) {
      throw invalid('access-rule.incomplete', 'An access rule needs a service, a method and a path, or the id of one.')
    }
    const rule = { service, method, path }
    rules.push({ ...rule, id: await store.ensureAccessRule(tx, newHexId(), userId, rule) })
  }
  return rules
}

/** What a trust lends must not become a secret that outlives it. */
function refuseDelegated(caller: IdentityCaller): void {
  if (caller.token.trustId === undefined) return
  throw forbidden(
    'application-credential.by-trust',
    'A token that lives by a trust manages no application credentials.',
  )
}

/** @throws DomainError forbidden for the token of an application credential that may not make others */
export function refuseRestricted(caller: IdentityCaller): void {
  if (caller.restricted !== true) return
  throw forbidden(
    'application-credential.restricted',
    'This application credential is restricted: it manages neither application credentials nor trusts.',
  )
}
