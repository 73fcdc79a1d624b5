/** The rules of server groups, and what the scheduler asks of one. */
import type { Database, Transaction } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { isUuid, newId } from '../../ids.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { ScheduleGroup } from '../scheduler/index.ts'
import { groupIsFull, noGroup, rulesNeedAntiAffinity, tooManyGroups } from './errors.ts'
import * as store from './store.ts'

export type { ServerGroup } from './store.ts'

export interface ServerGroups {
  /** A group of the caller's project, of any for admins; undefined where there is none. */
  find(caller: Caller, id: string): Promise<store.ServerGroup | undefined>
  /** As `find`. @throws DomainError not-found `compute.server-group.not-found` */
  get(caller: Caller, id: string): Promise<store.ServerGroup>
  /** Whosoever it is. @throws DomainError not-found `compute.server-group.not-found` */
  byId(id: string): Promise<store.ServerGroup>
  list(page: { projectId?: string; limit: number; offset: number }): Promise<readonly store.ServerGroup[]>
  create(caller: Caller, order: GroupOrder): Promise<store.ServerGroup>
  remove(id: string): Promise<void>
  /** The group of a hint for the scheduler, its members counted by host without one server. */
  scheduleGroup(id: string, without: string): Promise<ScheduleGroup | undefined>
  /**
   * Room for so many more members. Call it in the transaction that inserts the servers: it holds the group.
   * @throws DomainError over-quota `compute.server-group.full`
   */
  roomForMembers(tx: Transaction, id: string, count: number): Promise<void>
}

export interface GroupOrder {
  readonly name: string
  readonly policy: store.ServerGroup['policy']
  readonly rules: store.ServerGroup['rules']
}

export function openServerGroups({ db, quotas }: { db: Database; quotas: Quotas }): ServerGroups {
  const byId = async (id: string) => {
    const found = isUuid(id) ? await store.findGroup(db, id) : undefined
    if (found === undefined) throw noGroup(id)
    return found
  }

  const find = async (caller: Caller, id: string) => {
    const found = isUuid(id) ? await store.findGroup(db, id) : undefined
    return found !== undefined && (caller.isAdmin || found.projectId === caller.projectId) ? found : undefined
  }

  return {
    find,
    async get(caller, id) {
      const found = await find(caller, id)
      if (found === undefined) throw noGroup(id)
      return found
    },
    byId,
    list: (page) => store.listGroups(db, page),

    async create(caller, { name, policy, rules }) {
      if (policy !== 'anti-affinity' && Object.keys(rules).length > 0) throw rulesNeedAntiAffinity()
      const projectId = caller.projectId ?? ''
      const group = { id: newId(), projectId, userId: caller.userId, name, policy, rules }
      await db.begin(async (tx) => {
        if (!(await quotas.roomForServerGroup(tx, projectId, caller.userId))) throw tooManyGroups()
        await store.insertGroup(tx, group)
      })
      return { ...group, members: [] }
    },

    async remove(id) {
      if (!(await store.deleteGroup(db, id))) throw noGroup(id)
    },

    async scheduleGroup(id, without) {
      if (!isUuid(id)) return undefined
      const [group, membersByHost] = await Promise.all([store.findGroup(db, id), store.membersByHost(db, id, without)])
      if (group === undefined) return undefined
      const most = group.rules.max_server_per_host
      return { id, policy: group.policy, membersByHost, ...(most !== undefined && { maxServerPerHost: most }) }
    },

    async roomForMembers(tx, id, count) {
      await store.lockGroup(tx, id)
      const group = await store.findGroup(tx, id)
      if (group === undefined) throw noGroup(id)
      // In the same transaction: waiting for another connection while holding a lock may wait for ever.
      const { server_group_members: most } = await quotas.limits(group.projectId, undefined, tx)
      if (most !== -1 && group.members.length + count > most) throw groupIsFull()
    },
  }
}
