import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '../database/database.ts'
import { identityUnderTest } from './identity-under-test.ts'
import { openIdentity } from './open.ts'

describe('a second control plane on the same database', () => {
  it('takes the first one’s tokens, and learns of changes without being asked', async () => {
    await using test = await identityUnderTest()
    const { host, database } = (test.service.context.db as unknown as { options: { host: string[]; database: string } })
      .options
    const db = openDatabase(`postgres://stratolith@localhost/${database}?host=${encodeURIComponent(host[0]!)}`)
    const second = await openIdentity({ ...test.service.context, db })
    try {
      const user = await test.aUser()
      await test.grant(`projects/${test.ids.demoProjectId}/users/${user.id}`, 'member')
      const token = await test.login(user.name, { project: { id: test.ids.demoProjectId } })
      assert.deepEqual((await second.authenticate(token, 'req-1')).roles, ['member', 'reader'])
      await test.grant(`projects/${test.ids.demoProjectId}/users/${user.id}`, 'manager')
      let roles: readonly string[] = []
      // Well below the age at which it would look again by itself.
      for (let waited = 0; waited < 2_000 && !roles.includes('manager'); waited += 20) {
        roles = (await second.authenticate(token, 'req-2')).roles
        await sleep(20)
      }
      assert.deepEqual(roles, ['manager', 'member', 'reader'])
    } finally {
      await second.close()
      await db.end()
    }
  })
})
