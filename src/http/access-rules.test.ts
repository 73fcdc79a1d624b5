import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isAllowed } from './access-rules.ts'

const allows = (path: string, asked: string, service = 'compute') =>
  isAllowed([{ service, method: 'GET', path }], { service: 'compute', method: 'GET', path: asked })

describe('an access rule', () => {
  it('allows one path, by one method, of one service', () => {
    assert.equal(allows('/v2.1/servers', '/v2.1/servers'), true)
    assert.equal(allows('/v2.1/servers', '/v2.1/servers/'), false)
    assert.equal(allows('/v2.1/servers', '/v2.1/servers/detail'), false)
    assert.equal(allows('/v2.1/servers', '/v2x1/servers'), false, 'a dot is a dot')
    assert.equal(allows('/v2.1/servers', '/v2.1/servers', 'image'), false)
    const rule = { service: 'compute', method: 'GET', path: '/v2.1/servers' }
    assert.equal(isAllowed([rule], { service: 'compute', method: 'POST', path: '/v2.1/servers' }), false)
    assert.equal(isAllowed([], { service: 'compute', method: 'GET', path: '/v2.1/servers' }), false)
  })

  it('has names and stars for one segment, and two stars for the rest', () => {
    assert.equal(allows('/v2.1/servers/{server_id}', '/v2.1/servers/abc'), true)
    assert.equal(allows('/v2.1/servers/{server_id}', '/v2.1/servers/abc/ips'), false)
    assert.equal(allows('/v2.1/servers/*/ips', '/v2.1/servers/abc/ips'), true)
    assert.equal(allows('/v2.1/servers/*', '/v2.1/servers/'), false)
    assert.equal(allows('/v2.1/**', '/v2.1/servers/abc/ips'), true)
    assert.equal(allows('/v2.1/**', '/v3/servers'), false)
  })

  it('takes no time to speak of, whatever it is', () => {
    const began = performance.now()
    for (const piece of ['**a', '*a', '{x}a', '**/', '{}']) {
      const rule = `/${piece.repeat(Math.floor(220 / piece.length))}b`
      for (const text of ['a', 'a/', '/']) assert.equal(allows(rule, `/${text.repeat(500)}`), false)
    }
    assert.ok(performance.now() - began < 2000)
  })

  it('knows block storage by all its names in the catalog', () => {
    for (const service of ['volumev3', 'block-storage']) {
      const rule = { service, method: 'GET', path: '/v3/**' }
      assert.equal(isAllowed([rule], { service: 'volume', method: 'GET', path: '/v3/p/volumes' }), true)
    }
  })
})
