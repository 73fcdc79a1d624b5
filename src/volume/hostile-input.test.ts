/** Whatever is asked of whatever route: the answer is never that we failed. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ListedRoute, routeList } from '../http/route-list.ts'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from './volume-service-under-test.ts'

const UNKNOWN = 'ffffffff-ffff-4fff-8fff-ffffffffffff'
const NAMES = [UNKNOWN, UNKNOWN.replaceAll('-', ''), 'x', "' or 1=1 --", 'é', '%', 'a'.repeat(400), '1', '../..', '{}']
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  2 ** 31,
  '',
  'x',
  'x'.repeat(70_000),
  'a\u0000b',
  '\ud800',
  [],
  [null],
  {},
  { a: { b: [1] } },
  { constructor: 'x', ['__proto__']: { a: 1 }, hasOwnProperty: 1 },
  UNKNOWN,
  '9999999999999999999999',
]
/** What stands in a field is tried in fewer ways: each is a request. */
const FIELD_VALUES = [null, 1e300, 'x'.repeat(300), 'a\u0000b', [null], { __proto__: { a: 1 } }]

/** The key under which a body carries what it says, by where it goes. */
const KEYS: readonly (readonly [path: RegExp, key: string])[] = [
  [/metadata\/\{key\}$/, 'meta'],
  [/metadata$/, 'metadata'],
  [/extra_specs$/, 'extra_specs'],
  [/^\/v3\/volumes/, 'volume'],
  [/^\/v3\/types/, 'volume_type'],
  [/^\/v3\/snapshots/, 'snapshot'],
  [/^\/v3\/attachments/, 'attachment'],
  [/^\/v3\/os-quota-sets/, 'quota_set'],
  [/^\/v3\/os-quota-class-sets/, 'quota_class_set'],
  [/^\/v3\/default-types/, 'default_type'],
]
const keyOf = (path: string) => KEYS.find(([pattern]) => pattern.test(path))?.[1]

const FIELDS = [
  'size',
  'name',
  'description',
  'metadata',
  'imageRef',
  'source_volid',
  'snapshot_id',
  'volume_type',
  'availability_zone',
  'volume_id',
  'volume_uuid',
  'instance_uuid',
  'connector',
  'mode',
  'new_size',
  'new_type',
  'status',
  'attach_status',
  'migration_status',
  'attachment_id',
  'mountpoint',
  'host_name',
  'bootable',
  'readonly',
  'key',
  'project',
  'binary',
  'host',
  'disabled_reason',
  'volumes',
  'is_public',
  'force',
]
/** Those that any action knows. */
const ACTION_FIELDS = FIELDS.slice(FIELDS.indexOf('instance_uuid'), FIELDS.indexOf('project') + 1)
const QUERIES = [
  'limit=1e3',
  'limit=99999999999999999999',
  'offset=0x1',
  'marker=%27',
  `marker=${UNKNOWN}`,
  'sort=,,:',
  'sort=constructor:asc',
  'sort_key=__proto__&sort_dir=asc',
  'name=%ff',
  'metadata=%7B',
  "metadata={'a':'\\'}",
  'created_at=gt:',
  'created_at=constructor:2020-01-01',
  'created_at=gt:999999-01-01',
  'size=99999999999',
  'bootable=',
  'all_tenants=maybe',
  'usage=maybe',
  'is_public=%20',
  'constructor=1',
  'id=x',
  'host=%25',
  'with_count=',
  'detail=x',
]

describe('hostile input to block storage', () => {
  let test: VolumeServiceUnderTest
  let routes: readonly ListedRoute[]
  let ids: Record<string, string>
  before(async () => {
    test = await volumeServiceUnderTest()
    routes = routeList().filter(({ service }) => service === 'volume')
    const volume = await test.aVolume()
    const attachment = await test.demo('POST', '/attachments', { attachment: { volume_uuid: volume.id } })
    const type = await test.admin('POST', '/types', { volume_type: { name: 'of hostile tests' } })
    ids = {
      volumes: volume.id,
      attachments: attachment.body.attachment.id,
      types: type.body.volume_type.id,
      snapshots: UNKNOWN,
    }
  })
  after(() => test[Symbol.asyncDispose]())

  const failures: string[] = []
  const ask = async (method: string, path: string, payload?: unknown, version = 'latest') => {
    const answer = await test.app.inject({
      method: method as 'GET',
      url: `/volume${path}`,
      headers: { 'x-auth-token': 'admin', 'openstack-api-version': `volume ${version}` },
      ...(payload !== undefined && { payload: payload as object }),
    })
    if (answer.statusCode >= 500 && answer.statusCode !== 501) {
      failures.push(`${answer.statusCode} ${method} ${path} ${JSON.stringify(payload)?.slice(0, 200)}`)
    }
    return answer.statusCode
  }
  const filled = (path: string, name: string) => path.replace(/\{[^}]+\}/g, () => encodeURIComponent(name))
  /** The path of what is there, as far as it has ids. */
  const real = (path: string) =>
    path.replace(/^\/v3\/([a-z]+)\/\{id\}/, (_all, kind: string) => `/v3/${kind}/${ids[kind] ?? UNKNOWN}`)

  it('in names of the path is not our failure', async () => {
    for (const { method, path } of routes) {
      for (const name of NAMES) await ask(method, filled(path, name), method === 'GET' ? undefined : {})
    }
    assert.deepEqual(failures.splice(0), [])
  })

  it('in queries is not our failure', async () => {
    for (const { path } of routes.filter(({ method }) => method === 'GET')) {
      for (const query of QUERIES) await ask('GET', `${filled(real(path), 'x')}?${query}`)
      await ask('GET', `${filled(real(path), 'x')}?limit=0&limit=1&name=a&name=b`)
    }
    assert.deepEqual(failures.splice(0), [])
  })

  it('in bodies is not our failure', async () => {
    for (const { method, path, action } of routes.filter(({ method }) => method === 'POST' || method === 'PUT')) {
      const url = filled(real(path), 'x')
      const key = action ?? keyOf(path)
      const wrap = (value: unknown) => (key === undefined ? value : { [key]: value })
      for (const value of VALUES) {
        await ask(method, url, JSON.stringify(value))
        await ask(method, url, wrap(value))
      }
      const fields = action === undefined ? FIELDS : ACTION_FIELDS
      for (const field of fields) for (const value of FIELD_VALUES) await ask(method, url, wrap({ [field]: value }))
    }
    assert.deepEqual(failures.splice(0), [])
  })

  it('in an otherwise good create is not our failure', async () => {
    for (const version of ['3.0', 'latest']) {
      for (const field of FIELDS) {
        for (const value of VALUES) {
          await ask('POST', '/v3/volumes', { volume: { size: 1, [field]: value } }, version)
          await ask('POST', '/v3/snapshots', { snapshot: { volume_id: ids.volumes, [field]: value } }, version)
          await ask('POST', '/v3/types', { volume_type: { name: 'n', [field]: value } }, version)
        }
      }
    }
    for (const value of VALUES) {
      await ask('POST', '/v3/attachments', { attachment: { volume_uuid: ids.volumes, connector: value } })
      await ask('POST', '/v3/attachments', {
        attachment: {
          volume_uuid: ids.volumes,
          connector: { initiator: 'iqn.a:b', host: value, mountpoint: value, mode: value },
        },
      })
    }
    assert.deepEqual(failures.splice(0), [])
  })
})
