import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { serviceUnderTest, type ServiceUnderTest } from '../../../test/support/service.ts'
import { isDomainError } from '../../domain-error.ts'
import { newId, type ProviderId } from '../../ids.ts'
import { openPlacement, type Placement, placementMigrations } from '../index.ts'

describe('claims', () => {
  let test: ServiceUnderTest
  let placement: Placement
  let host: ProviderId

  before(async () => {
    test = await serviceUnderTest([placementMigrations])
    placement = await openPlacement(test.context)
  })
  after(() => test[Symbol.asyncDispose]())
  beforeEach(async () => {
    host = newId()
    await placement.ensureProvider({
      id: host,
      name: host,
      inventories: { VCPU: { total: 4, allocationRatio: 2 }, MEMORY_MB: { total: 1024, reserved: 24 } },
      traits: ['HW_CPU_X86_AVX2', 'CUSTOM_GOLD'],
    })
  })

  const order = (resources: Record<string, number>, consumerId: string = newId()) => ({
    consumerId,
    providerId: host,
    resources,
    projectId: 'p',
    userId: 'u',
  })
  const used = async () =>
    Object.fromEntries(
      (
        await test.context.db<{ resourceClass: string; used: number }[]>`
          select resource_class, used from placement.inventories where provider_id = ${host} order by 1`
      ).map((row) => [row.resourceClass, row.used]),
    )
  const generation = async () =>
    (await test.context.db`select generation from placement.providers where id = ${host}`)[0]!.generation
  const refused = (error: unknown) => isDomainError(error, 'placement.inventory.full')

  it('takes what it asks for and gives it back', async () => {
    const claim = order({ VCPU: 2, MEMORY_MB: 512 })
    await placement.claim(claim)
    assert.deepEqual(await used(), { MEMORY_MB: 512, VCPU: 2 })
    assert.deepEqual(await placement.consumersOn(host), [claim.consumerId])
    await placement.release(claim.consumerId)
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 0 })
    assert.deepEqual(await placement.consumersOn(host), [])
  })

  it('twice changes nothing, and neither does releasing twice', async () => {
    const claim = order({ VCPU: 2 })
    await placement.claim(claim)
    const before = await generation()
    await placement.claim(claim)
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 2 })
    assert.equal(await generation(), before)
    await placement.release(claim.consumerId)
    await placement.release(claim.consumerId)
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 0 })
  })

  it('takes nothing when one resource class does not fit', async () => {
    await assert.rejects(placement.claim(order({ VCPU: 1, MEMORY_MB: 1001 })), refused)
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 0 })
    assert.deepEqual(await placement.consumersOn(host), [])
  })

  it('takes nothing of a class that the host does not have', async () => {
    await assert.rejects(placement.claim(order({ VCPU: 1, VGPU: 1 })), refused)
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 0 })
  })

  it('counts the allocation ratio and what is reserved, and no more than max_unit at once', async () => {
    await assert.rejects(placement.claim(order({ VCPU: 5 })), refused)
    await placement.claim(order({ VCPU: 4, MEMORY_MB: 1000 }))
    await placement.claim(order({ VCPU: 4 }))
    await assert.rejects(placement.claim(order({ VCPU: 1 })), refused)
  })

  it('never gives the last unit to two servers, however many ask at once', async () => {
    const claims = Array.from({ length: 24 }, () => order({ MEMORY_MB: 100, VCPU: 1 }))
    const outcomes = await Promise.allSettled(claims.map((claim) => placement.claim(claim)))
    const taken = outcomes.filter(({ status }) => status === 'fulfilled').length
    assert.equal(taken, 8)
    assert.ok(outcomes.every((outcome) => outcome.status === 'fulfilled' || refused(outcome.reason)))
    assert.deepEqual(await used(), { MEMORY_MB: 800, VCPU: 8 })
    assert.equal((await placement.consumersOn(host)).length, 8)
    await Promise.all(claims.map((claim) => placement.release(claim.consumerId)))
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 0 })
  })

  it('counts once when the same claim is made twice at the same moment', async () => {
    const claim = order({ VCPU: 3 })
    await Promise.all([placement.claim(claim), placement.claim(claim), placement.claim(claim)])
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 3 })
  })

  it('survives claims and releases that cross', async () => {
    const rounds = Array.from({ length: 12 }, async () => {
      const claim = order({ VCPU: 1, MEMORY_MB: 10 })
      for (let round = 0; round < 5; round++) {
        await placement.claim(claim).catch((error) => assert.ok(refused(error)))
        await placement.release(claim.consumerId)
      }
    })
    await Promise.all(rounds)
    assert.deepEqual(await used(), { MEMORY_MB: 0, VCPU: 0 })
  })

  it('refuses a provider that is not there', async () => {
    await assert.rejects(placement.claim({ ...order({ VCPU: 1 }), providerId: newId() }), refused)
  })

  it('finds hosts with room and with the right traits', async () => {
    const names = async (request: Parameters<Placement['candidates']>[0]) =>
      (await placement.candidates(request)).map(({ name }) => name).filter((name) => name === host)
    assert.deepEqual(await names({ resources: { VCPU: 4 } }), [host])
    assert.deepEqual(await names({ resources: { VCPU: 4, MEMORY_MB: 1001 } }), [])
    assert.deepEqual(await names({ resources: { VCPU: 1 }, required: ['CUSTOM_GOLD', 'HW_CPU_X86_AVX2'] }), [host])
    assert.deepEqual(await names({ resources: {}, required: ['HW_CPU_X86_AVX512F'] }), [])
    assert.deepEqual(await names({ resources: {}, forbidden: ['CUSTOM_GOLD'] }), [])
    const found = (await placement.candidates({ resources: {} })).find(({ name }) => name === host)
    assert.deepEqual(found, {
      providerId: host,
      name: host,
      traits: ['CUSTOM_GOLD', 'HW_CPU_X86_AVX2'],
      inventories: {
        VCPU: { total: 4, reserved: 0, used: 0, allocationRatio: 2, minUnit: 1, maxUnit: 4, stepSize: 1 },
        MEMORY_MB: { total: 1024, reserved: 24, used: 0, allocationRatio: 1, minUnit: 1, maxUnit: 1024, stepSize: 1 },
      },
    })
  })

  it('moves the generation of a provider only when something has changed', async () => {
    const same = {
      id: host,
      name: host,
      inventories: { VCPU: { total: 4, allocationRatio: 2 }, MEMORY_MB: { total: 1024, reserved: 24 } },
      traits: ['CUSTOM_GOLD', 'HW_CPU_X86_AVX2'],
    }
    const before = await generation()
    await placement.ensureProvider(same)
    assert.equal(await generation(), before)
    await placement.ensureProvider({ ...same, inventories: { VCPU: { total: 8 } }, traits: [] })
    assert.equal(await generation(), before + 1)
    const found = (await placement.candidates({ resources: {} })).find(({ name }) => name === host)
    assert.deepEqual([Object.keys(found!.inventories), found!.traits], [['VCPU'], []])
  })

  it('keeps the inventory of a class that is in use, by name', async () => {
    await placement.claim(order({ MEMORY_MB: 1 }))
    await assert.rejects(
      placement.ensureProvider({ id: host, name: host, inventories: { VCPU: { total: 4 } }, traits: [] }),
      (error) => isDomainError(error, 'placement.inventory.in-use'),
    )
    assert.deepEqual(await used(), { MEMORY_MB: 1, VCPU: 0 })
  })
})
