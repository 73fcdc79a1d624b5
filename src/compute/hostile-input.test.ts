import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../test/support/service.ts'
import { routeList } from '../http/route-list.ts'
import { newId } from '../ids.ts'
import { type ResourcesUnderTest, resourcesUnderTest } from './resources-under-test.ts'

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
  1e-320,
  '',
  ' ',
  'a\u0000b',
  '\ud800',
  "'; drop table compute.flavors; --",
  '9'.repeat(30),
  'x'.repeat(300),
  [],
  [[]],
  {},
  { '': {} },
  { a: { b: { c: [] } } },
]

describe('hostile input', () => {
  let compute: ResourcesUnderTest
  before(async () => {
    compute = await resourcesUnderTest()
    await compute.resources.flavors.bootstrap()
    await compute.host('h1')
  })
  after(() => compute[Symbol.asyncDispose]())

  const size = { ram: 1, vcpus: 1, disk: 0 }
  /** Known good bodies by their outer key, of which each field is spoiled in turn. */
  const bodies = (): [version: string, method: string, path: string, key: string | undefined, body: object][] => [
    ['2.55', 'POST', '/flavors', 'flavor', { name: 'x', id: 'x', ...size, swap: 0, rxtx_factor: 1, description: 'x' }],
    ['2.55', 'PUT', '/flavors/1', 'flavor', { description: 'x' }],
    ['2.7', 'POST', '/flavors/1/action', 'addTenantAccess', { tenant: 'x' }],
    ['2.7', 'POST', '/flavors/1/action', 'removeTenantAccess', { tenant: 'x' }],
    ['2.86', 'POST', '/flavors/1/os-extra_specs', 'extra_specs', { 'hw:cpu_policy': 'shared', note: 'x' }],
    ['2.86', 'PUT', '/flavors/1/os-extra_specs/note', undefined, { note: 'x' }],
    ['2.10', 'POST', '/os-keypairs', 'keypair', { name: 'x', type: 'ssh', public_key: 'x', user_id: 'x' }],
    ['2.92', 'POST', '/os-keypairs', 'keypair', { name: 'x', public_key: 'x' }],
    ['2.1', 'PUT', `/os-quota-sets/${person('demo').projectId}`, 'quota_set', { cores: 1, force: true, fixed_ips: 1 }],
    ['2.57', 'PUT', '/os-quota-class-sets/default', 'quota_class_set', { cores: 20 }],
    ['2.64', 'POST', '/os-server-groups', 'server_group', { name: 'x', policy: 'affinity', rules: {} }],
    ['2.15', 'POST', '/os-server-groups', 'server_group', { name: 'x', policies: ['affinity'] }],
    ['2.1', 'POST', '/os-aggregates', 'aggregate', { name: 'x', availability_zone: 'x' }],
    ['2.1', 'PUT', '/os-aggregates/1', 'aggregate', { name: 'x', availability_zone: 'x' }],
    ['2.1', 'POST', '/os-aggregates/1/action', 'add_host', { host: 'h1' }],
    ['2.1', 'POST', '/os-aggregates/1/action', 'remove_host', { host: 'h1' }],
    ['2.1', 'POST', '/os-aggregates/1/action', 'set_metadata', { metadata: { a: 'b' } }],
    ['2.81', 'POST', '/os-aggregates/1/images', undefined, { cache: [{ id: newId() }] }],
    ['2.11', 'PUT', '/os-services/disable', undefined, { host: 'h1', binary: 'nova-compute', disabled_reason: 'x' }],
    ['2.11', 'PUT', '/os-services/force-down', undefined, { host: 'h1', binary: 'nova-compute', forced_down: false }],
    ['2.53', 'PUT', `/os-services/${newId()}`, undefined, { status: 'enabled', forced_down: false }],
    ['2.42', 'PUT', '/os-hosts/h1', undefined, { status: 'enable' }],
  ]

  /** A 501 is an answer by design: it names what is not offered. */
  const failures = async (tries: [version: string, method: string, path: string, body?: unknown][]) => {
    const failed: string[] = []
    for (const [version, method, path, body] of tries) {
      const { status } = await compute.at(version).ask('admin', method, path, body)
      if (status >= 500 && status !== 501)
        failed.push(`${status} ${method} ${path} ${JSON.stringify(body)?.slice(0, 120)}`)
    }
    return failed
  }

  it('in a body is never a 500', async () => {
    const tries: [string, string, string, unknown][] = []
    for (const [version, method, path, key, good] of bodies()) {
      const wrapped = (body: unknown) => (key === undefined ? body : { [key]: body })
      for (const nasty of NASTY) {
        tries.push([version, method, path, nasty], [version, method, path, wrapped(nasty)])
        for (const field of Object.keys(good)) tries.push([version, method, path, wrapped({ ...good, [field]: nasty })])
      }
    }
    assert.deepEqual(await failures(tries.filter(([, , , body]) => typeof body === 'object')), [])
  })

  it('in a path is never a 500', async () => {
    const tries = routeList()
      .filter(({ service, method }) => service === 'compute' && method !== 'DELETE')
      .flatMap(({ method, path, minMicroversion, maxMicroversion }) =>
        ['%00', '%27', 'x'.repeat(300), '%F0%9F%92%A9', '..', newId<string & never>(), '0', '9'.repeat(30)].map(
          (nasty): [string, string, string] => [
            maxMicroversion ?? minMicroversion ?? '2.104',
            method,
            path.replace('/v2.1', '').replaceAll(/\{[^}]*\}/g, nasty),
          ],
        ),
      )
    assert.deepEqual(await failures(tries), [])
  })

  it('in a query is never a 500', async () => {
    const keys = [
      'limit',
      'marker',
      'offset',
      'is_public',
      'minRam',
      'minDisk',
      'sort_key',
      'sort_dir',
      'name',
      'user_id',
    ]
    const more = ['tenant_id', 'host', 'binary', 'with_servers', 'hypervisor_hostname_pattern', 'all_projects', 'zone']
    const values = ['', '%00', '%27', '(', '9'.repeat(30), '-1', '%ED%A0%80', 'x'.repeat(300)]
    const lists = routeList().filter(
      ({ service, method, path }) => service === 'compute' && method === 'GET' && !path.includes('{'),
    )
    const tries = lists.flatMap(({ path, maxMicroversion }) =>
      ['2.1', maxMicroversion ?? '2.104'].flatMap((version) =>
        [...keys, ...more].flatMap((key) =>
          values.map((value): [string, string, string] => [
            version,
            'GET',
            `${path.replace('/v2.1', '')}?${key}=${value}&${key}=${value}`,
          ]),
        ),
      ),
    )
    assert.deepEqual(await failures(tries), [])
  })
})
