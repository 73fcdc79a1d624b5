import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type ResourcesUnderTest, resourcesUnderTest } from '../resources-under-test.ts'

describe('flavors', () => {
  let compute: ResourcesUnderTest
  before(async () => {
    compute = await resourcesUnderTest()
    await compute.resources.flavors.bootstrap()
  })
  after(() => compute[Symbol.asyncDispose]())

  const create = (flavor: object, version = '2.1') => compute.at(version).ask('admin', 'POST', '/flavors', { flavor })
  const names = (answer: { body: { flavors: { name: string }[] } }) => answer.body.flavors.map(({ name }) => name)

  it('of the first cloud are there, and bootstrapping again changes nothing', async () => {
    await compute.resources.flavors.bootstrap()
    const { body } = await compute.ask('demo', 'GET', '/flavors?sort_key=memory_mb')
    assert.deepEqual(names({ body }), ['tiny', 'm1.tiny', 'm1.small', 'm1.medium', 'm1.large', 'm1.xlarge'])
  })

  it('are listed by name and links only, or in detail', async () => {
    const brief = await compute.ask('demo', 'GET', '/flavors?limit=1')
    assert.deepEqual(brief.body.flavors[0], {
      id: '1',
      name: 'm1.tiny',
      links: [
        { rel: 'self', href: 'http://127.0.0.1:5000/compute/v2.1/flavors/1' },
        { rel: 'bookmark', href: 'http://127.0.0.1:5000/compute/flavors/1' },
      ],
    })
    const detail = await compute.ask('demo', 'GET', '/flavors/detail?limit=1')
    assert.deepEqual(Object.keys(detail.body.flavors[0]).sort(), [
      'OS-FLV-DISABLED:disabled',
      'OS-FLV-EXT-DATA:ephemeral',
      'disk',
      'id',
      'links',
      'name',
      'os-flavor-access:is_public',
      'ram',
      'rxtx_factor',
      'swap',
      'vcpus',
    ])
  })

  it('show what their microversion knows', async () => {
    const show = async (version: string) =>
      (await compute.at(version).ask('demo', 'GET', '/flavors/1')).body.flavor as Record<string, unknown>
    assert.equal((await show('2.1')).swap, '')
    assert.equal('description' in (await show('2.54')), false)
    assert.equal((await show('2.55')).description, null)
    assert.equal('extra_specs' in (await show('2.60')), false)
    assert.deepEqual((await show('2.61')).extra_specs, {})
    assert.equal((await show('2.74')).swap, '')
    assert.equal((await show('2.75')).swap, 0)
    assert.equal('rxtx_factor' in (await show('2.101')), true)
    assert.equal('rxtx_factor' in (await show('2.102')), false)
  })

  it('come in pages that link to the next, and an unknown marker is refused', async () => {
    const first = await compute.ask('demo', 'GET', '/flavors?limit=2')
    assert.deepEqual(names(first), ['m1.tiny', 'm1.small'])
    const next = new URL(first.body.flavors_links[0].href)
    assert.equal(next.searchParams.get('marker'), '2')
    assert.deepEqual(names(await compute.ask('demo', 'GET', `/flavors${next.search}`)), ['m1.medium', 'm1.large'])
    assert.equal('flavors_links' in (await compute.ask('demo', 'GET', '/flavors')).body, false)
    const unknown = await compute.ask('demo', 'GET', '/flavors?marker=nowhere')
    assert.deepEqual([unknown.status, unknown.body.badRequest.message], [400, 'marker [nowhere] not found'])
  })

  it('are sorted and filtered as asked', async () => {
    const list = async (query: string) => names(await compute.ask('demo', 'GET', `/flavors${query}`))
    assert.deepEqual(await list('?minRam=4096'), ['m1.medium', 'm1.large', 'm1.xlarge'])
    assert.deepEqual(await list('?minDisk=80&sort_key=vcpus&sort_dir=desc'), ['m1.xlarge', 'm1.large'])
    const named = await compute.at('2.102').ask('demo', 'GET', '/flavors?name=large')
    assert.deepEqual(names(named), ['m1.large', 'm1.xlarge'])
    for (const query of ['?minRam=much', '?limit=-1', '?limit=x', '?sort_key=colour', '?sort_dir=up']) {
      assert.equal((await compute.ask('demo', 'GET', `/flavors${query}`)).status, 400, query)
    }
    assert.equal((await compute.at('2.102').ask('demo', 'GET', '/flavors?name=(')).status, 400)
  })

  it('ignore unknown queries up to 2.74 and refuse them from 2.75 on', async () => {
    assert.equal((await compute.at('2.74').ask('demo', 'GET', '/flavors?colour=red')).status, 200)
    assert.equal((await compute.at('2.75').ask('demo', 'GET', '/flavors?colour=red')).status, 400)
    assert.equal((await compute.at('2.101').ask('demo', 'GET', '/flavors/1?colour=red')).status, 200)
    assert.equal((await compute.at('2.102').ask('demo', 'GET', '/flavors/1?colour=red')).status, 400)
  })

  it('are made by admins only, with sizes as numbers or texts', async () => {
    const flavor = { name: 'made', id: 'made', ram: '64', vcpus: 1, disk: 0, swap: 10 }
    assert.equal((await compute.ask('demo', 'POST', '/flavors', { flavor })).status, 403)
    const made = await create(flavor)
    assert.equal(made.status, 200)
    assert.deepEqual([made.body.flavor.ram, made.body.flavor.swap, made.body.flavor.id], [64, 10, 'made'])
    assert.equal((await compute.ask('admin', 'DELETE', '/flavors/made')).status, 202)
    assert.equal((await compute.ask('admin', 'DELETE', '/flavors/made')).status, 404)
  })

  it('get an id where none is given, and names and ids only once', async () => {
    const made = await create({ name: 'once', ram: 64, vcpus: 1, disk: 0 })
    assert.match(made.body.flavor.id, /^[0-9a-f-]{36}$/)
    const again = await create({ name: 'once', ram: 64, vcpus: 1, disk: 0 })
    assert.deepEqual(
      [again.status, again.body.conflictingRequest.message],
      [409, 'Flavor with name once already exists.'],
    )
    const id = await create({ name: 'other', id: made.body.flavor.id, ram: 64, vcpus: 1, disk: 0 })
    assert.equal(id.status, 409)
    await compute.ask('admin', 'DELETE', `/flavors/${made.body.flavor.id}`)
  })

  it('are refused with the wrong shape', async () => {
    const good = { name: 'x', ram: 64, vcpus: 1, disk: 0 }
    for (const bad of [
      { ...good, name: '' },
      { ...good, name: ' x' },
      { ...good, name: 'a\u0000b' },
      { ...good, name: 'x'.repeat(256) },
      { ...good, id: 'a/b' },
      { ...good, ram: 0 },
      { ...good, ram: '0' },
      { ...good, vcpus: -1 },
      { ...good, vcpus: 2 ** 31 },
      { ...good, vcpus: '99999999999' },
      { ...good, disk: 'big' },
      { ...good, disk: 1.5 },
      { ...good, rxtx_factor: 0 },
      { ...good, rxtx_factor: '0' },
      { ...good, 'os-flavor-access:is_public': 'maybe' },
      { ...good, colour: 'red' },
      { ...good, description: 'too early' },
      { name: 'x', ram: 64, vcpus: 1 },
    ]) {
      assert.equal((await create(bad)).status, 400, JSON.stringify(bad).slice(0, 80))
    }
    assert.equal((await create({ ...good, rxtx_factor: 1 }, '2.102')).status, 400)
    assert.equal((await compute.ask('admin', 'GET', '/flavors/a%00b')).status, 400)
  })

  it('take a description from 2.55 on, and change it', async () => {
    const made = await create({ name: 'said', id: 'said', ram: 64, vcpus: 1, disk: 0, description: 'small' }, '2.55')
    assert.equal(made.body.flavor.description, 'small')
    const body = { flavor: { description: null } }
    assert.equal((await compute.at('2.54').ask('admin', 'PUT', '/flavors/said', body)).status, 404)
    const changed = await compute.at('2.55').ask('admin', 'PUT', '/flavors/said', body)
    assert.deepEqual([changed.status, changed.body.flavor.description], [200, null])
    assert.equal((await compute.at('2.55').ask('admin', 'PUT', '/flavors/nowhere', body)).status, 404)
    assert.equal((await compute.at('2.55').ask('admin', 'PUT', '/flavors/said', { flavor: { name: 'x' } })).status, 400)
    await compute.ask('admin', 'DELETE', '/flavors/said')
  })

  describe('that are not public', () => {
    const flavor = { name: 'secret', id: 'secret', ram: 64, vcpus: 1, disk: 0, 'os-flavor-access:is_public': false }
    const demo = person('demo').projectId!
    before(() => create(flavor))
    after(() => compute.ask('admin', 'DELETE', '/flavors/secret'))

    const act = (deed: string, version = '2.7', id = 'secret') =>
      compute.at(version).ask('admin', 'POST', `/flavors/${id}/action`, { [deed]: { tenant: demo } })

    it('are there for projects that have access, and for admins', async () => {
      assert.equal((await compute.ask('demo', 'GET', '/flavors/secret')).status, 404)
      assert.equal((await compute.ask('admin', 'GET', '/flavors/secret')).status, 200)
      const given = await act('addTenantAccess')
      assert.deepEqual(given.body, { flavor_access: [{ flavor_id: 'secret', tenant_id: demo }] })
      assert.equal((await compute.ask('demo', 'GET', '/flavors/secret')).status, 200)
      assert.equal((await compute.ask('alt', 'GET', '/flavors/secret')).status, 404)
      assert.equal((await act('addTenantAccess')).status, 409)
      const listed = await compute.ask('admin', 'GET', '/flavors/secret/os-flavor-access')
      assert.deepEqual(listed.body, given.body)
      assert.deepEqual((await act('removeTenantAccess')).body, { flavor_access: [] })
      assert.equal((await act('removeTenantAccess')).status, 404)
      assert.equal((await compute.ask('demo', 'GET', '/flavors/secret')).status, 404)
    })

    it('are listed for admins who ask for them', async () => {
      const list = async (query: string) => names(await compute.ask('admin', 'GET', `/flavors${query}`))
      assert.deepEqual(await list('?is_public=false'), ['secret'])
      assert.equal((await list('?is_public=none')).includes('secret'), true)
      assert.equal((await list('')).includes('secret'), false)
      assert.equal(names(await compute.ask('demo', 'GET', '/flavors?is_public=none')).includes('secret'), false)
      assert.equal((await compute.ask('admin', 'GET', '/flavors?is_public=perhaps')).status, 400)
    })

    it('alone have an access list', async () => {
      const list = await compute.ask('admin', 'GET', '/flavors/1/os-flavor-access')
      assert.equal(list.status, 404)
      assert.equal((await act('addTenantAccess', '2.7', '1')).status, 409)
      assert.equal((await act('addTenantAccess', '2.6', '1')).status, 200)
      assert.equal((await act('removeTenantAccess', '2.6', '1')).status, 200)
    })

    it('take no other action, and no other field', async () => {
      assert.equal((await act('paint')).status, 400)
      const more = { addTenantAccess: { tenant: demo, colour: 'red' } }
      assert.equal((await compute.ask('admin', 'POST', '/flavors/secret/action', more)).status, 400)
      assert.equal((await compute.ask('demo', 'POST', '/flavors/secret/action', more)).status, 403)
    })
  })

  describe('have extra specs', () => {
    before(() => create({ name: 'special', id: 'special', ram: 64, vcpus: 1, disk: 0 }))
    after(() => compute.ask('admin', 'DELETE', '/flavors/special'))
    const url = '/flavors/special/os-extra_specs'
    const add = (extra_specs: object, version = '2.1') => compute.at(version).ask('admin', 'POST', url, { extra_specs })

    it('that are added, shown, changed and removed', async () => {
      assert.deepEqual((await add({ 'hw:cpu_policy': 'shared', note: 'x' })).body, {
        extra_specs: { 'hw:cpu_policy': 'shared', note: 'x' },
      })
      assert.deepEqual((await compute.ask('demo', 'GET', `${url}/note`)).body, { note: 'x' })
      assert.deepEqual((await compute.ask('admin', 'PUT', `${url}/note`, { note: 'y' })).body, { note: 'y' })
      assert.deepEqual((await compute.ask('demo', 'GET', url)).body.extra_specs, {
        'hw:cpu_policy': 'shared',
        note: 'y',
      })
      assert.equal((await compute.ask('admin', 'DELETE', `${url}/note`)).status, 200)
      assert.equal((await compute.ask('admin', 'DELETE', `${url}/note`)).status, 404)
      assert.equal((await compute.ask('demo', 'GET', `${url}/note`)).status, 404)
    })

    it('that keep a number as text', async () => {
      await add({ number: 7 })
      assert.deepEqual((await compute.ask('demo', 'GET', `${url}/number`)).body, { number: '7' })
    })

    it('that only admins change, one at a time by its own name', async () => {
      assert.equal((await compute.ask('demo', 'POST', url, { extra_specs: { a: 'b' } })).status, 403)
      assert.equal((await compute.ask('admin', 'PUT', `${url}/a`, { b: 'c' })).status, 400)
      assert.equal((await compute.ask('admin', 'PUT', `${url}/a`, { a: 'b', b: 'c' })).status, 400)
      assert.equal((await add({ 'a/b': 'c' })).status, 400)
      assert.equal((await add({ a: { b: 'c' } })).status, 400)
    })

    it('that are checked from 2.86 on', async () => {
      const said = async (specs: Record<string, string>, version = '2.86') => {
        const answer = await add(specs, version)
        return answer.status === 200 ? 200 : answer.body.badRequest.message
      }
      assert.equal(await said({ 'hw:cpu_policy': 'sometimes' }, '2.85'), 200)
      assert.match(
        await said({ 'hw:cpu_policy': 'sometimes' }),
        /'sometimes' is not one of: dedicated, shared, mixed\./,
      )
      assert.match(await said({ 'hw:numa_nodes': '0' }), /'0' is less than the min value of '1'/)
      assert.match(await said({ 'hw:redirected_usb_ports': '16' }), /greater than the max value of '15'/)
      assert.match(await said({ 'hw:pmu': 'perhaps' }), /not a valid boolean-like value/)
      assert.match(await said({ 'quota:cpu_quota': 'much' }), /not a valid integer value/)
      assert.match(await said({ 'hw:numa_cpus.0': 'a' }), /not of the format/)
      assert.match(await said({ 'hw:colour': 'red' }), /does not appear to be a valid extra spec/)
      assert.match(await said({ 'trait:HW_CPU_X86_AVX9': 'required' }), /does not appear to be a valid extra spec/)
      assert.match(await said({ 'trait:HW_CPU_X86_AVX2': 'wanted' }), /is not one of: required, forbidden/)
      assert.equal(await said({ 'trait:HW_CPU_X86_AVX2': 'required', 'trait1:CUSTOM_X': 'forbidden' }), 200)
      assert.equal(await said({ 'resources:VCPU': '0', 'resources_A:CUSTOM_GOLD': '2' }), 200)
      assert.equal(await said({ 'hw:cpu_realtime_mask': '^0-1', 'capabilities:cpu_info:arch': 'x86_64' }), 200)
      assert.equal(await said({ 'ours:colour': 'red', colour: 'red' }), 200)
    })
  })
})
