/** What becomes of upstream's operations, on plain values. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ListedRoute } from '../../src/http/route-list.ts'
import type { Conversation } from './conversations.ts'
import type { Difference, Operation } from './operations.ts'
import { beyondUpstream, type Facts, judge } from './verdicts.ts'

const file = 'src/compute/servers/servers.test.ts'

function anOperation(its: Partial<Operation> = {}): Operation {
  const service = 'compute'
  return { service, group: 'servers', method: 'GET', path: '/v2.1/servers', core: true, success: [200], ...its }
}

function verdictOf(operation: Operation, facts: Partial<Facts>) {
  return judge([operation], { routes: [], conversations: [], differences: [], ...facts })[0]!
}

const list: ListedRoute = { service: 'compute', method: 'GET', path: '/v2.1/servers' }
const heard = (route: ListedRoute, status: number, more: Partial<Conversation> = {}): Conversation => ({
  service: route.service,
  method: route.method,
  path: route.path,
  status,
  file,
  ...more,
})

describe('an operation of upstream', () => {
  it('is absent when no route is mounted for it', () => {
    assert.equal(verdictOf(anOperation(), {}).verdict, 'absent')
  })

  it('is not yet shown while its route has had no success', () => {
    const { verdict, test } = verdictOf(anOperation(), { routes: [list], conversations: [heard(list, 404)] })
    assert.deepEqual({ verdict, test }, { verdict: 'unshown', test: undefined })
  })

  it('is offered once a test has seen it succeed, and names the test', () => {
    const { verdict, test, differences } = verdictOf(anOperation(), {
      routes: [list],
      conversations: [heard(list, 200)],
    })
    assert.deepEqual({ verdict, test, differences }, { verdict: 'offered', test: file, differences: [] })
  })

  it('is refused when its route says that it is not here', () => {
    const { verdict, test } = verdictOf(anOperation(), { routes: [list], conversations: [heard(list, 501)] })
    assert.deepEqual({ verdict, test }, { verdict: 'refused', test: file })
  })

  it('is refused when a test has met the refusal that the differences declare', () => {
    const differences: Difference[] = [{ ...list, refusedWith: 400, text: 'there are none here' }]
    const unmet = verdictOf(anOperation(), { routes: [list], conversations: [heard(list, 404)], differences })
    assert.equal(unmet.verdict, 'unshown')
    const met = verdictOf(anOperation(), { routes: [list], conversations: [heard(list, 400)], differences })
    assert.deepEqual([met.verdict, met.differences], ['refused', ['there are none here']])
  })

  it('that is a variant is shown by a request of that variant only', () => {
    const many = anOperation({ method: 'POST', variant: '(multiple)', success: [202] })
    const create: ListedRoute = { ...list, method: 'POST' }
    assert.equal(verdictOf(many, { routes: [create], conversations: [heard(create, 202)] }).verdict, 'unshown')
    const conversations = [heard(create, 202, { variant: '(multiple)' })]
    assert.equal(verdictOf(many, { routes: [create], conversations }).verdict, 'offered')
    assert.equal(verdictOf(anOperation({ method: 'POST' }), { routes: [create], conversations }).verdict, 'unshown')
  })

  it('shows that other microversions or statuses are answered', () => {
    const routes = [{ ...list, minMicroversion: '2.10' }]
    const judged = verdictOf(anOperation({ min: '2.1', max: '2.43' }), {
      routes,
      conversations: [heard(list, 202)],
      firstMicroversion: '2.1',
    })
    assert.deepEqual(judged.differences, ['mounted for microversions 2.10–', 'answers 202; upstream 200'])
  })

  it('is not compared in its microversions where the route has variants of other ones', () => {
    const routes = [{ ...list, minMicroversion: '2.10' }]
    const operations = [anOperation({ min: '2.1' }), anOperation({ min: '2.10', variant: '(swap)' })]
    const judged = judge(operations, { routes, conversations: [], differences: [], firstMicroversion: '2.1' })
    assert.deepEqual(
      judged.map(({ differences }) => differences),
      [[], []],
    )
  })

  it('of identity may be asked by HEAD or GET, each with a status of its own', () => {
    const check = anOperation({ service: 'identity', method: 'HEAD', path: '/v3/roles', success: [204] })
    const route: ListedRoute = { service: 'identity', method: 'GET', path: '/v3/roles' }
    const judged = verdictOf(check, { routes: [route], conversations: [heard(route, 200)] })
    assert.deepEqual([judged.verdict, judged.differences], ['offered', []])
  })

  it('names the test beside its resource rather than another', () => {
    const conversations = ['test/conversations/boot.test.ts', 'src/compute/flavors/flavors.test.ts', file].map((each) =>
      heard(list, 200, { file: each }),
    )
    assert.equal(verdictOf(anOperation(), { routes: [list], conversations }).test, file)
  })

  it('on the tags of any network resource is one line for all of them', () => {
    const tags: ListedRoute = { service: 'network', method: 'GET', path: '/v2.0/ports/{port_id}/tags' }
    const operation = anOperation({ service: 'network', path: '/v2.0/{resource_type}/{resource_id}/tags' })
    assert.equal(verdictOf(operation, { routes: [tags], conversations: [heard(tags, 200)] }).verdict, 'offered')
  })
})

it('a route that upstream has not is named as such', () => {
  const ours: ListedRoute = { ...list, path: '/v2.1/servers/{server_id}/os-schedule-info' }
  assert.deepEqual(beyondUpstream([anOperation()], [list, ours]), [
    'compute GET /v2.1/servers/{server_id}/os-schedule-info',
  ])
})
