/** The SQL of snapshots. */
import type { Sql } from '../../database/database.ts'
import type { SnapshotId, VolumeId, VolumeTypeId } from '../../ids.ts'
import type { Fragment } from '../list-query.ts'

export const SNAPSHOT_STATES = [
  'error',
  'available',
  'creating',
  'deleting',
  'deleted',
  'updating',
  'error_deleting',
  'unmanaging',
  'backing-up',
  'restoring',
] as const
export type SnapshotStatus = (typeof SNAPSHOT_STATES)[number]

export interface SnapshotRow {
  readonly id: SnapshotId
  readonly volumeId: VolumeId
  readonly projectId: string
  readonly userId: string
  readonly name: string | null
  readonly description: string | null
  readonly sizeGiB: number
  readonly status: SnapshotStatus
  /** `0%` to `100%` */
  readonly progress: string
  readonly typeId: VolumeTypeId
  readonly backend: string
  readonly bootable: boolean
  readonly imageMetadata: Readonly<Record<string, string>> | null
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date | null
}

const columns = (sql: Sql) => sql`
  s.id, s.volume_id, s.project_id, s.user_id, s.name, s.description, s.size_gib as "sizeGiB", s.status, s.progress, s.type_id,
  s.backend, s.bootable, s.image_metadata, s.metadata, s.created_at, s.updated_at`

export async function findSnapshot(sql: Sql, id: string): Promise<SnapshotRow | undefined> {
  const [row] = await sql<SnapshotRow[]>`select ${columns(sql)} from volume.snapshots s where s.id = ${id}`
  return row
}

export async function snapshotsOf(sql: Sql, volumeId: string): Promise<readonly SnapshotRow[]> {
  return await sql<SnapshotRow[]>`
    select ${columns(sql)} from volume.snapshots s where s.volume_id = ${volumeId} order by s.created_at`
}

export interface SnapshotSelection {
  readonly where: readonly Fragment[]
  readonly order: Fragment
  readonly limit: number
  readonly offset: number
  readonly marker?: string
}

export async function listSnapshots(
  sql: Sql,
  { where, order, limit, offset, marker }: SnapshotSelection,
): Promise<readonly SnapshotRow[]> {
  const fits = all(sql, where)
  return await sql<SnapshotRow[]>`
    with ordered as (
      select ${columns(sql)}, ${fits} as fits, row_number() over (order by ${order}) as position
        from volume.snapshots s where (${fits}) or s.id::text = ${marker ?? ''})
    select * from ordered
     where fits and ${marker === undefined ? sql`true` : sql`position > (select position from ordered where id = ${marker})`}
     order by position limit ${limit} offset ${offset}`
}

export async function countSnapshots(sql: Sql, where: SnapshotSelection['where']): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from volume.snapshots s where ${all(sql, where)}`
  return row!.count
}

function all(sql: Sql, conditions: readonly Fragment[]) {
  return conditions.reduce<Fragment>((sum, next) => sql`${sum} and ${next}`, sql`true`)
}

/** In `creating`, of a volume that is in one of `from`. @returns whether it was */
export async function insertSnapshot(
  tx: Sql,
  snapshot: Pick<SnapshotRow, 'id' | 'volumeId' | 'projectId' | 'userId' | 'name' | 'description' | 'metadata'>,
  from: readonly string[],
): Promise<boolean> {
  const added = await tx`
    insert into volume.snapshots (id, volume_id, project_id, user_id, name, description, size_gib, status, type_id,
      backend, bootable, image_metadata, metadata)
    select ${snapshot.id}, v.id, ${snapshot.projectId}, ${snapshot.userId}, ${snapshot.name}, ${snapshot.description},
           v.size_gib, 'creating', v.type_id, v.backend, v.bootable, v.image_metadata, ${tx.json(snapshot.metadata)}
      from volume.volumes v
     where v.id = ${snapshot.volumeId} and v.backend is not null and v.status = any(${from as string[]})
       for update`
  return added.count > 0
}

/**
 * @param from undefined: from any state
 * @param progress undefined: stays
 * @returns whether it was there to move
 */
export async function moveSnapshot(
  sql: Sql,
  id: string,
  from: readonly SnapshotStatus[] | undefined,
  to: SnapshotStatus,
  progress?: string,
): Promise<boolean> {
  const moved = await sql`
    update volume.snapshots
       set status = ${to}, progress = coalesce(${progress ?? null}, progress), updated_at = clock_timestamp()
     where id = ${id} and ${from === undefined ? sql`true` : sql`status = any(${from as SnapshotStatus[]})`}`
  return moved.count > 0
}

export interface SnapshotChanges {
  readonly name?: string | null
  readonly description?: string | null
  readonly metadata?: Readonly<Record<string, string>>
}

/** An absent field stays as it is. */
export async function updateSnapshot(sql: Sql, id: string, changes: SnapshotChanges): Promise<void> {
  const { name = null, description = null, metadata } = changes
  await sql`
    update volume.snapshots
       set name = case when ${'name' in changes} then ${name}::text else name end,
           description = case when ${'description' in changes} then ${description}::text else description end,
           metadata = coalesce(${metadata === undefined ? null : sql.json(metadata)}::jsonb, metadata),
           updated_at = clock_timestamp()
     where id = ${id}`
}

export async function mergeMetadata(
  sql: Sql,
  id: string,
  metadata: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const [row] = await sql<{ metadata: Record<string, string> }[]>`
    update volume.snapshots set metadata = metadata || ${sql.json(metadata)}, updated_at = clock_timestamp()
     where id = ${id} returning metadata`
  return row?.metadata
}

export async function removeMetadataKey(sql: Sql, id: string, key: string): Promise<boolean> {
  const removed = await sql`
    update volume.snapshots set metadata = metadata - ${key}::text, updated_at = clock_timestamp()
     where id = ${id} and metadata ? ${key}`
  return removed.count > 0
}

export async function deleteSnapshot(sql: Sql, id: string): Promise<void> {
  await sql`delete from volume.snapshots where id = ${id}`
}

/** Which of these ids are snapshots'. */
export async function knownSnapshots(sql: Sql, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ id: string }[]>`select id from volume.snapshots where id = any(${ids as string[]})`
  return rows.map((row) => row.id)
}
