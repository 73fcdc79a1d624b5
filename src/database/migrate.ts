/**
 * Numbered SQL migrations, one folder a service, one PostgreSQL schema a service. Several control planes may start at
 * once: an advisory lock lets one migrate while the others wait.
 */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from './database.ts'

export interface MigrationFolder {
  /** The service, which is also the name of its schema. */
  readonly service: string
  /** Absolute path of the folder with `0001-what.sql`, `0002-what.sql`, … */
  readonly folder: string
}

/** Brings every service's schema to its newest shape. Repeating it changes nothing. */
export async function migrate(db: Database, folders: readonly MigrationFolder[]): Promise<void> {
  await db.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('stratolith.migrate'))`
    await tx`create table if not exists public.migrations (
      service text not null, name text not null, applied_at timestamptz not null default now(),
      primary key (service, name))`
    const applied = new Set(
      (await tx`select service || '/' || name as name from public.migrations`).map((row) => row.name),
    )
    for (const { service, folder } of folders) {
      for (const name of (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()) {
        if (applied.has(`${service}/${name}`)) continue
        await tx.unsafe(await readFile(join(folder, name), 'utf8'))
        await tx`insert into public.migrations (service, name) values (${service}, ${name})`
      }
    }
  })
}
