/** Each test file works in its own copy of a template database, in the throw-away server that test/run.ts starts. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { type MigrationFolder, migrate } from '../../src/database/migrate.ts'

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database
  readonly url: string
}

/** A fresh database with `folders` migrated. */
export async function testDatabase(folders: readonly MigrationFolder[]): Promise<TestDatabase> {
  const server = process.env.STRATOLITH_TEST_DATABASE
  if (server === undefined) throw new Error('no test database: run tests through `npm test -- FILE…`')
  const at = (name: string) => server.replace('/stratolith?', `/${name}?`)
  const template = `template_${(await fingerprint(folders)).slice(0, 16)}`
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = openDatabase(at('postgres'), { maxConnections: 1 })
  try {
    await admin`select pg_advisory_lock(hashtext('template'))`
    const [found] = await admin`select 1 from pg_database where datname = ${template}`
    if (found === undefined) {
      await admin.unsafe(`create database ${template}_new`)
      const made = openDatabase(at(`${template}_new`), { maxConnections: 1 })
      await migrate(made, folders).finally(() => made.end())
      await admin.unsafe(`alter database ${template}_new rename to ${template}`)
    }
    await admin.unsafe(`create database ${name} template ${template}`)
    await admin`select pg_advisory_unlock(hashtext('template'))`
  } finally {
    await admin.end()
  }
  const db = openDatabase(at(name))
  return { db, url: at(name), [Symbol.asyncDispose]: () => db.end() }
}

/** Another pool on the same database, as another process would have it. */
export function anotherPool(db: Database): Database {
  const { host, database } = (db as unknown as { options: { host: string[]; database: string } }).options
  return openDatabase(`postgres://stratolith@localhost/${database}?host=${encodeURIComponent(host[0]!)}`)
}

async function fingerprint(folders: readonly MigrationFolder[]): Promise<string> {
  const hash = createHash('sha256')
  for (const { service, folder } of folders) hash.update(`${service}:${(await readdir(folder)).sort().join()};`)
  return hash.digest('hex')
}
