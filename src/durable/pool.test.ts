import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type pg from 'pg'
import { type TestDatabase, testDatabase } from '../../test/support/database.ts'
import { openStoryPool } from './pool.ts'

describe('the connections of stories', () => {
  let database: TestDatabase
  let pool: pg.Pool

  before(async () => {
    database = await testDatabase([])
    pool = openStoryPool(database.url, 1, (error) => assert.fail(error))
  })
  after(async () => {
    await pool.end()
    await database[Symbol.asyncDispose]()
  })

  it('have a statement with values planned once, and keep its answers apart', async () => {
    for (const word of ['one', 'two', 'three']) {
      assert.deepEqual((await pool.query('select $1::text as word', [word])).rows, [{ word }])
    }
    const client = await pool.connect()
    await client.query('begin')
    assert.deepEqual((await client.query('select $1::text as word', ['four'])).rows, [{ word: 'four' }])
    await client.query('commit')
    client.release()
    const prepared = await pool.query(`select from pg_prepared_statements where statement like '%as word'`)
    assert.equal(prepared.rowCount, 1)
  })

  it('do not wait for the disk', async () => {
    assert.deepEqual((await pool.query('show synchronous_commit')).rows, [{ synchronous_commit: 'off' }])
  })
})
