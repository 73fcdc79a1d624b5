import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BackendState, PlacementWish } from './back-end.ts'
import { satisfies } from './extra-specs.ts'
import { candidates, rank } from './scheduler.ts'

const aBackend = (changes: Partial<BackendState> = {}): BackendState => ({
  name: 'host@file#file',
  backendName: 'file',
  poolName: 'file',
  availabilityZone: 'nova',
  isUp: true,
  isEnabled: true,
  totalGiB: 100,
  freeGiB: 100,
  reservedPercentage: 0,
  provisionedGiB: 0,
  thinProvisioning: false,
  maxOverSubscriptionRatio: 20,
  storageProtocol: 'iSCSI',
  ...changes,
})
const aWish = (changes: Partial<PlacementWish> = {}): PlacementWish => ({
  sizeGiB: 10,
  availabilityZone: 'nova',
  extraSpecs: {},
  ...changes,
})
const fits = (state: Partial<BackendState>, wish: Partial<PlacementWish> = {}) =>
  rank([aBackend(state)], aWish(wish)).fit.length === 1

describe('the volume scheduler', () => {
  it('prefers the back end with the most room', () => {
    const states = [aBackend({ name: 'a', freeGiB: 20 }), aBackend({ name: 'b', freeGiB: 50 }), aBackend({ name: 'c' })]
    assert.deepEqual(candidates(rank(states, aWish())), ['c', 'b', 'a'])
  })

  it('names three candidates at most', () => {
    const states = ['a', 'b', 'c', 'd'].map((name) => aBackend({ name }))
    assert.equal(candidates(rank(states, aWish())).length, 3)
  })

  it('refuses a thick back end with less room than asked', () => {
    assert.equal(fits({ freeGiB: 10 }), true)
    assert.equal(fits({ freeGiB: 9 }), false)
  })

  it('keeps the reserved part free', () => {
    assert.equal(fits({ freeGiB: 20, reservedPercentage: 10 }), true)
    assert.equal(fits({ freeGiB: 19, reservedPercentage: 10 }), false)
  })

  it('lets a thin back end promise more than it has, up to its ratio', () => {
    const thin = { thinProvisioning: true, maxOverSubscriptionRatio: 2, freeGiB: 60 }
    assert.equal(fits({ ...thin, provisionedGiB: 190 }), true)
    assert.equal(fits({ ...thin, provisionedGiB: 191 }), false)
  })

  it('refuses a thin back end whose room is nearly used up, whatever it may promise', () => {
    assert.equal(fits({ thinProvisioning: true, freeGiB: 0.4 }), false)
    assert.equal(fits({ thinProvisioning: true, freeGiB: 0.5 }), true)
  })

  it('passes over back ends that are down or disabled', () => {
    assert.equal(fits({ isUp: false }), false)
    assert.equal(fits({ isEnabled: false }), false)
  })

  it('asks for the zone of the request and for the zones of the type', () => {
    assert.equal(fits({}, { availabilityZone: 'other' }), false)
    assert.equal(fits({}, { extraSpecs: { 'RESKEY:availability_zones': 'other, nova' } }), true)
    assert.equal(fits({}, { extraSpecs: { 'RESKEY:availability_zones': 'other' } }), false)
  })

  it('compares the extra specs of the type with what the back end can', () => {
    assert.equal(fits({}, { extraSpecs: { volume_backend_name: 'file' } }), true)
    assert.equal(fits({}, { extraSpecs: { volume_backend_name: 'lvm' } }), false)
    assert.equal(fits({}, { extraSpecs: { 'capabilities:multiattach': '<is> True' } }), true)
    assert.equal(fits({}, { extraSpecs: { replication_enabled: '<is> True' } }), false)
  })

  it('leaves extra specs of other scopes to others', () => {
    assert.equal(fits({}, { extraSpecs: { 'provisioning:max_vol_size': '5' } }), true)
  })

  it('puts a copy where its source is', () => {
    const states = [aBackend({ name: 'a' }), aBackend({ name: 'b', freeGiB: 50 })]
    assert.deepEqual(candidates(rank(states, aWish({ pinnedTo: 'b' }))), ['b'])
  })

  it('follows the hints same_host and different_host', () => {
    const states = [aBackend({ name: 'a' }), aBackend({ name: 'b' })]
    assert.deepEqual(candidates(rank(states, aWish({ sameAs: ['b'] }))), ['b'])
    assert.deepEqual(candidates(rank(states, aWish({ differentFrom: ['a'] }))), ['b'])
  })

  it('explains a refusal by its reasons and never names a back end', () => {
    const states = [aBackend({ name: 'secret-1', freeGiB: 3 }), aBackend({ name: 'secret-2', isUp: false })]
    assert.throws(() => candidates(rank(states, aWish())), {
      code: 'volume.scheduler.no-valid-backend',
      message:
        'No valid back end was found. 1 of 2 refused by CapacityFilter: 10 GiB asked, 3 GiB free; 1 of 2 refused by ServiceFilter: does not answer.',
    })
  })
})

describe('an extra spec', () => {
  const cases: [string | number | boolean | undefined, string, boolean][] = [
    ['iSCSI', 'iSCSI', true],
    ['iSCSI', 'ceph', false],
    [undefined, 'ceph', false],
    [true, '<is> True', true],
    [false, '<is> True', false],
    [8, '>= 4', true],
    [3, '>= 4', false],
    [8, '= 4', true],
    ['b', '<or> a <or> b', true],
    ['c', '<or> a <or> b', false],
    ['thin-pool', '<in> pool', true],
    ['a', 's!= a', false],
  ]
  for (const [have, want, expected] of cases) {
    it(`${want} ${expected ? 'accepts' : 'refuses'} ${have}`, () => assert.equal(satisfies(have, want), expected))
  }
})
