/** The SQL of resource classes: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export interface ResourceClass {
  readonly name: string
  readonly updatedAt: Date
}

/** Standard ones first, in upstream's order; custom ones as they came. */
export async function listClasses(sql: Sql): Promise<readonly ResourceClass[]> {
  return await sql<ResourceClass[]>`select name, updated_at from placement.resource_classes order by position`
}

export async function findClass(sql: Sql, name: string): Promise<ResourceClass | undefined> {
  const [found] = await sql<ResourceClass[]>`
    select name, updated_at from placement.resource_classes where name = ${name}`
  return found
}

/** @returns whether it is new */
export async function insertClass(sql: Sql, name: string): Promise<boolean> {
  const made = await sql`insert into placement.resource_classes (name) values (${name}) on conflict do nothing`
  return made.count > 0
}

export async function renameClass(sql: Sql, name: string, to: string): Promise<void> {
  await sql`update placement.resource_classes set name = ${to}, updated_at = now() where name = ${name}`
}

export async function deleteClass(sql: Sql, name: string): Promise<boolean> {
  const gone = await sql`delete from placement.resource_classes where name = ${name}`
  return gone.count > 0
}
