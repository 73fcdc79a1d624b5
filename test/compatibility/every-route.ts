/**
 * The last test of a full run, over what all others asked: each mounted route has a conversation, but for those that
 * `without-conversation.txt` knows to lack one. That list only becomes shorter.
 */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { mountedRoutes } from '../../src/cli/routes.ts'
import { readConversations } from './conversations.ts'
import { type Coverage, coverage } from './coverage.ts'
import { readDifferences } from './operations.ts'
import { readWithoutConversation } from './without-conversation.ts'

describe('every mounted route', () => {
  let found: Coverage
  before(async () => {
    found = coverage(await mountedRoutes(), readConversations(process.env.STRATOLITH_TEST_ROUTES!), {
      known: readWithoutConversation(),
      differences: readDifferences(),
    })
  })

  it('has a conversation, or is known to lack one', (test) => {
    test.diagnostic(`${found.shown} of ${found.mounted} routes have a conversation`)
    assert.ok(found.missing.length === 0, `add a conversation for each of\n${found.missing.join('\n')}`)
  })

  it('is off the list of those that lack one as soon as it has one', () => {
    assert.ok(found.stale.length === 0, `take out of without-conversation.txt\n${found.stale.join('\n')}`)
  })
})
