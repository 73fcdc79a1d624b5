/** The SQL of providers' aggregates: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export async function aggregatesOf(sql: Sql, providerId: string): Promise<readonly string[]> {
  const rows = await sql<{ aggregateId: string }[]>`
    select aggregate_id from placement.provider_aggregates where provider_id = ${providerId} order by aggregate_id`
  return rows.map((row) => row.aggregateId)
}

/** The provider is in exactly these. An aggregate is there as long as a provider is in it. */
export async function setAggregates(sql: Sql, providerId: string, ids: readonly string[]): Promise<void> {
  await sql`
    with gone as (
      delete from placement.provider_aggregates
       where provider_id = ${providerId} and not (aggregate_id = any(${[...ids]}::uuid[]))
    )
    insert into placement.provider_aggregates (provider_id, aggregate_id)
    select ${providerId}, id from unnest(${[...ids]}::uuid[]) as a (id)
    on conflict do nothing`
}
