import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

describe('a list of images', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  type Person = 'admin' | 'demo' | 'alt' | 'reader'
  const list = (query: string, who: Person = 'demo') => test.ask(who, 'GET', `/v2/images?${query}`)
  const names = async (query: string, who: Person = 'demo') => {
    const { status, body } = await list(query, who)
    assert.equal(status, 200, JSON.stringify(body))
    return body.images.map((image: { name: string }) => image.name)
  }

  describe('by filters', () => {
    before(async () => {
      await test.anActiveImage(
        'demo',
        { name: 'cirros', group: 'f', os_distro: 'cirros', tags: ['a', 'b'] },
        'x'.repeat(10),
      )
      await test.anActiveImage('demo', { name: 'debian', group: 'f', os_distro: 'debian', tags: ['b'] }, 'x'.repeat(20))
      await test.anImage('demo', { name: 'a,"b"', group: 'f', disk_format: 'qcow2', protected: true, min_ram: 64 })
      await test.anImage('demo', { name: 'hidden', group: 'f', os_hidden: true })
    })

    const cases: [string, string[]][] = [
      ['', ['a,"b"', 'cirros', 'debian']],
      ['name=debian', ['debian']],
      ['name=in:debian,cirros', ['cirros', 'debian']],
      ['name=in:"a,\\"b\\"",debian', ['debian']],
      ['status=queued', ['a,"b"']],
      ['status=in:queued,active', ['a,"b"', 'cirros', 'debian']],
      ['disk_format=raw', ['cirros', 'debian']],
      ['container_format=in:bare,ova', ['a,"b"', 'cirros', 'debian']],
      ['size_min=15', ['debian']],
      ['size_max=15', ['cirros']],
      ['size=20', ['debian']],
      ['size_min=99999999999999999999999999', []],
      ['min_ram=64', ['a,"b"']],
      ['tag=b', ['cirros', 'debian']],
      ['tag=b&tag=a', ['cirros']],
      ['os_distro=debian', ['debian']],
      ['os_distro=debian&tag=a', []],
      ['protected=true', ['a,"b"']],
      ['os_hidden=true', ['hidden']],
      ['visibility=shared', ['a,"b"', 'cirros', 'debian']],
      ['visibility=public', []],
      ['created_at=gt:2020-01-01T00:00:00Z', ['a,"b"', 'cirros', 'debian']],
      ['created_at=lt:2020-01-01', []],
      ['updated_at=gte:2020-01-01T00:00:00%2B02:00', ['a,"b"', 'cirros', 'debian']],
      ['checksum=none', []],
      ['owner=somebody', []],
      ['id=in:x,y', []],
      ['constructor=x', []],
    ]
    for (const [query, expected] of cases) {
      it(query === '' ? 'has them all but the hidden' : query, async () => {
        assert.deepEqual(await names(`group=f&sort=name:asc&${query}`), expected)
      })
    }

    it('an image is found by the time that it shows', async () => {
      const { body } = await list('name=debian')
      const [image] = body.images
      assert.deepEqual(await names(`name=debian&created_at=${image.created_at}`), ['debian'])
      assert.deepEqual(await names(`name=debian&created_at=gt:${image.created_at}`), [])
    })
  })

  describe('in pages', () => {
    const all = ['p1', 'p2', 'p3', 'p4', 'p5']
    before(async () => {
      for (const name of all) await test.anImage('demo', { name, group: 'p', min_ram: 1 })
      await test.anImage('demo', { name: null, group: 'p' })
    })

    const walk = async (query: string) => {
      const seen: (string | null)[] = []
      let path = `/v2/images?group=p&${query}`
      for (let pages = 0; pages < 10; pages++) {
        const { body } = await test.ask('demo', 'GET', path)
        assert.equal(new URLSearchParams(body.first.split('?')[1]).has('marker'), false)
        seen.push(...body.images.map((image: { name: string }) => image.name))
        if (body.next === undefined) return seen
        path = body.next
      }
      throw new Error('the pages do not end')
    }

    it('follows next to the end, each image once, newest first', async () => {
      assert.deepEqual(await walk('limit=2'), [null, 'p5', 'p4', 'p3', 'p2', 'p1'])
    })
    it('in the order of names, where none is the least', async () => {
      assert.deepEqual(await walk('limit=4&sort_key=name&sort_dir=asc'), [null, ...all])
    })
    it('in the order of two keys of opposite directions', async () => {
      assert.deepEqual(await walk('limit=1&sort=status:asc,name:desc'), [...all.toReversed(), null])
      // A key that comes again changes nothing, however often.
      const again = 'name:asc,'.repeat(1000)
      assert.deepEqual(await walk(`limit=4&sort=name:desc,${again}name:asc`), [...all.toReversed(), null])
    })
    it('in the order of ids and of sizes', async () => {
      for (const key of ['id', 'size', 'disk_format', 'container_format', 'updated_at']) {
        assert.deepEqual((await walk(`limit=2&sort_key=${key}`)).sort(), [...all, null].sort(), key)
      }
    })
    it('has 25 where no limit is given, and says so in no next where that is the end', async () => {
      const { body } = await list('group=p')
      assert.equal(body.images.length, 6)
      assert.equal('next' in body, false)
      assert.equal(body.schema, '/v2/schemas/images')
      assert.equal(body.first, '/v2/images?group=p')
    })
    it('is empty with a limit of nothing', async () => {
      assert.deepEqual(await names('limit=0'), [])
    })
  })

  describe('of several projects', () => {
    before(async () => {
      for (const visibility of ['private', 'shared', 'community']) {
        await test.anImage('alt', { name: `alt ${visibility}`, group: 'v', visibility })
      }
      await test.anImage('admin', { name: 'admin public', group: 'v', visibility: 'public' })
      await test.anImage('demo', { name: 'demo community', group: 'v', visibility: 'community' })
    })

    it('shows the own ones and the public ones', async () => {
      assert.deepEqual(await names('group=v&sort=name:asc'), ['admin public', 'demo community'])
    })
    it('shows the community’s when they are asked for', async () => {
      assert.deepEqual(await names('group=v&sort=name:asc&visibility=community'), ['alt community', 'demo community'])
      assert.deepEqual(await names('group=v&sort=name:asc&visibility=all'), [
        'admin public',
        'alt community',
        'demo community',
      ])
    })
    it('shows an admin all but the community’s', async () => {
      assert.deepEqual(await names('group=v&sort=name:asc', 'admin'), ['admin public', 'alt private', 'alt shared'])
      assert.deepEqual(
        await names(`group=v&owner=${person('alt').projectId}&visibility=all`, 'admin').then((all) => all.length),
        3,
      )
    })
    it('shows a shared one to a member, once it is accepted', async () => {
      const { body } = await list('group=v&visibility=shared', 'alt')
      const [{ id }] = body.images
      const demo = person('demo').projectId
      await test.ask('alt', 'POST', `/v2/images/${id}/members`, { member: demo })
      assert.deepEqual(await names('group=v&visibility=shared'), [])
      assert.deepEqual(await names('group=v&visibility=shared&member_status=pending'), ['alt shared'])
      assert.deepEqual(await names('group=v&visibility=shared&member_status=all'), ['alt shared'])
      await test.ask('demo', 'PUT', `/v2/images/${id}/members/${demo}`, { status: 'accepted' })
      assert.deepEqual(await names('group=v&visibility=shared'), ['alt shared'])
    })
  })

  describe('is refused', () => {
    const bad = [
      'limit=-1',
      'limit=x',
      'marker=x',
      'marker=00000000-0000-0000-0000-000000000000',
      'sort_key=x',
      'sort_key=owner',
      'sort_dir=up',
      'sort=name:up',
      'sort=name&sort_key=name',
      'sort_key=name&sort_dir=asc&sort_dir=desc',
      'visibility=x',
      'member_status=x',
      'os_hidden=x',
      'protected=x',
      'name=like:x',
      'name=in:"x',
      'created_at=x',
      'created_at=like:2020-01-01',
      'created_at=gt:2020-13-45',
      'size=x',
      'size_min=x',
      'colour_min=1',
      'changes-since=2020-01-01',
      'name=%00',
      'x=%00',
      '%00=x',
    ]
    for (const query of bad) {
      it(`with ${query}`, async () => {
        const { status, body } = await list(query)
        assert.equal(status, 400, JSON.stringify(body))
      })
    }

    it('without a token, and with one of no project’s reader', async () => {
      assert.equal((await test.ask(undefined, 'GET', '/v2/images')).status, 401)
    })
  })
})
