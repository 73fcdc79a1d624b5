import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { namesIn, readCheck } from './check-string.ts'

const RULES = {
  admin: 'role:admin or is_admin:1',
  owner: 'user_id:%(user_id)s',
  shared: 'field:networks:shared=True',
  device: 'field:port:device_owner=~^network:',
}
const nobody = { roles: [], project_id: null, user_id: null, token: { project: null } }
const check = (text: string, credentials: object = {}, target: object = {}) =>
  readCheck(text, RULES)({ ...nobody, ...credentials }, target as Record<string, unknown>)

describe('a check string', () => {
  it('lets everybody pass when it is empty or @, and nobody when it is !', () => {
    assert.deepEqual([check(''), check('@'), check('!')], [true, true, false])
  })

  it('binds not before and, and before or, and parentheses before all', () => {
    assert.equal(check('@ or ! and !'), true)
    assert.equal(check('(@ or !) and !'), false)
    assert.equal(check('not ! and @'), true)
    assert.equal(check('not (! or @)'), false)
    assert.equal(check('((@) and (@ or !))'), true)
  })

  it('compares roles, and rules by name', () => {
    assert.equal(check('role:reader', { roles: ['reader'] }), true)
    assert.equal(check('role:reader', { roles: ['member'] }), false)
    assert.equal(check('rule:admin or (rule:owner)', { roles: ['admin'] }), true)
    assert.throws(() => check('rule:nothing'), /no rule nothing/)
  })

  it('compares what the token says with the target, which must have it', () => {
    assert.equal(check('project_id:%(project_id)s', { project_id: 'p' }, { project_id: 'p' }), true)
    assert.equal(check('project_id:%(project_id)s', { project_id: 'p' }, { project_id: 'q' }), false)
    assert.equal(check('project_id:%(project_id)s', { project_id: 'p' }), false)
    assert.equal(
      check(
        '(token.project.domain.id:%(target.domain.id)s)',
        { token: { project: { domain: { id: 'd' } } } },
        { 'target.domain.id': 'd' },
      ),
      true,
    )
    assert.equal(check('token.project.domain.id:%(target.domain.id)s', {}, { 'target.domain.id': 'd' }), false)
  })

  it('compares literals, None among them', () => {
    assert.equal(check("'public':%(visibility)s", {}, { visibility: 'public' }), true)
    assert.equal(check("'public':%(visibility)s", {}, { visibility: 'private' }), false)
    assert.equal(check('None:%(x)s', {}, { x: null }), true)
    assert.equal(check('not None:%(x)s'), true)
    assert.equal(check('not project_id:None'), false)
    assert.equal(check('not project_id:None', { project_id: 'p' }), true)
  })

  it('compares fields as network does', () => {
    assert.equal(check('rule:shared', {}, { shared: true }), true)
    assert.equal(check('rule:shared', {}, { shared: false }), false)
    assert.equal(check('not rule:device', {}, { device_owner: 'network:dhcp' }), false)
    assert.equal(check('not rule:device', {}, { device_owner: 'compute:nova' }), true)
    assert.equal(check('not rule:device'), true)
  })

  it('tells which names it compares', () => {
    const text = "rule:admin or (rule:owner and not None:%(target.a)s) or 'x':%(b)s or rule:shared"
    assert.deepEqual([...namesIn(text, RULES)].sort(), ['b', 'shared', 'target.a', 'user_id'])
  })
})
