import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

describe('metadata definitions', () => {
  let test: ImageServiceUnderTest
  let made = 0
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  type Person = 'admin' | 'demo' | 'alt' | 'reader'
  const ask = (method: string, path: string, body?: unknown, who: Person = 'admin', headers = {}) =>
    test.ask(who, method, `/v2/metadefs${path}`, body, headers)
  const aNamespace = async (wish: Record<string, unknown> = {}) => {
    const namespace = `OS::Test::N${++made}`
    const { status, body } = await ask('POST', '/namespaces', { namespace, ...wish })
    assert.equal(status, 201, JSON.stringify(body))
    return namespace
  }

  describe('in namespaces', () => {
    it('come whole in one body, and are shown whole', async () => {
      const whole = {
        namespace: 'OS::Compute::Whole',
        display_name: 'Whole',
        description: 'All of it',
        visibility: 'public',
        resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_' }],
        properties: { cores: { title: 'Cores', type: 'integer', minimum: 1 } },
        objects: [
          {
            name: 'CPU',
            required: ['mode'],
            properties: { mode: { title: 'Mode', type: 'string', enum: ['a', 'b'] } },
          },
        ],
        tags: [{ name: 'fast' }],
      }
      const { status, body, headers } = await ask('POST', '/namespaces', whole)
      assert.equal(status, 201, JSON.stringify(body))
      assert.match(String(headers.location), /\/v2\/metadefs\/namespaces\/OS%3A%3ACompute%3A%3AWhole$/)
      const shown = (await ask('GET', '/namespaces/OS::Compute::Whole', undefined, 'demo')).body
      assert.deepEqual(shown, body)
      assert.equal(shown.owner, person('admin').projectId)
      assert.deepEqual(shown.properties, whole.properties)
      assert.deepEqual(shown.tags, whole.tags)
      assert.equal(shown.objects[0].self, '/v2/metadefs/namespaces/OS::Compute::Whole/objects/CPU')
      assert.equal(shown.resource_type_associations[0].prefix, 'hw_')

      const path = '/namespaces/OS::Compute::Whole?resource_type=OS::Glance::Image'
      const prefixed = (await ask('GET', path)).body
      assert.deepEqual(Object.keys(prefixed.properties), ['hw_cores'])
      assert.deepEqual(prefixed.objects[0].required, ['hw_mode'])
      const property = '/namespaces/OS::Compute::Whole/properties/hw_cores?resource_type=OS::Glance::Image'
      assert.equal((await ask('GET', property)).body.name, 'cores')
    })

    it('are listed in pages, with what they are for', async () => {
      for (let count = 0; count < 3; count++) {
        await aNamespace({ visibility: 'public', resource_type_associations: [{ name: 'OS::Paged' }] })
      }
      const first = (await ask('GET', '/namespaces?limit=2&resource_types=OS::Paged,OS::Other&sort_key=namespace')).body
      assert.equal(first.namespaces.length, 2)
      assert.equal(first.namespaces[0].resource_type_associations[0].name, 'OS::Paged')
      const second = (await test.ask('admin', 'GET', first.next)).body
      assert.equal(second.namespaces.length, 1)
      assert.equal('next' in second, false)
      for (const query of ['limit=-1', 'limit=x', 'sort_dir=x', 'sort_key=owner', 'visibility=shared']) {
        assert.equal((await ask('GET', `/namespaces?${query}`)).status, 400, query)
      }
      assert.equal((await ask('GET', '/namespaces?marker=none')).status, 404)
    })

    it('of one project are hidden from the others', async () => {
      const secret = await aNamespace({ owner: person('demo').projectId })
      assert.equal((await ask('GET', `/namespaces/${secret}`, undefined, 'demo')).status, 200)
      assert.equal((await ask('GET', `/namespaces/${secret}`, undefined, 'reader')).status, 200)
      assert.equal((await ask('GET', `/namespaces/${secret}`, undefined, 'alt')).status, 404)
      assert.equal((await ask('GET', `/namespaces/${secret}/objects`, undefined, 'alt')).status, 404)
      const { body } = await ask('GET', '/namespaces', undefined, 'alt')
      assert.equal(
        body.namespaces.some((each: { namespace: string }) => each.namespace === secret),
        false,
      )
    })

    it('are written by admins alone', async () => {
      const namespace = await aNamespace({ visibility: 'public' })
      assert.equal((await ask('POST', '/namespaces', { namespace: 'x' }, 'demo')).status, 403)
      assert.equal((await ask('PUT', `/namespaces/${namespace}`, { namespace }, 'demo')).status, 403)
      assert.equal((await ask('DELETE', `/namespaces/${namespace}`, undefined, 'demo')).status, 403)
      assert.equal((await ask('POST', `/namespaces/${namespace}/objects`, { name: 'x' }, 'demo')).status, 403)
    })

    it('are renamed, and no two bear one name', async () => {
      const one = await aNamespace()
      const two = await aNamespace()
      assert.equal((await ask('POST', '/namespaces', { namespace: one })).status, 409)
      assert.equal((await ask('PUT', `/namespaces/${one}`, { namespace: two })).status, 409)
      const { body } = await ask('PUT', `/namespaces/${one}`, { namespace: `${one}b`, description: 'new' })
      assert.deepEqual([body.namespace, body.description, body.visibility], [`${one}b`, 'new', 'private'])
      assert.equal((await ask('GET', `/namespaces/${one}`)).status, 404)
    })

    it('take back what was read of them, changed in what is their own', async () => {
      const name = await aNamespace({
        objects: [{ name: 'CPU', properties: { mode: { title: 'Mode', type: 'string' } } }],
        properties: { cores: { title: 'Cores', type: 'integer' } },
        tags: [{ name: 'fast' }],
        resource_type_associations: [{ name: 'OS::Glance::Image' }],
      })
      // As python-glanceclient does.
      const {
        self: _s,
        schema: _c,
        created_at: _a,
        updated_at: _u,
        ...read
      } = (await ask('GET', `/namespaces/${name}`)).body
      const changed = await ask('PUT', `/namespaces/${name}`, { ...read, description: 'new' })
      assert.deepEqual([changed.status, changed.body.description], [200, 'new'])
      const refused = await ask('PUT', `/namespaces/${name}`, { ...read, tags: [{ name: 'slow' }] })
      assert.equal(refused.status, 400)
      assert.match(refused.body.message, /'tags': they have their own paths/)
    })

    it('that are protected lose nothing', async () => {
      const namespace = await aNamespace({ protected: true, tags: [{ name: 'a' }], objects: [{ name: 'o' }] })
      for (const path of ['', '/objects', '/objects/o', '/tags/a', '/tags']) {
        assert.equal((await ask('DELETE', `/namespaces/${namespace}${path}`)).status, 403, path)
      }
      await ask('PUT', `/namespaces/${namespace}`, { namespace, protected: false })
      assert.equal((await ask('DELETE', `/namespaces/${namespace}`)).status, 204)
      assert.equal((await ask('DELETE', `/namespaces/${namespace}`)).status, 404)
    })

    const bad: [string, unknown, number][] = [
      ['no name', {}, 400],
      ['a name that is too long', { namespace: 'x'.repeat(81) }, 400],
      ['NUL in its name', { namespace: 'a\0' }, 400],
      ['an unknown field', { namespace: 'x', colour: 'red' }, 400],
      ['a visibility of images', { namespace: 'x', visibility: 'shared' }, 400],
      ['a property without a type', { namespace: 'x', properties: { a: { title: 'A' } } }, 400],
      ['a property of an unknown type', { namespace: 'x', properties: { a: { title: 'A', type: 'colour' } } }, 400],
      ['its own address', { namespace: 'x', self: '/x' }, 403],
    ]
    for (const [what, body, status] of bad) {
      it(`are refused with ${what}`, async () => {
        const answer = await ask('POST', '/namespaces', body)
        assert.equal(answer.status, status, JSON.stringify(answer.body))
      })
    }
  })

  for (const [kind, plural, content, changed] of [
    ['object', 'objects', { description: 'one' }, { description: 'two' }],
    ['property', 'properties', { title: 'One', type: 'string' }, { title: 'Two', type: 'integer' }],
  ] as const) {
    it(`hold ${plural} that come, change their name, and go`, async () => {
      const base = `/namespaces/${await aNamespace()}/${plural}`
      const created = await ask('POST', base, { name: 'a', ...content })
      assert.equal(created.status, 201, JSON.stringify(created.body))
      assert.equal((await ask('POST', base, { name: 'a', ...content })).status, 409)
      await ask('POST', base, { name: 'b', ...content })
      assert.equal((await ask('PUT', `${base}/a`, { name: 'b', ...changed })).status, 409)
      const updated = await ask('PUT', `${base}/a`, { name: 'c', ...changed })
      assert.equal(updated.status, 200, JSON.stringify(updated.body))
      assert.deepEqual((await ask('GET', `${base}/c`)).body, updated.body)
      for (const [key, value] of Object.entries(changed)) assert.equal(updated.body[key], value)
      for (const method of ['GET', 'DELETE']) assert.equal((await ask(method, `${base}/a`)).status, 404)
      assert.equal((await ask('PUT', `${base}/a`, { name: 'a', ...content })).status, 404)
      assert.equal((await ask('DELETE', `${base}/c`)).status, 204)
      const list = async () => Object.values((await ask('GET', base)).body[plural]).length
      assert.equal(await list(), 1)
      assert.equal((await ask('DELETE', base)).status, 204)
      assert.equal(await list(), 0)
      assert.equal((await ask('POST', base, { ...content })).status, 400, `a ${kind} has a name`)
    })
  }

  it('hold tags, one by one or all at once', async () => {
    const base = `/namespaces/${await aNamespace()}/tags`
    assert.equal((await ask('POST', `${base}/a`)).body.name, 'a')
    assert.equal((await ask('PUT', `${base}/a`, { name: 'b' })).body.name, 'b')
    const names = async () => (await ask('GET', base)).body.tags.map((tag: { name: string }) => tag.name)
    assert.equal((await ask('POST', base, { tags: [{ name: 'c' }, { name: 'd' }] })).status, 201)
    assert.deepEqual(await names(), ['c', 'd'])
    await ask('POST', base, { tags: [{ name: 'e' }] }, 'admin', { 'x-openstack-append': 'True' })
    assert.deepEqual(await names(), ['c', 'd', 'e'])
    assert.equal((await ask('POST', base, { tags: [{ name: 'x' }, { name: 'x' }] })).status, 409)
    assert.deepEqual(await names(), ['c', 'd', 'e'])
  })

  it('are for resource types, known ones and new ones', async () => {
    const base = `/namespaces/${await aNamespace()}/resource_types`
    const known = async () => (await ask('GET', '/resource_types', undefined, 'demo')).body.resource_types
    assert.equal((await known())[0].name, 'OS::Cinder::Snapshot')
    const body = { name: 'OS::Heat::Stack', prefix: 'x:', properties_target: 'image' }
    const { created_at, updated_at, ...association } = (await ask('POST', base, body)).body
    assert.deepEqual(association, body)
    assert.ok(created_at && updated_at)
    assert.equal((await ask('POST', base, body)).status, 409)
    assert.equal((await ask('GET', base)).body.resource_type_associations.length, 1)
    assert.ok((await known()).some((type: { name: string }) => type.name === 'OS::Heat::Stack'))
    assert.equal((await ask('DELETE', `${base}/OS::Heat::Stack`)).status, 204)
    assert.equal((await ask('DELETE', `${base}/OS::Heat::Stack`)).status, 404)
  })

  it('publish their schemas', async () => {
    const names = ['namespace', 'object', 'property', 'resource_type', 'tag']
    for (const name of [...names, ...names.map((name) => (name === 'property' ? 'properties' : `${name}s`))]) {
      const { status, body } = await test.ask('reader', 'GET', `/v2/schemas/metadefs/${name}`)
      assert.equal(status, 200, name)
      assert.ok(body.properties, name)
    }
  })

  it('are changed one after the other where several change them at once', async () => {
    for (let round = 0; round < 12; round++) {
      const namespace = await aNamespace()
      const path = `/namespaces/${namespace}`
      const types = [`T${round}a`, `T${round}b`].map((name) => ({ name }))
      const tags = ['x', 'y', 'z'].map((name) => ({ name }))
      const answers = await Promise.all([
        ask('POST', `${path}/tags`, { tags }),
        ask('POST', `${path}/tags`, { tags: tags.toReversed() }),
        ask('POST', `${path}/objects`, { name: 'o' }),
        ask('POST', '/namespaces', { namespace: `${namespace}a`, resource_type_associations: types }),
        ask('POST', '/namespaces', { namespace: `${namespace}b`, resource_type_associations: types.toReversed() }),
        ask('DELETE', path),
        ask('PUT', path, { namespace, description: 'new' }),
        ask('POST', `${path}/properties`, { name: 'p', title: 't', type: 'string' }),
        ask('POST', `${path}/resource_types`, { name: `T${round}b` }),
      ])
      for (const { status, body } of answers) assert.ok([200, 201, 204, 404].includes(status), JSON.stringify(body))
      assert.equal((await ask('GET', path)).status, 404)
    }
  })
})
