/** Groups of users: a role given to a group counts for everybody in it. Source: keystone/identity/core.py */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type DomainId, newHexId } from '../../ids.ts'
import { extraOf, requireSameId } from '../attributes.ts'
import { type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { invalid, markerNotFound, membershipNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { DEFAULT_DOMAIN } from '../projects/projects.ts'
import { findProject } from '../projects/store.ts'
import type { IdentitySettings } from '../settings.ts'
import { findUser, listUsers, type User } from '../users/store.ts'
import { GROUP_ATTRIBUTES, type GroupCreateBody, type GroupUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { Group } from './store.ts'

export interface Groups {
  create(caller: Caller, body: Static<typeof GroupCreateBody>['group']): Promise<Group>
  show(caller: Caller, id: string): Promise<Group>
  list(caller: Caller, list: ListQuery): Promise<readonly Group[]>
  listOf(userId: string, list: ListQuery): Promise<readonly Group[]>
  update(caller: Caller, id: string, body: Static<typeof GroupUpdateBody>['group']): Promise<Group>
  delete(caller: Caller, id: string): Promise<void>
  listMembers(caller: Caller, id: string, list: ListQuery): Promise<readonly User[]>
  /** @throws DomainError not-found, `identity.membership.not-found` */
  checkMember(caller: Caller, id: string, userId: string): Promise<void>
  addMember(caller: Caller, id: string, userId: string): Promise<void>
  removeMember(caller: Caller, id: string, userId: string): Promise<void>
}

export function openGroups({
  db,
  changes,
  settings,
}: {
  db: Database
  changes: Changes
  settings: Pick<IdentitySettings, 'disableInactiveDays'>
}): Groups {
  const permitted = async (policy: IdentityPolicy, caller: Caller, id: string): Promise<Group> => {
    const found = await store.findGroup(db, id)
    mayDo(policy, caller, { groupDomainId: found?.domainId ?? null })
    if (found === undefined) throw notFound('group', id)
    return found
  }

  const bothPermitted = async (policy: IdentityPolicy, caller: Caller, id: string, userId: string): Promise<void> => {
    const [group, user] = await Promise.all([store.findGroup(db, id), findUser(db, userId)])
    mayDo(policy, caller, { groupDomainId: group?.domainId ?? null, userDomainId: user?.domainId ?? null })
    if (user === undefined) throw notFound('user', userId)
    if (group === undefined) throw notFound('group', id)
  }

  return {
    async create(caller, body) {
      mayDo('identity:create_group', caller, { groupDomainId: body.domain_id ?? null })
      const group: Group = {
        id: newHexId(),
        name: body.name.trim(),
        domainId: (body.domain_id ?? caller.domainId ?? DEFAULT_DOMAIN) as DomainId,
        description: body.description ?? '',
        extra: extraOf(body, GROUP_ATTRIBUTES),
      }
      if ((await findProject(db, group.domainId))?.isDomain !== true) throw notFound('domain', group.domainId)
      await changes.commit((tx) => store.insertGroup(tx, group))
      return group
    },

    show: (caller, id) => permitted('identity:get_group', caller, id),

    async list(caller, list) {
      mayDo('identity:list_groups', caller, { groupDomainId: caller.domainId ?? null })
      if (list.marker !== undefined && (await store.findGroup(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listGroups(db, list, { domainId: caller.domainId })
    },

    listOf: (userId, list) => store.listGroups(db, list, { userId }),

    async update(caller, id, body) {
      await permitted('identity:update_group', caller, id)
      requireSameId(body, id)
      return await changes.commit(async (tx) => {
        const before = await store.lockGroup(tx, id)
        if (before === undefined) throw notFound('group', id)
        if (body.domain_id !== undefined && body.domain_id !== before.domainId) {
          throw invalid('group.domain-fixed', 'The domain of a group cannot be changed.')
        }
        const after: Group = {
          ...before,
          name: body.name?.trim() ?? before.name,
          description: body.description === undefined ? before.description : (body.description ?? ''),
          extra: { ...before.extra, ...extraOf(body, GROUP_ATTRIBUTES) },
        }
        await store.updateGroup(tx, after)
        return after
      })
    },

    async delete(caller, id) {
      await permitted('identity:delete_group', caller, id)
      const was = await changes.commit((tx) => store.deleteGroup(tx, id))
      if (!was) throw notFound('group', id)
    },

    async listMembers(caller, id, list) {
      await permitted('identity:list_users_in_group', caller, id)
      const { disableInactiveDays: inactiveDays } = settings
      return await listUsers(db, list, { groupId: id, domainId: caller.domainId, inactiveDays })
    },

    async checkMember(caller, id, userId) {
      await bothPermitted('identity:check_user_in_group', caller, id, userId)
      if (!(await store.isMember(db, id, userId))) throw membershipNotFound(userId, id)
    },

    async addMember(caller, id, userId) {
      await bothPermitted('identity:add_user_to_group', caller, id, userId)
      await changes.commit((tx) => store.insertMembership(tx, id, userId))
    },

    async removeMember(caller, id, userId) {
      await bothPermitted('identity:remove_user_from_group', caller, id, userId)
      const was = await changes.commit((tx) => store.deleteMembership(tx, id, userId))
      if (!was) throw membershipNotFound(userId, id)
    },
  }
}
