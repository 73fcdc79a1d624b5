/** Members in SQL. */
import type { Sql } from '../../database/database.ts'
import type { ImageId } from '../../ids.ts'
import type { MemberStatus } from './schemas.ts'

export interface Member {
  readonly imageId: ImageId
  /** Project id. */
  readonly memberId: string
  readonly status: MemberStatus
  readonly createdAt: Date
  readonly updatedAt: Date
}

const columns = (sql: Sql) => sql`image_id, member_id, status, created_at, updated_at`

/** @param only one member, where the others are not for the caller to see */
export async function list(sql: Sql, imageId: ImageId, only?: string): Promise<Member[]> {
  return await sql<Member[]>`
    select ${columns(sql)} from image.members
     where image_id = ${imageId} ${only === undefined ? sql`` : sql`and member_id = ${only}`}
     order by created_at, member_id`
}

export async function find(sql: Sql, imageId: ImageId, memberId: string): Promise<Member | undefined> {
  const [found] = await sql<Member[]>`
    select ${columns(sql)} from image.members where image_id = ${imageId} and member_id = ${memberId}`
  return found
}

/** @returns nothing if it is a member already */
export async function add(sql: Sql, imageId: ImageId, memberId: string): Promise<Member | undefined> {
  const [made] = await sql<Member[]>`
    insert into image.members (image_id, member_id, status) values (${imageId}, ${memberId}, 'pending')
    on conflict do nothing returning ${columns(sql)}`
  return made
}

/** @returns nothing if it is no member */
export async function setStatus(
  sql: Sql,
  imageId: ImageId,
  memberId: string,
  status: MemberStatus,
): Promise<Member | undefined> {
  const [changed] = await sql<Member[]>`
    update image.members set status = ${status}, updated_at = now()
     where image_id = ${imageId} and member_id = ${memberId} returning ${columns(sql)}`
  return changed
}

/** @returns whether it was a member */
export async function remove(sql: Sql, imageId: ImageId, memberId: string): Promise<boolean> {
  const removed = await sql`delete from image.members where image_id = ${imageId} and member_id = ${memberId}`
  return removed.count === 1
}
