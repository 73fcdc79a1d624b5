import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ResourcesUnderTest, resourcesUnderTest } from '../resources-under-test.ts'

describe('aggregates', () => {
  let compute: ResourcesUnderTest
  before(async () => {
    compute = await resourcesUnderTest()
    for (const name of ['h1', 'h2', 'busy']) await compute.host(name)
    await compute.server({ projectId: 'p', host: 'busy' })
  })
  after(() => compute[Symbol.asyncDispose]())

  const make = (aggregate: object, version = '2.1') =>
    compute.at(version).ask('admin', 'POST', '/os-aggregates', { aggregate })
  const act = (id: number, deed: string, body: object) =>
    compute.ask('admin', 'POST', `/os-aggregates/${id}/action`, { [deed]: body })
  const zoneOf = async (host: string) => (await compute.resources.hosts.find(host))!.availabilityZone

  it('are made, shown, renamed and deleted by admins', async () => {
    assert.equal((await compute.ask('demo', 'POST', '/os-aggregates', { aggregate: { name: 'a' } })).status, 403)
    const made = await make({ name: 'a', availability_zone: 'az1' })
    assert.equal(made.status, 200)
    const { id, created_at } = made.body.aggregate
    assert.deepEqual(made.body.aggregate, {
      id,
      name: 'a',
      availability_zone: 'az1',
      created_at,
      updated_at: null,
      deleted: false,
      deleted_at: null,
    })
    const shown = await compute.ask('admin', 'GET', `/os-aggregates/${id}`)
    assert.deepEqual([shown.body.aggregate.hosts, shown.body.aggregate.metadata], [[], { availability_zone: 'az1' }])
    assert.match(
      (await compute.at('2.41').ask('admin', 'GET', `/os-aggregates/${id}`)).body.aggregate.uuid,
      /^[0-9a-f-]{36}$/,
    )
    assert.equal((await make({ name: 'a' })).status, 409)
    const renamed = await compute.ask('admin', 'PUT', `/os-aggregates/${id}`, { aggregate: { name: 'b' } })
    assert.deepEqual([renamed.body.aggregate.name, renamed.body.aggregate.updated_at !== null], ['b', true])
    assert.equal((await compute.ask('admin', 'DELETE', `/os-aggregates/${id}`)).status, 200)
    assert.equal((await compute.ask('admin', 'GET', `/os-aggregates/${id}`)).status, 404)
  })

  it('put their hosts into a zone', async () => {
    const { id } = (await make({ name: 'zone', availability_zone: 'az1' })).body.aggregate
    assert.equal(await zoneOf('h1'), 'nova')
    const added = await act(id, 'add_host', { host: 'h1' })
    assert.deepEqual([added.status, added.body.aggregate.hosts], [200, ['h1']])
    assert.equal(await zoneOf('h1'), 'az1')
    assert.equal((await act(id, 'add_host', { host: 'h1' })).status, 409)
    assert.equal((await act(id, 'add_host', { host: 'nowhere' })).status, 404)
    const full = await compute.ask('admin', 'DELETE', `/os-aggregates/${id}`)
    assert.deepEqual([full.status, /not empty/.test(full.body.badRequest.message)], [400, true])
    assert.deepEqual((await act(id, 'remove_host', { host: 'h1' })).body.aggregate.hosts, [])
    assert.equal((await act(id, 'remove_host', { host: 'h1' })).status, 404)
    assert.equal(await zoneOf('h1'), 'nova')
    await compute.ask('admin', 'DELETE', `/os-aggregates/${id}`)
  })

  it('never put one host into two zones', async () => {
    const one = (await make({ name: 'one', availability_zone: 'az1' })).body.aggregate.id
    const two = (await make({ name: 'two', availability_zone: 'az2' })).body.aggregate.id
    const plain = (await make({ name: 'plain' })).body.aggregate.id
    for (const id of [one, plain]) assert.equal((await act(id, 'add_host', { host: 'h1' })).status, 200)
    const refused = await act(two, 'add_host', { host: 'h1' })
    assert.deepEqual(
      [refused.status, /availability zone\(s\) az1/.test(refused.body.conflictingRequest.message)],
      [409, true],
    )
    assert.equal((await act(plain, 'set_metadata', { metadata: { availability_zone: 'az3' } })).status, 400)
    assert.equal((await act(plain, 'set_metadata', { metadata: { availability_zone: 'az1' } })).status, 200)
    for (const id of [one, plain]) await act(id, 'remove_host', { host: 'h1' })
    for (const id of [one, two, plain]) await compute.ask('admin', 'DELETE', `/os-aggregates/${id}`)
  })

  it('do not change the zone of a host that has servers', async () => {
    const { id } = (await make({ name: 'z', availability_zone: 'az1' })).body.aggregate
    assert.equal((await act(id, 'add_host', { host: 'busy' })).status, 409)
    const plain = (await make({ name: 'plain' })).body.aggregate.id
    assert.equal((await act(plain, 'add_host', { host: 'busy' })).status, 200)
    assert.equal((await act(plain, 'set_metadata', { metadata: { availability_zone: 'az1' } })).status, 400)
    await act(plain, 'remove_host', { host: 'busy' })
    for (const each of [id, plain]) await compute.ask('admin', 'DELETE', `/os-aggregates/${each}`)
  })

  it('have metadata, of which null takes a key away', async () => {
    const { id } = (await make({ name: 'm' })).body.aggregate
    await act(id, 'set_metadata', { metadata: { ssd: 'yes', cpu_weight_multiplier: '2' } })
    const changed = await act(id, 'set_metadata', { metadata: { ssd: null } })
    assert.deepEqual(changed.body.aggregate.metadata, { cpu_weight_multiplier: '2' })
    await compute.ask('admin', 'DELETE', `/os-aggregates/${id}`)
  })

  it('are refused with the wrong shape', async () => {
    for (const aggregate of [{}, { name: '' }, { name: 'x', availability_zone: 'a:b' }, { name: 'x', colour: 'red' }]) {
      assert.equal((await make(aggregate)).status, 400, JSON.stringify(aggregate))
    }
    const { id } = (await make({ name: 'x' })).body.aggregate
    assert.equal((await compute.ask('admin', 'PUT', `/os-aggregates/${id}`, { aggregate: {} })).status, 400)
    assert.equal(
      (await compute.ask('admin', 'PUT', `/os-aggregates/${id}`, { aggregate: { availability_zone: null } })).status,
      400,
    )
    assert.equal((await act(id, 'add_host', { host: 'a/b' })).status, 400)
    assert.equal((await act(id, 'paint', {})).status, 400)
    assert.equal((await compute.ask('admin', 'GET', '/os-aggregates/x')).status, 400)
    assert.equal((await compute.ask('admin', 'GET', '/os-aggregates/99999999999')).status, 404)
    const images = { cache: [{ id: '70a599e0-31e7-49b7-b260-868f441e862b' }] }
    assert.equal((await compute.at('2.80').ask('admin', 'POST', `/os-aggregates/${id}/images`, images)).status, 404)
    assert.equal((await compute.at('2.81').ask('admin', 'POST', `/os-aggregates/${id}/images`, images)).status, 501)
    await compute.ask('admin', 'DELETE', `/os-aggregates/${id}`)
  })
})
