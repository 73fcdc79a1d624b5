/** The SQL of usage: servers that ran in a span of time, deleted ones too. */
import type { Sql } from '../../database/database.ts'
import type { Span, UsedServer } from './usage.ts'

interface Page {
  /** All projects where none is given. */
  readonly projectId: string | undefined
  readonly limit: number
  /** The id of the last server of the page before. */
  readonly marker: string | undefined
}

/** By project and id. */
export async function serversIn(sql: Sql, { start, stop }: Span, page: Page): Promise<UsedServer[]> {
  return await sql<UsedServer[]>`
    select id, name, project_id, flavor_id, flavor_name, vcpus, ram_mib as "ramMiB", root_gib as "rootGiB",
           ephemeral_gib as "ephemeralGiB", vm_state, launched_at, terminated_at
      from compute.servers
     where launched_at < ${stop} and (terminated_at is null or terminated_at > ${start})
       ${page.projectId === undefined ? sql`` : sql`and project_id = ${page.projectId}`}
       ${page.marker === undefined ? sql`` : sql`and (project_id, id) > (select project_id, id from compute.servers where id = ${page.marker})`}
     order by project_id, id limit ${page.limit}`
}

export async function isServer(sql: Sql, id: string): Promise<boolean> {
  const [found] = await sql`select from compute.servers where id = ${id}`
  return found !== undefined
}
