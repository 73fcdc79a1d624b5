import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newId } from '../../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from '../placement-under-test.ts'

describe('names', () => {
  let at: PlacementUnderTest
  before(async () => {
    at = await placementUnderTest()
  })
  after(() => at[Symbol.asyncDispose]())

  describe('of traits', () => {
    it('are upstream’s and those that users add', async () => {
      const all = (await at.ask('GET', '/traits')).body.traits
      assert.ok(all.length > 300 && all.includes('HW_CPU_X86_AVX2') && all.includes('COMPUTE_NODE'))
      assert.equal((await at.ask('GET', '/traits/HW_CPU_X86_AVX2')).status, 204)
      assert.equal((await at.ask('GET', '/traits/CUSTOM_GOLD')).status, 404)
      const made = await at.ask('PUT', '/traits/CUSTOM_GOLD')
      assert.deepEqual(
        [made.status, made.headers.location],
        [201, 'http://127.0.0.1:5000/placement/traits/CUSTOM_GOLD'],
      )
      assert.equal((await at.ask('PUT', '/traits/CUSTOM_GOLD')).status, 204)
      assert.equal((await at.ask('GET', '/traits', undefined, '1.5')).status, 404)
    })

    it('begin with CUSTOM_ when users add them', async () => {
      for (const name of [
        'GOLD',
        'CUSTOM_',
        'CUSTOM_gold',
        'CUSTOM_G-D',
        `CUSTOM_${'X'.repeat(250)}`,
        'HW_CPU_X86_AVX2',
      ]) {
        assert.equal((await at.ask('PUT', `/traits/${name}`)).status, 400, name)
      }
    })

    it('are found by list, beginning and use', async () => {
      const find = async (query: string) => (await at.ask('GET', `/traits?${query}`)).body.traits
      await at.ask('PUT', '/traits/CUSTOM_FOUND')
      assert.deepEqual(await find('name=in:CUSTOM_FOUND,HW_CPU_X86_AVX,NOTHING'), ['CUSTOM_FOUND', 'HW_CPU_X86_AVX'])
      assert.deepEqual(await find('name=startswith:CUSTOM_FO'), ['CUSTOM_FOUND'])
      assert.deepEqual(await find('name=startswith:CUSTOM_FOUND&associated=true'), [])
      await at.provider({ traits: ['CUSTOM_FOUND'] })
      assert.deepEqual(await find('name=startswith:CUSTOM_FOUND&associated=True'), ['CUSTOM_FOUND'])
      assert.deepEqual(await find('name=startswith:CUSTOM_FOUND&associated=false'), [])
      for (const bad of ['name=x', 'associated=perhaps', 'colour=red']) {
        assert.equal((await at.ask('GET', `/traits?${bad}`)).status, 400, bad)
      }
    })

    it('are deleted when they are custom and nobody’s', async () => {
      await at.provider({ traits: ['CUSTOM_USED'] })
      await at.ask('PUT', '/traits/CUSTOM_FREE')
      assert.equal((await at.ask('DELETE', '/traits/CUSTOM_USED')).status, 409)
      assert.equal((await at.ask('DELETE', '/traits/HW_CPU_X86_AVX2')).status, 400)
      assert.equal((await at.ask('DELETE', '/traits/CUSTOM_FREE')).status, 204)
      assert.equal((await at.ask('DELETE', '/traits/CUSTOM_FREE')).status, 404)
    })

    it('are given to a provider under its generation', async () => {
      const id = await at.provider()
      const url = `/resource_providers/${id}/traits`
      const put = (traits: string[], resource_provider_generation: number) =>
        at.ask('PUT', url, { traits, resource_provider_generation })
      const set = await put(['HW_CPU_X86_AVX2', 'HW_CPU_X86_AVX'], 0)
      assert.deepEqual(set.body, { traits: ['HW_CPU_X86_AVX', 'HW_CPU_X86_AVX2'], resource_provider_generation: 1 })
      assert.deepEqual((await at.ask('GET', url)).body, set.body)
      const stale = await put([], 0)
      assert.deepEqual([stale.status, stale.body.errors[0].code], [409, 'placement.concurrent_update'])
      assert.equal((await put(['HW_CPU_X86_AVX2', 'HW_CPU_X86_AVX'], 1)).body.resource_provider_generation, 1)
      assert.match((await put(['NOTHING'], 1)).body.errors[0].detail, /^No such trait NOTHING$/)
      assert.equal((await at.ask('DELETE', url)).status, 204)
      assert.deepEqual((await at.ask('GET', url)).body, { traits: [], resource_provider_generation: 2 })
      assert.equal((await at.ask('GET', `/resource_providers/${newId()}/traits`)).status, 404)
      assert.equal((await at.ask('PUT', url, { traits: [] })).status, 400)
    })
  })

  describe('of resource classes', () => {
    it('are upstream’s in upstream’s order, then custom ones', async () => {
      await at.ask('PUT', '/resource_classes/CUSTOM_GOLD')
      const names = (await at.ask('GET', '/resource_classes')).body.resource_classes.map(
        ({ name }: { name: string }) => name,
      )
      assert.deepEqual(names.slice(0, 3), ['VCPU', 'MEMORY_MB', 'DISK_GB'])
      assert.equal(names.at(-1), 'CUSTOM_GOLD')
      assert.deepEqual((await at.ask('GET', '/resource_classes/VCPU')).body, {
        name: 'VCPU',
        links: [{ rel: 'self', href: '/placement/resource_classes/VCPU' }],
      })
      assert.equal((await at.ask('GET', '/resource_classes/HOUSE')).status, 404)
      assert.equal((await at.ask('GET', '/resource_classes', undefined, '1.1')).status, 404)
    })

    it('are made by POST once, by PUT as often as one likes', async () => {
      const made = await at.ask('POST', '/resource_classes', { name: 'CUSTOM_SILVER' })
      assert.deepEqual([made.status, made.body], [201, ''])
      assert.equal((await at.ask('POST', '/resource_classes', { name: 'CUSTOM_SILVER' })).status, 409)
      assert.equal((await at.ask('PUT', '/resource_classes/CUSTOM_SILVER')).status, 204)
      assert.equal((await at.ask('PUT', '/resource_classes/CUSTOM_TIN')).status, 201)
      for (const name of ['SILVER', 'CUSTOM_silver', 'CUSTOM_', `CUSTOM_${'X'.repeat(250)}`]) {
        assert.equal((await at.ask('POST', '/resource_classes', { name })).status, 400, name)
        assert.equal((await at.ask('PUT', `/resource_classes/${name}`)).status, 400, name)
      }
    })

    it('are renamed up to 1.6, with the inventories that are of them', async () => {
      await at.ask('PUT', '/resource_classes/CUSTOM_IRON')
      const id = await at.provider({ inventories: { CUSTOM_IRON: { total: 1 } } })
      const put = (name: string, to: string) => at.ask('PUT', `/resource_classes/${name}`, { name: to }, '1.6')
      assert.deepEqual((await put('CUSTOM_IRON', 'CUSTOM_STEEL')).body.name, 'CUSTOM_STEEL')
      assert.equal((await at.ask('GET', `/resource_providers/${id}/inventories/CUSTOM_STEEL`)).status, 200)
      assert.equal((await put('CUSTOM_IRON', 'CUSTOM_X')).status, 404)
      assert.equal((await put('VCPU', 'CUSTOM_X')).status, 400)
      assert.equal((await put('CUSTOM_STEEL', 'CUSTOM_GOLD')).status, 409)
      assert.equal((await put('CUSTOM_STEEL', 'GOLD')).status, 400)
    })

    it('are deleted when they are custom and of no inventory', async () => {
      await at.ask('PUT', '/resource_classes/CUSTOM_BRASS')
      const id = await at.provider({ inventories: { CUSTOM_BRASS: { total: 1 } } })
      const used = await at.ask('DELETE', '/resource_classes/CUSTOM_BRASS')
      assert.deepEqual([used.status, /Class is in use in inventory/.test(used.body.errors[0].detail)], [409, true])
      await at.ask('DELETE', `/resource_providers/${id}/inventories`)
      assert.equal((await at.ask('DELETE', '/resource_classes/CUSTOM_BRASS')).status, 204)
      assert.equal((await at.ask('DELETE', '/resource_classes/CUSTOM_BRASS')).status, 404)
      assert.equal((await at.ask('DELETE', '/resource_classes/VCPU')).status, 400)
    })
  })

  describe('of aggregates', () => {
    const [red, blue] = [newId<string & never>(), newId<string & never>()]

    it('are a bare list up to 1.18, without a generation', async () => {
      const id = await at.provider()
      const url = `/resource_providers/${id}/aggregates`
      assert.equal((await at.ask('GET', url, undefined, '1.0')).status, 404)
      const set = await at.ask('PUT', url, [red, blue], '1.1')
      assert.deepEqual([set.status, set.body], [200, { aggregates: [red, blue] }])
      assert.equal(await at.generation(id), 0)
      assert.deepEqual((await at.ask('GET', url, undefined, '1.18')).body.aggregates.sort(), [red, blue].sort())
    })

    it('come with a generation from 1.19 on, which setting them moves', async () => {
      const id = await at.provider()
      const url = `/resource_providers/${id}/aggregates`
      const put = (aggregates: string[], resource_provider_generation: number) =>
        at.ask('PUT', url, { aggregates, resource_provider_generation })
      assert.deepEqual((await put([red], 0)).body, { aggregates: [red], resource_provider_generation: 1 })
      const stale = await put([], 0)
      assert.deepEqual([stale.status, stale.body.errors[0].code], [409, 'placement.concurrent_update'])
      assert.deepEqual((await put([], 1)).body, { aggregates: [], resource_provider_generation: 2 })
      for (const bad of [{ aggregates: [red, red] }, { aggregates: ['x'] }, { aggregates: red }]) {
        assert.equal((await at.ask('PUT', url, { ...bad, resource_provider_generation: 2 })).status, 400)
      }
      assert.equal((await at.ask('PUT', url, [red])).status, 400)
      assert.equal((await at.ask('GET', `/resource_providers/${newId()}/aggregates`)).status, 404)
    })
  })
})
