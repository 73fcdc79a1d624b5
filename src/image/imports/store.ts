/**
 * Images whose bytes an import brings. An import holds its image by `import_task`, which is the story's id, so that no
 * other begins meanwhile; every statement of a story names it, and finds nothing once somebody deleted the image.
 */
import type { Sql } from '../../database/database.ts'
import type { Facts } from '../data/store.ts'
import type { ImageId } from '../../ids.ts'
import type { ImageStatus } from '../images/image.ts'

type Hashed = Pick<Facts, 'sizeBytes' | 'md5' | 'sha512'>

// --- Staged bytes -------------------------------------------------------------------------------------------------

/** The bytes wait in the upload's incoming file, however long. @returns whether the image was still there for them */
export async function becomeStaged(sql: Sql, id: ImageId, uploadId: string, facts: Hashed): Promise<boolean> {
  const staged = await sql`
    update image.images
       set size_bytes = ${facts.sizeBytes}, staged_md5 = ${facts.md5}, staged_sha512 = ${facts.sha512},
           upload_lease_until = null, updated_at = now()
     where id = ${id} and upload_id = ${uploadId} and status = 'uploading'`
  return staged.count === 1
}

/** The upload whose bytes wait for an import. The caller holds the row. */
export async function stagedUpload(sql: Sql, id: ImageId): Promise<string | undefined> {
  const [found] = await sql<{ uploadId: string }[]>`
    select upload_id from image.images where id = ${id} and status = 'uploading' and staged_md5 is not null`
  return found?.uploadId
}

// --- Beginning ----------------------------------------------------------------------------------------------------

/** The caller holds the row, and has seen that no other import has the image. */
export async function beginImport(
  sql: Sql,
  { imageId, taskId, uploadId, stores }: { imageId: ImageId; taskId: string; uploadId: string; stores: string[] },
): Promise<void> {
  await sql`
    update image.images
       set status = 'importing', upload_id = ${uploadId}, upload_lease_until = null, import_task = ${taskId},
           importing_to = ${sql.array(stores)}::text[],
           failed_stores = array(select unnest(failed_stores) except select unnest(${sql.array(stores)}::text[])),
           updated_at = now()
     where id = ${imageId}`
}

/** An image that is active gets further stores; its status stays. The caller holds the row. */
export async function beginCopy(
  sql: Sql,
  { imageId, taskId, stores }: { imageId: ImageId; taskId: string; stores: string[] },
): Promise<void> {
  await sql`
    update image.images
       set import_task = ${taskId}, importing_to = ${sql.array(stores)}::text[],
           failed_stores = array(select unnest(failed_stores) except select unnest(${sql.array(stores)}::text[])),
           updated_at = now()
     where id = ${imageId}`
}

/** Holds the row of an image that this import still has. @returns whether it has */
export async function lockImport(
  sql: Sql,
  id: ImageId,
  taskId: string,
  statuses: readonly ImageStatus[],
): Promise<boolean> {
  const found = await sql`
    select from image.images
     where id = ${id} and import_task = ${taskId} and status = any(${sql.array([...statuses])}::text[]) for update`
  return found.length === 1
}

/** Whether a store has the bytes already, for a step that is repeated. */
export async function isIn(sql: Sql, id: ImageId, taskId: string, store: string): Promise<boolean> {
  const found = await sql`
    select from image.images where id = ${id} and import_task = ${taskId} and ${store} = any(stores)`
  return found.length === 1
}

export async function isImporting(sql: Sql, id: ImageId, taskId: string): Promise<boolean> {
  const found = await sql`select from image.images where id = ${id} and import_task = ${taskId} and status <> 'deleted'`
  return found.length === 1
}

// --- On the way ---------------------------------------------------------------------------------------------------

/** What was fetched, before it is looked at. @returns whether the image was still there for it */
export async function setFetched(sql: Sql, id: ImageId, taskId: string, facts: Hashed): Promise<boolean> {
  const done = await sql`
    update image.images
       set size_bytes = ${facts.sizeBytes}, staged_md5 = ${facts.md5}, staged_sha512 = ${facts.sha512},
           updated_at = now()
     where id = ${id} and import_task = ${taskId} and status = 'importing'`
  return done.count === 1
}

/** The bytes are in a store. Repeating it changes nothing. */
export async function addStore(sql: Sql, id: ImageId, taskId: string, store: string): Promise<void> {
  await sql`
    update image.images
       set stores = case when ${store} = any(stores) then stores else stores || ${store}::text end,
           importing_to = array_remove(importing_to, ${store}), updated_at = now()
     where id = ${id} and import_task = ${taskId}`
}

/** A store could not take the bytes. Repeating it changes nothing. */
export async function failStore(sql: Sql, id: ImageId, taskId: string, store: string): Promise<void> {
  await sql`
    update image.images
       set stores = array_remove(stores, ${store}), importing_to = array_remove(importing_to, ${store}),
           failed_stores = array_append(array_remove(coalesce(failed_stores, '{}'), ${store}), ${store}),
           updated_at = now()
     where id = ${id} and import_task = ${taskId}`
}

/** The bytes leave a store to which they have been brought, though the store is not to blame. */
export async function takeBackStore(sql: Sql, id: ImageId, taskId: string, store: string): Promise<void> {
  await sql`
    update image.images
       set stores = array_remove(stores, ${store}), importing_to = array_remove(importing_to, ${store})
     where id = ${id} and import_task = ${taskId}`
}

/** Users may read it from now on. @returns whether the image was still importing */
export async function becomeActive(
  sql: Sql,
  id: ImageId,
  taskId: string,
  virtualSizeBytes: number | null,
): Promise<boolean> {
  const done = await sql`
    update image.images
       set status = 'active', virtual_size_bytes = ${virtualSizeBytes}, checksum = staged_md5, os_hash_algo = 'sha512',
           os_hash_value = staged_sha512, updated_at = now()
     where id = ${id} and import_task = ${taskId} and status = 'importing'`
  return done.count === 1
}

// --- Ending -------------------------------------------------------------------------------------------------------

/** It went well; another import may begin. @returns whether the image was still this import's */
export async function endImport(sql: Sql, id: ImageId, taskId: string): Promise<boolean> {
  const done = await sql`
    update image.images set import_task = null, importing_to = '{}', updated_at = now()
     where id = ${id} and import_task = ${taskId}`
  return done.count === 1
}

/** Of the stores that were wanted, those that failed; all of them where it did not come to that. */
const failedOf = (sql: Sql, wanted: readonly string[]) => sql`
  case when failed_stores && ${sql.array([...wanted])}::text[] then failed_stores
       else array(select unnest(failed_stores) union select unnest(${sql.array([...wanted])}::text[])) end`

/** The import failed; the image may be filled anew. Finding that it has gone or moved on is fine. */
export async function giveUpImport(
  sql: Sql,
  { imageId, taskId, wanted }: { imageId: ImageId; taskId: string; wanted: readonly string[] },
): Promise<void> {
  await sql`
    update image.images
       set status = 'queued', size_bytes = null, virtual_size_bytes = null, staged_md5 = null, staged_sha512 = null,
           stores = '{}', upload_id = null, import_task = null, failed_stores = ${failedOf(sql, wanted)},
           importing_to = '{}', updated_at = now()
     where id = ${imageId} and import_task = ${taskId} and status = 'importing'`
}

/** The copy failed: the image stays what it was. */
export async function giveUpCopy(
  sql: Sql,
  { imageId, taskId, wanted }: { imageId: ImageId; taskId: string; wanted: readonly string[] },
): Promise<void> {
  await sql`
    update image.images
       set import_task = null, importing_to = '{}', failed_stores = ${failedOf(sql, wanted)}, updated_at = now()
     where id = ${imageId} and import_task = ${taskId}`
}

/**
 * Takes the end and the activation back, for undos; as long as nobody has done anything else with the image, which is
 * known by its upload. Repeating it changes nothing.
 */
export async function reclaimImport(
  sql: Sql,
  { imageId, taskId, uploadId }: { imageId: ImageId; taskId: string; uploadId: string },
): Promise<void> {
  await sql`
    update image.images
       set status = 'importing', import_task = ${taskId}, virtual_size_bytes = null, checksum = null,
           os_hash_algo = null, os_hash_value = null, updated_at = now()
     where id = ${imageId} and upload_id = ${uploadId} and status in ('active', 'deactivated')
       and (import_task is null or import_task = ${taskId})`
}

/** The same for a copy. */
export async function reclaimCopy(sql: Sql, { imageId, taskId }: { imageId: ImageId; taskId: string }): Promise<void> {
  await sql`
    update image.images set import_task = ${taskId}, updated_at = now()
     where id = ${imageId} and status in ('active', 'deactivated') and import_task is null`
}

/** Holds the row. @returns whether the image is there, and no longer this import's */
export async function hasMovedOn(sql: Sql, id: ImageId, taskId: string): Promise<boolean> {
  const [found] = await sql<{ importTask: string | null }[]>`
    select import_task from image.images where id = ${id} and status <> 'deleted' for update`
  return found !== undefined && found.importTask !== taskId
}

/** Imports of which nothing was heard for a while. */
export async function quietImports(
  sql: Sql,
  seconds: number,
): Promise<{ imageId: ImageId; taskId: string; wanted: string[] }[]> {
  return await sql<{ imageId: ImageId; taskId: string; wanted: string[] }[]>`
    select id as image_id, import_task as task_id, coalesce(importing_to, '{}') as wanted from image.images
     where import_task is not null and status <> 'deleted' and updated_at < now() - make_interval(secs => ${seconds})`
}

// --- Stores -------------------------------------------------------------------------------------------------------

/** The caller holds the row. */
export async function leaveStore(sql: Sql, id: ImageId, store: string): Promise<void> {
  await sql`update image.images set stores = array_remove(stores, ${store}), updated_at = now() where id = ${id}`
}
