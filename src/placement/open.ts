/** Opens placement: standard names into the tables, routes onto a plugin, and the calls for compute. */
import type { Sql } from '../database/database.ts'
import { openClaims } from './claims/claims.ts'
import type { OpenPlacement } from './index.ts'
import { placementPlugin } from './plugin.ts'
import { policies } from './policies.ts'
import { standardNames } from './standard/names.ts'

export const openPlacement: OpenPlacement = async (context) => {
  await putStandardNames(context.db)
  return {
    plugin: placementPlugin(context),
    policies,
    ...openClaims(context.db),
    async close() {},
  }
}

/** Newer code may know more names than the tables do; none is ever taken away. */
async function putStandardNames(sql: Sql): Promise<void> {
  const { resourceClasses, traits } = await standardNames()
  await sql`
    with classes as (
      insert into placement.resource_classes (name)
      select name from unnest(${[...resourceClasses]}::text[]) with ordinality as c (name, at)
       where not exists (select from placement.resource_classes r where r.name = c.name) order by at
      on conflict do nothing
    )
    insert into placement.traits (name)
    select name from unnest(${[...traits]}::text[]) as t (name)
     where not exists (select from placement.traits known where known.name = t.name)
    on conflict do nothing`
}
