/** Whatever a request holds, the answer is a no with a reason and never a failure of ours. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../test/support/images.ts'

const ROUNDS = 150

/** Numbers that look like chance and are the same in every run. */
function dice(seed: number) {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return { next, one: <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]! }
}

const NAMES = [
  'id',
  'name',
  'owner',
  'visibility',
  'protected',
  'tags',
  'min_disk',
  'disk_format',
  'locations',
  'os_hidden',
  'size',
  'status',
  'stores',
  'os_glance_x',
  'kernel_id',
  '__proto__',
  'constructor',
  'toString',
  '',
  'x'.repeat(300),
  'ä\u0000ö',
  'op',
  'path',
  'value',
  'method',
  'uri',
  'all_stores',
  'validation_data',
  'type',
  'input',
  'import_from',
  'image_properties',
  'member',
  'namespace',
  'properties',
  'objects',
  'resource_type_associations',
  'required',
  'add',
  'replace',
  'remove',
]
const TEXTS = [
  '',
  'x',
  'raw',
  'bare',
  'public',
  'shared',
  'add',
  'replace',
  'remove',
  '/name',
  '/tags',
  '/locations/-',
  '/~1~0',
  '/~',
  '//',
  '/__proto__',
  '/os_distro',
  'glance-direct',
  'web-download',
  'copy-image',
  'import',
  'http://[::1]:1/',
  'http://user:pass@10.0.0.1/',
  'file',
  '\u0000',
  '\ud800',
  'x'.repeat(70_000),
  '00000000-0000-0000-0000-000000000000',
  '1e400',
  "'; drop table image.images; --",
]
const NUMBERS = [0, -1, 1, 2 ** 31, 2 ** 53, -(2 ** 63), 1e300, 0.5]

function anything(chance: ReturnType<typeof dice>, depth: number): unknown {
  const roll = chance.next()
  if (roll < 0.35) return chance.one(TEXTS)
  if (roll < 0.45) return chance.one(NUMBERS)
  if (roll < 0.55) return chance.one([true, false, null])
  if (depth === 0) return chance.one(TEXTS)
  if (roll < 0.75) return Array.from({ length: Math.floor(chance.next() * 4) }, () => anything(chance, depth - 1))
  return anObject(chance, depth)
}

function anObject(chance: ReturnType<typeof dice>, depth: number): object {
  const entries = Array.from({ length: Math.floor(chance.next() * 6) }, () => [
    chance.one(NAMES),
    anything(chance, depth - 1),
  ])
  return Object.fromEntries(entries)
}

describe('a hostile request', () => {
  let test: ImageServiceUnderTest
  let queued: string
  let active: string
  before(async () => {
    test = await imageServiceUnderTest()
    queued = await test.anImage('admin')
    active = await test.anActiveImage('admin')
    const namespace = { namespace: 'OS::N', visibility: 'public' }
    assert.equal((await test.ask('admin', 'POST', '/v2/metadefs/namespaces', namespace)).status, 201)
  })
  after(() => test[Symbol.asyncDispose]())

  const json = { 'content-type': 'application/json' }
  const patch = (version: string) => ({ 'content-type': `application/openstack-images-v2.${version}-json-patch` })
  const targets: [string, string, () => string, Record<string, string>][] = [
    ['a new image', 'POST', () => '/v2/images', json],
    ['a change of an image', 'PATCH', () => `/v2/images/${active}`, patch('1')],
    ['an older change of an image', 'PATCH', () => `/v2/images/${queued}`, patch('0')],
    ['an import', 'POST', () => `/v2/images/${queued}/import`, json],
    ['a new member', 'POST', () => `/v2/images/${active}/members`, json],
    ['an answer of a member', 'PUT', () => `/v2/images/${active}/members/x`, json],
    ['a new task', 'POST', () => '/v2/tasks', json],
    ['a new namespace', 'POST', () => '/v2/metadefs/namespaces', json],
    ['a change of a namespace', 'PUT', () => '/v2/metadefs/namespaces/OS::N', json],
    ['a new object', 'POST', () => '/v2/metadefs/namespaces/OS::N/objects', json],
    ['a new property', 'POST', () => '/v2/metadefs/namespaces/OS::N/properties', json],
    ['a new association', 'POST', () => '/v2/metadefs/namespaces/OS::N/resource_types', json],
    ['new tags', 'POST', () => '/v2/metadefs/namespaces/OS::N/tags', json],
  ]
  for (const [index, [what, method, path, headers]] of targets.entries()) {
    it(`is answered when its body asks for ${what}`, async () => {
      const chance = dice(index + 1)
      for (let round = 0; round < ROUNDS; round++) {
        const isList = method === 'PATCH' && chance.next() < 0.8
        const body = isList
          ? Array.from({ length: 1 + Math.floor(chance.next() * 3) }, () => aChange(chance))
          : anything(chance, 4)
        const text = JSON.stringify(body)
        const { status, body: answer } = await test.ask('admin', method, path(), text, headers)
        assert.ok(status < 500, `${status} to ${text.slice(0, 500)}: ${JSON.stringify(answer).slice(0, 300)}`)
      }
    })
  }

  function aChange(chance: ReturnType<typeof dice>) {
    const [op, at] = [chance.one(['add', 'replace', 'remove']), `/${chance.one(NAMES)}`]
    return chance.next() < 0.5
      ? { op, path: at, value: anything(chance, 3) }
      : { [op]: at, value: anything(chance, 3), ...anObject(chance, 2) }
  }

  it('is answered in no time to speak of when it changes thousands of properties', async () => {
    const changes = Array.from({ length: 12_000 }, (_, index) => ({ op: 'add', path: `/a${index}`, value: 'x' }))
    const began = performance.now()
    const { status } = await test.ask('admin', 'PATCH', `/v2/images/${queued}`, JSON.stringify(changes), patch('1'))
    assert.equal(status, 413)
    // Whatever else the machine does: when each copied them all it took half a minute.
    assert.ok(performance.now() - began < 10_000)
  })

  it('is answered however deep its body is', async () => {
    const deep = '['.repeat(5000) + ']'.repeat(5000)
    for (const [what, method, path, headers] of targets) {
      for (const text of [deep, `{"name": ${deep}}`, `[{"op": "add", "path": "/x", "value": ${deep}}]`]) {
        assert.equal((await test.ask('admin', method, path(), text, headers)).status, 400, what)
      }
    }
  })

  it('is answered when an object stands for a word, and says itself how it is written', async () => {
    const wordy = { toString: 2, valueOf: 3, toJSON: 4 }
    const change = JSON.stringify([{ op: wordy, path: '/name', value: 'x' }])
    assert.equal((await test.ask('admin', 'PATCH', `/v2/images/${queued}`, change, patch('1'))).status, 400)
    const input = { import_from: wordy, import_from_format: 'raw', image_properties: {} }
    assert.equal((await test.ask('admin', 'POST', '/v2/tasks', { type: 'import', input })).status, 400)
  })

  it('is answered when its query asks for lists', async () => {
    const chance = dice(99)
    const keys = [
      'limit',
      'marker',
      'sort',
      'sort_key',
      'sort_dir',
      'name',
      'id',
      'status',
      'visibility',
      'owner',
      'tag',
    ]
    keys.push(
      'size_min',
      'created_at',
      'updated_at',
      'protected',
      'os_hidden',
      'member_status',
      'min_ram',
      '__proto__',
      '',
    )
    const values = [...TEXTS.filter((text) => text.length < 1000), 'in:a,b', 'in:"a', 'gt:2020-01-01T00:00:00Z', 'lt:x']
    values.push('-1', '99999999999999999999', 'name:asc,size', 'created_at:up', 'all', 'true', '275760-09-14T00:00:00Z')
    for (let round = 0; round < 4 * ROUNDS; round++) {
      const query = new URLSearchParams()
      for (let count = 0; count < 3; count++) query.append(chance.one(keys), chance.one(values).toWellFormed())
      const path = chance.one(['/v2/images', '/v2/tasks', '/v2/metadefs/namespaces'])
      const { status } = await test.ask('admin', 'GET', `${path}?${query}`)
      assert.ok(status < 500, `${status} to ${path}?${query}`)
    }
  })

  it('is answered when its path names what cannot be', async () => {
    const names = ['%00', '%ff', '%2e%2e%2f', "'", 'x'.repeat(400), '%F0%9F%92%A9', '00000000000000000000000000000000']
    for (const name of names) {
      for (const path of [
        `/v2/images/${name}`,
        `/v2/images/${name}/file`,
        `/v2/images/${active}/members/${name}`,
        `/v2/images/${name}/tasks`,
        `/v2/tasks/${name}`,
        `/v2/metadefs/namespaces/${name}`,
        `/v2/metadefs/namespaces/OS::N/objects/${name}`,
      ]) {
        const { status } = await test.ask('admin', 'GET', path)
        assert.ok(status >= 400 && status < 500, `${status} to ${path}`)
      }
      assert.ok((await test.ask('admin', 'PUT', `/v2/images/${active}/tags/${name}`)).status < 500, name)
      assert.ok((await test.ask('admin', 'DELETE', `/v2/stores/${name}/${active}`)).status < 500, name)
    }
  })
})
