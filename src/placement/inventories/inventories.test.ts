import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { newId, type ProviderId } from '../../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from '../placement-under-test.ts'

describe('inventories', () => {
  let at: PlacementUnderTest
  let id: string
  let url: string
  before(async () => {
    at = await placementUnderTest()
  })
  after(() => at[Symbol.asyncDispose]())
  beforeEach(async () => {
    id = await at.provider()
    url = `/resource_providers/${id}/inventories`
  })

  const putAll = (inventories: object, generation: number, version?: string) =>
    at.ask('PUT', url, { inventories, resource_provider_generation: generation }, version)
  const claim = async (resources: Record<string, number>) => {
    const consumerId = newId<string & never>()
    await at.placement.claim({ consumerId, providerId: id as ProviderId, resources, projectId: 'p', userId: 'u' })
    return consumerId
  }

  it('are added one by one, with defaults for what is not said', async () => {
    const added = await at.ask('POST', url, { resource_class: 'VCPU', total: 8 })
    assert.equal(added.status, 201)
    assert.equal(added.headers.location, `http://127.0.0.1:5000/placement${url}/VCPU`)
    assert.deepEqual(added.body, {
      total: 8,
      reserved: 0,
      min_unit: 1,
      max_unit: 2_147_483_647,
      step_size: 1,
      allocation_ratio: 1,
      resource_provider_generation: 1,
    })
    assert.deepEqual((await at.ask('GET', `${url}/VCPU`)).body, added.body)
    const again = await at.ask('POST', url, { resource_class: 'VCPU', total: 8 })
    assert.deepEqual([again.status, again.body.errors[0].code], [409, 'placement.concurrent_update'])
    assert.match(
      (await at.ask('POST', url, { resource_class: 'HOUSE', total: 8 })).body.errors[0].detail,
      /No such resource class HOUSE/,
    )
  })

  it('are set all at once, and what is left out goes', async () => {
    const set = await putAll({ VCPU: { total: 8 }, MEMORY_MB: { total: 1024, reserved: 24 } }, 0)
    assert.equal(set.status, 200)
    assert.deepEqual(Object.keys(set.body.inventories), ['VCPU', 'MEMORY_MB'])
    const again = await putAll({ VCPU: { total: 4, allocation_ratio: 1.5 } }, 1)
    assert.deepEqual([again.body.resource_provider_generation, again.body.inventories.VCPU.allocation_ratio], [2, 1.5])
    assert.deepEqual((await at.ask('GET', url)).body, again.body)
    assert.match(
      (await putAll({ HOUSE: { total: 1 } }, 2)).body.errors[0].detail,
      /Unknown resource class in inventory/,
    )
  })

  it('are changed one by one', async () => {
    await putAll({ VCPU: { total: 8 } }, 0)
    const put = (name: string, total: number, generation: number) =>
      at.ask('PUT', `${url}/${name}`, { total, resource_provider_generation: generation })
    assert.deepEqual([(await put('VCPU', 9, 1)).body.total, await at.generation(id)], [9, 2])
    const absent = await put('MEMORY_MB', 1, 2)
    assert.deepEqual(
      [absent.status, /No inventory record with resource class/.test(absent.body.errors[0].detail)],
      [400, true],
    )
    assert.equal((await put('HOUSE', 1, 2)).status, 404)
  })

  it('are refused to whoever has not seen the latest generation', async () => {
    assert.equal((await putAll({ VCPU: { total: 8 } }, 7)).body.errors[0].code, 'placement.concurrent_update')
    await putAll({ VCPU: { total: 8 } }, 0)
    const stale = await at.ask('PUT', `${url}/VCPU`, { total: 9, resource_provider_generation: 0 })
    assert.deepEqual([stale.status, stale.body.errors[0].detail], [409, 'resource provider generation conflict'])
    const both = await Promise.all([putAll({ VCPU: { total: 1 } }, 1), putAll({ VCPU: { total: 2 } }, 1)])
    assert.deepEqual(both.map((answer) => answer.status).sort(), [200, 409])
  })

  it('may be reserved whole from 1.26 on', async () => {
    const all = { VCPU: { total: 8, reserved: 8 } }
    const older = await putAll(all, 0, '1.25')
    assert.deepEqual([older.status, /greater than or equal to total/.test(older.body.errors[0].detail)], [400, true])
    assert.equal((await putAll(all, 0, '1.26')).status, 200)
    const more = await putAll({ VCPU: { total: 8, reserved: 9 } }, 1, '1.26')
    assert.deepEqual([more.status, /greater than total/.test(more.body.errors[0].detail)], [400, true])
  })

  it('that are in use stay, and may be cut below what is used', async () => {
    await putAll({ VCPU: { total: 8 }, DISK_GB: { total: 10 } }, 0)
    const consumer = await claim({ VCPU: 4 })
    const without = await putAll({ DISK_GB: { total: 10 } }, 2)
    assert.deepEqual([without.status, without.body.errors[0].code], [409, 'placement.inventory.inuse'])
    assert.match(without.body.errors[0].detail, /Inventory for 'VCPU' on resource provider/)
    assert.equal((await at.ask('DELETE', `${url}/VCPU`)).body.errors[0].code, 'placement.concurrent_update')
    assert.equal((await at.ask('DELETE', url)).body.errors[0].code, 'placement.inventory.inuse')
    assert.equal((await putAll({ VCPU: { total: 1 }, DISK_GB: { total: 10 } }, 2)).status, 200)
    await assert.rejects(claim({ VCPU: 1 }))
    await at.placement.release(consumer)
  })

  it('are deleted one by one, or all at once from 1.5 on', async () => {
    await putAll({ VCPU: { total: 8 }, DISK_GB: { total: 10 } }, 0)
    assert.equal((await at.ask('DELETE', `${url}/VCPU`)).status, 204)
    assert.equal((await at.ask('DELETE', `${url}/VCPU`)).status, 404)
    assert.equal((await at.ask('DELETE', `${url}/HOUSE`)).status, 404)
    assert.equal((await at.ask('GET', `${url}/VCPU`)).status, 404)
    assert.equal((await at.ask('DELETE', url, undefined, '1.4')).status, 405)
    assert.equal((await at.ask('DELETE', url, undefined, '1.5')).status, 204)
    assert.equal((await at.ask('DELETE', url)).status, 204)
    assert.deepEqual((await at.ask('GET', url)).body.inventories, {})
  })

  it('are refused with the wrong shape, and for nobody', async () => {
    for (const record of [
      {},
      { total: 0 },
      { total: -1 },
      { total: '8' },
      { total: 2 ** 31 },
      { total: 8, reserved: -1 },
      { total: 8, min_unit: 0 },
      { total: 8, max_unit: 0 },
      { total: 8, step_size: 0 },
      { total: 8, allocation_ratio: 1e39 },
      { total: 8, allocation_ratio: '1' },
      { total: 8, colour: 'red' },
    ]) {
      assert.equal((await putAll({ VCPU: record }, 0)).status, 400, JSON.stringify(record))
      assert.equal(
        (await at.ask('POST', url, { resource_class: 'VCPU', ...record })).status,
        400,
        JSON.stringify(record),
      )
    }
    assert.match(
      (await putAll({ VCPU: { total: 0 } }, 0)).body.errors[0].detail,
      /^JSON does not validate: 0 is less than the minimum of 1$/,
    )
    assert.equal((await putAll({ 'house!': { total: 1 } }, 0)).status, 400)
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await at.ask(method, `/resource_providers/${newId()}/inventories`)).status, 404)
    }
  })
})
