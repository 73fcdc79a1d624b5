/** The SQL of traits: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export interface Trait {
  readonly name: string
  readonly updatedAt: Date
}

const columns = (sql: Sql) => sql`t.name, t.created_at as updated_at`

export async function findTrait(sql: Sql, name: string): Promise<Trait | undefined> {
  const [found] = await sql<Trait[]>`select ${columns(sql)} from placement.traits t where t.name = ${name}`
  return found
}

/** @param associated only those that some provider has, or that none has */
export async function listTraits(
  sql: Sql,
  filter: { among?: readonly string[]; prefix?: string; associated?: boolean },
): Promise<readonly Trait[]> {
  const { among, prefix, associated } = filter
  const used = sql`exists (select from placement.provider_traits p where p.trait = t.name)`
  return await sql<Trait[]>`
    select ${columns(sql)} from placement.traits t
     where true ${among === undefined ? sql`` : sql`and t.name = any(${[...among]})`}
       ${prefix === undefined ? sql`` : sql`and starts_with(t.name, ${prefix})`}
       ${associated === undefined ? sql`` : associated ? sql`and ${used}` : sql`and not ${used}`}
     order by t.name`
}

/** @returns whether it is new */
export async function insertTrait(sql: Sql, name: string): Promise<boolean> {
  const made = await sql`insert into placement.traits (name) values (${name}) on conflict do nothing`
  return made.count > 0
}

/** @returns whether it was there */
export async function deleteTrait(sql: Sql, name: string): Promise<boolean> {
  const gone = await sql`delete from placement.traits where name = ${name}`
  return gone.count > 0
}

export async function traitsOfProvider(sql: Sql, providerId: string): Promise<readonly Trait[]> {
  return await sql<Trait[]>`
    select ${columns(sql)} from placement.provider_traits p join placement.traits t on t.name = p.trait
     where p.provider_id = ${providerId} order by t.name`
}
