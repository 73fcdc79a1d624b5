import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { demandOf } from './demand.ts'
import { matches } from './extra-spec-match.ts'
import { satisfiesVersion } from './version-predicate.ts'

describe('an extra spec', () => {
  it('without an operator wants the same text', () => {
    assert.equal(matches('KVM', 'KVM'), true)
    assert.equal(matches('KVM', 'QEMU'), false)
  })
  it('compares numbers, and = means at least', () => {
    assert.deepEqual(
      ['= 4', '= 9', '== 8', '!= 8', '>= 8', '<= 7'].map((requirement) => matches('8', requirement)),
      [true, false, true, false, true, false],
    )
  })
  it('never matches a number against words', () => {
    assert.equal(matches('many', '>= 1'), false)
    assert.equal(matches('8', '>= many'), false)
    assert.equal(matches('8', '>='), false)
  })
  it('compares texts', () => {
    assert.deepEqual(
      ['s== b', 's!= b', 's< c', 's> c', 's>= b', 's<= a'].map((requirement) => matches('b', requirement)),
      [true, false, true, false, true, false],
    )
  })
  it('looks for one, all or any of several', () => {
    assert.equal(matches('avx avx2', '<in> avx2'), true)
    assert.equal(matches('avx avx2', '<all-in> avx avx512'), false)
    assert.equal(matches('b', '<or> a <or> b'), true)
    assert.equal(matches('c', '<or> a <or> b'), false)
  })
})

describe('a version predicate', () => {
  it('holds when all its parts hold', () => {
    assert.equal(satisfiesVersion(7_002_001, '>=7.2, <8'), true)
    assert.equal(satisfiesVersion(7_002_001, '>=7.2.2'), false)
    assert.equal(satisfiesVersion(7_002_001, '==7.2.1'), true)
  })
  it('that cannot be read holds for nobody', () => {
    assert.equal(satisfiesVersion(7_002_001, 'recent'), false)
  })
})

describe('what a flavor demands', () => {
  const size = { vcpus: 2, ramMiB: 2048, rootGiB: 20, ephemeralGiB: 5, swapMiB: 1025, bootsFromVolume: false }
  it('is processors, memory, and all disks in whole GiB', () => {
    assert.deepEqual(demandOf(size).resources, { VCPU: 2, MEMORY_MB: 2048, DISK_GB: 27 })
  })
  it('leaves out the root disk of a server that boots from a volume, and classes of which nothing is left', () => {
    assert.deepEqual(demandOf({ ...size, bootsFromVolume: true }).resources, { VCPU: 2, MEMORY_MB: 2048, DISK_GB: 7 })
    const bare = { ...size, ephemeralGiB: 0, swapMiB: 0, bootsFromVolume: true }
    assert.deepEqual(demandOf(bare).resources, { VCPU: 2, MEMORY_MB: 2048 })
  })
  it('is changed by extra specs, and traits come from flavor and image', () => {
    const demand = demandOf({
      ...size,
      extraSpecs: { 'resources:VCPU': '0', 'resources:PCPU': '2', 'trait:A': 'required', 'trait:B': 'forbidden' },
      imageProperties: { 'trait:C': 'required', hw_disk_bus: 'scsi' },
    })
    assert.deepEqual(demand.resources, { MEMORY_MB: 2048, DISK_GB: 27, PCPU: 2 })
    assert.deepEqual([demand.requiredTraits, demand.forbiddenTraits], [['A', 'C'], ['B']])
  })
})
