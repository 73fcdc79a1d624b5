/** The rules of standing servers: who sees them, what may be changed, and how a delete is asked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../database/database.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { isUuid, newId, type ServerId, type StoryId } from '../../ids.ts'
import { noServer, pinnedElsewhere } from '../errors.ts'
import { openActions } from '../instance-actions/store.ts'
import { checkLock, checkMove } from '../lifecycle/check-move.ts'
import type { DeleteServer } from '../lifecycle/delete-server.ts'
import { COMPUTE_POLICIES } from '../policies.ts'
import type { Server } from './server.ts'
import {
  changeServer,
  findServer,
  lockServer,
  requestDeletion,
  resetState,
  type ServerChange,
  setLock,
} from './store.ts'

export interface Servers {
  /** One that the caller may see; admins see all. @throws DomainError not-found `compute.server.not-found` */
  get(caller: Caller, id: string, options?: { withDeleted?: boolean }): Promise<Server>
  update(caller: Caller, id: string, change: ServerChange): Promise<Server>
  /** Repeating it changes nothing. @throws DomainError conflict `compute.server.locked` */
  delete(caller: Caller, id: string): Promise<void>
  lock(caller: Caller, id: string, reason: string | null): Promise<void>
  unlock(caller: Caller, id: string): Promise<void>
  resetState(caller: Caller, id: string, state: 'active' | 'error'): Promise<void>
}

interface ServersParts {
  readonly db: Database
  readonly stories: Stories
  readonly deleteServer: Story<DeleteServer>
}

const SOON_MS = 2_000

export function openServers({ db, stories, deleteServer }: ServersParts): Servers {
  const get: Servers['get'] = async (caller, id, { withDeleted = false } = {}) => {
    const found = isUuid(id)
      ? await findServer(db, id as ServerId, {
          projectId: caller.isAdmin ? undefined : caller.projectId,
          withDeleted,
        })
      : undefined
    if (found === undefined) throw noServer(id)
    return found
  }

  return {
    get,

    async update(caller, id, change) {
      const server = await get(caller, id)
      if (change.pinnedAvailabilityZone !== undefined) {
        checkLock(server, caller)
        const zone = change.pinnedAvailabilityZone
        if (zone !== null && zone !== server.availabilityZone) {
          throw pinnedElsewhere(server.id)
        }
      }
      if (Object.keys(change).length > 0) await changeServer(db, server.id, change)
      return await get(caller, id)
    },

    async delete(caller, id) {
      await get(caller, id)
      const soon = await stories.commit(async (tx, ask) => {
        const server = await lockServer(tx, id as ServerId)
        if (server === undefined) throw noServer(id)
        checkMove(server, 'delete', caller)
        if (server.deletionRequestedAt !== null) return undefined
        // The boot story is in charge until it reports: it sees the request before its next step and ends by deleting.
        const isBooting = server.vmState === 'building'
        const storyId = isBooting ? server.storyId : newId<StoryId>()
        await openActions(tx, 'delete', caller, [{ serverId: server.id, storyId }])
        await requestDeletion(tx, server.id, storyId)
        if (!isBooting) await ask(deleteServer, storyId, { serverId: server.id, storyId })
        return server.vmState === 'error' && server.host === null ? storyId : undefined
      })
      // One that no host has is gone when upstream answers, and clients take the ERROR that they would still see for a
      // deletion that failed.
      if (soon !== undefined) await Promise.race([stories.ended(soon), sleep(SOON_MS, undefined, { ref: false })])
    },

    async lock(caller, id, reason) {
      const server = await get(caller, id)
      // An admin's lock stays an admin's, whoever locks again.
      const isOwner = caller.projectId === server.projectId
      await setLock(db, server.id, isOwner && server.lockedBy !== 'admin' ? 'owner' : 'admin', reason)
    },

    async unlock(caller, id) {
      const server = await get(caller, id)
      // An admin's lock is the admin's to open.
      if (server.lockedBy === 'admin') {
        authorize(COMPUTE_POLICIES, 'os_compute_api:os-lock-server:unlock:unlock_override', caller)
      }
      await setLock(db, server.id, null, null)
    },

    async resetState(caller, id, state) {
      const server = await get(caller, id)
      await resetState(db, server.id, state)
    },
  }
}
