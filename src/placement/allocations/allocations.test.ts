import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { newId } from '../../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from '../placement-under-test.ts'

describe('allocations', () => {
  let at: PlacementUnderTest
  let one: string
  let two: string
  let consumer: string
  before(async () => {
    at = await placementUnderTest()
  })
  after(() => at[Symbol.asyncDispose]())
  beforeEach(async () => {
    const inventories = { VCPU: { total: 8 }, DISK_GB: { total: 100, min_unit: 10, max_unit: 50, step_size: 10 } }
    one = await at.provider({ inventories })
    two = await at.provider({ inventories })
    consumer = newId()
  })

  const owner = { project_id: 'p', user_id: 'u' }
  const body = (
    allocations: Record<string, Record<string, number>>,
    generation: number | null = null,
    more: object = {},
  ) => ({
    allocations: Object.fromEntries(Object.entries(allocations).map(([id, resources]) => [id, { resources }])),
    ...owner,
    consumer_generation: generation,
    consumer_type: 'INSTANCE',
    ...more,
  })
  const put = (content: object, version?: string, id = consumer) =>
    at.ask('PUT', `/allocations/${id}`, content, version)
  const post = (content: object, version?: string) => at.ask('POST', '/allocations', content, version)
  const show = async (id = consumer, version?: string) =>
    (await at.ask('GET', `/allocations/${id}`, undefined, version)).body
  const usage = async (id: string) => (await at.ask('GET', `/resource_providers/${id}/usages`)).body.usages

  it('are written, shown from both sides, and removed', async () => {
    assert.equal((await put(body({ [one]: { VCPU: 2, DISK_GB: 20 } }))).status, 204)
    assert.deepEqual(await show(), {
      allocations: { [one]: { generation: 2, resources: { DISK_GB: 20, VCPU: 2 } } },
      project_id: 'p',
      user_id: 'u',
      consumer_generation: 1,
      consumer_type: 'INSTANCE',
    })
    assert.deepEqual((await at.ask('GET', `/resource_providers/${one}/allocations`)).body, {
      allocations: { [consumer]: { resources: { DISK_GB: 20, VCPU: 2 }, consumer_generation: 1 } },
      resource_provider_generation: 2,
    })
    assert.deepEqual(await usage(one), { DISK_GB: 20, VCPU: 2 })
    assert.equal((await at.ask('DELETE', `/allocations/${consumer}`)).status, 204)
    assert.equal((await at.ask('DELETE', `/allocations/${consumer}`)).status, 404)
    assert.deepEqual(await show(), { allocations: {} })
    assert.deepEqual(await usage(one), { DISK_GB: 0, VCPU: 0 })
    assert.deepEqual(await show('nobody'), { allocations: {} })
  })

  it('replace what a consumer had, whole', async () => {
    await put(body({ [one]: { VCPU: 8 } }))
    await put(body({ [two]: { VCPU: 1 }, [one]: { DISK_GB: 10 } }, 1))
    assert.deepEqual(
      [await usage(one), await usage(two)],
      [
        { DISK_GB: 10, VCPU: 0 },
        { DISK_GB: 0, VCPU: 1 },
      ],
    )
    assert.equal((await put(body({ [one]: { VCPU: 8 } }, 2))).status, 204)
  })

  it('are shown as their microversion knows them', async () => {
    await put(body({ [one]: { VCPU: 1 } }))
    const keys = async (version: string) => Object.keys(await show(consumer, version))
    assert.deepEqual(await keys('1.11'), ['allocations'])
    assert.deepEqual(await keys('1.12'), ['allocations', 'project_id', 'user_id'])
    assert.deepEqual(await keys('1.28'), ['allocations', 'project_id', 'user_id', 'consumer_generation'])
    assert.equal((await show()).consumer_type, 'INSTANCE')
    const older = (await at.ask('GET', `/resource_providers/${one}/allocations`, undefined, '1.27')).body
    assert.deepEqual(older.allocations[consumer], { resources: { VCPU: 1 } })
  })

  it('are written as each microversion writes them', async () => {
    const list = [{ resource_provider: { uuid: one }, resources: { VCPU: 1 } }]
    const byProvider = { [one]: { resources: { VCPU: 1 } } }
    for (const [version, good, bad] of [
      ['1.0', { allocations: list }, { allocations: list, ...owner }],
      ['1.7', { allocations: list }, { allocations: [] }],
      ['1.8', { allocations: list, ...owner }, { allocations: list }],
      ['1.11', { allocations: list, ...owner }, { allocations: byProvider, ...owner }],
      ['1.12', { allocations: byProvider, ...owner }, { allocations: list, ...owner }],
      ['1.27', { allocations: byProvider, ...owner }, { allocations: {}, ...owner }],
      ['1.28', { allocations: byProvider, ...owner, consumer_generation: null }, { allocations: byProvider, ...owner }],
      [
        '1.33',
        { allocations: byProvider, ...owner, consumer_generation: null },
        { allocations: byProvider, ...owner, consumer_generation: null, mappings: { '': [one] } },
      ],
      ['1.34', { allocations: byProvider, ...owner, consumer_generation: null, mappings: { '': [one] } }, {}],
      ['1.37', { allocations: byProvider, ...owner, consumer_generation: null }, body({ [one]: { VCPU: 1 } })],
      ['1.38', body({ [one]: { VCPU: 1 } }), { allocations: byProvider, ...owner, consumer_generation: null }],
    ] as const) {
      assert.equal((await put(bad, version)).status, 400, `bad at ${version}`)
      const answer = await put(good, version)
      assert.equal(answer.status, 204, `good at ${version}: ${JSON.stringify(answer.body)}`)
      await at.ask('DELETE', `/allocations/${consumer}`)
    }
  })

  it('name nobody before 1.8 and have no type before 1.38', async () => {
    await put({ allocations: [{ resource_provider: { uuid: one }, resources: { VCPU: 1 } }] }, '1.0')
    const shown = await show()
    assert.deepEqual([shown.project_id, shown.consumer_type], ['00000000-0000-0000-0000-000000000000', 'unknown'])
    await put(body({ [one]: { VCPU: 1 } }, 1))
    assert.deepEqual([(await show()).project_id, (await show()).consumer_type], ['p', 'INSTANCE'])
    await put({ allocations: { [one]: { resources: { VCPU: 2 } } }, ...owner }, '1.12')
    assert.equal((await show()).consumer_type, 'INSTANCE')
  })

  it('are refused to whoever has not seen the consumer’s generation', async () => {
    const early = await put(body({ [one]: { VCPU: 1 } }, 5))
    assert.deepEqual([early.status, early.body.errors[0].code], [409, 'placement.concurrent_update'])
    assert.match(early.body.errors[0].detail, /expected null but got 5/)
    await put(body({ [one]: { VCPU: 1 } }))
    assert.match((await put(body({ [one]: { VCPU: 2 } }))).body.errors[0].detail, /expected 1 but got None/)
    const both = await Promise.all([put(body({ [one]: { VCPU: 2 } }, 1)), put(body({ [one]: { VCPU: 3 } }, 1))])
    assert.deepEqual(both.map(({ status }) => status).sort(), [204, 409])
  })

  it('of a consumer that is new to several requests are one request’s', async () => {
    const answers = await Promise.all(
      [1, 2, 3, 4].map((amount) => put(body({ [amount % 2 === 0 ? one : two]: { VCPU: amount } }))),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 409, 409, 409])
    const used = [(await usage(one)).VCPU, (await usage(two)).VCPU]
    assert.equal(used.filter((amount) => amount > 0).length, 1)
  })

  it('fit into what is left, in the steps that the inventory gives', async () => {
    const refused = async (resources: Record<string, number>) => {
      const answer = await put(body({ [one]: resources }))
      assert.equal(answer.status, 409, JSON.stringify(resources))
      return answer.body.errors[0].detail as string
    }
    assert.match(await refused({ VCPU: 9 }), /amount would exceed the capacity/)
    for (const amount of [5, 15, 60])
      assert.match(await refused({ DISK_GB: amount }), /would violate inventory constraints/)
    assert.match(await refused({ MEMORY_MB: 1 }), /Inventory for 'MEMORY_MB' on resource provider/)
    assert.match(await refused({ VCPU: 1, DISK_GB: 5 }), /constraints/)
    assert.deepEqual(await usage(one), { DISK_GB: 0, VCPU: 0 })
  })

  it('never take the last unit twice', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => put(body({ [one]: { VCPU: 1 }, [two]: { VCPU: 2 } }), undefined, newId())),
    )
    assert.equal(answers.filter(({ status }) => status === 204).length, 4)
    assert.deepEqual([(await usage(one)).VCPU, (await usage(two)).VCPU], [4, 8])
  })

  it('over capacity may shrink but not grow', async () => {
    await put(body({ [one]: { VCPU: 8 } }))
    await at.ask('PUT', `/resource_providers/${one}/inventories/VCPU`, {
      total: 4,
      resource_provider_generation: await at.generation(one),
    })
    assert.equal((await put(body({ [one]: { VCPU: 9 } }, 1))).status, 409)
    assert.equal((await put(body({ [one]: { VCPU: 7 } }, 1))).status, 204)
  })

  it('are refused for providers and classes that are not there', async () => {
    const nowhere = await put(body({ [newId()]: { VCPU: 1 } }))
    assert.deepEqual([nowhere.status, /that does not exist/.test(nowhere.body.errors[0].detail)], [400, true])
    const house = await put(body({ [one]: { HOUSE: 1 } }))
    assert.deepEqual([house.status, /No such resource class HOUSE/.test(house.body.errors[0].detail)], [400, true])
    assert.equal((await put(body({ [one]: { VCPU: 1 } }), undefined, 'nobody')).status, 400)
    for (const bad of [{ VCPU: 0 }, { VCPU: -1 }, { VCPU: 'x' }, { vcpu: 1 }, {}]) {
      assert.equal((await put(body({ [one]: bad as never }))).status, 400, JSON.stringify(bad))
    }
    assert.equal((await put(body({ [one]: { VCPU: 1 } }, null, { colour: 'red' }))).status, 400)
    assert.equal((await put(body({ [one]: { VCPU: 1 } }, null, { consumer_type: 'lower' }))).status, 400)
    assert.equal((await put(body({ [one]: { VCPU: 1 } }, null, { project_id: '' }))).status, 400)
    assert.equal((await put(body({ [one]: { VCPU: 2 ** 60 } }))).status, 400)
  })

  it('that are empty take all away, from 1.28 on', async () => {
    await put(body({ [one]: { VCPU: 2 } }))
    const before = await at.generation(one)
    assert.equal((await put(body({}, 1))).status, 204)
    assert.deepEqual(await show(), { allocations: {} })
    assert.equal(await at.generation(one), before + 1)
    assert.equal((await put(body({ [one]: { VCPU: 2 } }))).status, 204)
  })

  describe('of several consumers', () => {
    it('move between them at once', async () => {
      const other = newId<string & never>()
      await put(body({ [one]: { VCPU: 8 } }))
      const swap = {
        [consumer]: body({}, 1),
        [other]: body({ [one]: { VCPU: 8 } }, null, { consumer_type: 'MIGRATION' }),
      }
      assert.equal((await post(swap, '1.12')).status, 404)
      assert.equal((await post(swap)).status, 204)
      assert.deepEqual([(await show()).allocations, (await show(other)).consumer_type], [{}, 'MIGRATION'])
    })

    it('are written all or not at all', async () => {
      const other = newId<string & never>()
      const both = { [consumer]: body({ [one]: { VCPU: 1 } }), [other]: body({ [one]: { VCPU: 8 } }) }
      assert.equal((await post(both)).status, 409)
      assert.deepEqual([await show(), await show(other)], [{ allocations: {} }, { allocations: {} }])
      assert.equal((await post({})).status, 400)
      assert.equal((await post({ nobody: body({ [one]: { VCPU: 1 } }) })).status, 400)
    })

    it('that cross do not lock each other for good', async () => {
      const ids = Array.from({ length: 6 }, () => newId<string & never>())
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, round) => {
          const [a, b] = [ids[round % 6]!, ids[(round * 5 + 1) % 6]!]
          const take = (provider: string) => ({ allocations: { [provider]: { resources: { VCPU: 1 } } }, ...owner })
          return post({ [a]: take(round % 2 === 0 ? one : two), [b]: take(round % 2 === 0 ? two : one) }, '1.13')
        }),
      )
      assert.deepEqual(
        answers.filter(({ status }) => status !== 204 && status !== 409).map(({ body: said }) => said),
        [],
      )
      const [counted] = await at.test.context.db`
        select (select coalesce(sum(used), 0) from placement.inventories where provider_id in (${one}, ${two})) as kept,
               (select coalesce(sum(used), 0) from placement.allocations where provider_id in (${one}, ${two})) as taken`
      assert.deepEqual(counted!.kept, counted!.taken)
    })
  })

  describe('summed up by project', () => {
    const project = newId<string & never>()
    const usages = (query: string, version?: string) =>
      at.ask('GET', `/usages?project_id=${project}${query}`, undefined, version)

    before(async () => {
      const inventories = { VCPU: { total: 100 }, MEMORY_MB: { total: 100 } }
      const id = await at.provider({ inventories })
      const write = (resources: Record<string, number>, more: object) =>
        put(body({ [id]: resources }, null, { project_id: project, ...more }), undefined, newId())
      await write({ VCPU: 1, MEMORY_MB: 10 }, { user_id: 'one' })
      await write({ VCPU: 2, MEMORY_MB: 20 }, { user_id: 'two' })
      await write({ VCPU: 4 }, { user_id: 'one', consumer_type: 'MIGRATION' })
      const untyped = { allocations: { [id]: { resources: { VCPU: 8 } } }, project_id: project, user_id: 'one' }
      await put(untyped, '1.12', newId())
    })

    it('are one sum a class up to 1.37', async () => {
      assert.deepEqual((await usages('', '1.37')).body, { usages: { MEMORY_MB: 30, VCPU: 15 } })
      assert.deepEqual((await usages('&user_id=two', '1.9')).body, { usages: { MEMORY_MB: 20, VCPU: 2 } })
      assert.equal((await usages('', '1.8')).status, 404)
      assert.equal((await usages('&consumer_type=all', '1.37')).status, 400)
    })

    it('are told apart by type from 1.38 on', async () => {
      assert.deepEqual((await usages('')).body.usages, {
        INSTANCE: { consumer_count: 2, MEMORY_MB: 30, VCPU: 3 },
        MIGRATION: { consumer_count: 1, VCPU: 4 },
        unknown: { consumer_count: 1, VCPU: 8 },
      })
      assert.deepEqual((await usages('&consumer_type=all')).body.usages, {
        all: { consumer_count: 4, MEMORY_MB: 30, VCPU: 15 },
      })
      assert.deepEqual((await usages('&consumer_type=unknown')).body.usages, {
        unknown: { consumer_count: 1, VCPU: 8 },
      })
      assert.deepEqual((await usages('&consumer_type=MIGRATION&user_id=one')).body.usages, {
        MIGRATION: { consumer_count: 1, VCPU: 4 },
      })
      assert.equal((await usages('&consumer_type=lower')).status, 400)
    })

    it('are a project’s own readers’ to see', async () => {
      const ask = (who: 'demo' | 'alt', id: string) =>
        at.test.ask(who, 'GET', `/placement/usages?project_id=${id}`, undefined, {
          'openstack-api-version': 'placement 1.38',
        })
      const { projectId } = await at.test.context.authenticate('demo', '')
      assert.equal((await ask('demo', projectId!)).status, 200)
      assert.equal((await ask('alt', projectId!)).status, 403)
      assert.equal((await at.ask('GET', '/usages')).status, 400)
    })
  })
})
