/**
 * Images whose bytes come in. An upload holds a lease on its image and renews it; when a control plane dies, its leases
 * run out and the images are free again. All times are the database's.
 */
import type { Sql } from '../../database/database.ts'
import type { ImageId } from '../../ids.ts'
import type { ImageStatus } from '../images/image.ts'

export const LEASE_SECONDS = 30

/** What is known of an image once its bytes are there. */
export interface Facts {
  readonly sizeBytes: number
  readonly virtualSizeBytes: number | null
  readonly md5: string
  readonly sha512: string
}

/** The caller holds the row. */
export async function beginUpload(
  sql: Sql,
  id: ImageId,
  uploadId: string,
  status: 'saving' | 'uploading',
): Promise<void> {
  await sql`
    update image.images
       set status = ${status}, upload_id = ${uploadId}, updated_at = now(),
           upload_lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
     where id = ${id}`
}

export async function renewLease(sql: Sql, id: ImageId, uploadId: string): Promise<void> {
  await sql`
    update image.images set upload_lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
     where id = ${id} and upload_id = ${uploadId}`
}

/** Holds the row of an image that this upload still has. @returns whether it has */
export async function lockUpload(
  sql: Sql,
  id: ImageId,
  uploadId: string,
  statuses: readonly ImageStatus[],
): Promise<boolean> {
  const found = await sql`
    select from image.images
     where id = ${id} and upload_id = ${uploadId} and status = any(${sql.array([...statuses])}::text[]) for update`
  return found.length === 1
}

/** @param where the store in which the bytes lie */
export async function becomeActive(sql: Sql, id: ImageId, facts: Facts, where: string): Promise<void> {
  await sql`
    update image.images
       set status = 'active', stores = array[${where}]::text[], size_bytes = ${facts.sizeBytes}, virtual_size_bytes = ${facts.virtualSizeBytes},
           checksum = ${facts.md5}, os_hash_algo = 'sha512', os_hash_value = ${facts.sha512}, updated_at = now(),
           upload_lease_until = null
     where id = ${id}`
}

/** The upload failed; another may be tried. Finding that the image has gone or moved on is fine. */
export async function giveUpUpload(sql: Sql, id: ImageId, uploadId: string): Promise<void> {
  await sql`
    update image.images
       set status = 'queued', size_bytes = null, virtual_size_bytes = null, updated_at = now(),
           upload_id = null, upload_lease_until = null
     where id = ${id} and upload_id = ${uploadId} and status in ('saving', 'uploading')`
}

// --- After a crash ------------------------------------------------------------------------------------------------

/** @returns images that a dead control plane was uploading, which are queued again */
export async function giveUpExpired(sql: Sql): Promise<ImageId[]> {
  const rows = await sql<{ id: ImageId }[]>`
    update image.images
       set status = 'queued', size_bytes = null, virtual_size_bytes = null, updated_at = now(),
           upload_id = null, upload_lease_until = null
     where upload_id is not null and upload_lease_until < now() and status in ('saving', 'uploading')
    returning id`
  return rows.map((row) => row.id)
}

/** Of these uploads and imports, those that are under way or staged. */
export async function uploadsUnderWay(sql: Sql, uploadIds: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ uploadId: string | null; importTask: string | null }[]>`
    select upload_id, import_task from image.images
     where (upload_id = any(${sql.array([...uploadIds])}::uuid[]) and status in ('saving', 'uploading', 'importing'))
        or import_task = any(${sql.array([...uploadIds])}::uuid[])`
  return new Set(rows.flatMap(({ uploadId, importTask }) => [uploadId, importTask]).filter((id) => id !== null))
}

/** No row needs the bytes of `i` in a store: it is not said to lie there, and nobody is bringing it there. */
const isWithoutNeed = (sql: Sql, store: string) => sql`
  (i.id is null or i.status = 'deleted'
   or (not (${store} = any(i.stores)) and i.import_task is null
       and (i.upload_id is null or i.status in ('active', 'deactivated'))))`

/** Of these images, those whose bytes in a store nobody needs. */
export async function withoutNeedOfBytes(sql: Sql, store: string, ids: readonly ImageId[]): Promise<ImageId[]> {
  const rows = await sql<{ id: ImageId }[]>`
    select f.id from unnest(${sql.array([...ids])}::uuid[]) as f (id)
      left join image.images i on i.id = f.id
     where ${isWithoutNeed(sql, store)}`
  return rows.map((row) => row.id)
}

/** Whoever gives bytes to an image that has no row yet holds this until the row is there. */
export async function lockBytes(sql: Sql, id: ImageId): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`image.bytes:${id}`}, 0))`
}

/** The same question for one, with the row held so that no upload can begin meanwhile. */
export async function lockWithoutNeedOfBytes(sql: Sql, store: string, id: ImageId): Promise<boolean> {
  await lockBytes(sql, id)
  await sql`select from image.images where id = ${id} for update`
  const [found] = await withoutNeedOfBytes(sql, store, [id])
  return found !== undefined
}

// --- Quotas -------------------------------------------------------------------------------------------------------

/** Bytes that the images of a project take, less one image. */
export async function storageOf(sql: Sql, owner: string, but: ImageId): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select coalesce(sum(size_bytes * greatest(1, cardinality(stores))), 0)::bigint as bytes from image.images
     where owner = ${owner} and id <> ${but} and status <> 'deleted'`
  return row!.bytes
}
