import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressAt, checkedPools, defaultPools, type Pool, poolBounds, showPool, sizeOf } from './allocation-pools.ts'
import { type Cidr, contains, eui64, parseAddress, parseCidr, showAddress, showCidr } from './ip-address.ts'

/** The same numbers at every run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function someCidr(random: () => number): Cidr {
  const version = random() < 0.5 ? 4 : 6
  const bits = version === 4 ? 32 : 128
  const prefix = Math.max(1, bits - Math.floor(random() * 12))
  const base =
    version === 4
      ? `10.${Math.floor(random() * 250)}.${Math.floor(random() * 250)}.${Math.floor(random() * 250)}`
      : `fd00::${Math.floor(random() * 65535).toString(16)}`
  return parseCidr(`${base}/${prefix}`)!
}

const addressesIn = (pools: readonly Pool[]) => {
  const all: bigint[] = []
  for (const { first, last } of pools) for (let value = first; value <= last; value++) all.push(value)
  return all
}

describe('allocation pools', () => {
  it('by default hold each usable address once, and never the gateway', () => {
    const random = numbers(1)
    for (let round = 0; round < 300; round++) {
      const cidr = someCidr(random)
      const size = cidr.last - cidr.first + 1n
      const gateway =
        random() < 0.2
          ? undefined
          : { version: cidr.version, value: cidr.first + BigInt(Math.floor(random() * Number(size))) }
      const pools = defaultPools(cidr, gateway)
      const { first, last } = poolBounds(cidr)
      const expected: bigint[] = []
      for (let value = first; value <= last; value++) if (value !== gateway?.value) expected.push(value)
      assert.deepEqual(
        addressesIn(pools),
        expected,
        `${showCidr(cidr)} with ${gateway === undefined ? 'none' : showAddress(gateway)}`,
      )
      assert.equal(sizeOf(pools), BigInt(expected.length))
      for (let place = 0; place < expected.length; place++)
        assert.equal(addressAt(pools, BigInt(place)), expected[place])
    }
  })

  it('that are the default pools are always accepted when written out', () => {
    const random = numbers(2)
    for (let round = 0; round < 300; round++) {
      const cidr = someCidr(random)
      const gateway = { version: cidr.version, value: cidr.first + 1n }
      const pools = defaultPools(cidr, gateway)
      const written = pools.map((pool) => showPool(pool, cidr.version))
      assert.deepEqual(checkedPools(written, cidr, gateway), pools)
    }
  })

  it('that touch are accepted, that share an address are not', () => {
    const cidr = parseCidr('10.0.0.0/24')!
    const pool = (start: number, end: number) => ({ start: `10.0.0.${start}`, end: `10.0.0.${end}` })
    assert.equal(checkedPools([pool(10, 19), pool(20, 29)], cidr, undefined).length, 2)
    assert.throws(() => checkedPools([pool(10, 20), pool(20, 29)], cidr, undefined), { code: 'network.pool.overlap' })
    assert.throws(() => checkedPools([pool(10, 20), pool(1, 255)], cidr, undefined), {
      code: 'network.pool.out-of-bounds',
    })
    assert.throws(() => checkedPools([pool(20, 10)], cidr, undefined), { code: 'network.pool.invalid' })
    const gateway = parseAddress('10.0.0.15')!
    assert.throws(() => checkedPools([pool(10, 20)], cidr, gateway), { code: 'network.pool.holds-gateway' })
  })
})

describe('IP addresses', () => {
  it('are read and written in one spelling', () => {
    const spellings: [string, string | undefined][] = [
      ['10.0.0.1', '10.0.0.1'],
      ['010.0.0.1', undefined],
      ['10.0.1', undefined],
      ['0x0a.0.0.1', undefined],
      ['256.0.0.1', undefined],
      [' 10.0.0.1', undefined],
      ['FD00:0:0:0::1', 'fd00::1'],
      ['fe80::1%eth0', undefined],
      ['::', '::'],
      ['::ffff:10.0.0.1', '::ffff:a00:1'],
      ['', undefined],
      ['1::2::3', undefined],
    ]
    for (const [text, expected] of spellings) {
      const address = parseAddress(text)
      assert.equal(address === undefined ? undefined : showAddress(address), expected, text)
    }
  })

  it('stay the same through numbers and back', () => {
    const random = numbers(3)
    for (let round = 0; round < 500; round++) {
      const version = random() < 0.5 ? 4 : 6
      let value = 0n
      for (let part = 0; part < (version === 4 ? 2 : 8); part++)
        value = (value << 16n) | BigInt(Math.floor(random() * 65536))
      assert.deepEqual(parseAddress(showAddress({ version, value })), { version, value })
    }
  })

  it('of a network lie between its ends', () => {
    assert.equal(showCidr(parseCidr('10.1.2.3/24')!), '10.1.2.0/24')
    assert.equal(showCidr(parseCidr('fd00::1:2/64')!), 'fd00::/64')
    for (const wrong of ['10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/024', '10.0.0.0/24/1', 'x/24', 'fd00::/129']) {
      assert.equal(parseCidr(wrong), undefined, wrong)
    }
    assert.ok(contains(parseCidr('0.0.0.0/0')!, parseAddress('255.255.255.255')!))
  })

  it('that guests derive follow their MAC address', () => {
    assert.equal(showAddress(eui64(parseCidr('2001:db8::/64')!, 'fa:16:3e:01:02:03')), '2001:db8::f816:3eff:fe01:203')
  })
})
