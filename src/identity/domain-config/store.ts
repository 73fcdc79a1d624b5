/** Rows of `identity.domain_config`: one option of one domain each. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import { notFound } from '../errors.ts'

export interface OptionRow {
  readonly group: string
  readonly option: string
  readonly value: unknown
  readonly sensitive: boolean
}

/** What is asked about: all of a domain, a group, or one option of it. */
export interface Part {
  readonly domainId: string
  readonly group?: string | undefined
  readonly option?: string | undefined
}

const within = (sql: Sql, { domainId, group, option }: Part) => sql`
  domain_id = ${domainId}
  ${group === undefined ? sql`` : sql`and option_group = ${group}`}
  ${option === undefined ? sql`` : sql`and option = ${option}`}`

/** Sensitive ones too; whoever shows them leaves those out. */
export async function listOptions(sql: Sql, part: Part): Promise<readonly OptionRow[]> {
  return await sql<OptionRow[]>`
    select option_group as "group", option, value, sensitive from identity.domain_config
     where ${within(sql, part)} order by option_group, option`
}

/** @throws DomainError not-found when the domain is gone meanwhile */
export async function putOptions(sql: Sql, domainId: string, rows: readonly OptionRow[]): Promise<void> {
  try {
    await sql`
      insert into identity.domain_config (domain_id, option_group, option, value, sensitive)
      select ${domainId}, x."group", x.option, coalesce(x.value, 'null'), x.sensitive
        from jsonb_to_recordset(${sql.json(rows as never)})
          as x ("group" text, option text, value jsonb, sensitive boolean)
      on conflict (domain_id, option_group, option) do update set value = excluded.value`
  } catch (error) {
    if (violatedConstraint(error) === 'domain_config_domain_id_fkey') throw notFound('domain', domainId)
    throw error
  }
}

/** @returns how many there were */
export async function deleteOptions(sql: Sql, part: Part): Promise<number> {
  const gone = await sql`delete from identity.domain_config where ${within(sql, part)}`
  return gone.count
}
