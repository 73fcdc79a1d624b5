/** Every route of every service: it has a policy that its service's table knows, and stands in upstream's lists. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { mountedRoutes } from '../src/cli/routes.ts'
import type { ListedRoute } from '../src/http/route-list.ts'

describe('the routes', () => {
  let list: readonly ListedRoute[]
  before(async () => {
    list = await mountedRoutes()
  })

  it('are many, of all six services', () => {
    const services = new Set(list.map(({ service }) => service))
    assert.deepEqual([...services].sort(), ['compute', 'identity', 'image', 'network', 'placement', 'volume'])
    assert.ok(list.length > 200, `only ${list.length}`)
  })

  it('each have a policy, and a rule for it', () => {
    const open = list.filter(({ policy, rule }) => policy === undefined || rule === undefined)
    assert.deepEqual(
      open.map(({ service, method, path, action }) => `${service} ${method} ${path} ${action ?? ''}`),
      [],
    )
  })

  // An expired password is changed by whoever still knows it: there is no token to be had with it.
  it('are open to anyone only where clients ask without a token', () => {
    const anyone = list
      .filter(({ rule }) => rule === 'anyone')
      .map(({ service, method, path }) => `${service} ${method} ${path}`)
    const unexpected = anyone.filter(
      (route) =>
        !/ (GET|HEAD) \/(v3\/?|v2\.1\/?|v2\/?|versions|)$/.test(route) &&
        !/POST \/v3\/(auth\/tokens|users\/\{user_id\}\/password)$/.test(route) &&
        // Ways to log in that there are not, and certificates that are no more: refused whoever asks.
        !/\/v3\/(auth\/)?OS-(FEDERATION\/.*(auth|websso.*|saml2.*)|OAUTH.\/(request_|access_)?token|SIMPLE-CERT\/.*)$/.test(
          route,
        ),
    )
    assert.deepEqual(unexpected, [])
  })

  it('are listed once each', () => {
    const seen = new Map<string, number>()
    for (const { service, method, path, action } of list) {
      const key = `${service} ${method} ${path} ${action ?? ''}`
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
    assert.deepEqual(
      [...seen].filter(([, times]) => times > 1),
      [],
    )
  })
})
