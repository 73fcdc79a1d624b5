import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import { formatNetwork, parseNetwork } from './ip-address.ts'
import { addressIn, blockIn, freeRange, hostAddressIn, MetadataAddresses, nextNumber } from './metadata-addresses.ts'
import { changedTranslation } from './metadata-nat.ts'

describe('the metadata range', () => {
  it('is where the cloud’s id points, unless somebody is there', () => {
    assert.equal(formatNetwork(freeRange('00000005', [])), '100.69.0.0/16')
    assert.equal(formatNetwork(freeRange('00000005', [parseNetwork('100.69.7.0/24')])), '100.70.0.0/16')
    assert.equal(formatNetwork(freeRange('0000003f', [parseNetwork('100.127.0.1')])), '100.64.0.0/16')
  })

  it('is not kept away by routes to far more than it', () => {
    const wide = ['0.0.0.0/0', '100.64.0.0/10', '0.0.0.0/1'].map(parseNetwork)
    assert.equal(formatNetwork(freeRange('00000000', wide)), '100.64.0.0/16')
  })

  it('is refused when every one is taken', () => {
    const all = Array.from({ length: 64 }, (_, n) => parseNetwork(`100.${64 + n}.0.0/16`))
    assert.throws(
      () => freeRange('00000000', all),
      (error) => isDomainError(error, 'agent.network.no-metadata-range'),
    )
  })

  it('has the host at its beginning, and blocks behind', () => {
    const range = parseNetwork('100.69.0.0/16')
    assert.equal(hostAddressIn(range), '100.69.0.1')
    assert.equal(blockIn(range, 1), '100.69.0.64/26')
    assert.equal(addressIn(range, 65_535), '100.69.255.255')
  })
})

describe('metadata addresses', () => {
  it('come in blocks, in turn, the host’s never', () => {
    const addresses = new MetadataAddresses()
    assert.equal(addresses.takeBlock(), 1)
    addresses.freeBlock(1)
    assert.equal(addresses.takeBlock(), 2)
    addresses.keepBlock(3)
    assert.equal(addresses.takeBlock(), 4)
  })

  it('run out', () => {
    const addresses = new MetadataAddresses()
    for (let block = 1; block < 1024; block++) addresses.takeBlock()
    assert.throws(
      () => addresses.takeBlock(),
      (error) => isDomainError(error, 'agent.network.no-metadata-address'),
    )
    addresses.freeBlock(500)
    assert.equal(addresses.takeBlock(), 500)
  })

  it('are given in turn within a network, so that one given back rests', () => {
    assert.equal(nextNumber([2], -1, new Set()), 128)
    assert.equal(nextNumber([2], 128, new Set()), 129)
    assert.equal(nextNumber([2], 191, new Set([128])), 129)
    assert.equal(nextNumber([2, 9], 191, new Set()), 576)
  })

  it('of a full network are none', () => {
    assert.equal(nextNumber([], -1, new Set()), undefined)
    assert.equal(nextNumber([0], -1, new Set(Array.from({ length: 64 }, (_, n) => n))), undefined)
  })
})

describe('a translation', () => {
  it('changes by what came and went', () => {
    const before = new Map([
      ['10.0.0.1', '100.64.0.64'],
      ['10.0.0.2', '100.64.0.65'],
    ])
    const after = new Map([
      ['10.0.0.2', '100.64.0.65'],
      ['10.0.0.3', '100.64.0.66'],
    ])
    assert.equal(
      changedTranslation(before, after),
      'delete element ip stratolith who { 10.0.0.1 : 100.64.0.64 }\n' +
        'delete element ip stratolith known { 10.0.0.1 }\n' +
        'add element ip stratolith who { 10.0.0.3 : 100.64.0.66 }\n' +
        'add element ip stratolith known { 10.0.0.3 }\n',
    )
    assert.equal(changedTranslation(before, before), '')
  })
})
