/**
 * What went wrong with a request after it was accepted, in words for its user.
 * Source: cinder/message/message_field.py for the numbers and the words; ours may go on with the reason.
 */
import { randomUUID } from 'node:crypto'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { isUuid } from '../../ids.ts'
import { notFound } from '../errors.ts'
import { allowedFilters, listQuery } from '../list-query.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import * as store from './store.ts'

export const ACTIONS = {
  schedule: ['001', 'schedule allocate volume'],
  attach: ['002', 'attach volume'],
  'copy image': ['005', 'copy image to volume'],
  extend: ['007', 'extend volume'],
  create: ['008', 'create volume from backend storage'],
  reimage: ['016', 'reimage volume'],
} as const

export const DETAILS = {
  unknown: ['001', 'An unknown error occurred.'],
  'no back end': ['003', 'Could not find any available weighted backend.'],
  'image too big': ['007', 'Image used for creating volume exceeds available space.'],
  'compute failed to extend': ['009', 'Compute service failed to extend volume.'],
  'extend failed': ['010', 'Volume Driver failed to extend volume.'],
  'create failed': ['012', 'Driver failed to create the volume.'],
} as const

const KEEP_MS = 30 * 24 * 3600 * 1000

export interface Notice {
  readonly projectId: string
  readonly requestId: string | null
  readonly volumeId: string
  readonly action: keyof typeof ACTIONS
  readonly detail: keyof typeof DETAILS
  /** Goes on after the detail's own words. Nothing in it may name the cloud's inside. */
  readonly reason?: string
}

export interface Messages {
  tell(notice: Notice): Promise<void>
  latestAbout(volumeId: string): Promise<string | undefined>
  list(
    caller: Caller,
    query: Readonly<Record<string, unknown>>,
    version: Microversion,
  ): Promise<readonly store.MessageRow[]>
  /** @throws DomainError not-found, `volume.message.not-found` */
  get(caller: Caller, id: string): Promise<store.MessageRow>
  remove(caller: Caller, id: string): Promise<void>
  forgetExpired(): Promise<void>
}

const FILTER_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['resource_uuid', 'resource_id'],
  ['resource_type', 'resource_type'],
  ['request_id', 'request_id'],
  ['message_level', 'level'],
])

export function openMessages(db: Database): Messages {
  const get = async (caller: Caller, id: string) => {
    const found = isUuid(id) ? await store.findMessage(db, id) : undefined
    if (found === undefined || (!caller.isAdmin && found.projectId !== caller.projectId)) {
      throw notFound('volume.message.not-found', `Message ${id.slice(0, 255)} could not be found.`)
    }
    return found
  }

  return {
    async tell({ projectId, requestId, volumeId, action, detail, reason }) {
      const [actionId, deed] = ACTIONS[action]
      const [detailId, words] = DETAILS[detail]
      await store.insertMessage(db, {
        id: randomUUID(),
        projectId,
        requestId,
        resourceType: 'VOLUME',
        resourceId: volumeId,
        actionId,
        detailId,
        userMessage: `${deed}:${words}${reason === undefined ? '' : ` ${reason}`}`.slice(0, 1000),
        level: 'ERROR',
        expiresAt: new Date(Date.now() + KEEP_MS),
      })
    },
    latestAbout: (volumeId) => store.latestMessageAbout(db, volumeId),

    async list(caller, query, version) {
      const asked = listQuery(version >= microversion('3.5') ? query : {})
      const { all_tenants: _everybody, ...allowed } = allowedFilters(
        asked.filters,
        [...FILTER_COLUMNS.keys(), 'event_id'],
        caller,
        version,
      )
      if (asked.marker !== undefined) await get(caller, asked.marker)
      // An event's id is made of the numbers of its action and its detail.
      const { event_id, ...rest } = allowed
      const event = event_id === undefined ? {} : eventFilters(event_id)
      if (event === undefined) return []
      const filters: Record<string, string> = { ...event }
      for (const [key, value] of Object.entries(rest)) {
        const column = FILTER_COLUMNS.get(key)
        if (column === undefined) return []
        filters[column] = value
      }
      return await store.listMessages(db, { ...asked, projectId: caller.projectId ?? '', filters })
    },
    get,
    async remove(caller, id) {
      await store.deleteMessage(db, (await get(caller, id)).id)
    },
    forgetExpired: () => store.deleteExpiredMessages(db),
  }
}

export function eventId(message: Pick<store.MessageRow, 'resourceType' | 'actionId' | 'detailId'>): string {
  return `VOLUME_${message.resourceType}_${message.actionId}_${message.detailId}`
}

function eventFilters(event: string): Record<string, string> | undefined {
  const found = /^VOLUME_([A-Z_]+)_(\d{3})_(\d{3})$/.exec(event)
  return found === null ? undefined : { resource_type: found[1]!, action_id: found[2]!, detail_id: found[3]! }
}
