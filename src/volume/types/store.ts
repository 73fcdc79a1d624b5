/** The SQL of volume types. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { VolumeTypeId } from '../../ids.ts'
import { conflict } from '../errors.ts'
import { type ListQuery, orderBy } from '../list-query.ts'

export const DEFAULT_TYPE_NAME = '__DEFAULT__'

export interface TypeRow {
  readonly id: VolumeTypeId
  readonly name: string
  readonly description: string | null
  readonly isPublic: boolean
  readonly extraSpecs: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date | null
}

/** Which types a caller sees: of every kind, or public ones with those that its project was granted. */
export interface Sight {
  readonly projectId?: string | undefined
  /** `undefined`: both kinds. */
  readonly isPublic?: boolean | undefined
}

const SORT_COLUMNS = {
  id: 'id',
  name: 'name',
  description: 'description',
  is_public: 'is_public',
  created_at: 'created_at',
  updated_at: 'updated_at',
}

function seen(sql: Sql, { projectId, isPublic }: Sight) {
  if (isPublic === undefined) return sql`true`
  if (!isPublic) return sql`not is_public`
  return sql`(is_public or exists (
    select from volume.type_access a where a.type_id = types.id and a.project_id = ${projectId ?? ''}))`
}

export async function listTypes(
  sql: Sql,
  sight: Sight,
  { sort, limit, offset, marker }: Pick<ListQuery, 'sort' | 'limit' | 'offset' | 'marker'>,
  extraSpecs: Readonly<Record<string, string>>,
): Promise<readonly TypeRow[]> {
  return await sql<TypeRow[]>`
    with ordered as (
      select *, row_number() over (order by ${orderBy(sql, sort, SORT_COLUMNS)}) as position
        from volume.types
       where ${seen(sql, sight)} and extra_specs @> ${sql.json(extraSpecs)})
    select * from ordered
     where ${marker === undefined ? sql`true` : sql`position > (select position from ordered where id = ${marker})`}
     order by position limit ${limit} offset ${offset}`
}

export async function findType(sql: Sql, id: string, sight: Sight): Promise<TypeRow | undefined> {
  const [row] = await sql<TypeRow[]>`select * from volume.types where id = ${id} and ${seen(sql, sight)}`
  return row
}

export async function findTypeByName(sql: Sql, name: string, sight: Sight): Promise<TypeRow | undefined> {
  const [row] = await sql<TypeRow[]>`select * from volume.types where name = ${name} and ${seen(sql, sight)}`
  return row
}

/** The type of a project's volumes when the request names none. */
export async function defaultType(sql: Sql, projectId: string | undefined): Promise<TypeRow> {
  const [row] = await sql<TypeRow[]>`
    select t.* from volume.types t left join volume.default_types d on d.type_id = t.id and d.project_id = ${projectId ?? ''}
     where d.project_id is not null or t.name = ${DEFAULT_TYPE_NAME}
     order by d.project_id nulls last limit 1`
  return row!
}

/** @throws DomainError conflict, `volume.type.name-taken` */
export async function insertType(
  sql: Sql,
  type: Pick<TypeRow, 'id' | 'name' | 'description' | 'isPublic' | 'extraSpecs'>,
): Promise<TypeRow> {
  return await named(type.name, async () => {
    const [row] = await sql<TypeRow[]>`
      insert into volume.types (id, name, description, is_public, extra_specs)
      values (${type.id}, ${type.name}, ${type.description}, ${type.isPublic}, ${sql.json(type.extraSpecs)})
      returning *`
    return row!
  })
}

/** An absent field stays as it is. @throws DomainError conflict, `volume.type.name-taken` */
export async function updateType(
  sql: Sql,
  id: string,
  changes: { name?: string | null; description?: string | null; isPublic?: boolean | null },
): Promise<TypeRow | undefined> {
  return await named(changes.name ?? '', async () => {
    const [row] = await sql<TypeRow[]>`
      update volume.types
         set name = coalesce(${changes.name ?? null}, name),
             description = coalesce(${changes.description ?? null}, description),
             is_public = coalesce(${changes.isPublic ?? null}, is_public),
             updated_at = clock_timestamp()
       where id = ${id} returning *`
    return row
  })
}

async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (violatedConstraint(error) === 'types_name_key') {
      throw conflict('volume.type.name-taken', `Volume Type ${name} already exists.`)
    }
    throw error
  }
}

/** @returns false where volumes or a project's default still hold the type */
export async function deleteType(sql: Sql, id: string): Promise<boolean> {
  try {
    await sql`delete from volume.types where id = ${id} and name <> ${DEFAULT_TYPE_NAME}`
    return true
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === 'volumes_type' || constraint === 'default_types_type') return false
    throw error
  }
}

export async function isTypeInUse(sql: Sql, id: string): Promise<boolean> {
  const [row] = await sql`select 1 from volume.volumes where type_id = ${id} limit 1`
  return row !== undefined
}

/** Adds and replaces; a null value becomes the text that upstream stores for it. */
export async function putExtraSpecs(sql: Sql, id: string, specs: Readonly<Record<string, string>>): Promise<void> {
  await sql`update volume.types set extra_specs = extra_specs || ${sql.json(specs)}, updated_at = clock_timestamp()
             where id = ${id}`
}

/** @returns whether the key was there */
export async function deleteExtraSpec(sql: Sql, id: string, key: string): Promise<boolean> {
  const deleted = await sql`
    update volume.types set extra_specs = extra_specs - ${key}::text, updated_at = clock_timestamp()
     where id = ${id} and extra_specs ? ${key}`
  return deleted.count > 0
}

export async function projectsWithAccess(sql: Sql, id: string): Promise<readonly string[]> {
  const rows = await sql<{ projectId: string }[]>`
    select project_id from volume.type_access where type_id = ${id} order by created_at`
  return rows.map((row) => row.projectId)
}

/** @returns whether it is new */
export async function grantAccess(sql: Sql, id: string, projectId: string): Promise<boolean> {
  const added = await sql`
    insert into volume.type_access (type_id, project_id) values (${id}, ${projectId}) on conflict do nothing`
  return added.count > 0
}

/** @returns whether it was there */
export async function revokeAccess(sql: Sql, id: string, projectId: string): Promise<boolean> {
  const gone = await sql`delete from volume.type_access where type_id = ${id} and project_id = ${projectId}`
  return gone.count > 0
}

export interface DefaultTypeRow {
  readonly projectId: string
  readonly typeId: VolumeTypeId
}

export async function listDefaultTypes(sql: Sql): Promise<readonly DefaultTypeRow[]> {
  return await sql<DefaultTypeRow[]>`select project_id, type_id from volume.default_types order by project_id`
}

export async function findDefaultType(sql: Sql, projectId: string): Promise<DefaultTypeRow | undefined> {
  const [row] = await sql<DefaultTypeRow[]>`
    select project_id, type_id from volume.default_types where project_id = ${projectId}`
  return row
}

export async function setDefaultType(sql: Sql, projectId: string, typeId: string): Promise<void> {
  await sql`
    insert into volume.default_types (project_id, type_id) values (${projectId}, ${typeId})
    on conflict (project_id) do update set type_id = excluded.type_id`
}

export async function unsetDefaultType(sql: Sql, projectId: string): Promise<void> {
  await sql`delete from volume.default_types where project_id = ${projectId}`
}
