/** Which routes lack a conversation, on plain values. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Conversation } from './conversations.ts'
import { coverage } from './coverage.ts'
import type { Difference } from './operations.ts'
import type { Named } from './route-key.ts'

const show: Named = { service: 'volume', method: 'GET', path: '/v3/volumes/{id}' }
const extend: Named = { service: 'volume', method: 'POST', path: '/v3/volumes/{id}/action', action: 'os-extend' }

function answered(route: Named, status: number): Conversation {
  return { ...route, status, file: 'src/volume/volumes/volumes.test.ts' }
}

function covered(
  routes: readonly Named[],
  conversations: readonly Conversation[],
  { known = [], differences = [] }: { known?: readonly string[]; differences?: readonly Difference[] } = {},
) {
  return coverage(routes, conversations, { known, differences })
}

describe('a mounted route', () => {
  it('that a test has asked with success has a conversation, whatever its placeholders are called', () => {
    const asked = answered({ ...show, path: '/v3/volumes/{volume_id}' }, 200)
    assert.deepEqual(covered([show], [asked]), { mounted: 1, shown: 1, missing: [], stale: [] })
  })

  it('that no test has asked is missing', () => {
    assert.deepEqual(covered([show, extend], [answered(show, 200)]).missing, [
      'volume POST /v3/volumes/{id}/action os-extend',
    ])
  })

  it('is not shown by another action of its path', () => {
    const other = answered({ ...extend, action: 'os-reset_status' }, 202)
    assert.equal(covered([extend], [other]).missing.length, 1)
  })

  it('that only turned requests away has no conversation', () => {
    for (const status of [400, 401, 403, 404, 406, 500]) {
      assert.equal(covered([show], [answered(show, status)]).shown, 0, String(status))
    }
  })

  it('that is there to refuse is shown by its refusal', () => {
    assert.equal(covered([show], [answered(show, 410)]).shown, 1)
    assert.equal(covered([show], [answered(show, 501)]).shown, 1)
    const differences = [{ ...show, refusedWith: 400, text: 'answers 400' }]
    assert.equal(covered([show], [answered(show, 400)], { differences }).shown, 1)
    assert.equal(covered([show], [answered(show, 401)], { differences }).shown, 0)
  })

  it('that is known to lack a conversation is not missing, until it has one', () => {
    const known = ['volume GET /v3/volumes/{volume_id}']
    assert.deepEqual(covered([show], [], { known }), { mounted: 1, shown: 0, missing: [], stale: [] })
    assert.deepEqual(covered([show], [answered(show, 200)], { known }).stale, known)
  })

  it('that is gone leaves its line in the list stale', () => {
    assert.deepEqual(covered([], [], { known: ['volume GET /v3/volumes/{id}'] }).stale, ['volume GET /v3/volumes/{id}'])
  })

  it('that catches all below a path is one, whatever its methods', () => {
    const routes = ['GET', 'POST'].map((method) => ({ service: 'compute', method, path: '/v2/*' }))
    assert.deepEqual(covered(routes, []).missing, ['compute * /v2/*'])
    assert.equal(covered(routes, [answered(routes[0]!, 300)]).shown, 1)
  })

  it('of identity answers HEAD by its GET, and both are one', () => {
    const get: Named = { service: 'identity', method: 'GET', path: '/v3/users/{user_id}' }
    const both = [get, { ...get, method: 'HEAD' }]
    assert.deepEqual(covered(both, [answered(get, 200)]), { mounted: 1, shown: 1, missing: [], stale: [] })
  })
})
