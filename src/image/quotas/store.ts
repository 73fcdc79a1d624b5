/** What a project uses, in SQL. Source: _image_get_*_by_owner in glance/db/sqlalchemy/api.py */
import type { Sql } from '../../database/database.ts'

export interface Used {
  /** Of every store by itself. */
  readonly storedBytes: number
  /** Of images that wait for an import or are on their way to a store. */
  readonly stagedBytes: number
  readonly images: number
  /** Images whose bytes come in or are copied. */
  readonly comingIn: number
}

export async function usedBy(sql: Sql, owner: string): Promise<Used> {
  const [row] = await sql<Used[]>`
    select coalesce(sum(size_bytes * cardinality(stores)), 0)::bigint as stored_bytes,
           coalesce(sum(size_bytes) filter (where status in ('uploading', 'importing') or importing_to <> '{}'),
             0)::bigint as staged_bytes,
           count(*)::int as images,
           (count(*) filter (where status in ('saving', 'uploading', 'importing') or importing_to <> '{}'))::int
             as coming_in
      from image.images where owner = ${owner} and status <> 'deleted'`
  return row!
}

/** Lets one transaction at a time weigh a project's quotas. */
export async function lockProject(sql: Sql, owner: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`image.quota:${owner}`}, 0))`
}
