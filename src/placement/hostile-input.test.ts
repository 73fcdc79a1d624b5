import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { routeList } from '../http/route-list.ts'
import { newId } from '../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from './placement-under-test.ts'

/** What does not belong anywhere: wrong types, ends of ranges, texts that databases choke on. */
const NASTY: unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  'a\u0000b',
  '\ud800',
  "'; drop table placement.providers; --",
  'x'.repeat(300),
  [],
  [[]],
  {},
  { '': {} },
  { a: { b: { c: [] } } },
]

describe('hostile input', () => {
  let at: PlacementUnderTest
  let id: string
  before(async () => {
    at = await placementUnderTest()
    id = await at.provider({ inventories: { VCPU: { total: 8 } } })
  })
  after(() => at[Symbol.asyncDispose]())

  /** Known good bodies, of which each field is spoiled in turn. */
  const bodies = (): Record<string, Record<string, unknown>> => ({
    'POST /resource_providers': { name: 'x', uuid: newId(), parent_provider_uuid: id },
    'PUT /resource_providers/{uuid}': { name: 'x', parent_provider_uuid: null },
    'POST /resource_classes': { name: 'CUSTOM_X' },
    'POST /resource_providers/{uuid}/inventories': {
      resource_class: 'VCPU',
      total: 1,
      reserved: 0,
      min_unit: 1,
      max_unit: 1,
      step_size: 1,
      allocation_ratio: 1,
    },
    'PUT /resource_providers/{uuid}/inventories': { resource_provider_generation: 0, inventories: {} },
    'PUT /resource_providers/{uuid}/inventories/{resource_class}': {
      resource_provider_generation: 0,
      total: 1,
      allocation_ratio: 1,
    },
    'PUT /resource_providers/{uuid}/aggregates': { resource_provider_generation: 0, aggregates: [newId()] },
    'PUT /resource_providers/{uuid}/traits': { resource_provider_generation: 0, traits: ['HW_CPU_X86_AVX'] },
    'PUT /allocations/{consumer_uuid}': {
      allocations: { [id]: { resources: { VCPU: 1 } } },
      project_id: 'p',
      user_id: 'u',
      consumer_generation: null,
      consumer_type: 'INSTANCE',
      mappings: { '': [id] },
    },
    'POST /allocations': {
      [newId()]: { allocations: {}, project_id: 'p', user_id: 'u', consumer_generation: null, consumer_type: 'X' },
    },
    'POST /reshaper': {
      inventories: { [id]: { resource_provider_generation: 0, inventories: {} } },
      allocations: {},
    },
  })

  const failures = async (tries: [method: string, path: string, body?: unknown][]) => {
    const failed: string[] = []
    for (const [method, path, body] of tries) {
      const { status } = await at.ask(method, path, body)
      if (status >= 500) failed.push(`${status} ${method} ${path} ${JSON.stringify(body)?.slice(0, 120)}`)
    }
    return failed
  }
  const routes = () => routeList().filter(({ service, path }) => service === 'placement' && path !== '/')

  it('in a body is never a 500', async () => {
    const tries: [string, string, unknown][] = []
    for (const [route, good] of Object.entries(bodies())) {
      const [method, template] = route.split(' ') as [string, string]
      const path = template
        .replace('{uuid}', id)
        .replace('{resource_class}', 'VCPU')
        .replace('{consumer_uuid}', newId())
      for (const nasty of NASTY) {
        tries.push([method, path, nasty === '' ? undefined : nasty])
        for (const key of Object.keys(good)) tries.push([method, path, { ...good, [key]: nasty }])
      }
    }
    assert.deepEqual(await failures(tries.filter(([, , body]) => typeof body === 'object')), [])
  })

  it('in a path is never a 500', async () => {
    const tries = routes().flatMap(({ method, path }) =>
      ['%00', '%27', 'x'.repeat(300), '%F0%9F%92%A9', '..', newId<string & never>(), '0'].map(
        (nasty): [string, string] => [method, path.replaceAll(/\{[^}]*\}/g, nasty)],
      ),
    )
    assert.deepEqual(await failures(tries), [])
  })

  it('in a query is never a 500', async () => {
    const keys = ['name', 'uuid', 'member_of', 'resources', 'required', 'in_tree', 'limit', 'associated', 'project_id']
    const more = [
      'user_id',
      'consumer_type',
      'root_required',
      'same_subtree',
      'group_policy',
      'resources1',
      '__proto__',
    ]
    const values = [
      '',
      '%00',
      '%27',
      'in:',
      '!',
      '!in:',
      ':',
      ',',
      'VCPU:1e9',
      `VCPU:${'9'.repeat(40)}`,
      '%ED%A0%80',
      '-1',
    ]
    const tries = routes()
      .filter(({ method, path }) => method === 'GET' && !path.includes('{'))
      .flatMap(({ path }) =>
        [...keys, ...more].flatMap((key) =>
          values.flatMap((value): [string, string][] => [
            ['GET', `${path}?${key}=${value}`],
            ['GET', `${path}?${key}=${value}&${key}=${value}`],
          ]),
        ),
      )
    assert.deepEqual(await failures(tries), [])
  })
})
