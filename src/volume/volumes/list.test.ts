import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { TINY_IMAGE, type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

interface Listed {
  readonly volumes: readonly { id: string; name: string; links: { href: string }[] }[]
  readonly volumes_links?: { rel: string; href: string }[]
  readonly count?: number
}

describe('lists of volumes', () => {
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest()
    await test.aVolume({ name: 'a', size: 1, metadata: { kind: 'x', b: '1' } })
    await test.aVolume({ name: 'b', size: 3, metadata: { kind: 'x' }, description: 'the second' })
    await test.aVolume({ name: 'c', size: 2, imageRef: TINY_IMAGE.id })
    await test.aVolume({ name: 'd', size: 2 })
    const other = await test.ask('alt', 'POST', '/volume/v3/volumes', { volume: { size: 1, name: 'other' } })
    await test.settled(other.body.volume.id)
  })
  after(() => test[Symbol.asyncDispose]())

  const list = async (query: string, version?: string, path = '/volumes') => {
    const { status, body } = await test.demo('GET', `${path}?${query}`, undefined, version)
    assert.equal(status, 200, JSON.stringify(body))
    return body as Listed
  }
  const names = async (query: string, version?: string) =>
    (await list(query, version)).volumes.map(({ name }) => name).join('')
  const encoded = encodeURIComponent

  it('are the newest first, of one’s own project', async () => {
    assert.equal(await names(''), 'dcba')
  })

  it('are short or in detail', async () => {
    const short = (await list('name=a')).volumes[0]!
    assert.deepEqual(Object.keys(short).sort(), ['id', 'links', 'name'])
    const detail = await list('name=a', 'latest', '/volumes/detail')
    assert.equal((detail.volumes[0] as unknown as { size: number }).size, 1)
  })

  it('have links that name the project where the request does', async () => {
    const { href } = (await list('name=a')).volumes[0]!.links[0]!
    assert.match(href, /^http:\/\/127\.0\.0\.1:5000\/volume\/v3\/volumes\/[0-9a-f-]{36}$/)
  })

  const sorted: [string, string][] = [
    ['sort=name:asc', 'abcd'],
    ['sort=name', 'dcba'],
    ['sort=size:desc,name:asc', 'bcda'],
    ['sort_key=name&sort_dir=asc', 'abcd'],
    ['sort_key=created_at&sort_dir=asc', 'abcd'],
    ['sort=bootable:desc,name:asc', 'cabd'],
  ]
  for (const [query, order] of sorted)
    it(`are in the order of ${query}`, async () => assert.equal(await names(query), order))

  const filtered: [string, string][] = [
    ['name=a', 'a'],
    ['name=nobody', ''],
    ['status=available&sort=name:asc', 'abcd'],
    ['status=unheard-of', ''],
    ['size=2&sort=name:asc', 'cd'],
    ['size=many', ''],
    ['bootable=true', 'c'],
    ['bootable=false&sort=name:asc', 'abd'],
    ['availability_zone=nova&sort=name:asc', 'abcd'],
    ['availability_zone=mars', ''],
    [`metadata=${encoded("{'kind': 'x'}")}&sort=name:asc`, 'ab'],
    [`metadata=${encoded("{u'kind': u'x', 'b': '1'}")}`, 'a'],
    [`metadata=${encoded('{"kind": "y"}')}`, ''],
    ['metadata=kind', ''],
    [`name~=${encoded('B')}`, 'b'],
    ['description~=second', 'b'],
    ['group_id=anything', ''],
    ['consumes_quota=true&sort=name:asc', 'abcd'],
    ['consumes_quota=false', ''],
    ['created_at=gt:2020-01-01T00:00:00&sort=name:asc', 'abcd'],
    ['created_at=lt:2020-01-01T00:00:00', ''],
    ['created_at=gt:2020-01-01,lt:2020-01-02', ''],
    ['all_tenants=1&sort=name:asc', 'abcd'],
  ]
  for (const [query, expected] of filtered) {
    it(`are those that ${decodeURIComponent(query)} chooses`, async () => assert.equal(await names(query), expected))
  }

  const refused = [
    'limit=-1',
    'limit=many',
    'offset=-1',
    'offset=9999999999',
    'sort=colour:asc',
    'sort=name:sideways',
    'sort=name&sort_key=name',
    'colour=red',
    'bootable=perhaps',
    'with_count=perhaps',
    'created_at=around:2020-01-01',
    'created_at=gt:yesterday',
    'n%C3%A4me=a',
  ]
  for (const query of refused) {
    it(`are refused for ${query}`, async () => {
      const { status, body } = await test.demo('GET', `/volumes?${query}`)
      assert.equal(status, 400)
      assert.ok(body.badRequest.message)
    })
  }

  it('drop filters that nobody knows before 3.31, and inexact ones before 3.34', async () => {
    assert.equal(await names('colour=red', '3.30'), 'dcba')
    assert.equal((await test.demo('GET', '/volumes?name~=a', undefined, '3.33')).status, 400)
  })

  it('are paged by limit and marker, each page linking to the next', async () => {
    let seen = ''
    let path = '/volumes/detail?limit=3&sort=name:asc'
    for (let pages = 0; pages < 5; pages++) {
      const { body } = await test.demo('GET', path)
      seen += body.volumes.map(({ name }: { name: string }) => name).join('')
      if (body.volumes_links === undefined) break
      assert.equal(body.volumes_links[0].rel, 'next')
      path = body.volumes_links[0].href.replace(/^.*\/v3/, '')
      assert.match(path, /^\/volumes\/detail\?/)
    }
    assert.equal(seen, 'abcd')
  })

  it('go on behind a marker that fits no more', async () => {
    const [marker] = (await list('name=b')).volumes
    assert.equal(await names(`size=2&sort=name:asc&marker=${marker!.id}`), 'cd')
  })

  it('may be empty, skipped into, or asked behind a marker that is unknown', async () => {
    assert.equal(await names('limit=0'), '')
    assert.equal(await names('offset=1&limit=2'), 'cb')
    const unknown = await test.demo('GET', '/volumes?marker=ffffffff-ffff-4fff-8fff-ffffffffffff')
    assert.equal(unknown.status, 404)
    assert.equal((await test.demo('GET', '/volumes?marker=nothing')).status, 404)
  })

  it('are counted from 3.45', async () => {
    const page = await list('with_count=true&limit=1')
    assert.equal(page.count, 4)
    assert.equal('count' in (await list('limit=1')), false)
    assert.equal((await test.demo('GET', '/volumes?with_count=true', undefined, '3.44')).status, 200)
  })

  it('are of every project for admins who ask', async () => {
    const asked = async (query: string) =>
      (await test.admin('GET', `/volumes?${query}`)).body.volumes.map(({ name }: { name: string }) => name).join(' ')
    assert.equal(await asked(''), '')
    assert.equal(await asked('all_tenants=1&sort=name:asc'), 'a b c d other')
    assert.equal(await asked(`all_tenants=1&project_id=${person('alt').projectId}`), 'other')
    assert.equal(await asked('all_tenants=true&host=host-1@simulated&sort=name:asc'), 'a b c d other')
    assert.equal(await asked('all_tenants=true&colour=red'), '')
  })

  it('of many volumes are one question to the database', async () => {
    const began = performance.now()
    for (let times = 0; times < 20; times++) await list('', 'latest', '/volumes/detail')
    assert.ok((performance.now() - began) / 20 < 50)
  })
})
