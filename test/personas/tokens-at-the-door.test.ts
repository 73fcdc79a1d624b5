/**
 * Every route of every service, without a token, with a forged one, and with one of a scope that the service does not take:
 * nobody gets past the door, whatever the path, the body or the microversion.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ListedRoute, routeList } from '../../src/http/route-list.ts'
import { type TestCloud, testCloud } from '../support/cloud.ts'

/** The newest microversion, by the name that its header has; a route that is gone by then is asked in its last. */
const NEWEST: Readonly<Record<string, string>> = { compute: '2.104', volume: '3.71', placement: '1.39' }

describe('the door of every service', () => {
  let cloud: TestCloud
  let routes: readonly ListedRoute[]
  before(async () => {
    cloud = await testCloud()
    routes = routeList().filter((route) => route.rule !== 'anyone')
  })
  after(() => cloud[Symbol.asyncDispose]())

  const ask = async (route: ListedRoute, token: string | undefined): Promise<string> => {
    const path = route.path.replace(/\{\w+\}/g, 'anything').replace('*', 'anything')
    const version = route.maxMicroversion ?? NEWEST[route.service]
    const headers: Record<string, string> =
      version === undefined ? {} : { 'openstack-api-version': `${route.service} ${version}` }
    // Placement looks at the type of a body before it looks at who sends it.
    const isRead = ['GET', 'HEAD', 'DELETE'].includes(route.method)
    const plain = route.service === 'placement' && !isRead ? {} : undefined
    const body = route.action === undefined ? plain : { [route.action]: null }
    const { status } = await cloud.ask(token, route.method, `/${route.service}${path}`, body, headers)
    return `${status} ${route.service} ${route.method} ${route.path} ${route.action ?? ''}`
  }
  const allAnswer = async (expected: number, asked: readonly ListedRoute[], token: string | undefined) => {
    const wrong: string[] = []
    for (const route of asked) {
      const answer = await ask(route, token)
      if (!answer.startsWith(`${expected} `)) wrong.push(answer)
    }
    assert.ok(asked.length > 0)
    assert.deepEqual(wrong, [])
  }

  it('is closed without a token', () => allAnswer(401, routes, undefined))

  it('is closed to a forged token', () => allAnswer(401, routes, 'AQAAAAEAAQ'))

  it('is closed to a token of the system or a domain where things are in projects', async () => {
    const scoped = routes.filter((route) => route.scopes !== undefined)
    assert.deepEqual([...new Set(scoped.map(({ service }) => service))].sort(), [
      'compute',
      'image',
      'network',
      'placement',
    ])
    for (const scope of ['system', 'domain'] as const) await allAnswer(403, scoped, await cloud.token('admin', scope))
  })
})
