/**
 * The rules of roles: global ones, those of a domain, and which implies which. Source: keystone/assignment/core.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type DomainId, newHexId } from '../../ids.ts'
import { deleteApplicationCredentialsBesideRole } from '../application-credentials/store.ts'
import { extraOf, liftsImmutability, mergedOptions, requireSameId } from '../attributes.ts'
import { mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, immutable, implicationNotFound, invalid, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { ROLE_ATTRIBUTES, type RoleCreateBody, type RoleUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { Implication, Role } from './store.ts'

/** Roles that nothing may imply: whoever could write implications would make himself one. Upstream's default. */
const NEVER_IMPLIED = ['admin']

export interface Roles {
  create(caller: Caller, body: Static<typeof RoleCreateBody>['role']): Promise<Role>
  show(caller: Caller, id: string): Promise<Role>
  /** @param domainId of which domain; null for the global roles */
  list(caller: Caller, list: ListQuery, domainId: string | null): Promise<readonly Role[]>
  update(caller: Caller, id: string, body: Static<typeof RoleUpdateBody>['role']): Promise<Role>
  delete(caller: Caller, id: string): Promise<void>
  /** What a role implies at one remove. @throws DomainError not-found for an unknown role */
  implied(priorId: string): Promise<{ prior: Role; implications: readonly Implication[] }>
  /** @throws DomainError not-found, `identity.implied-role.not-found` */
  implication(priorId: string, impliedId: string): Promise<Implication>
  allImplications(): Promise<readonly Implication[]>
  imply(priorId: string, impliedId: string): Promise<Implication>
  implyNoMore(priorId: string, impliedId: string): Promise<void>
}

export function openRoles({ db, changes }: { db: Database; changes: Changes }): Roles {
  /** The role, when the caller may; roles of domains have policies of their own. */
  const permitted = async (deed: 'get' | 'update' | 'delete', caller: Caller, id: string): Promise<Role> => {
    const role = await store.findRole(db, id)
    const ofDomain = role !== undefined && role.domainId !== null
    mayDo(ofDomain ? `identity:${deed}_domain_role` : `identity:${deed}_role`, caller, { roleName: role?.name ?? null })
    if (role === undefined) throw notFound('role', id)
    return role
  }

  const implication = async (priorId: string, impliedId: string): Promise<Implication> => {
    const [found] = await store.listImplications(db, priorId, impliedId)
    if (found === undefined) throw implicationNotFound(priorId, impliedId)
    return found
  }

  return {
    async create(caller, body) {
      const domainId = (body.domain_id ?? null) as DomainId | null
      mayDo(domainId === null ? 'identity:create_role' : 'identity:create_domain_role', caller, {})
      const role: Role = {
        id: newHexId(),
        name: body.name.trim(),
        domainId,
        description: body.description ?? null,
        options: mergedOptions({}, body.options),
        extra: extraOf(body, ROLE_ATTRIBUTES),
      }
      await changes.commit((tx) => store.insertRole(tx, role))
      return role
    },

    show: (caller, id) => permitted('get', caller, id),

    async list(caller, list, domainId) {
      mayDo(domainId === null ? 'identity:list_roles' : 'identity:list_domain_roles', caller, {})
      if (list.marker !== undefined && (await store.findRole(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listRoles(db, list, domainId)
    },

    async update(caller, id, body) {
      await permitted('update', caller, id)
      requireSameId(body, id)
      return await changes.commit(async (tx) => {
        const before = await store.lockRole(tx, id)
        if (before === undefined) throw notFound('role', id)
        if (before.options.immutable === true && !liftsImmutability(body)) throw immutable('role', id)
        if (body.domain_id !== undefined && body.domain_id !== before.domainId) {
          throw invalid('role.domain-fixed', 'The domain of a role cannot be changed.')
        }
        const after: Role = {
          ...before,
          name: body.name?.trim() ?? before.name,
          description: body.description === undefined ? before.description : body.description,
          options: mergedOptions(before.options, body.options),
          extra: { ...before.extra, ...extraOf(body, ROLE_ATTRIBUTES) },
        }
        await store.updateRole(tx, after)
        return after
      })
    },

    async delete(caller, id) {
      await permitted('delete', caller, id)
      await changes.commit(async (tx) => {
        const role = await store.lockRole(tx, id)
        if (role === undefined) throw notFound('role', id)
        if (role.options.immutable === true) throw immutable('role', id)
        // Whatever their own roles are, as upstream does.
        await deleteApplicationCredentialsBesideRole(tx, id)
        await store.deleteRole(tx, id)
      })
    },

    async implied(priorId) {
      const prior = await store.findRole(db, priorId)
      if (prior === undefined) throw notFound('role', priorId)
      return { prior, implications: await store.listImplications(db, priorId) }
    },

    implication,

    allImplications: () => store.listImplications(db),

    async imply(priorId, impliedId) {
      const [prior, implied] = await Promise.all([store.findRole(db, priorId), store.findRole(db, impliedId)])
      if (prior === undefined) throw notFound('role', priorId)
      if (implied === undefined) throw notFound('role', impliedId)
      if (NEVER_IMPLIED.includes(implied.name)) {
        throw forbidden('role.never-implied', `The role ${implied.name} cannot be implied.`)
      }
      if (prior.domainId === null && implied.domainId !== null) {
        throw forbidden('role.global-implies-domain', "A global role cannot imply a domain's.")
      }
      await changes.commit((tx) => store.insertImplication(tx, priorId, impliedId))
      return await implication(priorId, impliedId)
    },

    async implyNoMore(priorId, impliedId) {
      const was = await changes.commit((tx) => store.deleteImplication(tx, priorId, impliedId))
      if (!was) throw implicationNotFound(priorId, impliedId)
    },
  }
}
