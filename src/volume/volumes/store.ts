/** The SQL of volumes. */
import type { Sql } from '../../database/database.ts'
import type { ImageId, SnapshotId, VolumeId, VolumeTypeId } from '../../ids.ts'
import type { Fragment } from '../list-query.ts'
import type { VolumeStatus } from './states.ts'

export interface AttachmentFact {
  readonly id: string
  readonly serverId: string | null
  readonly status: string
  readonly mountpoint: string | null
  readonly host: string | null
  /** Microseconds, no zone. */
  readonly attachedAt: string | null
}

export interface VolumeRow {
  readonly id: VolumeId
  readonly projectId: string
  readonly userId: string
  readonly name: string | null
  readonly description: string | null
  readonly sizeGiB: number
  readonly extendingToGiB: number | null
  readonly status: VolumeStatus
  readonly previousStatus: VolumeStatus | null
  readonly migrationStatus: string | null
  readonly typeId: VolumeTypeId
  readonly typeName: string
  readonly availabilityZone: string
  /** `host@backend#pool` once scheduled. */
  readonly backend: string | null
  readonly bootable: boolean
  readonly multiattach: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly adminMetadata: Readonly<Record<string, string>>
  readonly imageMetadata: Readonly<Record<string, string>> | null
  readonly imageId: ImageId | null
  readonly sourceVolumeId: VolumeId | null
  readonly snapshotId: SnapshotId | null
  readonly schedulerHints: Readonly<Record<string, readonly string[]>>
  readonly targetNumber: number
  readonly authUsername: string
  readonly authPassword: string
  readonly createdAt: Date
  readonly updatedAt: Date | null
  readonly attachments: readonly AttachmentFact[]
}

/** A volume with its type's name and its attachments, oldest first. */
const columns = (sql: Sql) => sql`
  v.id, v.project_id, v.user_id, v.name, v.description, v.size_gib as "sizeGiB",
  v.extending_to_gib as "extendingToGiB", v.status, v.previous_status, v.migration_status, v.type_id,
  t.name as type_name, v.availability_zone, v.backend, v.bootable, v.multiattach, v.metadata, v.admin_metadata,
  v.image_metadata, v.image_id, v.source_volume_id, v.snapshot_id, v.scheduler_hints, v.target_number, v.auth_username,
  v.auth_password, v.created_at, v.updated_at,
  coalesce((select json_agg(json_build_object(
      'id', a.id, 'serverId', a.server_id, 'status', a.status, 'mountpoint', a.mountpoint, 'host', a.attached_host,
      'attachedAt', to_char(a.attached_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')) order by a.created_at)
    from volume.attachments a where a.volume_id = v.id), '[]') as attachments`

export async function findVolume(sql: Sql, id: string): Promise<VolumeRow | undefined> {
  const [row] = await sql<VolumeRow[]>`
    select ${columns(sql)} from volume.volumes v join volume.types t on t.id = v.type_id where v.id = ${id}`
  return row
}

export async function findVolumes(sql: Sql, ids: readonly string[]): Promise<readonly VolumeRow[]> {
  return await sql<VolumeRow[]>`
    select ${columns(sql)} from volume.volumes v join volume.types t on t.id = v.type_id
     where v.id = any(${ids as string[]})`
}

/** The same, and nobody else changes the volume or its exports until the transaction ends. */
export async function lockVolume(tx: Sql, id: string): Promise<VolumeRow | undefined> {
  await tx`select 1 from volume.volumes where id = ${id} for update`
  return await findVolume(tx, id)
}

export interface VolumeSelection {
  /** SQL conditions on `v`, all of which hold. */
  readonly where: readonly Fragment[]
  readonly order: Fragment
  readonly limit: number
  readonly offset: number
  readonly marker?: string
}

/** One page. The marker's own row need not fit the conditions: it may have changed since its page was read. */
export async function listVolumes(
  sql: Sql,
  { where, order, limit, offset, marker }: VolumeSelection,
): Promise<readonly VolumeRow[]> {
  const fits = all(sql, where)
  if (marker === undefined) {
    return await sql<VolumeRow[]>`
      select ${columns(sql)} from volume.volumes v join volume.types t on t.id = v.type_id
       where ${fits} order by ${order} limit ${limit} offset ${offset}`
  }
  return await sql<VolumeRow[]>`
    with ordered as (
      select v.id, ${fits} as fits, row_number() over (order by ${order}) as position
        from volume.volumes v join volume.types t on t.id = v.type_id where (${fits}) or v.id = ${marker})
    select ${columns(sql)} from ordered o join volume.volumes v on v.id = o.id join volume.types t on t.id = v.type_id
     where o.fits and o.position > (select position from ordered where id = ${marker})
     order by o.position limit ${limit} offset ${offset}`
}

export async function countVolumes(sql: Sql, where: VolumeSelection['where']): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from volume.volumes v join volume.types t on t.id = v.type_id where ${all(sql, where)}`
  return row!.count
}

export interface Summary {
  readonly count: number
  readonly gigabytes: number
  /** Every key with its distinct values. */
  readonly metadata: Readonly<Record<string, readonly string[]>>
}

export async function summarizeVolumes(sql: Sql, where: VolumeSelection['where']): Promise<Summary> {
  const [row] = await sql<Summary[]>`
    with fitting as (
      select v.size_gib, v.metadata from volume.volumes v join volume.types t on t.id = v.type_id
       where ${all(sql, where)}),
    pairs as (
      select m.key, json_agg(distinct m.value) as "values" from fitting, jsonb_each_text(metadata) m group by m.key)
    select (select count(*)::int from fitting) as count,
           (select coalesce(sum(size_gib), 0)::float8 from fitting) as gigabytes,
           coalesce((select json_object_agg(key, "values") from pairs), '{}') as metadata`
  return row!
}

function all(sql: Sql, conditions: readonly Fragment[]) {
  return conditions.reduce<Fragment>((sum, next) => sql`${sum} and ${next}`, sql`true`)
}

export type NewVolume = Pick<
  VolumeRow,
  | 'id'
  | 'projectId'
  | 'userId'
  | 'name'
  | 'description'
  | 'sizeGiB'
  | 'typeId'
  | 'availabilityZone'
  | 'multiattach'
  | 'bootable'
  | 'metadata'
  | 'imageMetadata'
  | 'imageId'
  | 'sourceVolumeId'
  | 'snapshotId'
  | 'schedulerHints'
  | 'authUsername'
  | 'authPassword'
>

/** In `creating`. @returns false where the id is taken already */
export async function insertVolume(tx: Sql, volume: NewVolume): Promise<boolean> {
  const added = await tx`
    insert into volume.volumes (id, project_id, user_id, name, description, size_gib, status, type_id,
      availability_zone, multiattach, bootable, metadata, image_metadata, image_id, source_volume_id, snapshot_id, scheduler_hints,
      auth_username, auth_password)
    values (${volume.id}, ${volume.projectId}, ${volume.userId}, ${volume.name}, ${volume.description},
      ${volume.sizeGiB}, 'creating', ${volume.typeId}, ${volume.availabilityZone}, ${volume.multiattach}, ${volume.bootable},
      ${tx.json(volume.metadata)}, ${volume.imageMetadata === null ? null : tx.json(volume.imageMetadata)},
      ${volume.imageId}, ${volume.sourceVolumeId}, ${volume.snapshotId}, ${tx.json(volume.schedulerHints)},
      ${volume.authUsername}, ${volume.authPassword})
    on conflict (id) do nothing`
  return added.count > 0
}

/** A move from one of `from` to `to`, remembering where it came from. @returns whether it was there to move */
export async function move(sql: Sql, id: string, from: readonly VolumeStatus[], to: VolumeStatus): Promise<boolean> {
  const moved = await sql`
    update volume.volumes set previous_status = status, status = ${to}, updated_at = clock_timestamp()
     where id = ${id} and status = any(${from as VolumeStatus[]})`
  return moved.count > 0
}

export interface Deletable {
  /** Undefined: from any state. */
  readonly from: readonly VolumeStatus[] | undefined
  /** Whether its snapshots go along: `none` is a refusal where there are any, `settled` one where some are not settled. */
  readonly snapshots: 'none' | 'settled' | 'all'
}

/** To `deleting`, unless a server is attached or snapshots forbid it. */
export async function moveToDeleting(sql: Sql, id: string, { from, snapshots }: Deletable): Promise<boolean> {
  const settled = sql`s.status in ('available', 'error', 'deleting')`
  const forbidding = { none: sql`true`, settled: sql`not (${settled})`, all: sql`false` }[snapshots]
  const moved = await sql`
    update volume.volumes v set previous_status = status, status = 'deleting', updated_at = clock_timestamp()
     where id = ${id} and status <> 'deleting'
       and ${from === undefined ? sql`true` : sql`status = any(${from as VolumeStatus[]})`}
       and not exists (select from volume.attachments a where a.volume_id = v.id and a.status = 'attached')
       and not exists (select from volume.snapshots s where s.volume_id = v.id and ${forbidding})`
  return moved.count > 0
}

export async function setStatus(sql: Sql, id: string, status: VolumeStatus): Promise<void> {
  await sql`update volume.volumes set status = ${status}, updated_at = clock_timestamp() where id = ${id}`
}

export async function setMigrationStatus(sql: Sql, id: string, status: string | null): Promise<void> {
  await sql`update volume.volumes set migration_status = ${status}, updated_at = clock_timestamp() where id = ${id}`
}

export async function placeOn(sql: Sql, id: string, backend: string | null): Promise<void> {
  await sql`update volume.volumes set backend = ${backend} where id = ${id}`
}

/** @returns false where a delete came in between */
export async function becameAvailable(sql: Sql, id: string): Promise<boolean> {
  const moved = await sql`
    update volume.volumes
       set status = 'available', previous_status = null, updated_at = clock_timestamp(),
           bootable = bootable or image_id is not null
     where id = ${id} and status in ('creating', 'downloading', 'available')`
  return moved.count > 0
}

/** To `extending`, with the room for the new size taken. */
export async function beginExtending(
  sql: Sql,
  id: string,
  from: readonly VolumeStatus[],
  sizeGiB: number,
): Promise<boolean> {
  const moved = await sql`
    update volume.volumes
       set previous_status = status, status = 'extending', extending_to_gib = ${sizeGiB}, updated_at = clock_timestamp()
     where id = ${id} and status = any(${from as VolumeStatus[]})`
  return moved.count > 0
}

/** In use or available again, with the size that was granted: who was attached may have left meanwhile. */
export async function finishExtending(sql: Sql, id: string): Promise<void> {
  await sql`
    update volume.volumes v
       set size_gib = extending_to_gib, extending_to_gib = null, previous_status = null, updated_at = clock_timestamp(),
           status = case when exists (
             select from volume.attachments a where a.volume_id = v.id and a.status = 'attached')
             then 'in-use' else 'available' end
     where id = ${id} and status = 'extending' and extending_to_gib is not null`
}

export async function failExtending(sql: Sql, id: string): Promise<void> {
  await sql`
    update volume.volumes set extending_to_gib = null, status = 'error_extending', updated_at = clock_timestamp()
     where id = ${id} and status = 'extending'`
}

export interface VolumeChanges {
  readonly name?: string | null
  readonly description?: string | null
  readonly metadata?: Readonly<Record<string, string>>
  readonly bootable?: boolean
}

/** An absent field stays as it is. */
export async function updateVolume(sql: Sql, id: string, changes: VolumeChanges): Promise<void> {
  const { name = null, description = null, metadata, bootable } = changes
  await sql`
    update volume.volumes
       set name = case when ${'name' in changes} then ${name}::text else name end,
           description = case when ${'description' in changes} then ${description}::text else description end,
           metadata = coalesce(${metadata === undefined ? null : sql.json(metadata)}::jsonb, metadata),
           bootable = coalesce(${bootable ?? null}::boolean, bootable), updated_at = clock_timestamp()
     where id = ${id}`
}

export async function mergeMetadata(
  sql: Sql,
  id: string,
  metadata: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const [row] = await sql<{ metadata: Record<string, string> }[]>`
    update volume.volumes set metadata = metadata || ${sql.json(metadata)}, updated_at = clock_timestamp()
     where id = ${id} returning metadata`
  return row?.metadata
}

export async function removeMetadataKey(sql: Sql, id: string, key: string): Promise<boolean> {
  const removed = await sql`
    update volume.volumes set metadata = metadata - ${key}::text, updated_at = clock_timestamp()
     where id = ${id} and metadata ? ${key}`
  return removed.count > 0
}

export async function mergeImageMetadata(
  sql: Sql,
  id: string,
  metadata: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const [row] = await sql<{ imageMetadata: Record<string, string> }[]>`
    update volume.volumes set image_metadata = coalesce(image_metadata, '{}') || ${sql.json(metadata)},
      updated_at = clock_timestamp() where id = ${id} returning image_metadata`
  return row?.imageMetadata
}

export async function removeImageMetadataKey(sql: Sql, id: string, key: string): Promise<boolean> {
  const removed = await sql`
    update volume.volumes set image_metadata = image_metadata - ${key}::text, updated_at = clock_timestamp()
     where id = ${id} and image_metadata ? ${key}`
  return removed.count > 0
}

export async function mergeAdminMetadata(
  sql: Sql,
  id: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await sql`
    update volume.volumes set admin_metadata = admin_metadata || ${sql.json(metadata)}, updated_at = clock_timestamp()
     where id = ${id}`
}

export async function removeAdminMetadataKey(sql: Sql, id: string, key: string): Promise<void> {
  await sql`update volume.volumes set admin_metadata = admin_metadata - ${key}::text where id = ${id}`
}

export async function setType(sql: Sql, id: string, typeId: string, multiattach: boolean): Promise<void> {
  await sql`
    update volume.volumes set type_id = ${typeId}, multiattach = ${multiattach}, updated_at = clock_timestamp()
     where id = ${id}`
}

/** The row and what hangs on it. */
export async function deleteVolume(tx: Sql, id: string): Promise<void> {
  await tx`delete from volume.attachments where volume_id = ${id}`
  await tx`delete from volume.snapshots where volume_id = ${id}`
  await tx`delete from volume.volumes where id = ${id}`
}
