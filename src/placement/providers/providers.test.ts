import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newId } from '../../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from '../placement-under-test.ts'

describe('resource providers', () => {
  let at: PlacementUnderTest
  before(async () => {
    at = await placementUnderTest()
  })
  after(() => at[Symbol.asyncDispose]())

  const create = (body: object, version?: string) => at.ask('POST', '/resource_providers', body, version)
  const list = async (query: string, version?: string): Promise<string[]> => {
    const answer = await at.ask('GET', `/resource_providers${query}`, undefined, version)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body.resource_providers.map(({ uuid }: { uuid: string }) => uuid)
  }
  const status = async (query: string, version?: string) =>
    (await at.ask('GET', `/resource_providers${query}`, undefined, version)).status

  it('are made without an answer up to 1.19 and with one from 1.20 on', async () => {
    const older = await create({ name: 'old' }, '1.19')
    assert.deepEqual([older.status, older.body], [201, ''])
    const id = newId()
    const newer = await create({ name: 'new', uuid: id.replaceAll('-', '') }, '1.20')
    const self = `/placement/resource_providers/${id}`
    assert.equal(newer.headers.location, `http://127.0.0.1:5000${self}`)
    assert.deepEqual(
      [newer.status, newer.body],
      [
        200,
        {
          uuid: id,
          name: 'new',
          generation: 0,
          parent_provider_uuid: null,
          root_provider_uuid: id,
          links: ['self', 'inventories', 'usages', 'aggregates', 'traits', 'allocations'].map((rel) => ({
            rel,
            href: rel === 'self' ? self : `${self}/${rel}`,
          })),
        },
      ],
    )
  })

  it('link to what their microversion knows', async () => {
    const id = await at.provider()
    const rels = async (version: string) =>
      (await at.ask('GET', `/resource_providers/${id}`, undefined, version)).body.links.length
    assert.deepEqual(
      [
        await rels('1.0'),
        await rels('1.1'),
        await rels('1.5'),
        await rels('1.6'),
        await rels('1.10'),
        await rels('1.11'),
      ],
      [3, 4, 4, 5, 5, 6],
    )
  })

  it('have a name and an id only once', async () => {
    const made = await create({ name: 'once' })
    const name = await create({ name: 'once' })
    assert.deepEqual([name.status, name.body.errors[0].code], [409, 'placement.duplicate_name'])
    assert.match(name.body.errors[0].detail, /^Conflicting resource provider name: once already exists\.$/)
    assert.equal((await create({ name: 'other', uuid: made.body.uuid })).status, 409)
    const second = await at.provider()
    assert.equal((await at.ask('PUT', `/resource_providers/${second}`, { name: 'once' })).status, 409)
  })

  it('are refused with the wrong shape', async () => {
    for (const [version, body] of [
      ['1.39', {}],
      ['1.39', { name: '' }],
      ['1.39', { name: 'x'.repeat(201) }],
      ['1.39', { name: 'a\u0000' }],
      ['1.39', { name: 'x', uuid: 'y' }],
      ['1.39', { name: 'x', colour: 'red' }],
      ['1.39', { name: 7 }],
      ['1.13', { name: 'x', parent_provider_uuid: null }],
      ['1.39', { name: 'x', parent_provider_uuid: newId() }],
    ] as const) {
      assert.equal((await create(body, version)).status, 400, JSON.stringify(body).slice(0, 60))
    }
    const id = newId()
    const own = await create({ name: 'x', uuid: id, parent_provider_uuid: id })
    assert.match(own.body.errors[0].detail, /parent provider UUID cannot be same as UUID/)
  })

  it('are renamed, shown and deleted', async () => {
    const id = await at.provider()
    const renamed = await at.ask('PUT', `/resource_providers/${id}`, { name: 'renamed' })
    assert.deepEqual([renamed.status, renamed.body.name, renamed.body.generation], [200, 'renamed', 0])
    assert.equal((await at.ask('PUT', `/resource_providers/${id}`, { name: 'x', uuid: newId() })).status, 400)
    assert.equal((await at.ask('DELETE', `/resource_providers/${id}`)).status, 204)
    assert.equal((await at.ask('DELETE', `/resource_providers/${id}`)).status, 404)
    assert.equal((await at.ask('GET', `/resource_providers/${id}`)).status, 404)
    assert.equal((await at.ask('PUT', `/resource_providers/${id}`, { name: 'x' })).status, 404)
  })

  it('with allocations or children stay', async () => {
    const parent = await at.provider({ inventories: { VCPU: { total: 4 } } })
    const child = await at.provider({ parent })
    const family = await at.ask('DELETE', `/resource_providers/${parent}`)
    assert.deepEqual(
      [family.status, family.body.errors[0].code],
      [409, 'placement.resource_provider.cannot_delete_parent'],
    )
    await at.ask('DELETE', `/resource_providers/${child}`)
    const consumerId = newId<string & never>()
    await at.placement.claim({
      consumerId,
      providerId: parent as never,
      resources: { VCPU: 1 },
      projectId: 'p',
      userId: 'u',
    })
    const used = await at.ask('DELETE', `/resource_providers/${parent}`)
    assert.deepEqual([used.status, used.body.errors[0].code], [409, 'placement.resource_provider.inuse'])
    await at.placement.release(consumerId)
    assert.equal((await at.ask('DELETE', `/resource_providers/${parent}`)).status, 204)
  })

  describe('in trees', () => {
    it('get a parent once, and another one or none from 1.37 on', async () => {
      const [a, b, child, grandchild] = [
        await at.provider(),
        await at.provider(),
        await at.provider(),
        await at.provider(),
      ]
      const put = (id: string, parent: string | null, version?: string) =>
        at.ask('PUT', `/resource_providers/${id}`, { name: id, parent_provider_uuid: parent }, version)
      assert.equal((await put(grandchild, child, '1.36')).status, 200)
      assert.equal((await put(child, a, '1.36')).status, 200)
      const root = async (id: string) => (await at.ask('GET', `/resource_providers/${id}`)).body.root_provider_uuid
      assert.equal(await root(grandchild), a)
      assert.match((await put(child, b, '1.36')).body.errors[0].detail, /re-parenting/)
      assert.match((await put(child, null, '1.36')).body.errors[0].detail, /un-parenting/)
      assert.equal((await put(child, b)).status, 200)
      assert.equal(await root(grandchild), b)
      assert.match((await put(b, grandchild)).body.errors[0].detail, /creating loop/)
      assert.match((await put(b, newId())).body.errors[0].detail, /parent provider UUID does not exist/)
      assert.equal((await put(child, null)).body.root_provider_uuid, child)
      assert.equal(await root(grandchild), child)
    })

    it('never close a loop, also when two parents are given at once', async () => {
      const [a, b] = [await at.provider(), await at.provider()]
      const answers = await Promise.all([
        at.ask('PUT', `/resource_providers/${a}`, { name: a, parent_provider_uuid: b }),
        at.ask('PUT', `/resource_providers/${b}`, { name: b, parent_provider_uuid: a }),
      ])
      assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 400])
    })
  })

  describe('are listed', () => {
    const [red, blue] = [newId<string & never>(), newId<string & never>()]
    let one: string
    let two: string
    let child: string
    before(async () => {
      one = await at.provider({
        name: 'list-one',
        inventories: { VCPU: { total: 8 }, DISK_GB: { total: 100, min_unit: 10, step_size: 10, max_unit: 50 } },
        traits: ['HW_CPU_X86_AVX', 'HW_CPU_X86_AVX2'],
        aggregates: [red],
      })
      two = await at.provider({
        name: 'list-two',
        inventories: { VCPU: { total: 2 } },
        traits: ['HW_CPU_X86_AVX'],
        aggregates: [red, blue],
      })
      child = await at.provider({ name: 'list-child', parent: one })
    })

    it('by name and id', async () => {
      assert.deepEqual(await list('?name=list-two'), [two])
      assert.deepEqual(await list(`?uuid=${one}`), [one])
      assert.deepEqual(await list('?name=nobody'), [])
      assert.equal(await status('?uuid=spam'), 400)
      assert.equal(await status('?spam=eggs'), 400)
    })

    it('by tree from 1.14 on', async () => {
      assert.deepEqual(await list(`?in_tree=${child}`), [one, child])
      assert.deepEqual(await list(`?in_tree=${newId()}`), [])
      assert.equal(await status(`?in_tree=${child}`, '1.13'), 400)
      assert.equal(await status('?in_tree=x'), 400)
    })

    it('by aggregate from 1.3 on, by several from 1.24, without one from 1.32', async () => {
      assert.deepEqual(await list(`?member_of=${red}`, '1.3'), [one, two])
      assert.deepEqual(await list(`?member_of=in:${blue},${newId()}`, '1.3'), [two])
      assert.equal(await status(`?member_of=${red}`, '1.2'), 400)
      assert.equal(await status(`?member_of=${red}&member_of=${blue}`, '1.23'), 400)
      assert.deepEqual(await list(`?member_of=${red}&member_of=${blue}`, '1.24'), [two])
      assert.equal(await status(`?member_of=!${blue}`, '1.31'), 400)
      assert.deepEqual(await list(`?member_of=${red}&member_of=!${blue}`, '1.32'), [one])
      assert.deepEqual(await list(`?member_of=${red}&member_of=!in:${blue},${newId()}`), [one])
      assert.equal(await status(`?member_of=${red},${blue}`), 400)
      assert.equal(await status('?member_of=harry'), 400)
      assert.equal(await status('?member_of='), 400)
    })

    it('by room from 1.4 on', async () => {
      assert.deepEqual(await list('?resources=VCPU:4', '1.4'), [one])
      assert.deepEqual(await list('?resources=VCPU:2,DISK_GB:20'), [one])
      for (const odd of ['5', '15', '60']) assert.deepEqual(await list(`?resources=DISK_GB:${odd}`), [], odd)
      assert.equal(await status('?resources=VCPU:4', '1.3'), 400)
      for (const bad of ['', 'VCPU', 'VCPU:x', 'VCPU:0', 'VCPU:-1', 'VCPU:1:2', 'HOUSE:1', 'VCPU:1.5']) {
        assert.equal(await status(`?resources=${bad}`), 400, bad)
      }
      assert.deepEqual(await list('?resources=VCPU:99999999999999999999'), [])
    })

    it('by traits from 1.18 on, without one from 1.22, with any from 1.39', async () => {
      assert.deepEqual(await list('?required=HW_CPU_X86_AVX,HW_CPU_X86_AVX2', '1.18'), [one])
      assert.equal(await status('?required=HW_CPU_X86_AVX', '1.17'), 400)
      assert.equal(await status('?required=!HW_CPU_X86_AVX2', '1.21'), 400)
      assert.deepEqual(await list('?required=HW_CPU_X86_AVX,!HW_CPU_X86_AVX2', '1.22'), [two])
      assert.equal(await status('?required=in:HW_CPU_X86_AVX2,HW_CPU_X86_SSE', '1.38'), 400)
      assert.deepEqual(await list('?required=in:HW_CPU_X86_AVX2,HW_CPU_X86_SSE'), [one])
      assert.deepEqual(await list('?required=HW_CPU_X86_AVX&required=!HW_CPU_X86_AVX2'), [two])
      for (const bad of ['', 'HW_CPU_X86_AVX,', '!', 'BOGUS', 'in:', 'in:!HW_CPU_X86_AVX']) {
        assert.equal(await status(`?required=${bad}`), 400, bad)
      }
    })
  })
})
