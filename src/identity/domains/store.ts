/** Questions about domains that projects/store.ts does not answer. */
import type { Sql } from '../../database/database.ts'
import { rolesOnDomain } from '../assignments/effective-roles.ts'
import { type Project, projectColumns } from '../projects/store.ts'

export async function listDomainsOf(sql: Sql, userId: string): Promise<readonly Project[]> {
  return await sql<Project[]>`
    select ${projectColumns(sql)} from identity.projects p
     where p.is_domain and p.enabled and exists (${rolesOnDomain(sql, userId, sql`p.id`)})
     order by p.id`
}
