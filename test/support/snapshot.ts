/** Puts a schema's rows back as they were: so a test may try out what changes and removes things, again and again. */
import type { Database } from '../../src/database/database.ts'

export interface Snapshot {
  /** Tables of `kept` stay as they are now. */
  restore(): Promise<void>
}

/** @param kept tables that are not put back */
export async function takeSnapshot(db: Database, schema: string, kept: readonly string[] = []): Promise<Snapshot> {
  const found = await db<{ name: string }[]>`
    select table_name as name from information_schema.tables
     where table_schema = ${schema} and table_type = 'BASE TABLE'`
  const tables = found.map((table) => table.name).filter((name) => !kept.includes(name))
  const before = (table: string) => `${schema}_before.${table}`
  await db.unsafe(`create schema ${schema}_before`)
  for (const table of tables) await db.unsafe(`create table ${before(table)} as table ${schema}.${table}`)
  // Foreign keys and triggers are off meanwhile: rows come back in any order, and nothing is noted.
  const steps = tables.map(
    (table) =>
      `delete from ${schema}.${table}; ` +
      `insert into ${schema}.${table} overriding system value select * from ${before(table)};`,
  )
  await db.unsafe(`
    create function ${schema}_before.restore() returns void language plpgsql as $$ begin ${steps.join('\n')} end $$`)
  return {
    async restore() {
      await db.begin(async (tx) => {
        await tx.unsafe('set local session_replication_role = replica')
        await tx.unsafe(`select ${schema}_before.restore()`)
      })
    },
  }
}
