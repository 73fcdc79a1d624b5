import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { newId } from '../../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from '../placement-under-test.ts'

describe('the reshaper', () => {
  let at: PlacementUnderTest
  let host: string
  let card: string
  let consumer: string
  before(async () => {
    at = await placementUnderTest()
  })
  after(() => at[Symbol.asyncDispose]())
  beforeEach(async () => {
    host = await at.provider({ inventories: { VCPU: { total: 8 }, VGPU: { total: 4 } } })
    card = await at.provider({ parent: host })
    consumer = newId()
    await at.ask('PUT', `/allocations/${consumer}`, allocations({ [host]: { VCPU: 1, VGPU: 2 } }, null))
  })

  const allocations = (by: Record<string, Record<string, number>>, generation: number | null) => ({
    allocations: Object.fromEntries(Object.entries(by).map(([id, resources]) => [id, { resources }])),
    project_id: 'p',
    user_id: 'u',
    consumer_generation: generation,
    consumer_type: 'INSTANCE',
  })
  const reshape = async (
    inventories: Record<string, object>,
    consumers: Record<string, object>,
    { stale = false, version = '1.39' } = {},
  ) => {
    const shapes: Record<string, object> = {}
    for (const [id, each] of Object.entries(inventories)) {
      const seen = (await at.generation(id)) - (stale ? 1 : 0)
      shapes[id] = { inventories: each, resource_provider_generation: seen }
    }
    return await at.ask('POST', '/reshaper', { inventories: shapes, allocations: consumers }, version)
  }
  const moved = () => ({ [host]: { VCPU: { total: 8 } }, [card]: { VGPU: { total: 4 } } })

  it('moves inventory between providers with what is taken of it', async () => {
    const answer = await reshape(moved(), { [consumer]: allocations({ [host]: { VCPU: 1 }, [card]: { VGPU: 2 } }, 1) })
    assert.equal(answer.status, 204, JSON.stringify(answer.body))
    const inventories = async (id: string) =>
      Object.keys((await at.ask('GET', `/resource_providers/${id}/inventories`)).body.inventories)
    assert.deepEqual([await inventories(host), await inventories(card)], [['VCPU'], ['VGPU']])
    assert.deepEqual((await at.ask('GET', `/resource_providers/${card}/usages`)).body.usages, { VGPU: 2 })
    assert.equal((await at.ask('GET', `/allocations/${consumer}`)).body.consumer_generation, 2)
  })

  it('changes nothing when allocations would be left behind', async () => {
    const before = await at.generation(host)
    const forgotten = await reshape(moved(), {})
    assert.deepEqual([forgotten.status, forgotten.body.errors[0].code], [409, 'placement.inventory.inuse'])
    assert.equal(await at.generation(host), before)
    assert.deepEqual((await at.ask('GET', `/resource_providers/${card}/inventories`)).body.inventories, {})
  })

  it('changes nothing when allocations do not fit', async () => {
    const small = { [host]: { VCPU: { total: 8 } }, [card]: { VGPU: { total: 1 } } }
    const answer = await reshape(small, { [consumer]: allocations({ [host]: { VCPU: 1 }, [card]: { VGPU: 2 } }, 1) })
    assert.deepEqual([answer.status, /exceed the capacity/.test(answer.body.errors[0].detail)], [409, true])
    assert.deepEqual((await at.ask('GET', `/resource_providers/${host}/usages`)).body.usages, { VCPU: 1, VGPU: 2 })
  })

  it('is refused to whoever has not seen the generations', async () => {
    const good = { [consumer]: allocations({ [host]: { VCPU: 1 }, [card]: { VGPU: 2 } }, 1) }
    const stale = await reshape(moved(), good, { stale: true })
    assert.deepEqual([stale.status, stale.body.errors[0].code], [409, 'placement.concurrent_update'])
    const consumerStale = { [consumer]: allocations({ [host]: { VCPU: 1 }, [card]: { VGPU: 2 } }, 9) }
    assert.equal((await reshape(moved(), consumerStale)).body.errors[0].code, 'placement.concurrent_update')
  })

  it('is refused with the wrong shape, and for providers that are not there', async () => {
    const nowhere = await at.ask('POST', '/reshaper', {
      inventories: { [newId()]: { inventories: {}, resource_provider_generation: 0 } },
      allocations: {},
    })
    assert.deepEqual([nowhere.status, nowhere.body.errors[0].code], [400, 'placement.resource_provider.not_found'])
    assert.match(
      (await reshape({ [host]: { HOUSE: { total: 1 } } }, {})).body.errors[0].detail,
      /No such resource class HOUSE/,
    )
    assert.equal((await at.ask('POST', '/reshaper', { inventories: {}, allocations: {} })).status, 400)
    assert.equal((await at.ask('POST', '/reshaper', { allocations: {} })).status, 400)
    assert.equal((await reshape(moved(), {}, { version: '1.29' })).status, 404)
  })
})
