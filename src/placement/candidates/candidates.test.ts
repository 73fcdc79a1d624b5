import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newId } from '../../ids.ts'
import { type PlacementUnderTest, placementUnderTest } from '../placement-under-test.ts'
import { findCandidates } from './candidates.ts'
import { parseRequest } from './request.ts'
import type { WorldProvider } from './world.ts'

const VERSION = 1039

interface Plan {
  parent?: string
  traits?: string[]
  aggregates?: string[]
  /** Class to capacity, or to capacity and used. */
  has?: Record<string, number | [number, number]>
  maxUnit?: number
}

/** Providers by name, parents first. */
function world(plans: Record<string, Plan>): WorldProvider[] {
  const roots: Record<string, string> = {}
  return Object.entries(plans).map(([id, { parent = null, traits = [], aggregates = [], has = {}, maxUnit }]) => {
    const rootId = parent === null ? id : roots[parent]!
    roots[id] = rootId
    return {
      id,
      parentId: parent,
      rootId,
      traits: new Set(traits),
      aggregates: new Set(aggregates),
      inventories: new Map(
        Object.entries(has).map(([name, value]) => {
          const [capacity, used] = Array.isArray(value) ? value : [value, 0]
          return [name, { capacity, used, minUnit: 1, maxUnit: maxUnit ?? capacity, stepSize: 1 }]
        }),
      ),
    }
  })
}

/** Each candidate as `provider:CLASS=amount` parts, sorted. */
function found(plans: Record<string, Plan>, query: string, { nestedAware = true } = {}): string[] {
  const parsed: Record<string, string[]> = {}
  for (const [key, value] of new URLSearchParams(query)) parsed[key] = [...(parsed[key] ?? []), value]
  const { requests } = findCandidates(world(plans), parseRequest(parsed, VERSION), { nestedAware })
  return requests
    .map(({ resources }) =>
      resources
        .map((each) => `${each.provider.id}:${each.resourceClass}=${each.amount}`)
        .sort()
        .join(' '),
    )
    .sort()
}

const AGG = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'] as const
const SHARES = 'MISC_SHARES_VIA_AGGREGATE'

describe('candidates', () => {
  describe('in a world without trees', () => {
    const flat = {
      a: { has: { VCPU: 8, DISK_GB: 100 }, traits: ['SSD'], aggregates: [AGG[0]] },
      b: { has: { VCPU: 2, DISK_GB: 10 }, aggregates: [AGG[0], AGG[1]] },
      full: { has: { VCPU: [8, 8] as [number, number], DISK_GB: 100 } },
    }
    it('are single providers with room for everything', () => {
      assert.deepEqual(found(flat, 'resources=VCPU:1,DISK_GB:10'), ['a:DISK_GB=10 a:VCPU=1', 'b:DISK_GB=10 b:VCPU=1'])
      assert.deepEqual(found(flat, 'resources=VCPU:4'), ['a:VCPU=4'])
      assert.deepEqual(found(flat, 'resources=VCPU:9'), [])
    })
    it('have the traits and aggregates that are asked for', () => {
      assert.deepEqual(found(flat, 'resources=VCPU:1&required=SSD'), ['a:VCPU=1'])
      assert.deepEqual(found(flat, 'resources=VCPU:1&required=!SSD'), ['b:VCPU=1'])
      assert.deepEqual(found(flat, 'resources=VCPU:1&required=in:SSD,NVME'), ['a:VCPU=1'])
      assert.deepEqual(found(flat, `resources=VCPU:1&member_of=${AGG[1]}`), ['b:VCPU=1'])
      assert.deepEqual(found(flat, `resources=VCPU:1&member_of=!${AGG[1]}`), ['a:VCPU=1'])
      assert.deepEqual(found(flat, `resources=VCPU:1&member_of=in:${AGG.join()}&member_of=${AGG[0]}`), [
        'a:VCPU=1',
        'b:VCPU=1',
      ])
    })
    it('are no more than the limit', () => {
      assert.equal(found(flat, 'resources=VCPU:1&limit=1').length, 1)
    })
  })

  describe('in trees', () => {
    const tree = {
      host: { traits: ['ROOT'] },
      numa0: { parent: 'host', has: { VCPU: 4, MEMORY_MB: 100 }, traits: ['NUMA'] },
      numa1: { parent: 'host', has: { VCPU: 4, MEMORY_MB: 100 }, traits: ['NUMA', 'FAST'] },
      gpu0: { parent: 'numa0', has: { VGPU: 2 } },
      gpu1: { parent: 'numa1', has: { VGPU: 2 } },
    }
    it('spread the plain group over the tree', () => {
      assert.deepEqual(found(tree, 'resources=VCPU:1,VGPU:1'), [
        'gpu0:VGPU=1 numa0:VCPU=1',
        'gpu0:VGPU=1 numa1:VCPU=1',
        'gpu1:VGPU=1 numa0:VCPU=1',
        'gpu1:VGPU=1 numa1:VCPU=1',
      ])
    })
    it('need the traits of the plain group somewhere among the providers they take from', () => {
      assert.deepEqual(found(tree, 'resources=VCPU:1,VGPU:1&required=FAST'), [
        'gpu0:VGPU=1 numa1:VCPU=1',
        'gpu1:VGPU=1 numa1:VCPU=1',
      ])
      assert.deepEqual(found(tree, 'resources=VCPU:1&required=!FAST'), ['numa0:VCPU=1'])
      assert.deepEqual(found(tree, 'resources=VCPU:1&required=ROOT'), [])
    })
    it('take each group with a suffix from one provider', () => {
      assert.deepEqual(found(tree, 'resources1=VCPU:1,MEMORY_MB:10'), [
        'numa0:MEMORY_MB=10 numa0:VCPU=1',
        'numa1:MEMORY_MB=10 numa1:VCPU=1',
      ])
      assert.deepEqual(found(tree, 'resources1=VCPU:1,VGPU:1'), [])
      assert.deepEqual(found(tree, 'resources_A=VCPU:3&resources_B=VCPU:3&group_policy=none'), [
        'numa0:VCPU=3 numa1:VCPU=3',
        'numa0:VCPU=3 numa1:VCPU=3',
      ])
      assert.deepEqual(found(tree, 'resources1=VCPU:1&resources2=VCPU:1&group_policy=none').length, 4)
      assert.deepEqual(found(tree, 'resources1=VCPU:1&resources2=VCPU:1&group_policy=isolate').length, 2)
    })
    it('keep groups below one of them where that is asked', () => {
      const query = 'required_NUMA=NUMA&resources_CPU=VCPU:1&resources_GPU=VGPU:1&group_policy=none'
      assert.deepEqual(found(tree, `${query}&same_subtree=_NUMA,_CPU,_GPU`), [
        'gpu0:VGPU=1 numa0:VCPU=1',
        'gpu1:VGPU=1 numa1:VCPU=1',
      ])
    })
    it('look at the root, and stay in the tree that is named', () => {
      const two = { ...tree, other: { has: { VCPU: 8 } } }
      assert.deepEqual(found(two, 'resources=VCPU:1&root_required=ROOT'), ['numa0:VCPU=1', 'numa1:VCPU=1'])
      assert.deepEqual(found(two, 'resources=VCPU:1&root_required=!ROOT'), ['other:VCPU=1'])
      // A tree is named by any provider in it.
      assert.deepEqual(found(world2(), `resources=VCPU:1&in_tree=${CHILD}`), [`${ROOT}:VCPU=1`])
    })
    it('are of one provider a tree where nesting is not known', () => {
      assert.deepEqual(found(tree, 'resources=VCPU:1,VGPU:1', { nestedAware: false }), [])
      assert.deepEqual(found(tree, 'resources=VCPU:1', { nestedAware: false }), ['numa0:VCPU=1', 'numa1:VCPU=1'])
    })
  })

  const [ROOT, CHILD] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const
  const world2 = () => ({ [ROOT]: { has: { VCPU: 8 } }, [CHILD]: { parent: ROOT }, other: { has: { VCPU: 8 } } })

  describe('with shared storage', () => {
    const shared = {
      bare: { has: { VCPU: 8 }, aggregates: [AGG[0]] },
      disky: { has: { VCPU: 8, DISK_GB: 50 }, aggregates: [AGG[0]] },
      alone: { has: { VCPU: 8 } },
      store: { has: { DISK_GB: 100 }, traits: [SHARES], aggregates: [AGG[0]] },
    }
    it('take disk from the host or from whom it shares with', () => {
      assert.deepEqual(found(shared, 'resources=VCPU:1,DISK_GB:10'), [
        'bare:VCPU=1 store:DISK_GB=10',
        'disky:DISK_GB=10 disky:VCPU=1',
        'disky:VCPU=1 store:DISK_GB=10',
      ])
      assert.deepEqual(found(shared, 'resources=VCPU:1,DISK_GB:80'), [
        'bare:VCPU=1 store:DISK_GB=80',
        'disky:VCPU=1 store:DISK_GB=80',
      ])
    })
    it('count the traits of the storage as well', () => {
      const fast = { ...shared, store: { ...shared.store, traits: [SHARES, 'SSD'] } }
      assert.deepEqual(found(fast, 'resources=VCPU:1,DISK_GB:10&required=SSD'), [
        'bare:VCPU=1 store:DISK_GB=10',
        'disky:VCPU=1 store:DISK_GB=10',
      ])
    })
    it('take a whole group with a suffix from the storage, beside a host', () => {
      assert.deepEqual(found(shared, 'resources=VCPU:1&resources1=DISK_GB:60'), [
        'bare:VCPU=1 store:DISK_GB=60',
        'disky:VCPU=1 store:DISK_GB=60',
      ])
    })
  })

  it('never ask one provider for more than it may give at once', () => {
    const small = { a: { has: { VCPU: 8 }, maxUnit: 3 } }
    assert.deepEqual(found(small, 'resources1=VCPU:2&resources2=VCPU:1&group_policy=none'), ['a:VCPU=3'])
    assert.deepEqual(found(small, 'resources1=VCPU:2&resources2=VCPU:2&group_policy=none'), [])
  })

  it('grow no further than somebody looks, however many ways there are', () => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`p${at}`, { ...(at > 0 && { parent: 'p0' }), has: { VCPU: 8 } }]),
    )
    const groups = Array.from({ length: 8 }, (_, at) => `resources${at + 1}=VCPU:1`).join('&')
    assert.equal(found(many, `${groups}&group_policy=none&limit=50`).length, 50)
  })

  describe('over HTTP', () => {
    let at: PlacementUnderTest
    let id: string
    before(async () => {
      at = await placementUnderTest()
      id = await at.provider({
        inventories: { VCPU: { total: 8 }, MEMORY_MB: { total: 512, reserved: 12, allocation_ratio: 1.5 } },
        traits: ['HW_CPU_X86_AVX'],
      })
    })
    after(() => at[Symbol.asyncDispose]())
    const get = (query: string, version?: string) =>
      at.ask('GET', `/allocation_candidates?${query}`, undefined, version)

    it('look as their microversion has it', async () => {
      assert.equal((await get('resources=VCPU:1', '1.9')).status, 404)
      const first = (await get('resources=VCPU:1', '1.10')).body
      assert.deepEqual(first, {
        allocation_requests: [{ allocations: [{ resource_provider: { uuid: id }, resources: { VCPU: 1 } }] }],
        provider_summaries: { [id]: { resources: { VCPU: { capacity: 8, used: 0 } } } },
      })
      const summary = async (version: string) =>
        Object.keys((await get('resources=VCPU:1', version)).body.provider_summaries[id])
      assert.deepEqual((await get('resources=VCPU:1', '1.12')).body.allocation_requests, [
        { allocations: { [id]: { resources: { VCPU: 1 } } } },
      ])
      assert.deepEqual([await summary('1.16'), await summary('1.17')], [['resources'], ['resources', 'traits']])
      assert.deepEqual(await summary('1.29'), ['resources', 'traits', 'parent_provider_uuid', 'root_provider_uuid'])
      assert.deepEqual((await get('resources=VCPU:1', '1.27')).body.provider_summaries[id].resources, {
        VCPU: { capacity: 8, used: 0 },
        MEMORY_MB: { capacity: 750, used: 0 },
      })
      assert.deepEqual((await get('resources1=VCPU:1')).body.allocation_requests[0].mappings, { '1': [id] })
      assert.equal('mappings' in (await get('resources1=VCPU:1', '1.33')).body.allocation_requests[0], false)
    })

    it('can be allocated as they are', async () => {
      const consumer = newId<string & never>()
      const [request] = (await get('resources=VCPU:2&resources1=MEMORY_MB:10')).body.allocation_requests
      const write = await at.ask('PUT', `/allocations/${consumer}`, {
        ...request,
        project_id: 'p',
        user_id: 'u',
        consumer_generation: null,
        consumer_type: 'INSTANCE',
      })
      assert.equal(write.status, 204, JSON.stringify(write.body))
      assert.equal((await get('resources=VCPU:1')).body.provider_summaries[id].resources.VCPU.used, 2)
      await at.ask('DELETE', `/allocations/${consumer}`)
    })

    it('know each parameter from its microversion on', async () => {
      const borders: [string, string, string][] = [
        ['resources=VCPU:1&limit=1', '1.15', '1.16'],
        ['resources=VCPU:1&required=HW_CPU_X86_AVX', '1.16', '1.17'],
        [`resources=VCPU:1&member_of=${newId()}`, '1.20', '1.21'],
        ['resources=VCPU:1&required=!HW_CPU_X86_AVX', '1.21', '1.22'],
        [`resources=VCPU:1&member_of=${newId()}&member_of=${newId()}`, '1.23', '1.24'],
        ['resources1=VCPU:1', '1.24', '1.25'],
        [`resources=VCPU:1&in_tree=${newId()}`, '1.30', '1.31'],
        [`resources=VCPU:1&member_of=!${newId()}`, '1.31', '1.32'],
        ['resources_COMPUTE=VCPU:1', '1.32', '1.33'],
        ['resources=VCPU:1&root_required=HW_CPU_X86_AVX', '1.34', '1.35'],
        ['resources1=VCPU:1&same_subtree=1', '1.35', '1.36'],
        ['resources=VCPU:1&required=in:HW_CPU_X86_AVX', '1.38', '1.39'],
      ]
      for (const [query, before, since] of borders) {
        assert.equal((await get(query, before)).status, 400, `${query} at ${before}`)
        assert.equal((await get(query, since)).status, 200, `${query} at ${since}`)
      }
    })

    it('are refused for questions that make no sense', async () => {
      for (const [query, code] of [
        ['', 'placement.query.missing_value'],
        ['required=HW_CPU_X86_AVX', 'placement.query.missing_value'],
        ['resources=', 'placement.undefined_code'],
        ['resources=HOUSE:1', 'placement.undefined_code'],
        ['resources=VCPU:1&required=BOGUS', 'placement.undefined_code'],
        ['resources=VCPU:1&required=HW_CPU_X86_AVX,!HW_CPU_X86_AVX', 'placement.undefined_code'],
        ['resources=VCPU:1&limit=0', 'placement.undefined_code'],
        ['resources=VCPU:1&limit=x', 'placement.undefined_code'],
        ['resources=VCPU:1&colour=red', 'placement.undefined_code'],
        ['resources=VCPU:1&in_tree=x', 'placement.undefined_code'],
        ['resources1=VCPU:1&resources2=VCPU:1', 'placement.undefined_code'],
        ['resources1=VCPU:1&group_policy=sometimes', 'placement.undefined_code'],
        ['resources=VCPU:1&required1=HW_CPU_X86_AVX', 'placement.query.bad_value'],
        ['resources1=VCPU:1&same_subtree=1,2', 'placement.query.bad_value'],
        ['resources1=VCPU:1&same_subtree=,1', 'placement.query.bad_value'],
        ['resources=VCPU:1&root_required=BOGUS', 'placement.undefined_code'],
        ['resources=VCPU:1&root_required=HW_CPU_X86_AVX,!HW_CPU_X86_AVX', 'placement.query.bad_value'],
        ['resources=VCPU:1&root_required=HW_CPU_X86_AVX&root_required=HW_CPU_X86_AVX', 'placement.query.duplicate_key'],
      ] as const) {
        const answer = await get(query)
        assert.deepEqual([answer.status, answer.body.errors[0].code], [400, code], query)
      }
      for (const query of [
        'required=HW_CPU_X86_AVX',
        `member_of=${newId()}`,
        'required1=HW_CPU_X86_AVX&resources=VCPU:1',
      ]) {
        assert.equal((await get(query, '1.35')).status, 400, query)
      }
    })

    it('are none for aggregates and trees that nobody is in', async () => {
      for (const query of [`member_of=${newId()}`, `in_tree=${newId()}`]) {
        const { status, body } = await get(`resources=VCPU:1&${query}`)
        assert.deepEqual([status, body], [200, { allocation_requests: [], provider_summaries: {} }], query)
      }
    })
  })
})
