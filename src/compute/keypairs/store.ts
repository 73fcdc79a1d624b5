/** The SQL of keypairs: one function, one statement. */
import type { Sql } from '../../database/database.ts'

export interface Keypair {
  readonly id: number
  readonly userId: string
  readonly name: string
  readonly type: 'ssh' | 'x509'
  readonly publicKey: string
  readonly fingerprint: string
  readonly createdAt: Date
}

const columns = (sql: Sql) => sql`id, user_id, name, type, public_key, fingerprint, created_at`

export async function findKeypair(sql: Sql, userId: string, name: string): Promise<Keypair | undefined> {
  const [found] = await sql<Keypair[]>`
    select ${columns(sql)} from compute.keypairs where user_id = ${userId} and name = ${name}`
  return found
}

/** By name, after `marker`. */
export async function listKeypairs(
  sql: Sql,
  userId: string,
  { limit, marker }: { limit: number; marker?: string },
): Promise<readonly Keypair[]> {
  return await sql<Keypair[]>`
    select ${columns(sql)} from compute.keypairs
     where user_id = ${userId} ${marker === undefined ? sql`` : sql`and name > ${marker}`}
     order by name limit ${limit}`
}

/**
 * Adds one while the user has fewer than `most` (-1: as many as they like).
 * @returns undefined when that is reached
 */
export async function insertKeypair(
  sql: Sql,
  keypair: Omit<Keypair, 'id' | 'createdAt'>,
  most: number,
): Promise<Keypair | undefined> {
  const [made] = await sql<Keypair[]>`
    insert into compute.keypairs (user_id, name, type, public_key, fingerprint)
    select ${keypair.userId}, ${keypair.name}, ${keypair.type}, ${keypair.publicKey}, ${keypair.fingerprint}
     where ${most} = -1 or (select count(*) from compute.keypairs where user_id = ${keypair.userId}) < ${most}
    returning ${columns(sql)}`
  return made
}

/** Two new keypairs of one user wait for each other, so that both see the true count. */
export async function lockUser(sql: Sql, userId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('compute.keypairs'), hashtext(${userId}))`
}

/** @returns whether it was there */
export async function deleteKeypair(sql: Sql, userId: string, name: string): Promise<boolean> {
  const gone = await sql`delete from compute.keypairs where user_id = ${userId} and name = ${name}`
  return gone.count > 0
}
