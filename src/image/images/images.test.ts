import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

describe('images', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const create = (body: unknown, who: 'admin' | 'demo' | 'reader' = 'demo') => test.ask(who, 'POST', '/v2/images', body)
  const show = async (id: string, who: 'admin' | 'demo' | 'alt' | 'reader' = 'demo') =>
    await test.ask(who, 'GET', `/v2/images/${id}`)

  describe('created', () => {
    it('are queued, with defaults, and say where they are', async () => {
      const { status, body, headers } = await create({})
      assert.equal(status, 201)
      assert.equal(headers.location, `http://127.0.0.1:5000/image/v2/images/${body.id}`)
      const { id, created_at, updated_at, ...rest } = body
      assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.equal(created_at, updated_at)
      assert.deepEqual(rest, {
        name: null,
        status: 'queued',
        visibility: 'shared',
        protected: false,
        os_hidden: false,
        owner: person('demo').projectId,
        container_format: null,
        disk_format: null,
        min_disk: 0,
        min_ram: 0,
        size: null,
        virtual_size: null,
        checksum: null,
        os_hash_algo: null,
        os_hash_value: null,
        tags: [],
        self: `/v2/images/${id}`,
        file: `/v2/images/${id}/file`,
        schema: '/v2/schemas/image',
      })
    })

    it('keep what users say of them beside the base properties', async () => {
      const { body } = await create({ name: 'ä', hw_disk_bus: 'scsi', kernel_id: null, tags: ['b', 'a', 'b'] })
      assert.equal(body.name, 'ä')
      assert.equal(body.hw_disk_bus, 'scsi')
      assert.equal(body.kernel_id, null)
      assert.deepEqual(body.tags, ['b', 'a'])
      assert.deepEqual((await show(body.id)).body, body)
    })

    it('may choose their id, once and for all', async () => {
      const id = randomUUID()
      assert.equal((await create({ id })).body.id, id)
      assert.equal((await create({ id })).status, 409)
      await test.ask('demo', 'DELETE', `/v2/images/${id}`)
      assert.equal((await create({ id })).status, 409, 'a deleted id must not come to name other bytes')
    })

    const bad: [string, unknown, number, RegExp][] = [
      ['a name that is too long', { name: 'x'.repeat(256) }, 400, /name/],
      ['a name of another type', { name: 5 }, 400, /name/],
      ['a format that is none', { disk_format: 'exe' }, 400, /disk_format/],
      ['a container format that is none', { container_format: 'box' }, 400, /container_format/],
      ['a visibility that is none', { visibility: 'secret' }, 400, /visibility/],
      ['an id that is none', { id: 'me' }, 400, /id/],
      ['a property that is no text', { hw_disk_bus: 5 }, 400, /hw_disk_bus/],
      ['a tag that is too long', { tags: ['x'.repeat(256)] }, 400, /too long/],
      ['a negative disk', { min_disk: -1 }, 400, /negative/],
      ['a disk beyond all measure', { min_disk: 2 ** 31 }, 400, /min_disk/],
      ['NUL in a name', { name: 'a\0b' }, 400, /NUL/],
      ['NUL in a property', { a: 'a\0b' }, 400, /NUL/],
      ['half a character', { name: '\ud800' }, 400, /surrogate/],
      ['a list instead of an object', [], 400, /object/],
      ['a property named too long', { ['x'.repeat(256)]: 'y' }, 400, /255/],
      ['their status', { status: 'active' }, 403, /'status' is read-only/],
      ['their checksum', { checksum: 'x' }, 403, /read-only/],
      ['their own address', { self: '/v2/images/x' }, 403, /read-only/],
      ['a store', { stores: 'file' }, 403, /read-only/],
      ['locations', { locations: [] }, 403, /reserved/],
      ['a reserved property', { os_glance_failed_import: 'x' }, 403, /reserved/],
      ['another owner', { owner: 'somebody' }, 403, /owned by 'somebody'/],
      ['being public', { visibility: 'public' }, 403, /publicize_image/],
      ['too many tags', { tags: Array.from({ length: 129 }, (_, n) => `${n}`) }, 413, /129.*128/],
      [
        'too many properties',
        Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`p${n}`, ''])),
        413,
        /129.*128/,
      ],
    ]
    for (const [what, body, status, message] of bad) {
      it(`are refused with ${what}`, async () => {
        const answer = await create(body)
        assert.equal(answer.status, status, JSON.stringify(answer.body))
        assert.match(answer.body.message, message)
      })
    }

    it('are refused without a body, with one that is not JSON, or with bytes', async () => {
      assert.match((await create(undefined)).body.message, /Body expected/)
      const malformed = await test.ask('demo', 'POST', '/v2/images', '{', { 'content-type': 'application/json' })
      assert.equal(malformed.status, 400)
      const bytes = await test.ask('demo', 'POST', '/v2/images', 'x', { 'content-type': 'application/octet-stream' })
      assert.equal(bytes.status, 415)
    })

    it('are for members of a project, not for its readers', async () => {
      assert.equal((await create({}, 'reader')).status, 403)
      assert.equal((await test.ask(undefined, 'POST', '/v2/images', {})).status, 401)
    })

    it('may be public, or somebody else’s, when an admin makes them', async () => {
      const { body } = await create({ visibility: 'public', owner: person('alt').projectId }, 'admin')
      assert.equal(body.owner, person('alt').projectId)
      assert.equal((await show(body.id, 'demo')).status, 200)
    })
  })

  describe('seen', () => {
    it('by their owner, by readers of the project and by admins, and by nobody else', async () => {
      for (const visibility of ['shared', 'private']) {
        const id = await test.anImage('demo', { visibility })
        assert.equal((await show(id, 'demo')).status, 200)
        assert.equal((await show(id, 'reader')).status, 200)
        assert.equal((await show(id, 'admin')).status, 200)
        assert.equal((await show(id, 'alt')).status, 404)
        assert.equal((await test.patch('alt', id, { op: 'replace', path: '/name', value: 'mine' })).status, 404)
        assert.equal((await test.ask('alt', 'DELETE', `/v2/images/${id}`)).status, 404)
      }
    })

    it('by everyone when they belong to the community, who may not change them', async () => {
      const id = await test.anImage('demo', { visibility: 'community' })
      assert.equal((await show(id, 'alt')).status, 200)
      assert.equal((await test.patch('alt', id, { op: 'replace', path: '/name', value: 'mine' })).status, 403)
      assert.equal((await test.ask('alt', 'DELETE', `/v2/images/${id}`)).status, 403)
    })

    it('under no id that is none', async () => {
      for (const id of ['1', randomUUID(), randomUUID().replaceAll('-', ''), "'", 'x'.repeat(80)]) {
        assert.equal((await show(id)).status, 404, id)
      }
      assert.equal((await show('%00')).status, 400)
    })
  })

  describe('changed', () => {
    const headers = (version: string) => ({ 'content-type': `application/openstack-images-${version}-json-patch` })

    it('by adding, replacing and removing what they say of themselves', async () => {
      const id = await test.anImage('demo', { os_distro: 'debian', old: 'x' })
      const { status, body } = await test.patch(
        'demo',
        id,
        { op: 'replace', path: '/name', value: 'new' },
        { op: 'add', path: '/a~1b~0c', value: 'slash and tilde' },
        { op: 'replace', path: '/os_distro', value: 'ubuntu' },
        { op: 'remove', path: '/old' },
        { op: 'replace', path: '/tags', value: ['x'] },
        { op: 'replace', path: '/protected', value: true },
        { op: 'replace', path: '/min_ram', value: 64 },
      )
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(body.name, 'new')
      assert.equal(body['a/b~c'], 'slash and tilde')
      assert.equal(body.os_distro, 'ubuntu')
      assert.equal('old' in body, false)
      assert.deepEqual([body.tags, body.protected, body.min_ram], [['x'], true, 64])
      assert.deepEqual((await show(id)).body, body)
    })

    it('wholly or not at all', async () => {
      const id = await test.anImage()
      const changes = [
        { op: 'replace', path: '/name', value: 'new' },
        { op: 'remove', path: '/not-there' },
      ]
      assert.equal((await test.patch('demo', id, ...changes)).status, 409)
      assert.equal((await show(id)).body.name, 'an image')
    })

    it('not at all by an empty list', async () => {
      const id = await test.anImage()
      const { status, body } = await test.patch('demo', id)
      assert.equal(status, 200)
      assert.equal(body.name, 'an image')
    })

    it('also in the older dialect, which does not add what is there', async () => {
      const id = await test.anImage('demo', { there: 'x' })
      const patch = (...changes: unknown[]) =>
        test.ask('demo', 'PATCH', `/v2/images/${id}`, JSON.stringify(changes), headers('v2.0'))
      assert.equal((await patch({ replace: '/name', value: 'new' })).body.name, 'new')
      assert.equal((await patch({ add: '/there', value: 'y' })).status, 409)
      assert.equal((await patch({ add: '/name', value: 'y' })).status, 409)
      assert.equal((await patch({ add: '/a', replace: '/b', value: '' })).status, 400)
    })

    const bad: [string, unknown, number, RegExp][] = [
      ['their id', { op: 'replace', path: '/id', value: 'x' }, 403, /'id' is read-only/],
      ['their status', { op: 'replace', path: '/status', value: 'active' }, 403, /read-only/],
      ['their size', { op: 'replace', path: '/size', value: 5 }, 403, /read-only/],
      ['their hash', { op: 'add', path: '/os_hash_value', value: 'x' }, 403, /read-only/],
      ['being deleted', { op: 'add', path: '/deleted', value: 'x' }, 403, /reserved/],
      ['a reserved property', { op: 'add', path: '/os_glance_x', value: 'x' }, 403, /reserved/],
      ['locations', { op: 'add', path: '/locations/-', value: { url: 'x', metadata: {} } }, 403, /invisible/],
      ['their owner', { op: 'replace', path: '/owner', value: 'x' }, 403, /non admin/],
      ['becoming public', { op: 'replace', path: '/visibility', value: 'public' }, 403, /publicize_image/],
      ['a base property removed', { op: 'remove', path: '/name' }, 403, /may not be removed/],
      ['replacing what is not there', { op: 'replace', path: '/gone', value: 'x' }, 409, /does not exist/],
      ['no operation', { path: '/name', value: 'x' }, 400, /op/],
      ['an unknown operation', { op: 'copy', path: '/name', value: 'x' }, 400, /Invalid operation/],
      ['no path', { op: 'add', value: 'x' }, 400, /path/],
      ['no value', { op: 'add', path: '/x' }, 400, /value/],
      ['a path that is none', { op: 'add', path: 'x', value: 'x' }, 400, /does not start/],
      ['a path that ends badly', { op: 'add', path: '/x/', value: 'x' }, 400, /end with/],
      ['a path of two slashes', { op: 'add', path: '/x//y', value: 'x' }, 400, /adjacent/],
      ['an escape that is none', { op: 'add', path: '/x~2', value: 'x' }, 400, /escape/],
      ['a path that is too deep', { op: 'add', path: '/tags/0', value: 'x' }, 400, /Invalid JSON pointer/],
      ['a path of another type', { op: 'add', path: 5, value: 'x' }, 400, /string/],
      ['a value of another type', { op: 'add', path: '/x', value: 5 }, 400, /x/],
      ['NUL in a value', { op: 'add', path: '/x', value: '\0' }, 400, /NUL/],
      ['a number beyond all measure', { op: 'replace', path: '/min_disk', value: 1e300 }, 400, /min_disk/],
      ['no object', 'x', 400, /JSON objects/],
    ]
    for (const [what, change, status, message] of bad) {
      it(`is refused with ${what}`, async () => {
        const answer = await test.patch('demo', await test.anImage(), change)
        assert.equal(answer.status, status, JSON.stringify(answer.body))
        assert.match(answer.body.message, message)
      })
    }

    it('keeps even odd names apart from what objects inherit', async () => {
      const id = await test.anImage()
      const { status, body } = await test.patch('demo', id, { op: 'add', path: '/constructor', value: 'x' })
      assert.equal(status, 200)
      assert.equal(body.constructor, 'x')
    })

    it('needs a content type of its own', async () => {
      const id = await test.anImage()
      for (const type of ['application/json', 'text/plain']) {
        const answer = await test.ask('demo', 'PATCH', `/v2/images/${id}`, '[]', { 'content-type': type })
        assert.equal(answer.status, 415)
        assert.match(String(answer.headers['accept-patch']), /v2.1-json-patch/)
      }
      const notAList = await test.ask('demo', 'PATCH', `/v2/images/${id}`, '{}', headers('v2.1'))
      assert.equal(notAList.status, 400)
    })

    it('freezes the formats when bytes have come', async () => {
      const id = await test.anImage()
      const toQcow2 = { op: 'replace', path: '/disk_format', value: 'qcow2' }
      const toRaw = { op: 'replace', path: '/disk_format', value: 'raw' }
      assert.equal((await test.patch('demo', id, toQcow2)).status, 200)
      assert.equal((await test.patch('demo', id, toRaw)).status, 200)
      await test.upload('demo', id, 'x')
      assert.equal((await test.patch('demo', id, toQcow2)).status, 403)
      assert.equal(
        (await test.patch('demo', id, { op: 'replace', path: '/container_format', value: 'ova' })).status,
        403,
      )
    })

    it('is for admins where the owner is meant', async () => {
      const id = await test.anImage()
      const { body } = await test.patch('admin', id, { op: 'replace', path: '/owner', value: 'x' })
      assert.equal(body.owner, 'x')
      assert.equal((await show(id, 'demo')).status, 404)
    })
  })

  describe('deleted', () => {
    it('are gone', async () => {
      const id = await test.anActiveImage()
      assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
      assert.equal((await show(id)).status, 404)
      assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 404)
      assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).status, 404)
    })

    it('are gone, whatever the type of the body that a client does not send', async () => {
      const id = await test.anImage()
      const headers = { 'content-type': 'application/octet-stream' }
      assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`, undefined, headers)).status, 204)
    })

    it('are not, while they are protected', async () => {
      const id = await test.anImage('demo', { protected: true })
      const answer = await test.ask('demo', 'DELETE', `/v2/images/${id}`)
      assert.equal(answer.status, 403)
      assert.match(answer.body.message, /is protected and cannot be deleted/)
      await test.patch('demo', id, { op: 'replace', path: '/protected', value: false })
      assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
    })
  })

  describe('deactivated', () => {
    const act = (id: string, deed: string, who: 'demo' | 'admin' = 'demo') =>
      // Many clients say that nothing is JSON.
      test.ask(who, 'POST', `/v2/images/${id}/actions/${deed}`, undefined, { 'content-type': 'application/json' })

    it('are read by admins alone, until they are active again', async () => {
      const id = await test.anActiveImage()
      assert.equal((await act(id, 'deactivate')).status, 204)
      assert.equal((await act(id, 'deactivate')).status, 204)
      assert.equal((await show(id)).body.status, 'deactivated')
      assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).status, 403)
      assert.equal((await test.ask('admin', 'GET', `/v2/images/${id}/file`)).body, 'some bytes')
      assert.equal((await act(id, 'reactivate')).status, 204)
      assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).status, 200)
    })

    it('cannot be, before they have bytes', async () => {
      const id = await test.anImage()
      for (const deed of ['deactivate', 'reactivate']) {
        const answer = await act(id, deed)
        assert.equal(answer.status, 403)
        assert.match(answer.body.message, /in status 'queued'/)
      }
    })
  })
})
