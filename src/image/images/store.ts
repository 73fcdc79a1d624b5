/** Images in SQL. Deleted ones are never found here. */
import type { Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { ImageId } from '../../ids.ts'
import type { Image, ImageStatus, ImageWish } from './image.ts'
import type { Filter, ListQuery, SortKey } from './list-query.ts'

const columns = (sql: Sql) => sql`
  i.id, i.status, i.name, i.visibility, i.protected, i.os_hidden, i.owner, i.container_format, i.disk_format,
  i.min_disk_gib as "minDiskGiB", i.min_ram_mib as "minRamMiB", i.size_bytes, i.virtual_size_bytes, i.checksum,
  i.os_hash_algo, i.os_hash_value, i.properties, i.tags, i.stores, i.importing_to, i.failed_stores, i.import_task,
  i.created_at, i.updated_at`

/** Images that a caller may see at all. Source: is_image_visible in glance/db/utils.py */
const visibleTo = (sql: Sql, caller: Caller) =>
  caller.isAdmin
    ? sql`true`
    : sql`(i.owner is null or i.owner = ${caller.projectId ?? ''} or i.visibility in ('public', 'community')
           or (i.visibility = 'shared' and exists (
                select from image.members m where m.image_id = i.id and m.member_id = ${caller.projectId ?? ''})))`

export async function findVisible(sql: Sql, caller: Caller, id: ImageId): Promise<Image | undefined> {
  const [found] = await sql<Image[]>`
    select ${columns(sql)} from image.images i
     where i.id = ${id} and i.status <> 'deleted' and ${visibleTo(sql, caller)}`
  return found
}

/** The same, kept from changing until the transaction ends. */
export async function lockVisible(sql: Sql, caller: Caller, id: ImageId): Promise<Image | undefined> {
  const [found] = await sql<Image[]>`
    select ${columns(sql)} from image.images i
     where i.id = ${id} and i.status <> 'deleted' and ${visibleTo(sql, caller)} for update`
  return found
}

/** Without asking who wants to know. */
export async function find(sql: Sql, id: ImageId): Promise<Image | undefined> {
  const [found] = await sql<Image[]>`
    select ${columns(sql)} from image.images i where i.id = ${id} and i.status <> 'deleted'`
  return found
}

export async function findActiveByName(sql: Sql, owner: string, name: string): Promise<Image | undefined> {
  const [found] = await sql<Image[]>`
    select ${columns(sql)} from image.images i
     where i.owner = ${owner} and i.name = ${name} and i.status = 'active' order by i.created_at limit 1`
  return found
}

/** @returns nothing if the id is taken, be it by a deleted image */
export async function insert(sql: Sql, id: ImageId, wish: ImageWish): Promise<Image | undefined> {
  const [made] = await sql<Image[]>`
    insert into image.images as i (id, status, name, visibility, protected, os_hidden, owner, container_format,
      disk_format, min_disk_gib, min_ram_mib, properties, tags)
    values (${id}, 'queued', ${wish.name}, ${wish.visibility}, ${wish.protected}, ${wish.osHidden}, ${wish.owner},
      ${wish.containerFormat}, ${wish.diskFormat}, ${wish.minDiskGiB}, ${wish.minRamMiB},
      ${sql.json(wish.properties)}, ${sql.array([...wish.tags])}::text[])
    on conflict do nothing
    returning ${columns(sql)}`
  return made
}

export async function rewrite(sql: Sql, id: ImageId, wish: ImageWish): Promise<Image> {
  const [made] = await sql<Image[]>`
    update image.images i
       set name = ${wish.name}, visibility = ${wish.visibility}, protected = ${wish.protected},
           os_hidden = ${wish.osHidden}, owner = ${wish.owner}, container_format = ${wish.containerFormat},
           disk_format = ${wish.diskFormat}, min_disk_gib = ${wish.minDiskGiB}, min_ram_mib = ${wish.minRamMiB},
           properties = ${sql.json(wish.properties)}, tags = ${sql.array([...wish.tags])}::text[], updated_at = now()
     where i.id = ${id}
    returning ${columns(sql)}`
  return made!
}

/** @returns whether the image was in `from` */
export async function move(sql: Sql, id: ImageId, from: ImageStatus, to: ImageStatus): Promise<boolean> {
  const moved = await sql`
    update image.images set status = ${to}, updated_at = now() where id = ${id} and status = ${from}`
  return moved.count === 1
}

/**
 * The row stays, so that the id is never given to other bytes; what a user wrote into it goes.
 * @returns the upload that had brought or was bringing bytes
 */
export async function markDeleted(sql: Sql, id: ImageId): Promise<string | undefined> {
  await sql`delete from image.members where image_id = ${id}`
  const [gone] = await sql<{ uploadId: string | null }[]>`
    update image.images
       set status = 'deleted', deleted_at = now(), properties = '{}', tags = '{}', upload_lease_until = null,
           import_task = null
     where id = ${id}
    returning upload_id`
  return gone?.uploadId ?? undefined
}

// --- Lists --------------------------------------------------------------------------------------------------------

/** Null counts as the least, so that pages can be told apart; the same expression orders and finds the marker. */
const sortExpression = (sql: Sql, key: SortKey, alias: 'i' | 'm') => {
  const row = sql(alias)
  switch (key) {
    case 'name':
      return sql`coalesce(${row}.name, '')`
    case 'status':
      return sql`${row}.status`
    case 'container_format':
      return sql`coalesce(${row}.container_format, '')`
    case 'disk_format':
      return sql`coalesce(${row}.disk_format, '')`
    case 'size':
      return sql`coalesce(${row}.size_bytes, 0)`
    case 'id':
      return sql`${row}.id`
    case 'created_at':
      return sql`${row}.created_at`
    case 'updated_at':
      return sql`${row}.updated_at`
  }
}

/** One page, in order. The marker is an image that the caller sees, or the page is empty. */
export async function list(sql: Sql, caller: Caller, query: ListQuery): Promise<Image[]> {
  const conditions = [
    listedFor(sql, caller, query),
    ...query.filters.map((filter) => conditionOf(sql, filter)),
    ...(query.marker === undefined ? [] : [isAfter(sql, query.sort, query.marker as ImageId)]),
  ]
  const order = query.sort
    .map(({ key, dir }) => sql`${sortExpression(sql, key, 'i')} ${dir === 'asc' ? sql`asc` : sql`desc`}`)
    .reduce((all, each) => sql`${all}, ${each}`)
  return await sql<Image[]>`
    select ${columns(sql)} from image.images i
     where i.status <> 'deleted' and ${conditions.reduce((all, each) => sql`${all} and ${each}`)}
     order by ${order} limit ${query.limit}`
}

/** Which images come into a caller's list. Source: _select_images_query in glance/db/sqlalchemy/api.py */
function listedFor(sql: Sql, caller: Caller, { visibility, memberStatus }: ListQuery) {
  const project = caller.projectId ?? ''
  const seen = caller.isAdmin
    ? sql`true`
    : sql`(i.visibility in ('public', 'community') or i.owner = ${project}
           or (i.visibility = 'shared' and exists (
                select from image.members m where m.image_id = i.id and m.member_id = ${project}
                   ${memberStatus === 'all' ? sql`` : sql`and m.status = ${memberStatus}`})))`
  if (visibility === 'all') return seen
  if (visibility !== undefined) return sql`${seen} and i.visibility = ${visibility}`
  return sql`${seen} and (i.visibility <> 'community' or i.owner = ${project})`
}

const NUMBER_COLUMNS = {
  size: 'size_bytes',
  virtual_size: 'virtual_size_bytes',
  min_disk: 'min_disk_gib',
  min_ram: 'min_ram_mib',
} as const

function conditionOf(sql: Sql, filter: Filter) {
  switch (filter.kind) {
    case 'text':
      return filter.column === 'id'
        ? sql`i.id::text = any(${sql.array([...filter.oneOf])}::text[])`
        : sql`i.${sql(filter.column)} = any(${sql.array([...filter.oneOf])}::text[])`
    case 'number':
      return sql`i.${sql(NUMBER_COLUMNS[filter.column])} ${sql.unsafe(filter.is)} ${filter.value}::text::numeric`
    case 'time':
      // As users see it: whole seconds.
      return sql`date_trunc('second', i.${sql(filter.column)}) ${sql.unsafe(filter.is)} date_trunc('second', ${filter.value}::timestamptz)`
    case 'flag':
      return sql`i.${sql(filter.column)} = ${filter.value}`
    case 'tags':
      return sql`i.tags @> ${sql.array([...filter.all])}::text[]`
    case 'property':
      return sql`i.properties @> ${sql.json({ [filter.name]: filter.value })}`
  }
}

/** After the marker in an order of several keys: greater in one, equal in all before it. */
function isAfter(sql: Sql, sort: ListQuery['sort'], marker: ImageId) {
  const ofMarker = (key: SortKey) =>
    sql`(select ${sortExpression(sql, key, 'm')} from image.images m where m.id = ${marker})`
  const turns = sort
    .map(({ key, dir }, index) => {
      const further = sql`${sortExpression(sql, key, 'i')} ${dir === 'asc' ? sql`>` : sql`<`} ${ofMarker(key)}`
      return sort
        .slice(0, index)
        .reduce(
          (all, before) => sql`${all} and ${sortExpression(sql, before.key, 'i')} = ${ofMarker(before.key)}`,
          further,
        )
    })
    .map((each) => sql`(${each})`)
    .reduce((all, each) => sql`${all} or ${each}`)
  return sql`(${turns})`
}
