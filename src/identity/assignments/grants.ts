/**
 * Grants: a role given to a user or a group, on a project, a domain or the system. Source: keystone/assignment/core.py,
 * keystone/api/projects.py, keystone/api/domains.py, keystone/api/system.py
 */
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { assignmentNotFound, forbidden, invalid, notFound } from '../errors.ts'
import { findGroup } from '../groups/store.ts'
import type { IdentityTarget } from '../policies.ts'
import { findProject } from '../projects/store.ts'
import { findRole, type Role } from '../roles/store.ts'
import { findUser } from '../users/store.ts'
import * as store from './store.ts'
import type { Actor, Grant } from './store.ts'

export interface Grants {
  give(caller: Caller, grant: Grant): Promise<void>
  /** @throws DomainError not-found, `identity.assignment.not-found` */
  check(caller: Caller, grant: Grant): Promise<void>
  /** @throws DomainError not-found, `identity.assignment.not-found` */
  takeBack(caller: Caller, grant: Grant): Promise<void>
  list(caller: Caller, where: Omit<Grant, 'roleId'>): Promise<readonly Role[]>
}

type Deed = 'create' | 'check' | 'revoke' | 'list'

export function openGrants({ db, changes }: { db: Database; changes: Changes }): Grants {
  /**
   * Everything that a grant names is there, and the caller may. What is missing is told before what is forbidden: the
   * rules compare the domains of all of them. An actor that is gone can still be taken a role from.
   */
  async function permitted(
    deed: Deed,
    caller: Caller,
    { roleId, actor, target }: Omit<Grant, 'roleId'> & { roleId?: string },
  ) {
    const [role, actorDomainId, place] = await Promise.all([
      roleId === undefined ? undefined : findRole(db, roleId),
      domainOfActor(actor),
      'system' in target ? undefined : findProject(db, 'projectId' in target ? target.projectId : target.domainId),
    ])
    if (roleId !== undefined && role === undefined) throw notFound('role', roleId)
    if (actorDomainId === undefined && deed !== 'revoke') {
      throw 'userId' in actor ? notFound('user', actor.userId) : notFound('group', actor.groupId)
    }
    if ('projectId' in target && place === undefined) throw notFound('project', target.projectId)
    if ('domainId' in target && place?.isDomain !== true) throw notFound('domain', target.domainId)
    const compared: IdentityTarget = {
      roleName: role?.name ?? null,
      roleDomainId: role?.domainId ?? null,
      userDomainId: 'userId' in actor ? (actorDomainId ?? null) : null,
      groupDomainId: 'groupId' in actor ? (actorDomainId ?? null) : null,
      projectDomainId: 'projectId' in target ? (place?.domainId ?? null) : null,
      targetDomainId: 'domainId' in target ? (place?.id ?? null) : null,
    }
    mayDo(policyOf(deed, actor, target), caller, compared)
    return { role, place }
  }

  async function domainOfActor(actor: Actor): Promise<string | undefined> {
    const found = 'userId' in actor ? await findUser(db, actor.userId) : await findGroup(db, actor.groupId)
    return found?.domainId
  }

  return {
    async give(caller, grant) {
      const { role, place } = await permitted('create', caller, grant)
      if (role!.domainId !== null && 'system' in grant.target) {
        throw invalid('role.of-domain-on-system', "A domain's own role cannot be given on the system.")
      }
      if (role!.domainId !== null && 'projectId' in grant.target && place!.domainId !== role!.domainId) {
        throw forbidden('role.of-other-domain', "A domain's own role can only be given on projects of that domain.")
      }
      await changes.commit((tx) => store.insertGrant(tx, grant))
    },

    async check(caller, grant) {
      await permitted('check', caller, grant)
      if (!(await store.hasGrant(db, grant))) throw assignmentNotFound()
    },

    async takeBack(caller, grant) {
      await permitted('revoke', caller, grant)
      const was = await changes.commit((tx) => store.deleteGrant(tx, grant))
      if (!was) throw assignmentNotFound()
    },

    async list(caller, where) {
      await permitted('list', caller, where)
      return await store.listGrantedRoles(db, where)
    },
  }
}

/** The policy of a deed: grants on the system have their own, one for users and one for groups. */
export function policyOf(deed: Deed, actor: object, target: object): IdentityPolicy {
  const many = deed === 'list' ? 's' : ''
  if (!('system' in target)) return `identity:${deed}_grant${many}` as IdentityPolicy
  return `identity:${deed}_system_grant${many}_for_${'userId' in actor ? 'user' : 'group'}` as IdentityPolicy
}
