/** Rows of `identity.policies`. */
import type { Sql } from '../../database/database.ts'
import type { Attributes } from '../attributes.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface StoredPolicy {
  readonly id: string
  readonly type: string
  readonly blob: string
  readonly extra: Attributes
}

export const POLICY_FILTERS: Filterable = { type: { column: 'y.type', type: 'text' } }

/** What a row of `identity.policies y` is read as. */
export const policyColumns = (sql: Sql) => sql`y.id, y.type, y.blob, y.extra`

export async function findPolicy(sql: Sql, id: string): Promise<StoredPolicy | undefined> {
  const [found] = await sql<StoredPolicy[]>`select ${policyColumns(sql)} from identity.policies y where y.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockPolicy(sql: Sql, id: string): Promise<StoredPolicy | undefined> {
  const [found] = await sql<StoredPolicy[]>`
    select ${policyColumns(sql)} from identity.policies y where y.id = ${id} for update`
  return found
}

export async function listPolicies(sql: Sql, list: ListQuery): Promise<readonly StoredPolicy[]> {
  return await sql<StoredPolicy[]>`
    select ${policyColumns(sql)} from identity.policies y where true ${matching(sql, list)} ${paged(sql, list, 'y.id')}`
}

export async function insertPolicy(sql: Sql, policy: StoredPolicy): Promise<void> {
  await sql`
    insert into identity.policies (id, type, blob, extra)
    values (${policy.id}, ${policy.type}, ${policy.blob}, ${sql.json(policy.extra as never)})`
}

export async function updatePolicy(sql: Sql, policy: StoredPolicy): Promise<void> {
  await sql`
    update identity.policies set type = ${policy.type}, blob = ${policy.blob}, extra = ${sql.json(policy.extra as never)}
     where id = ${policy.id}`
}

export async function deletePolicy(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.policies where id = ${id}`
  return gone.count > 0
}
