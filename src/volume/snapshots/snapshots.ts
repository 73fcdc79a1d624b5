/** The rules of snapshots. Source: cinder/volume/api.py (create_snapshot_in_db and its neighbours), cinder/api/v3/snapshots.py */
import type { Database, Sql } from '../../database/database.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import { last } from '../../http/paging.ts'
import { isUuid, newId, type SnapshotId, type StoryId } from '../../ids.ts'
import {
  invalidRequest,
  invalidSnapshot,
  invalidVolume,
  snapshotMetadataKeyNotFound,
  snapshotNotFound,
} from '../errors.ts'
import type { CreateSnapshot } from '../lifecycle/create-snapshot.ts'
import type { DeleteSnapshot } from '../lifecycle/delete-snapshot.ts'
import {
  allowedFilters,
  type FilterVersions,
  filtersOf,
  flagOf,
  type Fragment,
  listQuery,
  orderBy,
} from '../list-query.ts'
import { dictionaryOf } from '../python-dictionary.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { VolumeRow } from '../volumes/store.ts'
import * as store from './store.ts'

type Query = Readonly<Record<string, unknown>>

export interface SnapshotOrder {
  readonly volumeId: string
  readonly name: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
}

export interface Snapshots {
  /** One that the caller may see. @throws DomainError not-found, `volume.snapshot.not-found` */
  get(caller: Caller, id: string): Promise<store.SnapshotRow>
  list(
    caller: Caller,
    query: Query,
    version: Microversion,
  ): Promise<{ rows: readonly store.SnapshotRow[]; count?: number }>
  /** The snapshot is `creating` when this resolves, and its story is asked for. */
  create(caller: Caller, order: SnapshotOrder): Promise<store.SnapshotRow>
  update(caller: Caller, id: string, changes: store.SnapshotChanges): Promise<store.SnapshotRow>
  remove(caller: Caller, id: string, options: { force: boolean }): Promise<void>
  resetStatus(caller: Caller, id: string, status: string): Promise<void>
  /** What a service that makes snapshots elsewhere reports; from `creating` or `deleting` only. */
  reportStatus(caller: Caller, id: string, report: { status: string; progress?: string | undefined }): Promise<void>
  addMetadata(
    caller: Caller,
    id: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>>
  removeMetadata(caller: Caller, id: string, key: string): Promise<void>
}

interface Parts {
  readonly db: Database
  readonly stories: Stories
  readonly quotas: Quotas
  readonly createSnapshot: Story<CreateSnapshot>
  readonly deleteSnapshot: Story<DeleteSnapshot>
  getVolume(caller: Caller, id: string): Promise<VolumeRow>
}

/** A copy of a volume that is written to meanwhile is of no moment at all, so one in use is refused, unlike upstream. */
const SNAPSHOTABLE = ['available']

const DELETABLE: readonly store.SnapshotStatus[] = ['available', 'error']

const SORT_COLUMNS = {
  id: 's.id',
  name: 's.name',
  display_name: 's.name',
  status: 's.status',
  volume_id: 's.volume_id',
  size: 's.size_gib',
  volume_size: 's.size_gib',
  created_at: 's.created_at',
  updated_at: 's.updated_at',
  project_id: 's.project_id',
}

export const SNAPSHOT_FILTERS = [
  'name',
  'name~',
  'status',
  'volume_id',
  'metadata',
  'availability_zone',
  'consumes_quota',
]
const SINCE: FilterVersions = new Map([
  ['metadata', '3.22'],
  ['consumes_quota', '3.65'],
])

export function openSnapshots({ db, stories, quotas, createSnapshot, deleteSnapshot, getVolume }: Parts): Snapshots {
  const get = async (caller: Caller, id: string) => {
    const found = isUuid(id) ? await store.findSnapshot(db, id) : undefined
    if (found === undefined || (!caller.isAdmin && found.projectId !== caller.projectId)) throw snapshotNotFound(id)
    return found
  }

  const conditions = (caller: Caller, filters: Readonly<Record<string, string>>, version: Microversion): Fragment[] => {
    const known = filtersOf(filters, SINCE, version)
    const { all_tenants, ...asked } = allowedFilters(known, SNAPSHOT_FILTERS, caller, version)
    const everyProject = caller.isAdmin && flagOf('all_tenants', all_tenants)
    return [
      ...(everyProject ? [] : [db`s.project_id = ${caller.projectId ?? ''}`]),
      ...Object.entries(asked).map(([key, value]) => conditionOf(db, key, value)),
    ]
  }

  return {
    get,

    async list(caller, query, version) {
      const asked = listQuery(query)
      if (asked.marker !== undefined) await get(caller, asked.marker)
      const counts = version >= microversion('3.45') && flagOf('with_count', last(query.with_count))
      const [rows, count] = await Promise.all([
        store.listSnapshots(db, {
          ...asked,
          where: conditions(caller, asked.filters, version),
          order: orderBy(db, asked.sort, SORT_COLUMNS),
        }),
        counts ? store.countSnapshots(db, conditions(caller, asked.filters, version)) : undefined,
      ])
      return { rows, ...(count !== undefined && { count }) }
    },

    async create(caller, { volumeId, ...order }) {
      const volume = await getVolume(caller, volumeId)
      const id = newId<SnapshotId>()
      await stories.commit(async (tx, ask) => {
        await quotas.reserveSnapshot(tx, {
          projectId: volume.projectId,
          typeName: volume.typeName,
          sizeGiB: volume.sizeGiB,
        })
        const { projectId } = volume
        const row = { id, volumeId: volume.id, projectId, userId: caller.userId, ...order }
        if (!(await store.insertSnapshot(tx, row, SNAPSHOTABLE))) throw notSnapshotable(volume)
        await ask(createSnapshot, id as string as StoryId, { snapshotId: id })
      })
      return await get(caller, id)
    },

    async update(caller, id, changes) {
      const snapshot = await get(caller, id)
      await store.updateSnapshot(db, snapshot.id, changes)
      return await get(caller, id)
    },

    async remove(caller, id, { force }) {
      const snapshot = await get(caller, id)
      await stories.commit(async (tx, ask) => {
        if (!(await store.moveSnapshot(tx, snapshot.id, force ? undefined : DELETABLE, 'deleting'))) {
          throw invalidSnapshot(
            'volume.snapshot.wrong-state',
            `Snapshot status must be ${DELETABLE.join(' or ')} and must not be part of a group. (Snapshot ${snapshot.id} is ${snapshot.status}.)`,
          )
        }
        await ask(deleteSnapshot, newId<StoryId>(), { snapshotId: snapshot.id })
      })
    },

    async resetStatus(caller, id, status) {
      const snapshot = await get(caller, id)
      await store.moveSnapshot(db, snapshot.id, undefined, stateOf(status))
    },

    async reportStatus(caller, id, { status, progress }) {
      const snapshot = await get(caller, id)
      const next: Partial<Record<store.SnapshotStatus, readonly string[]>> = {
        creating: ['creating', 'available', 'error'],
        deleting: ['deleting', 'error_deleting'],
      }
      const allowed = next[snapshot.status]
      if (allowed === undefined || !allowed.includes(status)) {
        throw invalidRequest(
          'volume.snapshot.status-not-allowed',
          `Provided snapshot status ${status} not allowed for snapshot with status ${snapshot.status}.`,
        )
      }
      await store.moveSnapshot(db, snapshot.id, [snapshot.status], stateOf(status), progress)
    },

    async addMetadata(caller, id, metadata) {
      const snapshot = await get(caller, id)
      return (await store.mergeMetadata(db, snapshot.id, metadata)) ?? {}
    },

    async removeMetadata(caller, id, key) {
      const snapshot = await get(caller, id)
      if (!(await store.removeMetadataKey(db, snapshot.id, key))) throw snapshotMetadataKeyNotFound(id, key)
    },
  }
}

function notSnapshotable(volume: VolumeRow) {
  return invalidVolume(
    'volume.snapshot.volume-not-available',
    `Volume ${volume.id} status must be ${SNAPSHOTABLE.join(', ')}, but current status is: ${volume.status}.`,
  )
}

function stateOf(status: string): store.SnapshotStatus {
  const found = store.SNAPSHOT_STATES.find((state) => state === status.toLowerCase())
  if (found !== undefined) return found
  throw invalidRequest('volume.reset.unknown-state', `Invalid input for field/attribute status. Value: ${status}.`)
}

function conditionOf(sql: Sql, key: string, value: string): Fragment {
  switch (key) {
    case 'name':
    case 'display_name':
      return sql`s.name = ${value}`
    case 'name~':
      return sql`position(lower(${value}) in lower(s.name)) > 0`
    case 'status':
      return sql`s.status = ${value}`
    case 'volume_id':
      return isUuid(value) ? sql`s.volume_id = ${value}` : sql`false`
    case 'project_id':
      return sql`s.project_id = ${value}`
    case 'availability_zone':
      return sql`exists (select from volume.volumes v where v.id = s.volume_id and v.availability_zone = ${value})`
    case 'consumes_quota':
      return sql`${flagOf(key, value)}`
    case 'metadata': {
      const pairs = dictionaryOf(value)
      return pairs === undefined ? sql`false` : sql`s.metadata @> ${sql.json(pairs)}`
    }
    default:
      return sql`false`
  }
}
