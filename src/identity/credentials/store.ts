/** Rows of `identity.credentials`; blobs are sealed here and opened above. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import type { Attributes } from '../attributes.ts'
import { idTaken, invalid } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface CredentialRow {
  readonly id: string
  readonly userId: string
  readonly projectId: string | null
  readonly type: string
  readonly blob: Uint8Array
  readonly extra: Attributes
}

export const CREDENTIAL_FILTERS: Filterable = {
  user_id: { column: 'c.user_id', type: 'text' },
  type: { column: 'c.type', type: 'text' },
}

const columns = (sql: Sql) => sql`c.id, c.user_id, c.project_id, c.type, c.blob, c.extra`

export async function findCredential(sql: Sql, id: string): Promise<CredentialRow | undefined> {
  const [found] = await sql<CredentialRow[]>`select ${columns(sql)} from identity.credentials c where c.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockCredential(sql: Sql, id: string): Promise<CredentialRow | undefined> {
  const [found] = await sql<CredentialRow[]>`
    select ${columns(sql)} from identity.credentials c where c.id = ${id} for update`
  return found
}

/** @param only whose, and of which project and of what type not, where a delegation binds them */
export async function listCredentials(
  sql: Sql,
  list: ListQuery,
  only: { userId?: string | undefined; projectId?: string | undefined; withoutType?: string | undefined },
): Promise<readonly CredentialRow[]> {
  return await sql<CredentialRow[]>`
    select ${columns(sql)} from identity.credentials c
     where true
       ${only.userId === undefined ? sql`` : sql`and c.user_id = ${only.userId}`}
       ${only.projectId === undefined ? sql`` : sql`and c.project_id = ${only.projectId}`}
       ${only.withoutType === undefined ? sql`` : sql`and c.type <> ${only.withoutType}`}
       ${matching(sql, list)} ${paged(sql, list, 'c.id')}`
}

export async function listCredentialsOf(sql: Sql, userId: string, type: string): Promise<readonly CredentialRow[]> {
  return await sql<CredentialRow[]>`
    select ${columns(sql)} from identity.credentials c where c.user_id = ${userId} and c.type = ${type}`
}

export async function insertCredential(sql: Sql, row: CredentialRow): Promise<void> {
  await guarded(row, async () => {
    await sql`
      insert into identity.credentials (id, user_id, project_id, type, blob, extra)
      values (${row.id}, ${row.userId}, ${row.projectId}, ${row.type}, ${row.blob}, ${sql.json(row.extra as never)})`
  })
}

export async function updateCredential(sql: Sql, row: CredentialRow): Promise<void> {
  await guarded(row, async () => {
    await sql`
      update identity.credentials
         set user_id = ${row.userId}, project_id = ${row.projectId}, type = ${row.type}, blob = ${row.blob},
             extra = ${sql.json(row.extra as never)}
       where id = ${row.id}`
  })
}

export async function deleteCredential(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.credentials where id = ${id}`
  return gone.count > 0
}

async function guarded(row: CredentialRow, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'credentials_pkey':
        throw idTaken('credential', row.id)
      case 'credentials_user_id_fkey':
        throw invalid('credential.user-unknown', `There is no user ${row.userId.slice(0, 64)}.`)
      case 'credentials_project_id_fkey':
        throw invalid('credential.project-unknown', `There is no project ${row.projectId?.slice(0, 64)}.`)
      default:
        throw error
    }
  }
}
